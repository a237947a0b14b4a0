"""Which transfers went and came between two looks, told without comparing all there are.

Whoever calls says up to which block of each chain the transfers are what they were at the last call, never a lower one
than before, and which came late among them. Which of those count may still be another matter, as whom to watch is: that
is kept as one mark a row. Above that block rows are compared.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitor.facts.inorder import pieced, runs
from monitor.model.schema import TRANSFERS, empty

__all__ = ["Moved", "Moving"]

_COUNTS = "_counts"
_NONE = np.zeros(0, np.int64)
_MANY = 256
"""Rows that count otherwise from which all that count are picked anew."""


class Moved(NamedTuple):
    """Transfers (TRANSFERS, any order) that count no longer, and that count now."""

    gone: pl.DataFrame
    fresh: pl.DataFrame


class _Chain(NamedTuple):
    """Of one chain: whether each of the transfers up to a block counts, those that do, and all above it.

    The last have in a column whether they count.
    """

    settled: NDArray[np.bool_]
    counted: pl.DataFrame
    above: pl.DataFrame


_NOTHING = _Chain(np.zeros(0, np.bool_), empty(TRANSFERS), empty(TRANSFERS | {_COUNTS: pl.Boolean()}))


class Moving:
    """Transfers between looks; for one thread."""

    def __init__(self) -> None:
        self._chains: dict[int, _Chain] = {}

    def become(
        self,
        transfers: pl.DataFrame,
        inside: NDArray[np.bool_] | None,
        since: Mapping[int, int],
        late: NDArray[np.int64] = _NONE,
    ) -> tuple[pl.DataFrame, Moved | None]:
        """Take `transfers` (TRANSFERS, in chain order) as all there is, of which those `inside` count, marked, or all.

        Up to the blocks of `since` they are as they were, but that the rows `late` came. Gives those that count, and
        what went and came; None where nothing is known of a look before.
        """
        counts = np.ones(transfers.height, np.bool_) if inside is None else inside
        before, self._chains = self._chains, {}
        told = []
        block = transfers.get_column("block_number")
        chains = {name: (first, stop) for name, first, stop in runs(transfers.get_column("chain_id"))}
        for name in sorted(before.keys() | chains.keys()):
            first, stop = chains.get(name, (0, 0))
            upto = since.get(name, -1)
            settled = first + bisect_right(block.slice(first, stop - first), upto)
            above = transfers.slice(settled, stop - settled).with_columns(pl.Series(_COUNTS, counts[settled:stop]))
            came = late[slice(*late.searchsorted([first, settled]))] - first
            was, marks = _settled(before.get(name, _NOTHING), upto, came), counts[first:settled].copy()
            final = transfers.slice(first, settled - first)
            other = np.flatnonzero(was.settled != marks) if len(was.settled) == len(marks) else None
            self._chains[name] = now = _Chain(marks, _counted(was, marks, other, final), above)
            told.append(None if other is None else _told(was, now, final, other))
        parts = [(each.counted, each.above.filter(_COUNTS).drop(_COUNTS)) for each in self._chains.values()]
        counted = pieced([empty(TRANSFERS), *(frame for pair in parts for frame in pair)])
        if not before or not since or None in told:
            return counted, None
        known = [each for each in told if each is not None]
        return counted, Moved(*(pl.concat([empty(TRANSFERS), *parts]) for parts in zip(*known, strict=True)))


def _settled(was: _Chain, upto: int, late: NDArray[np.int64]) -> _Chain:
    """Count with what is settled what is so up to a later block; what came late did not count."""
    final = pl.col("block_number") <= upto
    came = was.above.filter(final)
    marks = np.concatenate([was.settled, came.get_column(_COUNTS).to_numpy()])
    counted = pieced([was.counted, came.filter(_COUNTS).drop(_COUNTS)])
    if len(late):
        marks = np.insert(marks, np.minimum(late - np.arange(len(late)), len(marks)), False)
    return _Chain(marks, counted, was.above.filter(~final))


def _counted(
    was: _Chain, marks: NDArray[np.bool_], other: NDArray[np.int64] | None, final: pl.DataFrame
) -> pl.DataFrame:
    """Pick the settled transfers that count: as before, but for those that count otherwise."""
    if other is None or len(other) > _MANY:
        return final.filter(pl.Series(marks))
    if not len(other):
        return was.counted
    pieces, stood, last = [was.counted.clear()], 0, 0
    for row in other.tolist():
        between = int(np.count_nonzero(was.settled[last:row]))
        pieces += [was.counted.slice(stood, between), final.slice(row, int(marks[row]))]
        stood, last = stood + between + int(was.settled[row]), row + 1
    return pieced([*pieces, was.counted.slice(stood)])


def _told(was: _Chain, now: _Chain, final: pl.DataFrame, other: NDArray[np.int64]) -> Moved:
    """Compare two looks at a chain: of what is settled the rows that count otherwise, above that all."""
    turned, came = final[other], pl.Series(now.settled[other])
    old, new = (frame.filter(_COUNTS).drop(_COUNTS) for frame in (was.above, now.above))
    key = new.columns
    return Moved(
        pl.concat([turned.filter(~came), old.join(new, on=key, how="anti", nulls_equal=True)]),
        pl.concat([turned.filter(came), new.join(old, on=key, how="anti", nulls_equal=True)]),
    )
