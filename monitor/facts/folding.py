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
from monitor.facts.inorder import extended, replaced, under
from monitor.facts.inputs import picked
from monitor.facts.lease_events import lease_events
from monitor.facts.leases import leases
from monitor.facts.people import PEOPLE, joined, people
from monitor.model.schema import HARDWARE, empty

__all__ = ["Folded", "Folding", "Terms", "Turned", "above", "agree", "fresh"]

_WALLET = list(PEOPLE)[:2]
_ROLE = list(PEOPLE)[:3]


class Terms(NamedTuple):
    """What else decides what a lease looks like; as the arguments of `monitor.facts.leases.leases`."""

    hardware: pl.DataFrame
    tokens: pl.DataFrame
    paid_until: Mapping[str, str]
    block_seconds: Mapping[int, Decimal]
    quotes: pl.DataFrame

    def same(self, other: Terms) -> bool:
        """Tell whether two terms say the same of what both speak of; a spelling is told of by the look that met it."""
        pairs = ((self.tokens, other.tokens), (self.quotes, other.quotes))
        alike = agree(self.hardware, other.hardware) and all(one.equals(another) for one, another in pairs)
        return alike and self[2:4] == other[2:4]


class Folded(NamedTuple):
    """LEASES, the history of each lease (LEASE_EVENTS), and everybody in them and on offer (PEOPLE)."""

    leases: pl.DataFrame
    history: pl.DataFrame
    people: pl.DataFrame


class Turned(NamedTuple):
    """Keys of the leases that were folded anew, and all of them and of the people told of that stood and stands now."""

    keys: pl.DataFrame
    was: Folded
    now: Folded


class _Before(NamedTuple):
    """The last call: its terms, what it told as news, the people of what was no news, and what came out."""

    terms: Terms
    news: pl.DataFrame
    settled: pl.DataFrame
    folded: Folded


class Folding:
    """Leases under a stream of events; for one thread."""

    def __init__(self) -> None:
        self.turned: Turned | None = None
        """What the last call folded anew; None when it was everything."""
        self._before: _Before | None = None

    def become(self, events: pl.DataFrame, news: pl.DataFrame, since: Mapping[int, int], terms: Terms) -> Folded:
        """Take `events` (EVENTS, any order) as all there is; but for `news` (`fresh`) they are as they were."""
        before = self._before
        if before is None or not since or not before.terms.same(terms):
            folded = Folded(leases(events, *terms), lease_events(events), people(events, providers=True))
            self.turned, self._before = None, _Before(terms, events, empty(PEOPLE), folded)
            return folded
        new = above(since, "block_number")
        was = before.news.filter(new)
        settled = _settled(before.settled, before.news.filter(~new))
        keys, theirs = _touched(before.folded.leases, pl.concat([was, news]), events)
        stood = pl.concat([theirs.filter(~new), was.join(keys, on=KEY, how="semi")])
        told = [people(each, providers=True) for each in (was, news)]
        met = pl.concat(told).select(_WALLET).unique()
        now = Folded(leases(theirs, *terms), lease_events(theirs), joined([under(settled, met), told[1]]))
        standing = Folded(under(before.folded.leases, keys), lease_events(stood), under(before.folded.people, met))
        folded = Folded(
            replaced(before.folded.leases, keys, now.leases, KEY),
            extended(before.folded.history, "block", since, lease_events(news)),
            replaced(before.folded.people, met, now.people, _ROLE),
        )
        self.turned, self._before = Turned(keys, standing, now), _Before(terms, news, settled, folded)
        return folded


def agree(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Tell whether two catalogues (HARDWARE) say the same of the spellings in both."""
    told = (one.join(other, on="gpu_raw", how="semi"), other.join(one, on="gpu_raw", how="semi"))
    said = [each.select(HARDWARE.keys()).sort(HARDWARE.keys()) for each in told]
    return said[0].equals(said[1])


def above(since: Mapping[int, int], block: str) -> pl.Expr:
    """Pick rows whose column `block` is above the block that `since` gives for their chain; all of other chains."""
    elsewhere_or_above = ((pl.col("chain_id") != name) | (pl.col(block) > upto) for name, upto in since.items())
    return pl.all_horizontal(pl.col("chain_id").is_not_null(), *elsewhere_or_above)


def fresh(events: pl.DataFrame, since: Mapping[int, int]) -> pl.DataFrame:
    """Pick the events above the blocks of `since`; all where it names none."""
    return picked(events, above(since, "block_number")) if since else events


def _settled(settled: pl.DataFrame, final: pl.DataFrame) -> pl.DataFrame:
    """Add the people of events that are final now."""
    if final.is_empty():
        return settled
    told = people(final, providers=True)
    met = told.select(_WALLET)
    return replaced(settled, met, joined([under(settled, met), told]), _ROLE)


def _of(keys: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Pick the events of some leases; whoever has the id of none is left out before keys are compared."""
    ids = keys.get_column("lease_id").unique().implode()
    return picked(events, pl.col("lease_id").is_in(ids)).join(keys, on=KEY, how="semi")


def _touched(standing: pl.DataFrame, news: pl.DataFrame, events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """List the keys to fold anew, with their events: of the news, the orders they came of, and who came of any."""
    order = [*KEY[:2], pl.col("order_id").alias("lease_id")]
    told = news.filter(pl.col("verb").is_in(LEASE_VERBS))
    keys = told.select(KEY).drop_nulls().unique()
    theirs = _of(keys, events)
    own = [told, under(standing, keys), theirs]
    orders = pl.concat([frame.select(order) for frame in own]).drop_nulls().unique()
    named = pl.concat([keys, orders]).unique()
    ids = named.get_column("lease_id").unique().implode()
    born = picked(standing, pl.col("order_id").is_in(ids)).join(
        named.rename({"lease_id": "order_id"}), on=[*KEY[:2], "order_id"], how="semi"
    )
    all_keys = pl.concat([named, born.select(KEY)]).unique()
    more = all_keys.join(keys, on=KEY, how="anti")
    return all_keys, theirs if more.is_empty() else pl.concat([theirs, _of(more, events)])
