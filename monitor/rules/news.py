"""What changed between two looks, and for whom a rule may say something else now.

Facts before and after are compared where they may differ: leases that were folded again, wallets whose transfers
changed, and whatever was found of wallets (cluster, first funder, origin, hub). From there follows who is near: those
in a group, with a payer or a provider in common, or who dealt with one another. Rather too many than too few: whoever
is named is judged again, from all that is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
import polars as pl

from monitor.facts.fold import KEY
from monitor.facts.folding import Turned
from monitor.facts.inorder import under
from monitor.facts.prices import WEEK, priced, reference
from monitor.rules.cut import OF_BEHIND, OF_FRAMES, OF_THESE, carry, circle, mates, payers_of
from monitor.rules.facts import DAY, Facts, chosen

__all__ = ["Near", "Told", "Whom", "near"]

_PEOPLE = ("renter", "payer", "beneficiary", "provider")
_VENUE = ("market", "chain_id")
_KIND = (*_VENUE, "gpu_model", "term")
_COMPARED = (*_KIND, "week")
_PRICED = (*_VENUE, "gpu_model", "renter", "opened_at", "planned_end", "usd_per_gpu_hour")
"""What a price and whose it is follow from."""
_MANY = 20_000
"""Wallets with news above which everybody is judged again: most would be."""


class Told(NamedTuple):
    """What the stages before rules say of their work."""

    leases: Turned
    """The leases that were folded again, with all that was and is said of them."""
    moved: pl.Series
    """Wallets with a transfer that went or came."""


class Near(NamedTuple):
    """Clusters that are to be judged again, those whose findings fall (old names as well), and providers."""

    clusters: frozenset[str]
    fallen: frozenset[str]
    providers: frozenset[bytes]


Whom = Mapping[tuple[int, bool], Near]
"""Who is near for a rule, by its `hops` and whether it `ages`."""


class _News(NamedTuple):
    """Rows of leases and of their history that stand in one look only, and all rows of these leases in either."""

    leases: pl.DataFrame
    said: pl.DataFrame
    every_lease: pl.DataFrame
    history: pl.DataFrame

    @property
    def keys(self) -> pl.DataFrame:
        """Keys of the leases of which something is said."""
        return pl.concat([frame.select(KEY) for frame in self[:2]]).unique()


def near(before: Facts, after: Facts, told: Told) -> Whom | None:
    """Say who may be judged otherwise, by how far a rule looks and whether it ages; None means everybody."""
    if after.near is None or len(told.moved) > _MANY or not _alike(before, after):
        return None
    news = _news(told.leases)
    carry(before, after, OF_FRAMES)
    others = _differing(before.clusters, after.clusters).get_column("address")
    theirs = _distinct([news.leases.get_column("renter"), others])
    after.__dict__["venues"] = _renewed_venues(before, after, told.leases)
    after.__dict__["renters"] = _renewed_renters(before, after, theirs)
    after.__dict__["paying"] = _renewed_witnesses(before, after, news.keys, others)
    after.__dict__["daily"] = _renewed_days(before, after, news)
    if _differing(*(facts.hubs.select("address", "reason") for facts in (before, after))).is_empty():
        after.__dict__["behind"] = before.behind.but(told.moved)
    carry(before, after, OF_BEHIND)
    carry(before, after, OF_THESE)
    leased = _distinct([*_leased(before, after, news), *_begun(before, after), *_repriced(before, after, news.leases)])
    known, moved = _known(before, after), told.moved
    quiet = before.strangers.join(after.strangers, on="address", how="semi").get_column("address")
    way = _Way(after, quiet)
    around = way.beside(known)
    own = _distinct([leased, known, _partners(after, known, _distinct([known, leased, payers_of(after, known)]))])
    # of rules that look at nobody's transfers, at those of wallets themselves, and at those of whoever dealt with them
    met = way.beside(moved)
    served = _served(after, way.past(_distinct([moved, met])))
    core = (own, _distinct([own, moved]), _distinct([own, moved, served]))
    beside = (around, around, _distinct([around, met]))
    backers = _distinct([known, *_backers(before, known), *_backers(after, known)])
    behind = (around, around, way.beside(way.beside(backers)))
    held = _running(before, after)
    circles = [
        circle(facts, _distinct([core[2], held.get_column("renter")]))
        for facts in ((after,) if before.groups is after.groups else (before, after))
    ]
    aged = mates(circles[-1], _distinct([held.get_column("renter")]))
    wallets = [
        _distinct([near, *(mates(each, some) for each in circles)]) for some, near in zip(core, beside, strict=True)
    ]
    homes = _homes(before, after, _distinct([wallets[2], aged]))
    older, kept = set(aged), frozenset(held.get_column("provider").drop_nulls())
    whom = {}
    for hops, parts in enumerate(zip(core, beside, behind, strict=True)):
        ours, hosts = set(wallets[hops]), frozenset(_distinct(parts))
        whom[hops, False] = homes.near(ours, hosts)
        whom[hops, True] = homes.near(ours | older, hosts | kept)
    return whom


def _alike(before: Facts, after: Facts) -> bool:
    """Tell whether all that is the same for everybody is what it was; the clock is not among it."""
    frames = ("labels", "tokens", "names", "models")
    places = [
        {name: msgspec.structs.replace(chain, head_block=0, head_time=0) for name, chain in facts.chains.items()}
        for facts in (before, after)
    ]
    same = all(getattr(before, name).equals(getattr(after, name)) for name in frames)
    return same and places[0] == places[1] and before.emits == after.emits


def _differing(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Pick the rows that stand on one side only, told apart by 64 bits over all columns."""
    if before is after or before.equals(after):
        return before.clear()
    one, other = before.hash_rows(), after.hash_rows()
    return pl.concat([before.filter(~one.is_in(other.implode())), after.filter(~other.is_in(one.implode()))])


