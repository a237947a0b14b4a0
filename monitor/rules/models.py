"""What the accelerator catalogue says of each model, as far as rules ask."""

from __future__ import annotations

import polars as pl

from monitor.hardware.catalogue import catalogue
from monitor.hardware.control import case_by_case_2026, h100e
from monitor.model.schema import H100E

__all__ = ["MODELS", "models"]

MODELS: dict[str, pl.DataType] = {
    "gpu_model": pl.String(),
    "h100e_each": H100E,
    "newest": pl.Boolean(),
    "one_market": pl.Boolean(),
    "memory_gb": pl.List(pl.Int64()),
}
"""`newest` = above the numbers of 91 FR 1684 (2026); `one_market` = made for one country's market; `memory_gb` = sizes
sold or printed under the name."""


def models() -> pl.DataFrame:
    """List the catalogue's models (`MODELS`), by id."""
    known = catalogue()
    rows = [
        (
            acc.id,
            h100e(acc),
            case_by_case_2026(acc, known.as_of) == "no",
            acc.china_market,
            [acc.memory.gb, *acc.memory.also_gb],
        )
        for acc in known.all()
    ]
    return pl.DataFrame(rows, schema=MODELS, orient="row").sort("gpu_model")
