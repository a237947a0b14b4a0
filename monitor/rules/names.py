"""Declared names beside the names a user looks for: how alike two spellings are, in whole percent.

The measure is Dice's coefficient over letter pairs of the words, sorted: 2 * shared / (one + other). It compares
spellings only, and what it finds is for review only: many people and firms share a name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Protocol

import polars as pl

__all__ = ["MAX_LENGTH", "NAMES", "NameLike", "alike", "names_frame", "plain"]

NAMES: dict[str, pl.DataType] = {"name": pl.String(), "source": pl.String(), "date": pl.String()}
"""`source` = the list it stands on, `date` = ISO date of that list."""

MAX_LENGTH = 200
"""Characters of a name that are compared and shown; what a chain says may be a megabyte."""


class NameLike(Protocol):
    """What `[[names]]` of the configuration holds."""

    @property
    def name(self) -> str:
        """Name to look for."""

    @property
    def source(self) -> str:
        """List it stands on."""

    @property
    def date(self) -> str:
        """ISO date of that list."""


def names_frame(names: Iterable[NameLike]) -> pl.DataFrame:
    """Make the `NAMES` frame from configured names, sorted and without repeats."""
    rows = [(each.name, each.source, each.date) for each in names]
    return pl.DataFrame(rows, schema=NAMES, orient="row").unique().sort(list(NAMES))


def plain(text: str) -> str:
    """Fold case and accents, keep letters and digits, sort the words."""
    folded = unicodedata.normalize("NFKD", text[:MAX_LENGTH]).casefold()
    kept = "".join(char if char.isalnum() else " " for char in folded if not unicodedata.combining(char))
    return " ".join(sorted(kept.split()))


def alike(declared: list[str], wanted: list[str], least: int) -> pl.DataFrame:
    """Compare each declared name with each wanted one; columns declared, wanted, percent (at least `least`), sorted."""
    pairs = _pairs(declared, "declared").join(_pairs(wanted, "wanted"), on="pair", how="inner")
    shared = pairs.group_by("declared", "wanted", "declared_pairs", "wanted_pairs").len()
    percent = pl.col("len").cast(pl.Int64()) * 200 // (pl.col("declared_pairs") + pl.col("wanted_pairs"))
    scored = shared.select("declared", "wanted", percent.alias("percent"))
    return scored.filter(pl.col("percent") >= least).sort("declared", "wanted")


def _pairs(names: list[str], column: str) -> pl.DataFrame:
    """List each name's distinct letter pairs with how many it has."""
    rows = []
    for name in sorted(set(names)):
        text = f" {plain(name)} "
        found = sorted({text[at : at + 2] for at in range(len(text) - 1)})
        rows += [(name, pair, len(found)) for pair in found if plain(name)]
    return pl.DataFrame(
        rows, schema={column: pl.String(), "pair": pl.String(), f"{column}_pairs": pl.Int64()}, orient="row"
    )
