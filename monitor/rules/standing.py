"""What facts say of the market as a whole, from look to look: worked out again for those whom news reaches only.

What comes out is what the properties of `Facts` of these names make of everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

from monitor.facts.fold import KEY
from monitor.facts.folding import Turned
from monitor.facts.inorder import on_every_chain, replaced, under
from monitor.rules.cut import carry
from monitor.rules.facts import DAY, Facts
from monitor.rules.hands import FOUNDED, GROUPED, ORIGIN, founders, hands, named, started

__all__ = ["News", "Told", "differing", "distinct", "renew"]

OF_FRAMES = {"strangers": ("hubs",), "suppliers": ("supply",), "supplied": ("supply", "capacity")}
"""What follows from frames alone,"""
OF_THESE = {"places": ("venues", "suppliers")}
"""and from what follows from them."""
_VENUE = ["market", "chain_id"]
_RENTER = ["chain_id", "renter"]
_FUNDED = ("chain_id", "address", "funder", "at", "block_number", "tx_hash", "log_index", "kind")
"""What rules read of a first funder that is a hub."""


class Told(NamedTuple):
    """What the stages before rules say of their work."""

    leases: Turned
    """The leases that were folded again, with all that was and is said of them."""
    moved: pl.Series
    """Wallets with a transfer that went or came."""
    placed: pl.Series
    """Wallets that were placed in clusters again."""
    funded: pl.Series
    """Wallets whose first funders read otherwise, hubs among these left out."""


class News(NamedTuple):
    """Rows of leases and of their history that stand in one look only, and all rows of these leases in either."""

    leases: pl.DataFrame
    said: pl.DataFrame
    every_lease: pl.DataFrame
    history: pl.DataFrame

    @property
    def keys(self) -> pl.DataFrame:
        """Keys of the leases of which something is said."""
        return pl.concat([frame.select(KEY) for frame in self[:2]]).unique()


def renew(before: Facts, after: Facts, told: Told, news: News) -> pl.Series:
    """Bring `after` up to date from `before`; returns the wallets of which something else is said now."""
    carry(before, after, OF_FRAMES)
    placed = told.placed.to_frame()
    _take(after, "clusters", _clusters(before, after, told.placed))
    moved = differing(*(under(facts.clusters, placed) for facts in (before, after))).get_column("address").unique()
    theirs = distinct([news.leases.get_column("renter"), moved])
    _take(after, "venues", _venues(before, after, told.leases))
    _take(after, "renters", _renters(before, after, theirs))
    _take(after, "paying", _witnesses(before, after, news.keys, moved))
    _take(after, "daily", _days(before, after, news))
    tenants = _among(before.renters, after.renters, theirs, "renter")
    refunded = _among(before.funders.select(_FUNDED), after.funders.select(_FUNDED), told.funded)
    _take(after, "unfunded", _unfunded(before, after, distinct([tenants, refunded])))
    hosts = differing(before.hosts, after.hosts).get_column("provider")
    led = _origins(before, after, told, distinct([tenants, hosts]))
    handed = _hands(before, after, moved, led)
    carry(before, after, OF_THESE)
    hubs = differing(*(facts.hubs.select("address", "reason") for facts in (before, after))).get_column("address")
    safes = differing(before.safes, after.safes).get_column("address")
    return distinct([moved, tenants, refunded, led, handed, hubs, safes])


def _take(facts: Facts, name: str, found: object) -> None:
    facts.__dict__[name] = found


def _among(before: pl.DataFrame, after: pl.DataFrame, wallets: pl.Series, name: str = "address") -> pl.Series:
    """List those of some wallets that have other rows now, in frames sorted by chain_id and `name`."""
    keys = on_every_chain(wallets, before, after, name=name)
    return differing(*(under(frame, keys) for frame in (before, after))).get_column(name)


def _clusters(before: Facts, after: Facts, wallets: pl.Series) -> pl.DataFrame:
    members = under(after.members, on_every_chain(wallets, after.members))
    rows = members.select("address", "cluster_id").unique()
    return replaced(before.clusters, wallets.to_frame(), rows, ["address"])


def _venues(before: Facts, after: Facts, turned: Turned) -> pl.DataFrame:
    """Add what leases show that were folded again; all are asked where these no longer show it."""
    was, now = (after.about(each.leases, each.history).venues for each in (turned.was, turned.now))
    both, shown = (pl.concat([each, now]).group_by(_VENUE).agg(pl.all().any()) for each in (was, before.venues))
    # what these leases showed and show no more may be shown by none
    return shown.sort(_VENUE) if differing(both, now).is_empty() else after.venues


def _renters(before: Facts, after: Facts, wallets: pl.Series) -> pl.DataFrame:
    leases = after.leased(wallets, "renter")
    theirs = after.about(leases, after.lease_events.clear()).renters
    keys = on_every_chain(wallets, before.renters, theirs, name="renter")
    return replaced(before.renters, keys, under(theirs, keys), _RENTER)


def _witnesses(before: Facts, after: Facts, keys: pl.DataFrame, wallets: pl.Series) -> pl.DataFrame:
    """Look for another lease in `paying` where something is said of one, or of its renter, or there was none."""
    stand = before.paying.join(keys, on=KEY, how="anti").filter(~pl.col("renter").is_in(wallets.implode()))
    if after.venues.filter("opened").join(stand, on=_VENUE, how="anti").is_empty():
        return stand
    known = [pl.lit(False), *(_at(market, chain_id) for market, chain_id in stand.select(_VENUE).iter_rows())]
    return pl.concat([stand, after.witnesses(~pl.any_horizontal(known))]).sort(KEY)


def _at(market: str, chain_id: int) -> pl.Expr:
    return (pl.col("market") == market) & (pl.col("chain_id") == chain_id)


def _days(before: Facts, after: Facts, news: News) -> pl.DataFrame:
    """Add up again the days of leases with news and of all that was ever said of them."""
    told = [news.every_lease.get_column("opened_at"), news.history.get_column("at")]
    days = (pl.concat(told).drop_nulls() // DAY).unique()
    opened = _during(days, after.leases.select(*KEY, "opened_at"), "opened_at")
    events = _during(days, after.lease_events, "at")
    leases = after.rented(pl.concat([opened.select(KEY), events.select(KEY)]))
    again = after.about(leases, events).daily.filter(pl.col("day").is_in(days.implode()))
    stands = before.daily.filter(~pl.col("day").is_in(days.implode()))
    return pl.concat([stands, again]).sort("unit", "day")


def _during(days: pl.Series, frame: pl.DataFrame, when: str) -> pl.DataFrame:
    """Pick the rows of some days; what is between the first and the last is found sooner."""
    ends = (pl.lit(day, dtype=pl.Int64()) * DAY for day in (days.min(), days.max()))
    near = frame.filter(pl.col(when).is_between(next(ends), next(ends) + DAY))
    return near.filter((pl.col(when) // DAY).is_in(days.implode()))


def _unfunded(before: Facts, after: Facts, wallets: pl.Series) -> pl.DataFrame:
    keys = on_every_chain(wallets, before.renters, after.renters, name="renter")
    funded = under(after.funders, keys.rename({"renter": "address"})).rename({"address": "renter"})
    lacking = under(after.renters, keys).join(funded, on=_RENTER, how="anti")
    return replaced(before.unfunded, keys, lacking, _RENTER)


def _origins(before: Facts, after: Facts, told: Told, people: pl.Series) -> pl.Series:
    """Renew founders and origins; `people` began or ceased to be anybody. Returns the wallets with other origins."""
    kinds = (facts.hubs.select("address", "reason") for facts in (before, after))
    if not differing(*kinds).is_empty():
        # who is a hub changes for everybody
        return differing(before.origins, after.origins).get_column("address")
    keys = on_every_chain(told.funded, after.funders, after.token_funders)
    rows = (under(frame, keys) for frame in (after.funders, after.token_funders))
    _take(after, "founders", replaced(before.founders, keys, founders(after.strangers, *rows), FOUNDED))
    between = before.behind.through(distinct([told.moved, people]))
    _take(after, "behind", before.behind.but(told.moved))
    begun = after.founders.filter(pl.col("funder").is_in(between.implode())).get_column("address")
    wallets = distinct([told.funded, begun])
    keys = on_every_chain(wallets, before.origins, after.founders)
    _take(after, "origins", replaced(before.origins, keys, after.origins_of(under(after.founders, keys)), ORIGIN))
    return _among(before.origins, after.origins, wallets)


def _hands(before: Facts, after: Facts, moved: pl.Series, led: pl.Series) -> pl.Series:
    """Renew who started whom, hands and groups, of wallets in another cluster or with other origins.

    Returns whose hands are others.
    """
    both = (before, after)
    ends = (facts.origins.filter(pl.col("address").is_in(led.implode())).get_column("origin") for facts in both)
    begun = distinct([led, *ends])
    told = pl.any_horizontal(pl.col(end).is_in(begun.implode()) for end in ("address", "origin"))
    rows = started(after.origins.filter(told)).filter(pl.col("address").is_in(begun.implode()))
    _take(after, "started", replaced(before.started, begun.to_frame(), rows, ["address", "origin"]))
    wallets = distinct([moved, begun]).to_frame()
    hand = pl.concat([under(facts.started, wallets).select("origin") for facts in both]).unique()
    whole = after.started.filter(pl.col("origin").is_in(hand["origin"].implode()))
    names, theirs = hand.select(named("origin").alias("group")), hands(whole, after.homes(whole, "address"))
    _take(after, "hands", replaced(before.hands, names, theirs, GROUPED))
    was, now = (under(facts.clusters, moved.to_frame()).rename({"cluster_id": "group"}) for facts in both)
    places = pl.concat([was, now]).select("group").unique()
    stay = under(before.groups, places).join(was, on="address", how="anti")
    rows = pl.concat([stay, now.select(stay.columns), theirs])
    _take(after, "groups", replaced(before.groups, pl.concat([places, names]), rows, GROUPED))
    return differing(under(before.hands, names), theirs).get_column("address")


def differing(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Pick the rows that stand on one side only, told apart by 64 bits over all columns."""
    if before is after or before.equals(after):
        return before.clear()
    one, other = before.hash_rows(), after.hash_rows()
    return pl.concat([before.filter(~one.is_in(other.implode())), after.filter(~other.is_in(one.implode()))])


def distinct(columns: Iterable[pl.Series]) -> pl.Series:
    """Put columns of addresses together, each address once."""
    # most have few rows: to put them together by queries takes longer
    found = {address for column in columns for address in column.to_list()} - {None}
    return pl.Series("address", list(found), dtype=pl.Binary)