def _news(turned: Turned) -> _News:
    leases, history = ((getattr(turned.was, name), getattr(turned.now, name)) for name in ("leases", "history"))
    news = _News(_differing(*leases), _differing(*history), pl.concat(leases), pl.concat(history))
    keys = news.keys
    return news._replace(every_lease=chosen(news.every_lease, keys), history=chosen(news.history, keys))


def _leased(before: Facts, after: Facts, news: _News) -> list[pl.Series]:
    """List the wallets of leases of which something is said, and of offers that changed."""
    offers = [_differing(getattr(before, name), getattr(after, name)) for name in ("capacity", "supply")]
    return [
        *(news.every_lease.get_column(role) for role in _PEOPLE),
        *(news.said.get_column(role) for role in ("actor", "recipient")),
        *(frame.get_column("provider") for frame in offers),
    ]


def _begun(before: Facts, after: Facts) -> list[pl.Series]:
    """List who opened a lease at the very head: there it is held for no time yet."""
    fresh = _since_heads(before, after, pl.col("opened_at") >= pl.col("now"))
    return [fresh.get_column("renter"), fresh.get_column("provider")]


def _renewed_venues(before: Facts, after: Facts, turned: Turned) -> pl.DataFrame:
    """Add to `Facts.venues` what leases show that were folded again; all are asked where these no longer show it."""
    was, now = (after.about(each.leases, each.history).venues for each in (turned.was, turned.now))
    both, shown = (pl.concat([each, now]).group_by(_VENUE).agg(pl.all().any()) for each in (was, before.venues))
    # what these leases showed and show no more may be shown by none
    return shown.sort(_VENUE) if _differing(both, now).is_empty() else after.venues


