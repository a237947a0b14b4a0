"""Wallets as numbers: an address becomes one when its first row comes; sets of wallets are sorted columns of them."""

from __future__ import annotations

from itertools import repeat
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["NOBODY", "NULL", "Ids", "Numbers", "Pairs", "ascending", "firsts", "paired", "together", "turned"]

Ids = NDArray[np.uint32]
"""Numbers of wallets; a set has each once, in ascending order, and never that of null."""

Pairs = NDArray[np.uint64]
"""Two wallets in one number, the first in its upper half."""

Number = TypeVar("Number", bound=np.generic)

NOBODY: Ids = np.empty(0, np.uint32)
NULL = 0
_HALF = np.uint64(32)
_AT_ONCE = 1 << 16
"""Above so many rows each address is looked up once."""


def ascending(numbers: NDArray[Number]) -> NDArray[Number]:
    """Sort numbers, each once; `numpy.unique` goes by a hash table, which takes several times as long here."""
    ordered = np.sort(numbers)
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def together(*numbers: Ids) -> Ids:
    """Make one set of columns and sets."""
    wallets = ascending(np.concatenate([NOBODY, *numbers]))
    return wallets[1:] if len(wallets) and wallets[0] == NULL else wallets


def paired(first: Ids, second: Ids) -> Pairs:
    """Pair wallets row by row."""
    return first.astype(np.uint64) << _HALF | second


def turned(pairs: Pairs) -> Pairs:
    """Let the two of each pair change places."""
    return pairs << _HALF | pairs >> _HALF


def firsts(pairs: Pairs) -> Ids:
    """Give the first of each pair."""
    return (pairs >> _HALF).astype(np.uint32)


class Numbers:
    """A number for each address, given once and kept for as long as the process."""

    def __init__(self) -> None:
        self._known: dict[bytes | None, int] = {None: NULL}
        self._names: list[bytes | None] = [None]

    def __len__(self) -> int:
        """Count the numbers given, that of null included."""
        return len(self._names)

    def of(self, addresses: pl.Series) -> Ids:
        """Give the number of each address of a column, row by row."""
        if len(addresses) <= _AT_ONCE:
            return self._numbered(addresses)
        once = addresses.unique(maintain_order=True).alias("address")
        numbered = pl.DataFrame([once, pl.Series("number", self._numbered(once))])
        found = (
            addresses.alias("address")
            .to_frame()
            .join(numbered, on="address", how="left", nulls_equal=True, maintain_order="left")
        )
        return found.get_column("number").to_numpy()

    def _numbered(self, addresses: pl.Series) -> Ids:
        known, names, told = self._known, self._names, addresses.to_list()
        numbers = list(map(known.get, told))
        if None in numbers:
            for address in told:
                if address not in known:
                    known[address] = len(names)
                    names.append(address)
            numbers = list(map(known.get, told))
        return np.array(numbers, np.uint32)

    def among(self, *columns: pl.Series) -> Ids:
        """Make a set of the addresses of columns that have a number."""
        found = [
            np.fromiter(map(self._known.get, each.to_list(), repeat(NULL)), np.uint32, len(each)) for each in columns
        ]
        return together(*found)

    def addresses(self, wallets: Ids) -> pl.Series:
        """Name a set of wallets."""
        return pl.Series("address", list(map(self._names.__getitem__, wallets.tolist())), pl.Binary)
