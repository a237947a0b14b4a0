"""Transfers of one chain in numbers, in chain order and found by wallet; each knows at which stages it is read.

Only new rows are put in: whoever calls says up to which block the transfers are what they were, and above that they are
compared. Where each wallet stands is kept in parts that double in size (as in `monitor.wallets.held`), of what is
settled; the little above that is looked through anew.
"""

from __future__ import annotations

from typing import NamedTuple

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
    """Where wallets stand among the rows from `start` up to `stop`."""

    start: int
    stop: int
    by: tuple[Index, Index]

    def find(self, wallets: Ids) -> list[Places]:
        return [index.find(wallets) + np.uint32(self.start) for index in self.by]


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
        self._window = self._part(0, 0)
        self.fresh = 0
        """The rows from here on are new."""
        self.gone = Gone(NOBODY, NOBODY, self.stages)
        self._tested: list[Places] = []
        self._before = self.stages

    def take(self, moved: pl.DataFrame, upto: int) -> bool:
        """Take `moved` (TRANSFERS of the chain, in chain order) as all there is; up to block `upto` they are as before.

        False, and good for nothing any more, where that cannot be.
        """
        blocks = moved.get_column("block_number")
        if upto < self._upto or int(blocks.search_sorted(self._upto, "right")) != self._settled:
            return False
        self.fresh = self._settled + _alike(self._above, moved.slice(self._settled, self._above.height))
        old = slice(self.fresh, self.height)
        self.gone = Gone(self.sender[old].copy(), self.recipient[old].copy(), self.stages[old].copy())
        fresh = moved.slice(self.fresh)
        self._put(fresh)
        self._tested = []
        self._before = np.concatenate([self.stages[: self.fresh], np.zeros(fresh.height, np.uint16)])
        settled = int(blocks.search_sorted(upto, "right"))
        self._settle(settled)
        self._upto, self._settled, self._above = upto, settled, moved.slice(settled)
        self._window = self._part(settled, self.height)
        return True

    def _put(self, fresh: pl.DataFrame) -> None:
        first, self.height = self.fresh, self.fresh + fresh.height
        sender, recipient, token = (
            self._numbers.of(fresh.get_column(name)) for name in ("sender", "recipient", "token")
        )
        valued = fresh.get_column("amount").gt(0).fill_null(value=False).to_numpy()
        columns = {
            "sender": sender,
            "recipient": recipient,
            "asset": token,
            "block": fresh.get_column("block_number").to_numpy(),
            "counted": valued & (recipient != NULL) & (sender != recipient),
            "stages": np.zeros(fresh.height, np.uint16),
        }
        for name, column in columns.items():
            held = getattr(self, name)
            if self.height > len(held):
                room = self.height + self.height // _ROOM - len(held)
                held = np.concatenate([held, np.empty(room, held.dtype)])
                setattr(self, name, held)
            held[first : self.height] = column

    def _settle(self, settled: int) -> None:
        """Put the rows that cannot change any more among the parts."""
        start = self._settled
        if start == settled:
            return
        while self._parts and self._parts[-1].stop - self._parts[-1].start < max(_GROWTH * (settled - start), _SMALL):
            start = self._parts.pop().start
        self._parts.append(self._part(start, settled))

    def _part(self, start: int, stop: int) -> _Part:
        return _Part(start, stop, (Index.of(self.sender[start:stop]), Index.of(self.recipient[start:stop])))

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
        return np.arange(self.fresh, self.height, dtype=np.uint32)


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
