"""Rows that are held between looks: found by the wallets in them, replaced where something changed.

An address becomes a number once, when its first row comes (`Numbers`). A `Held` table keeps its rows in parts that
double in size, each sorted by the numbers of its address columns, as a log-structured merge tree does: adding a row
costs the logarithm of what is there, and so does finding the rows of a wallet. A table is a set: rows are told apart by
all their columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["Delta", "Held", "Numbers", "distinct"]

Ids = NDArray[np.int64]

_GROWTH = 2
"""A part is merged into the one before it unless that is so many times as large."""
_AT_ONCE = 1 << 16
"""Addresses that stand in memory as Python objects at one time."""
_STRETCH = 1 << 10
_PART, _ROW = "_part", "_row"


def _ascending(numbers: Ids) -> Ids:
    """Sort numbers, each once; `numpy.unique` goes by a hash table, which takes several times as long here."""
    ordered = np.sort(numbers)
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


class Delta(NamedTuple):
    """How a table changed: rows that went and rows that came, of one schema."""

    gone: pl.DataFrame
    fresh: pl.DataFrame

    def values(self, *columns: str) -> pl.Series:
        """List what stood in these columns of all rows, before or after; may repeat."""
        frames = [frame.get_column(column).alias("address") for frame in self for column in columns]
        return pl.concat(frames).drop_nulls()

    @property
    def rows(self) -> pl.DataFrame:
        """All rows, gone and fresh."""
        return pl.concat(self)


class Numbers:
    """A number for each address, given once and kept for as long as the process."""

    def __init__(self) -> None:
        self._known: dict[bytes | None, int] = {}

    def of(self, addresses: pl.Series) -> Ids:
        """Give the number of each address of a column, row by row; null is a value like others."""
        known, numbers = self._known, [np.empty(0, np.int64)]
        for start in range(0, len(addresses), _AT_ONCE):
            some = addresses.slice(start, _AT_ONCE).to_list()
            for address in dict.fromkeys(some):
                if address not in known:
                    known[address] = len(known)
            numbers.append(np.fromiter(map(known.__getitem__, some), np.int64, len(some)))
        return np.concatenate(numbers)

    def among(self, addresses: pl.Series) -> Ids:
        """Give the numbers that distinct addresses have, in order; those never seen have none."""
        found = np.fromiter(map(self._known.get, addresses.to_list(), repeat(-1)), np.int64, len(addresses))
        return _ascending(found[found >= 0])


class _Part(NamedTuple):
    """Rows; per key column its numbers in ascending order and the rows they stand in; `alive` rows count."""

    rows: pl.DataFrame
    ascending: dict[str, Ids]
    order: dict[str, Ids]
    alive: NDArray[np.bool_]

    @classmethod
    def sorted(cls, rows: pl.DataFrame, numbers: dict[str, Ids]) -> _Part:
        """Sort the numbers that the key columns have row by row."""
        order = {key: np.argsort(column, kind="stable") for key, column in numbers.items()}
        ascending = {key: column[order[key]] for key, column in numbers.items()}
        return cls(rows.rechunk(), ascending, order, np.ones(rows.height, np.bool_))

    def numbers(self, column: str) -> Ids:
        """Give the numbers of the rows that count, row by row."""
        numbers = np.empty(len(self.alive), np.int64)
        numbers[self.order[column]] = self.ascending[column]
        return numbers[self.alive]

    def find(self, wanted: Ids, columns: Iterable[str]) -> Ids:
        """Give the numbers of the rows that have a `wanted` value in one of the columns, each once."""
        found = []
        for column in columns:
            order, ascending = self.order[column], self.ascending[column]
            first, last = np.searchsorted(ascending, wanted), np.searchsorted(ascending, wanted, "right")
            count = last - first
            steps = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            found.append(order[np.repeat(first, count) + steps])
        rows = np.concatenate(found)
        alive = rows[self.alive[rows]]
        return alive if len(found) == 1 else _ascending(alive)


class Held:
    """A set of rows of one schema; `keys` = the address columns they are found by."""

    def __init__(self, schema: dict[str, pl.DataType], numbers: Numbers, *keys: str) -> None:
        self._empty = pl.DataFrame(schema=schema)
        self._numbers = numbers
        self._keys = keys
        self._parts: list[_Part] = []

    def frame(self) -> pl.DataFrame:
        """All rows, in any order."""
        return pl.concat([self._empty, *(part.rows.filter(pl.Series(part.alive)) for part in self._parts)])

    def near(self, addresses: pl.Series, *columns: str, only: list[str] | None = None) -> pl.DataFrame:
        """Give the rows that have one of the addresses in one of the columns; `only` some of what they say."""
        wanted = self._numbers.among(addresses)
        told = self._empty.columns if only is None else only
        some = [part.rows.select(told)[rows] for part in self._parts if len(rows := part.find(wanted, columns))]
        return pl.concat(some) if some else self._empty.select(told)

    def change(self, delta: Delta) -> None:
        """Take rows away and add rows; those to take must be there, those to add must not."""
        if delta.gone.height:
            key = self._keys[0]
            held = self._located(delta.gone.get_column(key), (key,))
            self._kill(held.join(delta.gone, on=delta.gone.columns, how="semi", nulls_equal=True))
        self._add(delta.fresh)

    def replace(self, addresses: pl.Series, rows: pl.DataFrame, *columns: str) -> Delta:
        """Take `rows` as all there is with one of the addresses in one of the columns; says what that changed."""
        held = self._located(addresses, columns)
        gone = held.join(rows, on=rows.columns, how="anti", nulls_equal=True)
        fresh = rows.join(held, on=rows.columns, how="anti", nulls_equal=True)
        self._kill(gone)
        self._add(fresh)
        return Delta(gone.drop(_PART, _ROW), fresh)

    def difference(self, rows: pl.DataFrame, block: str | None = None) -> Delta:
        """Say what changes when `rows` are all there is.

        Stretches of numbers in the column `block` that look alike on both sides (count and 64 bits over all rows) are
        passed over: of history hardly anything changes.
        """
        held = self.frame()
        if block is not None:
            held, rows = _unlike(held, rows, block)
        return Delta(
            held.join(rows, on=rows.columns, how="anti", nulls_equal=True),
            rows.join(held, on=rows.columns, how="anti", nulls_equal=True),
        )

    def swap(self, addresses: pl.Series, rows: pl.DataFrame, *columns: str) -> None:
        """Replace without asking what changed, for rows that have lists in them."""
        wanted = self._numbers.among(addresses)
        for part in self._parts:
            part.alive[part.find(wanted, columns)] = False
        self._add(rows)

    def _located(self, addresses: pl.Series, columns: tuple[str, ...]) -> pl.DataFrame:
        """Give rows near the addresses with the part and the place they stand in."""
        wanted = self._numbers.among(addresses)
        some = [self._empty.with_columns(pl.lit(0).alias(_PART), pl.lit(0, dtype=pl.Int64()).alias(_ROW))]
        for at, part in enumerate(self._parts):
            if len(rows := part.find(wanted, columns)):
                place = pl.lit(at).alias(_PART), pl.Series(_ROW, rows, dtype=pl.Int64())
                some.append(part.rows[rows].with_columns(*place))
        return pl.concat(some)

    def _kill(self, located: pl.DataFrame) -> None:
        for (at,), rows in located.group_by(_PART):
            self._parts[int(str(at))].alive[rows.get_column(_ROW).to_numpy()] = False

    def _add(self, rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        part = _Part.sorted(rows, {key: self._numbers.of(rows.get_column(key)) for key in self._keys})
        while self._parts and self._parts[-1].rows.height < _GROWTH * part.rows.height:
            before = self._parts.pop()
            both = [each.rows.filter(pl.Series(each.alive)) for each in (before, part)]
            numbers = {key: np.concatenate([before.numbers(key), part.numbers(key)]) for key in self._keys}
            part = _Part.sorted(pl.concat(both), numbers)
        self._parts.append(part)


def _unlike(one: pl.DataFrame, other: pl.DataFrame, block: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave out the stretches of blocks in which both say the same."""
    marks = [
        frame.select((pl.col(block) // _STRETCH).alias("stretch"), frame.hash_rows().alias("mark"))
        for frame in (one, other)
    ]
    mine, theirs = (frame.group_by("stretch").agg(pl.col("mark").bitwise_xor(), pl.len()) for frame in marks)
    same = mine.join(theirs, on=mine.columns, how="semi").get_column("stretch").implode()
    kept = [~frame.get_column("stretch").is_in(same) for frame in marks]
    return one.filter(kept[0]), other.filter(kept[1])


def distinct(columns: Iterable[pl.Series]) -> pl.Series:
    """Put columns of addresses together, each address once."""
    return (
        pl.concat([pl.Series("address", [], pl.Binary), *(column.alias("address") for column in columns)])
        .drop_nulls()
        .unique()
    )