def _renewed_renters(before: Facts, after: Facts, wallets: pl.Series) -> pl.DataFrame:
    """Look up `Facts.renters` again among some wallets."""
    again = pl.col("renter").is_in(wallets.implode())
    leases = after.leases.select("chain_id", "renter", "opened_at").filter(again)
    theirs = after.about(leases, after.lease_events.clear()).renters
    known = before.renters.filter(again)
    if known.height == theirs.height == known.join(theirs, on=known.columns, how="semi").height:
        return before.renters
    return pl.concat([before.renters.filter(~again), theirs])


def _renewed_witnesses(before: Facts, after: Facts, keys: pl.DataFrame, wallets: pl.Series) -> pl.DataFrame:
    """Look for another lease in `Facts.paying` where something is said of one, or of its renter, or there was none."""
    stand = before.paying.join(keys, on=KEY, how="anti").filter(~pl.col("renter").is_in(wallets.implode()))
    if after.venues.filter("opened").join(stand, on=_VENUE, how="anti").is_empty():
        return stand
    known = [pl.lit(False), *(_at(market, chain_id) for market, chain_id in stand.select(_VENUE).iter_rows())]
    return pl.concat([stand, after.witnesses(~pl.any_horizontal(known))]).sort(KEY)


def _at(market: str, chain_id: int) -> pl.Expr:
    return (pl.col("market") == market) & (pl.col("chain_id") == chain_id)


def _renewed_days(before: Facts, after: Facts, news: _News) -> pl.DataFrame:
    """Add up `Facts.daily` again for the days of leases with news and of all that was ever said of them."""
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


def _repriced(before: Facts, after: Facts, rows: pl.DataFrame) -> list[pl.Series]:
    """Renew the medians that follow from leases in `rows`, and list whose leases are compared with another one now."""
    after.medians.update(before.medians)
    # a row that stands before and after says no new price
    prices = priced(rows).group_by(*KEY, "renter", *_COMPARED[2:], "price").len().filter(pl.col("len") == 1)
    if prices.is_empty():
        return []
    first, last = (int(str(each)) for each in (prices.get_column("week").min(), prices.get_column("week").max()))
    kinds = prices.select(_KIND).unique()
    models = pl.col("gpu_model").is_in(kinds.get_column("gpu_model").implode())
    found = []
    for weeks, known in before.medians.items():
        within = pl.col("week").is_between(first, last + weeks)
        reach = pl.col("opened_at").is_between((first - weeks) * WEEK, (last + weeks + 1) * WEEK)
        near = after.leases.select(_PRICED).filter(models & reach)
        recent = after.about(near, after.lease_events).priced.join(kinds, on=_KIND, how="semi")
        later = reference(recent, weeks).filter(within)
        stale = known.filter(within).join(kinds, on=_KIND, how="semi")
        after.medians[weeks] = pl.concat([known.join(stale, on=_COMPARED, how="anti"), later]).sort(_COMPARED)
        other = _differing(stale, later).select(_COMPARED).unique()
        found.append(recent.join(other, on=_COMPARED, how="semi").get_column("renter"))
    return found


def _known(before: Facts, after: Facts) -> pl.Series:
    """List the wallets that are in another cluster, began otherwise, or became or no longer are a hub or a tenant."""
    told = {
        "clusters": ["address", "cluster_id"],
        "funders": ["chain_id", "address", "funder", "at", "block_number", "tx_hash", "log_index", "kind"],
        "hubs": ["address", "reason"],
        "origins": ["chain_id", "address", "origin", "at", "out_degree", "hops", "positions"],
        "groups": ["address", "group"],
        "safes": ["address"],
    }
    tenants = _differing(before.renters, after.renters).get_column("renter")
    sides = ((getattr(before, name), getattr(after, name), own) for name, own in told.items())
    others = (
        _differing(one.select(own), other.select(own)).get_column("address")
        for one, other, own in sides
        if one is not other
    )
    return _distinct([tenants, *others])


def _backers(facts: Facts, wallets: pl.Series) -> list[pl.Series]:
    """List who started the wallets: first funders, and who stands behind those."""
    ours = wallets.to_frame()
    pairs = ((facts.founders, "funder"), (facts.origins, "origin"))
    return [frame.join(ours, on="address", how="semi").get_column(name) for frame, name in pairs]


