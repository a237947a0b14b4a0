"""Frames for joins: what raw spellings mean, and what the catalogue knows of each model."""

from __future__ import annotations

from datetime import date

import polars as pl

from monitor.hardware.catalogue import catalogue
from monitor.hardware.control import eccn_class, h100e, h100e_tpp
from monitor.hardware.parse import reading
from monitor.model.schema import H100E, HARDWARE

__all__ = ["ACCELERATORS", "frame", "resolve"]

ACCELERATORS: dict[str, pl.DataType] = {
    "gpu_model": pl.String(),
    "vendor": pl.String(),
    "name": pl.String(),
    "family": pl.String(),
    "china_market": pl.Boolean(),
    "h100e_each": H100E,
    "h100e_tpp_each": H100E,
    "eccn_class": pl.String(),
}


def resolve(raws: pl.Series, on: date | None = None) -> pl.DataFrame:
    """Parse each distinct spelling once; nulls are left out, so a left join keeps them null.

    Columns `HARDWARE`, in order of first appearance. `eccn_class` as of `on`, by default the day of the catalogue.
    A family counts as its most conservative member.
    """
    spelled = raws.cast(pl.String).drop_nulls().unique(maintain_order=True)
    read = [reading(text) for text in spelled]
    table = pl.DataFrame(
        {
            "gpu_raw": spelled,
            "gpu_model": [parsed.gpu_model for parsed in read],
            "gpu_precision": [parsed.precision for parsed in read],
            "gpu_count_parsed": [parsed.gpu_count for parsed in read],
        },
        schema={name: HARDWARE[name] for name in ("gpu_raw", "gpu_model", "gpu_precision", "gpu_count_parsed")},
    )
    sized = table.join(frame(on), on="gpu_model", how="left", maintain_order="left")
    return sized.select(*list(HARDWARE)[:-1], pl.col("eccn_class").fill_null("unknown"))


def frame(on: date | None = None) -> pl.DataFrame:
    """Return the catalogue as a frame with columns `ACCELERATORS`; classes as of `on` or the catalogue's day."""
    known = catalogue()
    day = on or known.as_of
    rows = [
        (acc.id, acc.vendor, acc.name, acc.family, acc.china_market, h100e(acc), h100e_tpp(acc), eccn_class(acc, day))
        for acc in known.all()
    ]
    return pl.DataFrame(rows, schema=ACCELERATORS, orient="row")
