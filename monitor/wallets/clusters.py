"""Clusters: wallets whose accepted links hold together, their members and sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from monitor.facts.people import PEOPLE
from monitor.model.lead import stable_id
from monitor.model.schema import CLUSTERS, WALLETS
from monitor.wallets.hours import h100e_hours

__all__ = ["MEMBERS", "STAYS", "WALLET", "cluster_table", "members", "nodes", "spanned", "stays", "wallet_table"]

WALLET = ["chain_id", "address"]
"""What tells rows about wallets apart, and orders them."""
MEMBERS: dict[str, pl.DataType] = {"chain_id": pl.Int64(), "address": pl.Binary(), "cluster_id": pl.String()}
NODES: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "address": pl.Binary(),
    "roles": pl.List(pl.String()),
    "first_seen": pl.Int64(),
    "last_seen": pl.Int64(),
}
STAYS = {name: PEOPLE[name] for name in PEOPLE if name != "role"}
"""When wallets first and last sent or got anything, as `PEOPLE` says it of events."""


def stays(transfers: pl.DataFrame) -> pl.DataFrame:
    """Say when each wallet first and last sent or got anything (`STAYS`), sorted by wallet."""
    block, at = pl.col("block_number"), pl.col("block_time")
    spans = (block.alias("first_block"), block.alias("last_block"), at.alias("first_at"), at.alias("last_at"))
    sides = [transfers.select("chain_id", pl.col(side).alias("address"), *spans) for side in ("sender", "recipient")]
    return spanned([side.drop_nulls("address") for side in sides])


def spanned(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Put the `stays` of several stretches of a history together."""
    first, last = pl.col("first_block", "first_at").min(), pl.col("last_block", "last_at").max()
    return pl.concat(parts).group_by(WALLET).agg(first, last).select(list(STAYS)).sort(WALLET)


def nodes(
    people: pl.DataFrame, funders: pl.DataFrame, links: pl.DataFrame, hubs: pl.DataFrame, stays: pl.DataFrame
) -> pl.DataFrame:
    """List the wallets to cluster with roles and times: people of leases, first funders, ends of links.

    `stays` as the function of that name gives them of all transfers. Columns: chain_id, address, roles (sorted),
    first_seen, last_seen (block seconds over events and transfers).
    """
    named = [
        people.select("chain_id", "address", "role"),
        funders.select("chain_id", pl.col("funder").alias("address"), pl.lit("funder").alias("role")),
        *(links.select("chain_id", pl.col(end).alias("address"), pl.lit("").alias("role")) for end in ("a", "b")),
    ]
    wallets = pl.concat(named)
    hub = wallets.join(hubs.select("address"), on="address", how="semi").select(
        "chain_id", "address", pl.lit("hub").alias("role")
    )
    roles = (
        pl.concat([wallets, hub])
        .group_by("chain_id", "address")
        .agg(pl.col("role").filter(pl.col("role") != "").unique().sort().alias("roles"))
    )
    known = [
        people.select(*WALLET, "first_at", "last_at"),
        stays.join(roles, on=WALLET, how="semi").select(*WALLET, "first_at", "last_at"),
    ]
    spans = (
        pl.concat(known)
        .group_by(WALLET)
        .agg(pl.col("first_at").min().alias("first_seen"), pl.col("last_at").max().alias("last_seen"))
    )
    joined = roles.join(spans, on=WALLET, how="left")
    return joined.select(pl.col(name).cast(kind) for name, kind in NODES.items()).sort("chain_id", "address")


def members(nodes: pl.DataFrame, groups: Mapping[bytes, bytes]) -> pl.DataFrame:
    """Name every wallet's cluster (`MEMBERS`): the id comes from the earliest member, then the lowest address.

    One address is one wallet on every chain, since the key is the same. A wallet without links is a cluster of one.
    """
    group = pl.DataFrame(
        {"address": list(groups), "group": list(groups.values())}, schema={"address": pl.Binary(), "group": pl.Binary()}
    )
    placed = nodes.join(group, on="address", how="left").with_columns(pl.coalesce("group", "address").alias("group"))
    anchors = (
        placed.sort("first_seen", "address", nulls_last=True)
        .group_by("group", maintain_order=True)
        .agg(pl.col("address").first().alias("anchor"))
    )
    ids = [stable_id("cluster", f"0x{anchor.hex()}") for anchor in anchors.get_column("anchor")]
    named = anchors.select("group", pl.Series("cluster_id", ids, dtype=pl.String()))
    return placed.join(named, on="group", how="left").select(MEMBERS.keys()).sort("chain_id", "address")


def wallet_table(
    nodes: pl.DataFrame, members: pl.DataFrame, labels: pl.DataFrame, leases: pl.DataFrame, as_of: Mapping[int, int]
) -> pl.DataFrame:
    """Make `WALLETS`, sorted; leases and H100e-hours count what the wallet rented until `as_of` (seconds, by chain)."""
    named = labels.group_by("address").agg(pl.col("label").unique().sort().alias("labels"))
    rented = (
        h100e_hours(leases, as_of)
        .rename({"renter": "address"})
        .group_by("chain_id", "address")
        .agg(pl.len().cast(pl.Int64()).alias("leases"), pl.col("h100e_hours").sum())
    )
    joined = (
        nodes.join(members, on=["chain_id", "address"], how="left")
        .join(named, on="address", how="left")
        .join(rented, on=["chain_id", "address"], how="left")
        .with_columns(
            pl.col("labels").fill_null(pl.lit([], dtype=pl.List(pl.String()))),
            pl.col("leases").fill_null(0),
            pl.col("h100e_hours").fill_null(0),
        )
    )
    return joined.select(pl.col(name).cast(kind) for name, kind in WALLETS.items()).sort("chain_id", "address")


def cluster_table(wallets: pl.DataFrame) -> pl.DataFrame:
    """Make `CLUSTERS` from `WALLETS`, sorted; `leads` is 0 until rules have spoken."""

    def having(role: str) -> pl.Expr:
        return pl.col("address").filter(pl.col("roles").list.contains(role)).n_unique().alias(f"{role}s")

    grouped = wallets.group_by("cluster_id").agg(
        pl.col("address").n_unique().alias("size"),
        *(having(role) for role in ("renter", "payer", "provider")),
        pl.col("h100e_hours").sum(),
        pl.lit(0).alias("leads"),
    )
    return grouped.select(pl.col(name).cast(kind) for name, kind in CLUSTERS.items()).sort("cluster_id")
