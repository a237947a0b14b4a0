"""Facts cut down to some tenants or some providers; what is said of the whole market stays whole.

A rule does not know whether it looks at all there is: for whom facts were cut down, it says what it would say of all.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import polars as pl

from monitor.facts.fold import DEPOSITS, KEY
from monitor.rules.facts import Facts

__all__ = ["mates", "of_providers", "of_tenants", "settled"]

_WHOLE = (
    "clusters", "daily", "founders", "groups", "heads", "medians", "origins", "paying", "renters", "sizes", "strangers",
    "suppliers", "unfunded", "venues",
)  # fmt: skip
"""What `Facts` says of the market as a whole, or of a wallet whatever its leases."""


def settled(facts: Facts) -> Facts:
    """Keep what a later look compares with: all frames but transfers, and what is said of the market as a whole.

    That is worked out now: later, `near` finds other transfers.
    """
    return _narrow(facts, transfers=facts.transfers.clear())


def of_tenants(facts: Facts, clusters: Collection[str]) -> Facts:
    """Narrow the leases to those of some clusters, of whoever is in a group with them, and of whoever has their payers.

    Leases that these wallets provide stand too, and the history of all.
    """
    named = pl.Series("cluster_id", sorted(clusters), dtype=pl.String())
    own = facts.clusters.filter(pl.col("cluster_id").is_in(named.implode())).get_column("address")
    wallets = mates(facts, own).implode()
    leases = facts.leases.filter(pl.col("renter").is_in(wallets) | pl.col("provider").is_in(wallets))
    history = _history(facts, leases)
    payers = _payers(leases, history)
    if len(payers):
        theirs = _paid(facts.lease_events, payers)
        paid = facts.leases.filter(pl.col("payer").is_in(payers.implode())).select(KEY)
        keys = pl.concat([leases.select(KEY), paid, theirs.select(KEY)]).unique()
        leases = facts.leases.join(keys, on=KEY, how="semi", maintain_order="left")
        history = _history(facts, leases)
    return _narrow(facts, leases=leases, lease_events=history)


def of_providers(facts: Facts, wallets: pl.Series) -> Facts:
    """Narrow leases, offers and the supply's history to those of some providers."""
    theirs = pl.col("provider").is_in(wallets.implode())
    frames = {name: getattr(facts, name).filter(theirs) for name in ("leases", "capacity", "supply")}
    return _narrow(facts, **frames)


def mates(facts: Facts, wallets: pl.Series) -> pl.Series:
    """List the wallets, each once, and whoever is in a group or has an origin with them."""
    ours = wallets.alias("address").to_frame()
    found = [ours.get_column("address")]
    for frame, name in ((facts.groups, "group"), (facts.origins, "origin")):
        shared = frame.join(ours, on="address", how="semi").select(name).unique()
        found.append(frame.join(shared, on=name, how="semi").get_column("address"))
    return pl.concat(found).unique()


def _narrow(facts: Facts, **frames: pl.DataFrame) -> Facts:
    narrow = msgspec.structs.replace(facts, **frames)
    narrow.__dict__.update({name: getattr(facts, name) for name in _WHOLE})
    return narrow


def _history(facts: Facts, leases: pl.DataFrame) -> pl.DataFrame:
    ids = leases.get_column("lease_id").unique().implode()
    near = facts.lease_events.filter(pl.col("lease_id").is_in(ids))
    return near.join(leases.select(KEY), on=KEY, how="semi", maintain_order="left")


def _paid(history: pl.DataFrame, payers: pl.Series) -> pl.DataFrame:
    return history.filter(pl.col("verb").is_in(DEPOSITS) & pl.col("actor").is_in(payers.implode()))


def _payers(leases: pl.DataFrame, history: pl.DataFrame) -> pl.Series:
    """List who paid for a lease of somebody else."""
    told = history.filter(pl.col("verb").is_in(DEPOSITS)).select(*KEY, "actor")
    topped = told.join(leases.select(*KEY, "renter"), on=KEY, how="inner").rename({"actor": "payer"})
    both = pl.concat([leases.select("payer", "renter"), topped.select("payer", "renter")])
    return both.filter(pl.col("payer") != pl.col("renter")).get_column("payer").unique()