class _Way(NamedTuple):
    """How far word goes: from a wallet to whom it dealt with, past hubs that were and are ones."""

    facts: Facts
    quiet: pl.Series

    def past(self, wallets: pl.Series) -> pl.Series:
        """Pass over those hubs."""
        return wallets.filter(~wallets.is_in(self.quiet.implode()))

    def beside(self, wallets: pl.Series) -> pl.Series:
        """List who sent to the wallets or got from them."""
        loud = self.past(wallets)
        sides = (("sender", "recipient"), ("recipient", "sender"))
        near = self.facts.near
        return _distinct(near(loud, one, other).get_column(other) for one, other in sides) if near else loud


def _partners(facts: Facts, known: pl.Series, payers: pl.Series) -> pl.Series:
    """List everybody in leases of wallets about whom something else is known, and whose leases `payers` paid."""
    served = _served(facts, payers)
    if known.is_empty():
        return served
    theirs = facts.leases.select(_PEOPLE).filter(
        pl.any_horizontal(pl.col(role).is_in(known.implode()) for role in _PEOPLE)
    )
    refunded = facts.lease_events.filter(pl.col("recipient").is_in(known.implode())).select(KEY).unique()
    back = facts.rented(refunded).get_column("renter")
    return _distinct([served, back, *(theirs.get_column(role) for role in _PEOPLE)])


def _served(facts: Facts, payers: pl.Series) -> pl.Series:
    """List whose leases some wallets paid."""
    return facts.rented(facts.paid(payers)).get_column("renter")


def _running(before: Facts, after: Facts) -> pl.DataFrame:
    """Pick the leases whose end the clock still moves: columns renter, provider."""
    end = pl.coalesce("closed_at", "planned_end", "paid_until")
    return _since_heads(before, after, pl.col("opened_at").is_not_null() & (end.is_null() | (end > pl.col("now"))))


def _since_heads(before: Facts, after: Facts, told: pl.Expr) -> pl.DataFrame:
    """Pick the leases for which `told` holds, where `now` is their chain's head of both looks that is the lower."""
    heads = pl.concat([before.heads, after.heads]).group_by("chain_id").agg(pl.col("now").min())
    now = pl.col("chain_id").replace_strict(heads.get_column("chain_id"), heads.get_column("now"), default=None)
    return (
        after.leases.lazy()
        .with_columns(now.alias("now"))
        .filter(told)
        .select("renter", "provider")
        .collect(engine="in-memory")
    )


class _Homes(NamedTuple):
    """Which cluster a wallet was in and is in: of whole clusters of before, and of whoever is of these or asked for."""

    before: Mapping[bytes, str]
    after: Mapping[bytes, str]

    def near(self, wallets: set[bytes], hosts: frozenset[bytes]) -> Near:
        """Name the clusters of some wallets, and of whoever was in a cluster with one."""
        gone = frozenset(self.before[each] for each in wallets & self.before.keys())
        parted = {each for each, name in self.before.items() if name in gone}
        clusters = frozenset(self.after[each] for each in (wallets | parted) & self.after.keys())
        return Near(clusters, clusters | gone, hosts)


def _homes(before: Facts, after: Facts, wallets: pl.Series) -> _Homes:
    gone = under(before.clusters, wallets.to_frame()).select("cluster_id").unique()
    parted = before.clusters.join(gone, on="cluster_id", how="semi")
    asked = _distinct([wallets, parted.get_column("address")]).to_frame()
    return _Homes(dict(parted.iter_rows()), dict(under(after.clusters, asked).iter_rows()))


def _distinct(columns: Iterable[pl.Series]) -> pl.Series:
    """Put columns of addresses together, each address once."""
    return (
        pl.concat([pl.Series("address", [], pl.Binary), *(column.alias("address") for column in columns)])
        .drop_nulls()
        .unique()
    )
