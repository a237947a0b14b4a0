"""Whose head stands still: the newest blocks that endpoints told of, held against the clock and each other."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.model.chain import Header

__all__ = ["is_young", "lags"]

_YOUNG_SECONDS = 60.0
"""Age up to which a newest block is no sign of trouble: five blocks of a slow chain, 240 of one with four a second."""
_FEW = 3
"""Blocks that endpoints may be apart however long they take: nobody hears of a block at once."""


def is_young(timestamp: float, now: float) -> bool:
    """Whether a chain's newest block is young enough for nobody to have much newer ones; both in clock seconds."""
    return now - timestamp <= _YOUNG_SECONDS


def lags(newest: Sequence[Header], now: float) -> list[int]:
    """Count the blocks by which each of these trails the next one that is much higher and younger; 0 where none is.

    Nobody's block is younger than now: whoever has a young one trails nothing, whatever others claim to have.
    """
    return [
        min(
            (
                other.number - one.number
                for other in newest
                if other.number - one.number > _FEW and not is_young(one.timestamp, min(now, other.timestamp))
            ),
            default=0,
        )
        for one in newest
    ]
