"""Rows that are held between looks: found by the wallets in them, replaced where something changed.

A `Held` table keeps its rows in parts that double in size, each sorted by the numbers of its address columns
(`monitor.wallets.numbers`), as a log-structured merge tree does: adding a row costs the logarithm of what is there, and
so does finding the rows of a wallet. A table is a set: rows are told apart by all their columns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitor.wallets.numbers import NOBODY, Ids, Numbers, ascending, together

__all__ = ["Changed", "Delta", "Held", "Index", "Near", "stretches"]

Places = NDArray[np.uint32]

_GROWTH = 2
"""A part is merged into the one before it unless that is so many times as large,"""
_SMALL = 1 << 13
"""or has fewer rows than this: looking into one more part costs more than copying so many rows."""
_SPARSE = 16
"""Where each number begins is written down unless there are more than so many numbers to a row."""
_STRETCH = 1 << 10
_PLACE = "_place"


class Delta(NamedTuple):
    """How a table changed: rows that went and rows that came, of one schema."""

    gone: pl.DataFrame
    fresh: pl.DataFrame


class Changed(NamedTuple):
    """A change that was made; `numbers` = the wallets of each key column, row by row: what went, then what came."""

    gone: pl.DataFrame
    fresh: pl.DataFrame
    numbers: dict[str, Ids]

    def wallets(self, *columns: str) -> Ids:
        """Make a set of all wallets that stood or stand in these key columns."""
        return together(*(self.numbers[column] for column in columns))


class _Part(NamedTuple):
    """Rows, the numbers of their key columns, and per key where the rows of each number are; `alive` rows count."""

    rows: pl.DataFrame
    numbers: dict[str, Ids]
    sought: dict[str, Index]
    alive: NDArray[np.bool_]

    @classmethod
    def sorted(cls, rows: pl.DataFrame, numbers: dict[str, Ids]) -> _Part:
        """Sort the numbers that the key columns have row by row."""
        sought = {key: Index.of(column) for key, column in numbers.items()}
        return cls(rows.rechunk(), numbers, sought, np.ones(rows.height, np.bool_))

    def find(self, wanted: dict[str, Ids]) -> Places:
        """Give the places of the rows that have a wanted wallet in its column, each once."""
        rows = np.concatenate([self.sought[column].find(wallets) for column, wallets in wanted.items()])
        alive = rows[self.alive[rows]]
        return alive if len(wanted) == 1 else ascending(alive)


class Index(NamedTuple):
    """Places in ascending order of their numbers.

    `starts` = where each number from 0 on begins among them, in a part large enough to pay for that; else `inorder`,
    the numbers themselves.
    """

    order: Places
    inorder: Ids | None
    starts: Places | None

    @classmethod
    def of(cls, column: Ids) -> Index:
        """Sort the places of a column."""
        order = np.argsort(column).astype(np.uint32)
        most = int(column.max(initial=0))
        if len(column) * _SPARSE < most:
            return cls(order, column[order], None)
        # Two more at the end, so that numbers beyond the last find an empty stretch.
        ends = np.bincount(column, minlength=most + 3).cumsum()
        return cls(order, None, np.concatenate([[0], ends[:-1]]).astype(np.uint32))

    def find(self, wallets: Ids) -> Places:
        """Give the places of a set of wallets."""
        if self.starts is not None:
            at = np.minimum(wallets, len(self.starts) - 2)
            first, last = (self.starts[each].astype(np.int64) for each in (at, at + 1))
        elif self.inorder is not None:
            first, last = self.inorder.searchsorted(wallets), self.inorder.searchsorted(wallets, "right")
        places: Places = self.order[stretches(first, last)]
        return places


def stretches(first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """List the numbers from each `first` up to its `last`, left out."""
    count = last - first
    ends = count.cumsum()
    numbers: NDArray[np.int64] = np.arange(count.sum()) + (first - ends + count).repeat(count)
    return numbers


class Near(NamedTuple):
    """Rows of a table that were asked for, in any order."""

    schema: pl.DataFrame
    found: list[tuple[_Part, Places]]

    def frame(self, *columns: str) -> pl.DataFrame:
        """Give the rows, or these columns of them."""
        told = columns or tuple(self.schema.columns)
        # columns are taken sooner than selected
        some = [
            pl.DataFrame([part.rows.get_column(name) for name in told])[pl.Series(rows)]
            for part, rows in self.found
            if len(rows)
        ]
        if len(some) == 1:
            return some[0]
        return pl.concat(some) if some else self.schema.select(told)

    def numbers(self, column: str) -> Ids:
        """Give the wallets of a key column, row by row as in `frame`."""
        return np.concatenate([NOBODY, *(part.numbers[column][rows] for part, rows in self.found)])

    def wallets(self, *columns: str) -> Ids:
        """Make a set of the wallets in these key columns."""
        return together(*(self.numbers(column) for column in columns))


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

    def wallets(self, column: str) -> Ids:
        """Make a set of the wallets in a key column."""
        return together(*(part.numbers[column][part.alive] for part in self._parts))

    def near(self, **wanted: Ids) -> Near:
        """Find the rows that have one of the wallets wanted in a column there."""
        looked = ((part, part.find(wanted)) for part in self._parts)
        return Near(self._empty, [(part, rows) for part, rows in looked if len(rows)])

    def change(self, delta: Delta) -> Changed:
        """Take rows away and add rows; those to take must be there, those to add must not."""
        gone, fresh = delta
        numbers = dict.fromkeys(self._keys, NOBODY)
        if gone.height:
            numbers = {key: self._numbers.of(gone.get_column(key)) for key in self._keys}
            key = self._keys[0]
            held = self.near(**{key: together(numbers[key])})
            same = held.frame().with_row_index(_PLACE).join(gone, on=gone.columns, how="semi", nulls_equal=True)
            _kill(held, same.get_column(_PLACE).to_numpy())
        return self._changed(gone, fresh, numbers)

    def replace(self, rows: pl.DataFrame, **wanted: Ids) -> Changed:
        """Take `rows` as all there is with one of the wallets wanted in a column there; says what that changed."""
        held = self.near(**wanted)
        before = held.frame()
        if before.is_empty():
            return self._changed(before, rows, dict.fromkeys(self._keys, NOBODY))
        gone = before.with_row_index(_PLACE).join(rows, on=rows.columns, how="anti", nulls_equal=True)
        fresh = rows.join(before, on=rows.columns, how="anti", nulls_equal=True)
        places = gone.get_column(_PLACE).to_numpy()
        _kill(held, places)
        return self._changed(gone.drop(_PLACE), fresh, {key: held.numbers(key)[places] for key in self._keys})

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

    def swap(self, rows: pl.DataFrame, **wanted: Ids) -> None:
        """Replace without asking what changed, for rows that have lists in them."""
        for part, places in self.near(**wanted).found:
            part.alive[places] = False
        self._add(rows)

    def _changed(self, gone: pl.DataFrame, fresh: pl.DataFrame, numbers: dict[str, Ids]) -> Changed:
        added = self._add(fresh)
        return Changed(gone, fresh, {key: np.concatenate([numbers[key], added[key]]) for key in self._keys})

    def _add(self, rows: pl.DataFrame) -> dict[str, Ids]:
        """Add rows; returns the numbers of their key columns."""
        added = {key: self._numbers.of(rows.get_column(key)) for key in self._keys}
        if rows.is_empty():
            return added
        frames, numbers, height = [rows], [added], rows.height
        while self._parts and self._parts[-1].rows.height < max(_GROWTH * height, _SMALL):
            before = self._parts.pop()
            height += before.rows.height
            frames.append(before.rows.filter(pl.Series(before.alive)))
            numbers.append({key: column[before.alive] for key, column in before.numbers.items()})
        joined = {key: np.concatenate([each[key] for each in numbers]) for key in self._keys}
        self._parts.append(_Part.sorted(pl.concat(frames), joined))
        return added


def _kill(near: Near, places: Places) -> None:
    """Let these of the rows found, counted as in `Near.frame`, count no more."""
    start = 0
    for part, rows in near.found:
        here = places[(places >= start) & (places < start + len(rows))] - start
        part.alive[rows[here]] = False
        start += len(rows)


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
