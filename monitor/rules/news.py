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

from monitor.facts.fold import DEPOSITS, KEY
from monitor.facts.folding import above
from monitor.facts.prices import WEEK, priced, reference
from monitor.rules.cut import mates
from monitor.rules.facts import DAY, Facts

__all__ = ["Near", "Told", "near"]

_PEOPLE = ("renter", "payer", "beneficiary", "provider")
_COMPARED = ("market", "chain_id", "gpu_model", "term", "week")
_MANY = 20_000
"""Wallets with news above which everybody is judged again: most would be."""


class Told(NamedTuple):
    """What the stages before rules say of their work."""

    since: Mapping[int, int]
    """Blocks up to which lease events are what they were."""
    leases: pl.DataFrame
    """Keys of the leases that were folded again."""
    moved: pl.Series
    """Wallets with a transfer that went or came."""


class Near(NamedTuple):
    """Clusters that are to be judged again, those whose findings fall (old names as well), and providers."""

    clusters: frozenset[str]
    fallen: frozenset[str]
    providers: frozenset[bytes]


class _News(NamedTuple):
    """Rows of leases and of their history that stand in one look only."""

    leases: pl.DataFrame
    said: pl.DataFrame

    @property
    def keys(self) -> pl.DataFrame:
        """Keys of the leases of which something is said."""
        return pl.concat([frame.select(KEY) for frame in self]).unique()


class _Changed(NamedTuple):
    """Wallets: in leases and offers that changed, in transfers, and those about whom something else is known."""

    leased: pl.Series
    moved: pl.Series
    known: pl.Series


def near(before: Facts, after: Facts, told: Told) -> tuple[Near, Near] | None:
    """Say who may be judged otherwise: by what happened, and beside that with time alone; None means everybody."""
    if after.near is None or len(told.moved) > _MANY or not _alike(before, after):
        return None
    news = _news(before, after, told)
    after.__dict__["daily"] = _renewed_days(before, after, news)
    leased = [*_leased(before, after, news), *_begun(before, after), *_repriced(before, after, news.leases)]
    changed = _Changed(_distinct(leased), told.moved, _known(before, after))
    quiet = before.strangers.join(after.strangers, on="address", how="semi").get_column("address")
    way = _Way(after, quiet)
    beside = way.beside(_distinct([changed.moved, changed.known]))
    core = _distinct([*changed, _partners(after, changed, way.past(changed.moved))])
    wallets = _distinct([beside, *(mates(facts, core) for facts in (before, after))])
    backers = _distinct([changed.known, *_backers(before, changed.known), *_backers(after, changed.known)])
    hosts = _distinct([core, beside, way.beside(way.beside(backers))])
    held = _running(before, after)
    aged = _distinct([wallets, mates(after, held.get_column("renter").drop_nulls())])
    return _named(before, after, wallets, hosts), _named(
        before, after, aged, _distinct([hosts, held.get_column("provider")])
    )


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
    if before is after:
        return before.clear()
    one, other = before.hash_rows(), after.hash_rows()
    return pl.concat([before.filter(~one.is_in(other.implode())), after.filter(~other.is_in(one.implode()))])


def _news(before: Facts, after: Facts, told: Told) -> _News:
    fresh = above(told.since, "block")
    return _News(
        _differing(*(facts.leases.join(told.leases, on=KEY, how="semi") for facts in (before, after))),
        _differing(*(facts.lease_events.filter(fresh) for facts in (before, after))),
    )


def _leased(before: Facts, after: Facts, news: _News) -> list[pl.Series]:
    """List the wallets of leases of which something is said, and of offers that changed."""
    rows = pl.concat([facts.leases.join(news.keys, on=KEY, how="semi") for facts in (before, after)])
    offers = [_differing(getattr(before, name), getattr(after, name)) for name in ("capacity", "supply")]
    return [
        *(rows.get_column(role) for role in _PEOPLE),
        *(news.said.get_column(role) for role in ("actor", "recipient")),
        *(frame.get_column("provider") for frame in offers),
    ]


def _begun(before: Facts, after: Facts) -> list[pl.Series]:
    """List who opened a lease at the very head: there it is held for no time yet."""
    heads = pl.concat([before.heads, after.heads]).group_by("chain_id").agg(pl.col("now").min())
    fresh = after.leases.join(heads, on="chain_id", how="inner").filter(pl.col("opened_at") >= pl.col("now"))
    return [fresh.get_column("renter"), fresh.get_column("provider")]


