"""Labels: which wallets are services, which are on a list to screen by, and which belong together.

Three sources, in this order of trust: the user's configuration, the files a user imported, and a small set that ships
with the program. A label says who says so and when. Labels keep hubs from connecting people; they never take a wallet
out of the graph.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import polars as pl

__all__ = ["LABELS", "OWNER", "SERVICES", "Label", "LabelLike", "configured", "labels_frame"]

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


class Label(NamedTuple):
    """One label; `date` = ISO date it was true, `licence` and `confidence` as its source words them."""

    address: bytes
    label: str
    kind: str
    source: str
    date: str
    licence: str = ""
    confidence: str = ""


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


def configured(labels: Iterable[LabelLike]) -> list[Label]:
    """Read the labels of a configuration."""
    return [Label(bytes.fromhex(each.address[2:]), each.label, each.kind, each.source, each.date) for each in labels]


def labels_frame(labels: Iterable[Label]) -> pl.DataFrame:
    """Make the `LABELS` frame, sorted and without repeats."""
    return (
        pl.DataFrame([each[: len(LABELS)] for each in labels], schema=LABELS, orient="row").unique().sort(list(LABELS))
    )
