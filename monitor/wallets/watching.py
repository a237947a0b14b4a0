"""WATCH of one chain kept between looks: the rows of some wallets at a stage are replaced, and nothing else is sorted.

Beside them stand, by stage, the spans in numbers, of which blocks of transfers are asked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitor.facts.inorder import replaced, under
from monitor.model.schema import empty
from monitor.wallets.held import stretches
from monitor.wallets.numbers import NOBODY, Ids, Numbers, ascending, together
from monitor.wallets.watch import WATCH

__all__ = ["Blocks", "Flags", "Watching"]

Blocks = NDArray[np.int64]
Flags = NDArray[np.bool_]

_HEAD = np.iinfo(np.int64).max


class _Spans(NamedTuple):
    """Blocks from `start` up to `stop` of native value or tokens of wallets, in ascending order of their numbers."""

    whose: Ids
    native: Flags
    start: Blocks
    stop: Blocks

    @classmethod
    def of(cls, rows: pl.DataFrame, whose: Ids) -> _Spans:
        """Sort rows of WATCH by the numbers of their wallets."""
        native = rows.get_column("kind").eq("native").to_numpy()
        start, stop = (rows.get_column(name).fill_null(_HEAD).to_numpy() for name in ("start", "stop"))
        return cls(whose, native, start, stop).at(np.argsort(whose))

    def at(self, places: NDArray[np.integer] | Flags) -> _Spans:
        """Pick some."""
        return _Spans(self.whose[places], self.native[places], self.start[places], self.stop[places])

    def replaced(self, wallets: Ids, fresh: _Spans) -> _Spans:
        """Take `fresh` as all there is of the wallets."""
        keep = np.flatnonzero(~np.isin(self.whose, wallets))
        places = self.whose[keep].searchsorted(fresh.whose)
        order = np.insert(keep, places, len(self.whose) + np.arange(len(fresh.whose)))
        return _Spans(
            np.concatenate([self.whose, fresh.whose]),
            np.concatenate([self.native, fresh.native]),
            np.concatenate([self.start, fresh.start]),
            np.concatenate([self.stop, fresh.stop]),
        ).at(order)

    def near(self, wallets: Ids) -> _Spans:
        """Pick those of a set of wallets."""
        return self.at(stretches(self.whose.searchsorted(wallets), self.whose.searchsorted(wallets, "right")))

    def hold(self, wallets: Ids, block: Blocks) -> Flags:
        """Say row by row whether a span of the wallet that began by a block goes beyond it."""
        if not len(self.whose):
            return np.zeros(len(wallets), np.bool_)
        order = np.lexsort((self.start, self.whose))
        whose, start, stop = self.whose[order], self.start[order], pl.Series("stop", self.stop[order])
        spans = pl.DataFrame([pl.Series("whose", whose), stop])
        furthest = spans.select(pl.col("stop").cum_max().over("whose")).to_series().to_numpy()
        # a wallet and the rank of a block among the starts in one number, however high blocks are
        known = ascending(start)
        wide = np.uint64(len(known) + 1)
        places = whose * wide + known.searchsorted(start, "right").astype(np.uint64)
        wanted = wallets * wide + known.searchsorted(block, "right").astype(np.uint64)
        last = places.searchsorted(wanted, "right") - 1
        at = np.maximum(last, 0)
        inside: Flags = (last >= 0) & (whose[at] == wallets) & (block < furthest[at])
        return inside


class Watching:
    """WATCH of one chain."""

    def __init__(self, chain_id: int, numbers: Numbers, stages: int) -> None:
        self._chain_id = chain_id
        self._numbers = numbers
        self._spans = [_Spans.of(empty(WATCH), NOBODY)] * stages
        self._frame = empty(WATCH)
        self._news: list[tuple[int, Ids, pl.DataFrame]] = []
        """What the frame does not have yet, each as it was given to `replace`."""

    def replace(self, stage: int, wallets: Ids, rows: pl.DataFrame) -> None:
        """Take `rows` (WATCH) as all there is of the wallets at a stage."""
        if len(wallets):
            whose = self._numbers.of(rows.get_column("address"))
            self._spans[stage] = self._spans[stage].replaced(wallets, _Spans.of(rows, whose))
            self._news.append((stage, wallets, rows))

    @property
    def frame(self) -> pl.DataFrame:
        """All rows, in order."""
        news, self._news = self._news, []
        if not news:
            return self._frame
        named = self._numbers.addresses(together(*(wallets for _, wallets, _ in news)))
        wallets = named.to_frame().select(pl.lit(self._chain_id, dtype=pl.Int64()).alias("chain_id"), "address")
        stood = under(self._frame, wallets)
        whose, stage = self._numbers.of(stood.get_column("address")), stood.get_column("stage").to_numpy()
        told = [(stage == at) & np.isin(whose, these) for at, these, _ in news]
        rows = [stood.filter(~np.logical_or.reduce(told)), *(rows for *_, rows in news)]
        self._frame = replaced(self._frame, wallets, pl.concat(rows), list(WATCH))
        return self._frame

    def hold(self, stage: int, wallets: Ids, native: Flags, block: Blocks) -> Flags:
        """Say row by row whether a wallet is watched at a stage in a block, over native value or tokens."""
        spans = self._spans[stage].near(together(wallets))
        watched = np.zeros(int(wallets.max(initial=0)) + 1, np.bool_)
        watched[spans.whose] = True
        found = np.zeros(len(wallets), np.bool_)
        for kind in (False, True):
            asked = np.flatnonzero(watched[wallets] & (native == kind))
            found[asked] = spans.at(spans.native == kind).hold(wallets[asked], block[asked])
        return found
