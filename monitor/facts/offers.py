"""What is on offer, kept between looks: machines of which an event said something are looked at again, and no others.

Whoever calls says up to which block of each chain the events are what they were at the last call, as for
`monitor.facts.folding`. Where more is known of old events by that, as who offers a machine that was attested before,
all is found again. What comes out is what `capacity` and `supply` make of everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from monitor.facts.capacity import capacity
from monitor.facts.folding import above, agree
from monitor.facts.inorder import extended, replaced
from monitor.facts.inputs import picked
from monitor.facts.supply import VERBS, supply

__all__ = ["Offered", "Offers"]

_MACHINE = ["market", "chain_id", "machine_id"]


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

    def become(
        self, events: pl.DataFrame, news: pl.DataFrame, since: Mapping[int, int], hardware: pl.DataFrame
    ) -> Offered:
        """Take `events` (EVENTS, any order) as all there is; but for `news` (`fresh`) they are as they were."""
        before, offered = self._before, None
        news = news.filter(pl.col("verb").is_in(VERBS))
        if before is not None and since and agree(before.hardware, hardware):
            offered = _onward(before, events, news, since, hardware)
        if offered is None:
            offered = Offered(capacity(events, hardware), supply(events, hardware))
        self._before = _Before(hardware, news, offered)
        return offered


def _onward(
    before: _Before, events: pl.DataFrame, news: pl.DataFrame, since: Mapping[int, int], hardware: pl.DataFrame
) -> Offered | None:
    """Say again what is on offer of machines with news; None where old events are to be read otherwise by it."""
    fresh = above(since, "block_number")
    was = before.news.filter(fresh)
    if was.is_empty() and news.is_empty():
        return before.offered
    machines = pl.concat([_keys(was), _keys(news)]).unique().drop_nulls()
    settled = _of(machines, events).filter(~fresh)
    told = [pl.concat([settled, each]) for each in (was, news)]
    then, now = (supply(each, hardware) for each in told)
    old = ~above(since, "block")
    if not then.filter(old).equals(now.filter(old)):
        return None
    stood, held = before.offered
    return Offered(
        replaced(stood, machines, capacity(told[1], hardware), _MACHINE),
        extended(held, "block", since, now.filter(~old)),
    )


def _keys(events: pl.DataFrame) -> pl.DataFrame:
    return events.select(*_MACHINE[:2], pl.coalesce("machine_id", "lease_id").alias("machine_id"))


def _of(machines: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Pick what was said of supply about some machines."""
    ids = machines.get_column("machine_id").unique().implode()
    named = pl.col("machine_id").is_in(ids) | (pl.col("machine_id").is_null() & pl.col("lease_id").is_in(ids))
    some = picked(events, named).filter(pl.col("verb").is_in(VERBS))
    at = _keys(some).with_row_index("at").join(machines, on=_MACHINE, how="semi").get_column("at")
    return some[at]
