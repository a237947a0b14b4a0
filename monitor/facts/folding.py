"""Folding on: a lease is folded again where something new was said of it, and stands as it was everywhere else.

Whoever calls says up to which block of each chain the events are what they were at the last call, never a lower one
than before. Leases with an event above that, then or now, are folded anew from all their events, with the orders they
came of and whoever else came of these, for what an order said holds for its leases. The result is what `leases`,
`lease_events` and `people` make of everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from monitor.facts.fold import KEY, LEASE_VERBS
from monitor.facts.inputs import picked
from monitor.facts.lease_events import lease_events
from monitor.facts.leases import leases
from monitor.facts.people import PEOPLE, joined, people
from monitor.model.schema import empty

__all__ = ["Folded", "Folding", "Terms", "above"]


class Terms(NamedTuple):
    """What else decides what a lease looks like; as the arguments of `monitor.facts.leases.leases`."""

    hardware: pl.DataFrame
    tokens: pl.DataFrame
    paid_until: Mapping[str, str]
    block_seconds: Mapping[int, Decimal]
    quotes: pl.DataFrame

    def same(self, other: Terms) -> bool:
        """Tell whether two terms say the same."""
        pairs = ((self.hardware, other.hardware), (self.tokens, other.tokens), (self.quotes, other.quotes))
        return self[2:4] == other[2:4] and all(one.equals(another) for one, another in pairs)


class Folded(NamedTuple):
    """LEASES, the history of each lease (LEASE_EVENTS), and everybody in them and on offer (PEOPLE)."""

    leases: pl.DataFrame
    history: pl.DataFrame
    people: pl.DataFrame


class _Before(NamedTuple):
    """The last call: its terms, what it told as news, the people of what was no news, and what came out."""

    terms: Terms
    news: pl.DataFrame
    settled: pl.DataFrame
    folded: Folded


class Folding:
    """Leases under a stream of events; for one thread."""

    def __init__(self) -> None:
        self.touched: pl.DataFrame | None = None
        """Keys of the leases that the last call folded anew; None when it was all of them."""
        self._before: _Before | None = None

    def become(self, events: pl.DataFrame, since: Mapping[int, int], terms: Terms) -> Folded:
        """Take `events` (EVENTS, any order) as all there is; up to the blocks of `since` they are as they were."""
        before = self._before
        if before is None or not since or not before.terms.same(terms):
            news, settled, touched = events, empty(PEOPLE), None
            folded = Folded(leases(events, *terms), lease_events(events), people(events, providers=True))
        else:
            fresh = above(since, "block_number")
            news, was = picked(events, fresh), before.news.filter(fresh)
            settled = before.settled
            if (final := before.news.filter(~fresh)).height:
                settled = joined([settled, people(final, providers=True)])
            touched = _touched(before.folded.leases, pl.concat([was, news]), events)
            again = leases(_of(touched, events), *terms)
            stand = before.folded.leases.join(touched, on=KEY, how="anti", maintain_order="left")
            kept = before.folded.history.filter(~above(since, "block"))
            folded = Folded(
                pl.concat([stand, again]).sort(KEY),
                # each part is in chain order, and new events stand above the old ones of their chain
                pl.concat([kept, lease_events(news)]).sort("chain_id", maintain_order=True),
                joined([settled, people(news, providers=True)]),
            )
        self._before = _Before(terms, news, settled, folded)
        self.touched = touched
        return folded


def above(since: Mapping[int, int], block: str) -> pl.Expr:
    """Pick rows whose column `block` is above the block that `since` gives for their chain; all of other chains."""
    known = pl.DataFrame(
        {"chain_id": list(since), "upto": list(since.values())}, schema={"chain_id": pl.Int64(), "upto": pl.Int64()}
    )
    upto = pl.col("chain_id").replace_strict(known.get_column("chain_id"), known.get_column("upto"), default=-1)
    return pl.col(block) > upto


def _of(keys: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """Pick the rows of some leases; whoever has the id of none is left out before keys are compared."""
    ids = keys.get_column("lease_id").unique().implode()
    return picked(frame, pl.col("lease_id").is_in(ids)).join(keys, on=KEY, how="semi")


def _touched(standing: pl.DataFrame, news: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """List the keys to fold anew: those of the news, the orders they came of, and who came of any of these."""
    order = [*KEY[:2], pl.col("order_id").alias("lease_id")]
    told = news.filter(pl.col("verb").is_in(LEASE_VERBS))
    keys = told.select(KEY).drop_nulls().unique()
    own = [told, _of(keys, standing), _of(keys, events)]
    orders = pl.concat([frame.select(order) for frame in own]).drop_nulls().unique()
    named = pl.concat([keys, orders]).unique()
    born = standing.filter(pl.col("order_id").is_not_null()).join(
        named.rename({"lease_id": "order_id"}), on=[*KEY[:2], "order_id"], how="semi"
    )
    return pl.concat([named, born.select(KEY)]).unique()
