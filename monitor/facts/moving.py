"""Which transfers went and came between two looks, told without comparing all there are.

Whoever calls says up to which block of each chain the transfers are what they were at the last call, never a lower one
than before. Which of those count may still be another matter, as whom to watch is: that is kept as one mark a row.
Above that block rows are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitor.model.schema import TRANSFERS, empty

__all__ = ["Moved", "Moving"]

_COUNTS = "_counts"


class Moved(NamedTuple):
    """Transfers (TRANSFERS, any order) that count no longer, and that count now."""

    gone: pl.DataFrame
    fresh: pl.DataFrame


class _Chain(NamedTuple):
    """Of one chain: whether each of the transfers up to a block counts, and all above it, with the same in a column."""

    settled: NDArray[np.bool_]
    above: pl.DataFrame


_NOTHING = _Chain(np.zeros(0, np.bool_), empty(TRANSFERS | {_COUNTS: pl.Boolean()}))


class Moving:
    """Transfers between looks; for one thread."""

    def __init__(self) -> None:
        self._chains: dict[int, _Chain] = {}

    def become(self, transfers: pl.DataFrame, rows: pl.Series | None, since: Mapping[int, int]) -> Moved | None:
        """Take `transfers` (TRANSFERS, in chain order) as all there is, of which these `rows`, or all, count.

        Up to the blocks of `since` they are as they were. None where nothing is known of a look before.
        """
        counts = np.full(transfers.height, rows is None)
        if rows is not None:
            counts[rows.to_numpy()] = True
        before, self._chains = self._chains, {}
        told = []
        chain, block = transfers.get_column("chain_id"), transfers.get_column("block_number")
        for name in sorted({*before, *chain.unique()}):
            first, stop = (int(chain.search_sorted(name, side)) for side in ("left", "right"))
            upto = since.get(name, -1)
            settled = first + int(block.slice(first, stop - first).search_sorted(upto, "right"))
            above = transfers.slice(settled, stop - settled).with_columns(pl.Series(_COUNTS, counts[settled:stop]))
            self._chains[name] = _Chain(counts[first:settled].copy(), above)
            told.append(_told(before.get(name, _NOTHING), self._chains[name], upto, transfers.slice(first)))
        if not before or not since or None in told:
            return None
        known = [each for each in told if each is not None]
        return Moved(*(pl.concat([empty(TRANSFERS), *parts]) for parts in zip(*known, strict=True)))


def _told(was: _Chain, now: _Chain, upto: int, transfers: pl.DataFrame) -> Moved | None:
    """Compare two looks at a chain whose `transfers` these are; None where they are not what they were."""
    final = pl.col("block_number") <= upto
    marks = np.concatenate([was.settled, was.above.filter(final).get_column(_COUNTS).to_numpy()])
    if len(marks) != len(now.settled):
        return None
    other = np.flatnonzero(marks != now.settled)
    turned, came = transfers[other], pl.Series(now.settled[other])
    old, new = (frame.filter(~final & pl.col(_COUNTS)).drop(_COUNTS) for frame in (was.above, now.above))
    key = new.columns
    return Moved(
        pl.concat([turned.filter(~came), old.join(new, on=key, how="anti", nulls_equal=True)]),
        pl.concat([turned.filter(came), new.join(old, on=key, how="anti", nulls_equal=True)]),
    )
