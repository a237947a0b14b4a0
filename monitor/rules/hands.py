"""Wallets that one hand started: a common first source that is no hub, also through a wallet used once.

A cluster says that wallets have one owner; a hand says less, that one wallet paid for their beginning. Rules that ask
what several wallets do together look at both, and what a hand did is told of every cluster that took part.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import polars as pl

from monitor.wallets.funding import first_funders

__all__ = ["groups", "origins"]

_ONCE = 2
"""Distinct wallets a go-between ever sent value to, at most."""
_MAX_DEGREE = 200
_SIDES = ("sender", "recipient")


def origins(
    founders: pl.DataFrame,
    dealt: Callable[[pl.DataFrame, str], pl.DataFrame],
    hubs: pl.DataFrame,
    people: Collection[bytes],
) -> pl.DataFrame:
    """Follow first funders that are no hubs one step further where the funder is a wallet used once.

    Columns chain_id, address, origin, at, out_degree (of the origin), hops (1 or 2), positions (structs, at most two).
    `dealt` gives the transfers of some wallets (`Facts.dealt`); `people` are wallets with leases or offers of their
    own, which are no go-betweens.
    """
    contracts = hubs.filter(pl.col("reason") == "contract").get_column("address").to_list()
    between = founders.filter(pl.col("out_degree") <= _ONCE).select("chain_id", pl.col("funder").alias("address"))
    wanted = between.unique().filter(~pl.col("address").is_in(sorted(people)))
    spot = pl.struct("chain_id", pl.col("block_number").alias("block"), pl.col("tx_hash").alias("tx"), "log_index")
    # what a go-between got and passed on is all that its first funder is read from
    near = [dealt(wanted.rename({"address": side}), side) for side in _SIDES]
    first = first_funders(pl.concat(near).unique(), wanted, contracts).join(
        hubs.select(pl.col("address").alias("funder")), on="funder", how="anti"
    )
    sent = dealt(first.select("chain_id", pl.col("funder").alias("sender")).unique(), "sender")
    degree = sent.group_by("chain_id", pl.col("sender").alias("further")).agg(
        pl.col("recipient").n_unique().cast(pl.Int64()).alias("further_degree")
    )
    further = (
        first.select(
            "chain_id", pl.col("address").alias("funder"), pl.col("funder").alias("further"), spot.alias("step")
        )
        .filter(pl.col("funder") != pl.col("further"))
        .join(degree, on=["chain_id", "further"], how="left")
    )
    joined = founders.with_columns(spot.alias("first")).join(further, on=["chain_id", "funder"], how="left")
    gone = pl.col("further").is_not_null()
    return joined.select(
        *("chain_id", "address", pl.coalesce("further", "funder").alias("origin"), "at"),
        pl.when(gone).then("further_degree").otherwise("out_degree").alias("out_degree"),
        pl.when(gone).then(2).otherwise(1).alias("hops"),
        pl.when(gone).then(pl.concat_list("step", "first")).otherwise(pl.concat_list("first")).alias("positions"),
    ).sort("chain_id", "address")


def groups(origins: pl.DataFrame, clusters: pl.DataFrame) -> pl.DataFrame:
    """List every wallet's groups: address, group; its cluster, and its hand where that reaches over clusters."""
    started = origins.filter(pl.col("out_degree").fill_null(0) < _MAX_DEGREE).select("address", "origin").unique()
    placed = started.join(clusters, on="address", how="inner")
    wide = placed.filter(pl.col("cluster_id").n_unique().over("origin") > 1)
    name = pl.concat_str(pl.lit("hand-"), pl.col("origin").bin.encode("hex")).alias("group")
    hands = wide.select("address", name).unique()
    return pl.concat([clusters.rename({"cluster_id": "group"}).select("address", "group"), hands]).sort(
        "group", "address"
    )
