"""What is on offer, kept between looks: found again where an event said something of it, and where names were resolved.

Whoever calls says up to which block of each chain the events are what they were at the last call, as for
`monitor.facts.folding`. What comes out is what `capacity` and `supply` make of everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from monitor.facts.capacity import capacity
from monitor.facts.folding import above
from monitor.facts.inputs import picked
from monitor.facts.supply import VERBS, supply

__all__ = ["Offered", "Offers"]


class Offered(NamedTuple):
    """Machines on offer (CAPACITY), and the supply side's history (SUPPLY)."""

    capacity: pl.DataFrame
    supply: pl.DataFrame


class _Before(NamedTuple):
    """The last call: what spellings meant, what was said of supply and might be said otherwise, and what came out."""

    hardware: pl.DataFrame
    news: pl.DataFrame
    offered: Offered


class Offers:
    """Offers under a stream of events; for one thread."""

    def __init__(self) -> None:
        self._before: _Before | None = None

    def become(self, events: pl.DataFrame, since: Mapping[int, int], hardware: pl.DataFrame) -> Offered:
        """Take `events` (EVENTS, any order) as all there is; up to the blocks of `since` they are as they were."""
        before = self._before
        fresh = above(since, "block_number")
        news = picked(events, fresh).filter(pl.col("verb").is_in(VERBS))
        if before is not None and since and before.hardware.equals(hardware) and _same(before.news.filter(fresh), news):
            offered = before.offered
        else:
            offered = Offered(capacity(events, hardware), supply(events, hardware))
        self._before = _Before(hardware, news, offered)
        return offered


def _same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Tell whether two frames have the same rows in any order."""
    if one.height != other.height:
        return False
    marks = (frame.hash_rows().sort() for frame in (one, other))
    return next(marks).equals(next(marks))
