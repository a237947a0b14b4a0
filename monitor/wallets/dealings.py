"""Transfers of one chain in numbers, in chain order and found by wallet; each knows at which stages it is read.

Only new rows are put in: whoever calls says up to which block the transfers are what they were, and which came late
among them; above that they are compared. Where each wallet stands is kept in parts that double in size (as in
`monitor.wallets.held`), of what is settled; the little above that is looked through anew.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitor.model.schema import TRANSFERS, empty
from monitor.wallets.held import Index
from monitor.wallets.numbers import NOBODY, NULL, Ids, Numbers, ascending, together
from monitor.wallets.watching import Blocks, Flags

__all__ = ["Dealings", "Gone", "Places"]

Places = NDArray[np.uint32]
"""Rows of the chain; a set has each once, in ascending order."""
_Stages = NDArray[np.uint16]

_GROWTH = 2
_SMALL = 1 << 13
_ROOM = 8
"""Columns grow an eighth beyond what is needed, so that not every block copies them."""
_NOTHING = np.empty(0, np.uint32)


class Gone(NamedTuple):
    """Rows that are there no more, as they were."""

    sender: Ids
    recipient: Ids
    stages: _Stages


class _Part(NamedTuple):
    """Where wallets stand among some rows."""

    rows: Places
    by: tuple[Index, Index]

    def find(self, wallets: Ids) -> list[Places]:
        return [self.rows[index.find(wallets)] for index in self.by]


class Dealings:
    """Columns, of which the first `height` rows count.

    `asset` is the number of the token, that of null for native value; `counted`: it moved something to somebody else;
    `stages` has a bit for each stage (`monitor.wallets.watch.WATCH`) at which the row is read.
    """

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self.height = 0
        self.sender = self.recipient = self.asset = NOBODY
        self.block: Blocks = np.empty(0, np.int64)
        self.counted: Flags = np.empty(0, np.bool_)
        self.stages: _Stages = np.empty(0, np.uint16)
        self._upto, self._settled = -1, 0
        self._above = empty(TRANSFERS)
        self._parts: list[_Part] = []
        self._window = self._part(_NOTHING)
        self.fresh = 0
        """The rows from here on are new,"""
        self._late = _NOTHING
        """and so are these before it."""
        self.gone = Gone(NOBODY, NOBODY, self.stages)
        self._tested: list[Places] = []
        self._before = self.stages

    def take(self, moved: pl.DataFrame, upto: int, late: Places) -> bool:
        """Take `moved` (TRANSFERS of the chain, in chain order) as all there is.

        Up to block `upto` they are as before, but that the rows `late` came. False, and good for nothing any more,
        where that cannot be.
        """
        blocks = moved.get_column("block_number")
        stand = int(blocks.search_sorted(self._upto, "right"))
        self._late = late[late < stand]
        if upto < self._upto or stand != self._settled + len(self._late):
            return False
        if len(self._late):
            self._insert(moved[pl.Series(self._late)])
        self.fresh = self._settled + _alike(self._above, moved.slice(self._settled, self._above.height))
        old = slice(self.fresh, self.height)
        self.gone = Gone(self.sender[old].copy(), self.recipient[old].copy(), self.stages[old].copy())
        fresh = moved.slice(self.fresh)
        self._put(fresh)
        self._tested = []
        self._before = np.concatenate([self.stages[: self.fresh], np.zeros(fresh.height, np.uint16)])
        settled = int(blocks.search_sorted(upto, "right"))
        self._settle(np.arange(self._settled, settled, dtype=np.uint32))
        self._upto, self._settled, self._above = upto, settled, moved.slice(settled)
        self._window = self._part(np.arange(settled, self.height, dtype=np.uint32))
        return True

    def _insert(self, rows: pl.DataFrame) -> None:
        """Put the late rows in their places, which moves what stands behind them."""
        before = self._late.astype(np.int64) - np.arange(len(self._late))
        for name, column in self._columns(rows).items():
            setattr(self, name, np.insert(getattr(self, name)[: self.height], before, column))
        self.height += len(before)
        self._settled += len(before)
        self._parts = [
            part._replace(rows=part.rows + before.searchsorted(part.rows, "right").astype(np.uint32))
            for part in self._parts
        ]
        self._settle(self._late)

    def _put(self, fresh: pl.DataFrame) -> None:
        first, self.height = self.fresh, self.fresh + fresh.height
        for name, column in self._columns(fresh).items():
            held = getattr(self, name)
            if self.height > len(held):
                room = self.height + self.height // _ROOM - len(held)
                held = np.concatenate([held, np.empty(room, held.dtype)])
                setattr(self, name, held)
            held[first : self.height] = column

    def _columns(self, fresh: pl.DataFrame) -> dict[str, NDArray[Any]]:
        sender, recipient, token = (
            self._numbers.of(fresh.get_column(name)) for name in ("sender", "recipient", "token")
        )
        valued = fresh.get_column("amount").gt(0).fill_null(value=False).to_numpy()
        return {
            "sender": sender,
            "recipient": recipient,
            "asset": token,
            "block": fresh.get_column("block_number").to_numpy(),
            "counted": valued & (recipient != NULL) & (sender != recipient),
            "stages": np.zeros(fresh.height, np.uint16),
        }

    def _settle(self, rows: Places) -> None:
        """Put rows that cannot change any more among the parts."""
        if not len(rows):
            return
        while self._parts and len(self._parts[-1].rows) < max(_GROWTH * len(rows), _SMALL):
            rows = np.concatenate([self._parts.pop().rows, rows])
        self._parts.append(self._part(np.sort(rows)))

    def _part(self, rows: Places) -> _Part:
        return _Part(rows, (Index.of(self.sender[rows]), Index.of(self.recipient[rows])))

    def of(self, wallets: Ids) -> Places:
        """Find all rows with one of the wallets at an end."""
        found = [places for part in (*self._parts, self._window) for places in part.find(wallets)]
        return ascending(np.concatenate([_NOTHING, *found]))

    def test(self, wallets: Ids, *, above: int, upto: int) -> Places:
        """List what is to be tested anew for a stage: rows of wallets, those `above` a block `upto` one, new ones."""
        first, stop = np.searchsorted(self.block[: self.fresh], [above, upto], "right")
        old = self.of(wallets) if self.fresh else _NOTHING
        old = ascending(np.concatenate([old[old < self.fresh], np.arange(first, stop, dtype=np.uint32)]))
        self._tested.append(old)
        return np.concatenate([old, self._new()])

    def mark(self, stage: int, rows: Places, inside: Flags) -> None:
        """Say of rows whether they are read at a stage."""
        bit = np.uint16(1 << stage)
        self.stages[rows] = np.where(inside, self.stages[rows] | bit, self.stages[rows] & ~bit)

    def read(self, rows: Places, upto: int) -> Places:
        """Keep the rows that are read at a stage up to this."""
        kept: Places = rows[self.stages[rows] & _low(upto) != 0]
        return kept

    def marked(self) -> Flags:
        """Say of each row whether it is read at any stage."""
        read: Flags = self.stages[: self.height] != 0
        return read

    def turned(self, upto: int) -> tuple[Ids, Ids]:
        """Name the wallets with a row that is read at a stage up to this since the last look, and that no longer is."""
        rows = np.concatenate([*self._tested, self._new()])
        was, now = (stages[rows] & _low(upto) != 0 for stages in (self._before, self.stages))
        came, went = rows[now & ~was], rows[was & ~now]
        gone = self.gone.stages & _low(upto) != 0
        return self.ends(came), together(self.ends(went), self.gone.sender[gone], self.gone.recipient[gone])

    def ends(self, rows: Places) -> Ids:
        """Make a set of the wallets at the ends of rows."""
        return together(self.sender[rows], self.recipient[rows])

    def _new(self) -> Places:
        return np.concatenate([self._late, np.arange(self.fresh, self.height, dtype=np.uint32)])


def _low(stage: int) -> np.uint16:
    return np.uint16((2 << stage) - 1)


def _alike(old: pl.DataFrame, new: pl.DataFrame) -> int:
    """Count the rows at the beginning that are the same."""
    many = min(old.height, new.height)
    if not many:
        return 0
    old, new = old.head(many), new.head(many)
    differ = old.select(
        pl.any_horizontal(pl.col(name).ne_missing(new.get_column(name)) for name in old.columns)
    ).to_series()
    first = differ.arg_max()
    return first if first is not None and differ[first] else many
