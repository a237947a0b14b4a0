"""Facts cut down to some tenants or some providers; what is said of the whole market stays whole.

A rule does not know whether it looks at all there is: for whom facts were cut down, it says what it would say of all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec
import polars as pl

from monitor.facts.fold import DEPOSITS, KEY
from monitor.facts.inorder import under
from monitor.rules.facts import Facts, chosen
from monitor.rules.hands import GROUPED

__all__ = [
    "Circle",
    "carry",
    "circle",
    "mates",
    "of_providers",
    "of_tenants",
    "payers_of",
    "settled",
]

_WHOLE = (
    *("clusters", "strangers", "founders", "suppliers", "supplied", "behind", "heads", "daily", "medians", "paying"),
    *("renters", "venues", "origins", "started", "groups", "hands", "unfunded", "places"),
)
"""What `Facts` says of the market as a whole, or of a wallet whatever its leases."""
_ROLES = ("renter", "payer", "provider")
_OF_LEASES = ("tenancies", "together", "deposits")
"""What it says of each lease by itself, and in an order that other leases do not change."""


def carry(before: Facts, after: Facts, follows: Mapping[str, tuple[str, ...]]) -> None:
    """Let stand what all follows from what it was."""
    for name, sources in follows.items():
        pairs = ((getattr(before, source), getattr(after, source)) for source in sources)
        if all(one is other or (isinstance(one, pl.DataFrame) and one.equals(other)) for one, other in pairs):
            after.__dict__[name] = getattr(before, name)


def settled(facts: Facts) -> Facts:
    """Keep what a later look compares with: all frames but transfers, and what is said of the market as a whole.

    That is worked out now: later, `near` finds other transfers.
    """
    return _narrow(facts, transfers=facts.transfers.clear())


def of_tenants(facts: Facts, clusters: Collection[str]) -> Facts:
    """Narrow the leases to those of some clusters, of whoever is in a group with them, and of whoever has their payers.

    Leases that these wallets provide stand too, and the history of all. Facts that were cut down to these clusters and
    others may be cut again.
    """
    if not clusters:
        return _narrow(facts, leases=facts.leases.clear(), lease_events=facts.lease_events.clear())
    named = pl.DataFrame({"group": sorted(clusters)}, schema={"group": pl.String()})
    among: Circle | Facts = facts.__dict__.get("circle", facts)
    near = circle(among, under(among.groups, named).get_column("address"))
    wallets = near.wallets
    leases = facts.leased(wallets, "renter", "provider")
    payers = payers_of(facts, leases.get_column("renter").unique())
    if len(payers):
        leases = facts.rented(pl.concat([leases.select(KEY), facts.paid(payers)]))
    asked, history = named.rename({"group": "cluster_id"}), chosen(facts.lease_events, leases.select(KEY))
    narrow = _narrow(facts, leases=leases, lease_events=history, asked=asked)
    people = pl.concat([wallets, payers, *(leases.get_column(role).alias("address") for role in _ROLES)])
    narrow.__dict__.update(circle=near, **_homes(facts, people.drop_nulls().to_frame()))
    if among is not facts:
        narrow.__dict__.update({name: chosen(getattr(facts, name), leases.select(KEY)) for name in _OF_LEASES})
    return narrow


def _homes(facts: Facts, people: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Pick whole clusters, those of some wallets, and the groups of whoever is in them."""
    names = under(facts.clusters, people).select(pl.col("cluster_id").alias("group"))
    homes = under(facts.groups, names)
    groups = pl.concat([homes, facts.hands.join(homes, on="address", how="semi")]).sort(GROUPED)
    return {"clusters": homes.rename({"group": "cluster_id"}).sort("address"), "groups": groups}


def of_providers(facts: Facts, wallets: pl.Series) -> Facts:
    """Narrow leases, offers and the supply's history to those of some providers."""
    theirs = pl.col("provider").is_in(wallets.implode())
    offers = {name: getattr(facts, name).filter(theirs) for name in ("capacity", "supply")}
    narrow = _narrow(facts, leases=facts.leased(wallets, "provider"), **offers)
    narrow.__dict__["supplied"] = {}
    return narrow


class Circle(NamedTuple):
    """Rows of `Facts.clusters` and `hands` that some wallets have, and of `groups` and `origins` that these share.

    Of origins only address and origin.
    """

    clusters: pl.DataFrame
    hands: pl.DataFrame
    groups: pl.DataFrame
    origins: pl.DataFrame

    @property
    def wallets(self) -> pl.Series:
        """The wallets, and whoever is in a group or has an origin with them."""
        return pl.concat([frame.get_column("address") for frame in self]).unique()


def circle(facts: Facts | Circle, wallets: pl.Series) -> Circle:
    """Pick the clusters, groups and origins that some wallets have."""
    ours = wallets.alias("address").to_frame()
    clusters = under(facts.clusters, ours)
    hands = facts.hands.join(ours, on="address", how="semi")
    names = pl.concat([clusters.select(pl.col("cluster_id").alias("group")), hands.select("group")])
    origins = facts.origins.select("address", "origin")
    begun = origins.join(ours, on="address", how="semi").get_column("origin")
    return Circle(clusters, hands, under(facts.groups, names), origins.filter(pl.col("origin").is_in(begun.implode())))


def mates(facts: Facts | Circle, wallets: pl.Series) -> pl.Series:
    """List the wallets, each once, and whoever is in a group or has an origin with them."""
    return pl.concat([wallets.alias("address"), circle(facts, wallets).wallets]).unique()


def _narrow(facts: Facts, **frames: pl.DataFrame) -> Facts:
    narrow = msgspec.structs.replace(facts, **frames)
    narrow.__dict__.update({name: getattr(facts, name) for name in _WHOLE})
    return narrow


def payers_of(facts: Facts, renters: pl.Series) -> pl.Series:
    """List who else paid for the leases of some wallets."""
    if facts.payers is not None:
        return facts.payers(renters, "renter").get_column("payer").unique()
    leases = facts.leases.filter(pl.col("renter").is_in(renters.implode()))
    told = chosen(facts.lease_events, leases.select(KEY)).filter(pl.col("verb").is_in(DEPOSITS)).select(*KEY, "actor")
    topped = told.join(leases.select(*KEY, "renter"), on=KEY, how="inner").rename({"actor": "payer"})
    both = pl.concat([leases.select("payer", "renter"), topped.select("payer", "renter")])
    return both.filter(pl.col("payer") != pl.col("renter")).get_column("payer").unique()
