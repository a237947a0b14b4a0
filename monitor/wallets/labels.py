"""Labels a user vouches for: which wallets are services, and which belong together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import polars as pl

__all__ = ["LABELS", "OWNER", "SERVICES", "LabelLike", "labels_frame"]

LABELS: dict[str, pl.DataType] = {
    "address": pl.Binary(),
    "label": pl.String(),
    "kind": pl.String(),
    "source": pl.String(),
    "date": pl.String(),
}
SERVICES = ("exchange", "bridge", "mixer", "swap", "otc", "mining", "relayer", "paymaster", "payroll", "marketplace")
"""Kinds that serve many people and therefore connect nobody."""
OWNER = "owner"
"""Kind whose label names the owner: the same label joins wallets, another label keeps them apart."""


class LabelLike(Protocol):
    """What `[[labels]]` of the configuration holds."""

    @property
    def address(self) -> str:
        """Address as 0x-text."""

    @property
    def label(self) -> str:
        """Name shown beside the wallet."""

    @property
    def kind(self) -> str:
        """One of the kinds of the configuration."""

    @property
    def source(self) -> str:
        """Where the label comes from."""

    @property
    def date(self) -> str:
        """ISO date the label was true."""


def labels_frame(labels: Iterable[LabelLike]) -> pl.DataFrame:
    """Make the `LABELS` frame from configured labels, sorted and without repeats."""
    rows = [(bytes.fromhex(each.address[2:]), each.label, each.kind, each.source, each.date) for each in labels]
    return pl.DataFrame(rows, schema=LABELS, orient="row").unique().sort(list(LABELS))
