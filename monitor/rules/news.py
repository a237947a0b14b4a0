"""What changed between two looks, and for whom a rule may say something else now.

Facts before and after are compared where they may differ: leases that were folded again, wallets whose transfers
changed, and whatever was found of wallets (cluster, first funder, origin, hub). From there follows who is near: those
in a group, with a payer or a provider in common, or who dealt with one another. Rather too many than too few: whoever
is named is judged again, from all that is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import polars as pl

from monitor.facts.fold import KEY
from monitor.facts.folding import Turned
from monitor.facts.inorder import on_every_chain, under
from monitor.facts.prices import WEEK, priced, reference
from monitor.rules.cut import circle, mates, payers_of
from monitor.rules.facts import Facts, chosen
from monitor.rules.standing import News, Told, differing, distinct, renew

__all__ = ["Near", "Told", "Whom", "near"]

_ENDS = (("sender", "recipient"), ("recipient", "sender"))
_PEOPLE = ("renter", "payer", "beneficiary", "provider")
_VENUE = ("market", "chain_id")
_KIND = (*_VENUE, "gpu_model", "term")
_COMPARED = (*_KIND, "week")
_PRICED = (*_VENUE, "gpu_model", "renter", "opened_at", "planned_end", "usd_per_gpu_hour")
"""What a price and whose it is follow from."""
_MANY = 20_000
"""Wallets with news above which everybody is judged again: most would be."""


class Near(NamedTuple):
    """Clusters that are to be judged again, those whose findings fall (old names as well), and providers."""

    clusters: frozenset[str]
    fallen: frozenset[str]
    providers: frozenset[bytes]


Whom = Mapping[tuple[int, bool], Near]
"""Who is near for a rule, by its `hops` and whether it `ages`."""


def near(before: Facts, after: Facts, told: Told) -> Whom | None:
    """Say who may be judged otherwise, by how far a rule looks and whether it ages; None means everybody."""
    if after.near is None or len(told.moved) > _MANY or not _alike(before, after):
        return None
    news = _news(told.leases)
    known, moved = renew(before, after, told, news), told.moved
    leased = distinct([*_leased(before, after, news), *_begun(before, after), *_repriced(before, after, news.leases)])
    quiet = frozenset(before.strangers.join(after.strangers, on="address", how="semi").get_column("address"))
    way = _Way(after, quiet)
    around = way.beside(known)
    own = distinct([leased, known, _partners(after, known, distinct([known, leased, payers_of(after, known)]))])
    # of rules that look at nobody's transfers, at those of wallets themselves, and at those of whoever dealt with them
    met = way.beside(_between(after, moved))
    served = _served(after, way.past(distinct([moved, met])))
    core = (own, distinct([own, moved]), distinct([own, moved, served]))
    beside = (around, around, distinct([around, met]))
    backers = distinct([known, *_backers(before, known), *_backers(after, known)])
    behind = (around, around, way.beside(way.beside(backers)))
    held = _running(before, after)
    circles = [
        circle(facts, distinct([core[2], held.get_column("renter")]))
        for facts in ((after,) if before.groups is after.groups else (before, after))
    ]
    aged = mates(circles[-1], distinct([held.get_column("renter")]))
    wallets = [
        distinct([near, *(mates(each, some) for each in circles)]) for some, near in zip(core, beside, strict=True)
    ]
    homes = _homes(before, after, distinct([wallets[2], aged]))
    older, kept = set(aged), frozenset(held.get_column("provider").drop_nulls())
    whom = {}
    for hops, parts in enumerate(zip(core, beside, behind, strict=True)):
        ours, hosts = set(wallets[hops]), frozenset(distinct(parts))
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


def _news(turned: Turned) -> News:
    leases, history = ((getattr(turned.was, name), getattr(turned.now, name)) for name in ("leases", "history"))
    news = News(differing(*leases), differing(*history), pl.concat(leases), pl.concat(history))
    keys = news.keys
    return news._replace(every_lease=chosen(news.every_lease, keys), history=chosen(news.history, keys))


def _leased(before: Facts, after: Facts, news: News) -> list[pl.Series]:
    """List the wallets of leases of which something is said, and of offers that changed."""
    offers = [differing(getattr(before, name), getattr(after, name)) for name in ("capacity", "supply")]
    return [
        *(news.every_lease.get_column(role) for role in _PEOPLE),
        *(news.said.get_column(role) for role in ("actor", "recipient")),
        *(frame.get_column("provider") for frame in offers),
    ]


def _begun(before: Facts, after: Facts) -> list[pl.Series]:
    """List who opened a lease at the very head: there it is held for no time yet."""
    fresh = _since_heads(before, after, pl.col("opened_at") >= pl.col("now"))
    return [fresh.get_column("renter"), fresh.get_column("provider")]


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
        other = differing(stale, later).select(_COMPARED).unique()
        found.append(recent.join(other, on=_COMPARED, how="semi").get_column("renter"))
    return found


def _backers(facts: Facts, wallets: pl.Series) -> list[pl.Series]:
    """List who started the wallets: first funders, and who stands behind those."""
    ours = wallets.to_frame()
    pairs = ((facts.founders, "funder"), (facts.origins, "origin"))
    return [frame.join(ours, on="address", how="semi").get_column(name) for frame, name in pairs]


class _Way(NamedTuple):
    """How far word goes: from a wallet to whom it dealt with, past hubs that were and are ones."""

    facts: Facts
    quiet: frozenset[bytes]

    def past(self, wallets: pl.Series) -> pl.Series:
        """Pass over those hubs."""
        # most are few: a query takes longer
        return pl.Series(wallets.name, [each for each in wallets.to_list() if each not in self.quiet], pl.Binary())

    def beside(self, wallets: pl.Series) -> pl.Series:
        """List who sent to the wallets or got from them."""
        loud = self.past(wallets)
        near = self.facts.near
        return distinct(near(loud, one, other).get_column(other) for one, other in _ENDS) if near else loud


def _between(facts: Facts, moved: pl.Series) -> pl.Series:
    """List those of the wallets with news of transfers through which a rule may look at what lies behind them.

    All but tenants that never dealt with a provider or a labelled wallet: a tenant is nobody's shell (T08), and else
    what lies at two hops is a provider (T02, T20) or labelled (T06, T21). Who dealt with whom is as it was unless one
    of these is among the wallets.
    """
    if facts.near is None or len(_marked(facts, moved)):
        return moved
    tenants = under(facts.renters, on_every_chain(moved, facts.renters, name="renter")).get_column("renter").unique()
    dealt = pl.concat(
        facts.near(tenants, one, one, other).select(pl.col(one).alias("tenant"), pl.col(other).alias("other"))
        for one, other in _ENDS
    ).unique()
    behind = _marked(facts, dealt.get_column("other").drop_nulls().unique())
    known = dealt.filter(pl.col("other").is_in(behind.implode())).get_column("tenant")
    return distinct([moved.filter(~moved.is_in(tenants.implode())), known])


def _marked(facts: Facts, wallets: pl.Series) -> pl.Series:
    """List those of some wallets that provide leases, offer anything, or are labelled."""
    told = distinct([facts.hosts.get_column("provider"), facts.labels.get_column("address")])
    return distinct([wallets.filter(wallets.is_in(told.implode())), facts.leased(wallets, "provider")["provider"]])


def _partners(facts: Facts, known: pl.Series, payers: pl.Series) -> pl.Series:
    """List everybody in leases of wallets about whom something else is known, and whose leases `payers` paid."""
    served = _served(facts, payers)
    if known.is_empty():
        return served
    theirs = facts.leased(known, *_PEOPLE)
    refunded = facts.lease_events.filter(pl.col("recipient").is_in(known.implode())).select(KEY).unique()
    back = facts.rented(refunded).get_column("renter")
    return distinct([served, back, *(theirs.get_column(role) for role in _PEOPLE)])


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
    now = pl.lit(None, dtype=pl.Int64())
    for chain_id, head in heads.iter_rows():
        now = pl.when(pl.col("chain_id") == chain_id).then(pl.lit(head, dtype=pl.Int64())).otherwise(now)
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
    asked = distinct([wallets, parted.get_column("address")]).to_frame()
    return _Homes(dict(parted.iter_rows()), dict(under(after.clusters, asked).iter_rows()))