def _renewed_days(before: Facts, after: Facts, news: _News) -> pl.DataFrame:
    """Add up `Facts.daily` again for the days of leases with news and of all that was ever said of them."""
    ids = news.keys.get_column("lease_id").implode()
    opened = [facts.leases.filter(pl.col("lease_id").is_in(ids)).get_column("opened_at") for facts in (before, after)]
    theirs = after.lease_events.filter(pl.col("lease_id").is_in(ids)).get_column("at")
    days = (pl.concat([*opened, theirs, news.said.get_column("at")]) // DAY).unique().implode()
    leases = after.leases.filter((pl.col("opened_at") // DAY).is_in(days))
    events = after.lease_events.filter((pl.col("at") // DAY).is_in(days))
    paid = after.leases.join(events.select(KEY).unique(), on=KEY, how="semi")
    parts = []
    for unit, frames in (("milli", (leases, events.clear())), ("micro", (paid, events))):
        narrow = msgspec.structs.replace(after, leases=frames[0], lease_events=frames[1])
        narrow.__dict__["clusters"] = after.clusters
        parts.append(narrow.daily.filter(pl.col("unit") == unit))
    stands = before.daily.filter(~pl.col("day").is_in(days))
    return pl.concat([stands, pl.concat(parts).filter(pl.col("day").is_in(days))]).sort("unit", "day")


def _repriced(before: Facts, after: Facts, rows: pl.DataFrame) -> list[pl.Series]:
    """Renew the medians that follow from leases in `rows`, and list whose leases are compared with another one now."""
    after.medians.update(before.medians)
    # a row that stands before and after says no new price
    prices = priced(rows).group_by(*KEY, "renter", *_COMPARED[2:], "price").len().filter(pl.col("len") == 1)
    if prices.is_empty():
        return []
    first = int(str(prices.get_column("week").min()))
    found = []
    for weeks, known in before.medians.items():
        reach = after.leases.filter(pl.col("opened_at") >= (first - weeks) * WEEK)
        recent = msgspec.structs.replace(after, leases=reach).priced
        later = reference(recent, weeks).filter(pl.col("week") >= first)
        after.medians[weeks] = pl.concat([known.filter(pl.col("week") < first), later]).sort(_COMPARED)
        other = _differing(known, after.medians[weeks]).select(_COMPARED).unique()
        found.append(recent.join(other, on=_COMPARED, how="semi").get_column("renter"))
    return found


def _known(before: Facts, after: Facts) -> pl.Series:
    """List the wallets that are in another cluster, began otherwise, or became or no longer are a hub or a tenant."""
    told = {
        "members": ["address", "cluster_id"],
        "funders": ["chain_id", "address", "funder", "at", "block_number", "tx_hash", "log_index", "kind"],
        "hubs": ["address", "reason"],
        "origins": ["chain_id", "address", "origin", "at", "out_degree", "hops", "positions"],
        "groups": ["address", "group"],
    }
    pairs = ((getattr(before, name).select(own), getattr(after, name).select(own)) for name, own in told.items())
    tenants = _differing(before.renters, after.renters).get_column("renter")
    return _distinct([tenants, *(_differing(*pair).get_column("address") for pair in pairs)])


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
        return _distinct(near(loud, one).get_column(other) for one, other in sides) if near else loud


def _partners(facts: Facts, changed: _Changed, moved: pl.Series) -> pl.Series:
    """List everybody in leases of wallets about whom something else is known, and whose leases any with news paid."""
    known, payers = changed.known.implode(), _distinct([changed.known, changed.leased, moved]).implode()
    people = pl.any_horizontal(pl.col(role).is_in(known) for role in _PEOPLE)
    theirs = facts.leases.filter(people)
    told = facts.lease_events.filter(
        (pl.col("verb").is_in(DEPOSITS) & pl.col("actor").is_in(payers)) | pl.col("recipient").is_in(known)
    )
    paid = facts.leases.filter(pl.col("payer").is_in(payers))
    topped = facts.leases.join(told.select(KEY).unique(), on=KEY, how="semi")
    return _distinct([
        *(theirs.get_column(role) for role in _PEOPLE), *(frame.get_column("renter") for frame in (paid, topped)),
    ])  # fmt: skip


def _running(before: Facts, after: Facts) -> pl.DataFrame:
    """Pick the leases whose end the clock still moves."""
    heads = pl.concat([before.heads, after.heads]).group_by("chain_id").agg(pl.col("now").min())
    end = pl.coalesce("closed_at", "planned_end", "paid_until")
    opened = after.leases.filter(pl.col("opened_at").is_not_null()).join(heads, on="chain_id", how="inner")
    return opened.filter(end.is_null() | (end > pl.col("now")))


def _named(before: Facts, after: Facts, wallets: pl.Series, hosts: pl.Series) -> Near:
    ours = wallets.to_frame()
    gone = before.clusters.join(ours, on="address", how="semi").select("cluster_id").unique()
    parted = before.clusters.join(gone, on="cluster_id", how="semi").get_column("address")
    stands = after.clusters.join(_distinct([wallets, parted]).to_frame(), on="address", how="semi")
    clusters = frozenset(stands.get_column("cluster_id"))
    return Near(clusters, clusters | frozenset(gone.get_column("cluster_id")), frozenset(hosts))


def _distinct(columns: Iterable[pl.Series]) -> pl.Series:
    """Put columns of addresses together, each address once."""
    return (
        pl.concat([pl.Series("address", [], pl.Binary), *(column.alias("address") for column in columns)])
        .drop_nulls()
        .unique()
    )
