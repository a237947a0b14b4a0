"""Hubs: wallets that deal with so many others that sharing one says nothing about ownership."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from monitor.wallets.labels import SERVICES

__all__ = ["DEGREES", "HUBS", "NAMED", "ZERO_ADDRESS", "degrees", "hubs", "hubs_among", "measured"]

DEGREES: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "address": pl.Binary(),
    "degree": pl.Int64(),
    "out_degree": pl.Int64(),
}
"""Distinct counterparties of a wallet on a chain, and how many of them it sent value to."""

HUBS: dict[str, pl.DataType] = {"address": pl.Binary(), "reason": pl.String(), "degree": pl.Int64()}
"""`reason` = label:<kind> | contract | degree; `degree` = distinct counterparties on the busiest chain."""
NAMED: dict[str, pl.DataType] = {"address": pl.Binary(), "reason": pl.String()}
"""Hubs without their degree, which moves with every block."""
ZERO_ADDRESS = bytes(20)


def degrees(transfers: pl.DataFrame) -> pl.DataFrame:
    """Count distinct counterparties per chain and address (`DEGREES`).

    Only transfers that moved something count; a wallet is not its own counterparty.
    """
    moved = transfers.filter(
        (pl.col("amount") > 0) & pl.col("recipient").is_not_null() & (pl.col("sender") != pl.col("recipient"))
    ).select("chain_id", "sender", "recipient")
    out = moved.select("chain_id", pl.col("sender").alias("address"), pl.col("recipient").alias("other"))
    back = moved.select("chain_id", pl.col("recipient").alias("address"), pl.col("sender").alias("other"))
    both = pl.concat([out.with_columns(pl.lit(1).alias("sent")), back.with_columns(pl.lit(0).alias("sent"))]).unique()
    return (
        both.group_by("chain_id", "address")
        .agg(
            pl.col("other").n_unique().cast(pl.Int64()).alias("degree"),
            pl.col("sent").sum().cast(pl.Int64()).alias("out_degree"),
        )
        .sort("chain_id", "address")
    )


def hubs(transfers: pl.DataFrame, labels: pl.DataFrame, contracts: Collection[bytes], hub_degree: int) -> pl.DataFrame:
    """List the hubs (`HUBS`), sorted by address: service labels, market and token contracts, busy wallets.

    A wallet is busy with `hub_degree` or more distinct counterparties among the transfers seen. The zero address is a
    hub. A wallet the user labelled as somebody's own (`owner`) stays a wallet whatever its degree.
    """
    counted = degrees(transfers)
    return measured(hubs_among(counted, labels, contracts, hub_degree), counted)


def hubs_among(
    degrees: pl.DataFrame, labels: pl.DataFrame, contracts: Collection[bytes], hub_degree: int
) -> pl.DataFrame:
    """List the hubs (`NAMED`) as `hubs` does, from `DEGREES`."""
    most = degrees.group_by("address").agg(pl.col("degree").max())
    owned = labels.filter(pl.col("kind") == "owner").select("address").unique()
    busy = most.filter(pl.col("degree") >= hub_degree).join(owned, on="address", how="anti")
    services = labels.filter(pl.col("kind").is_in(SERVICES))
    named = pl.concat(
        [
            services.select(
                "address", pl.concat_str(pl.lit("label:"), "kind").alias("reason"), pl.lit(0).alias("rank")
            ),
            pl.DataFrame({"address": sorted({*contracts, ZERO_ADDRESS})}, schema={"address": pl.Binary()}).with_columns(
                pl.lit("contract").alias("reason"), pl.lit(1).alias("rank")
            ),
            busy.select("address", pl.lit("degree").alias("reason"), pl.lit(2).alias("rank")),
        ]
    )
    first = named.sort("address", "rank", "reason").unique("address", keep="first", maintain_order=True)
    return first.select(NAMED.keys())


def measured(named: pl.DataFrame, degrees: pl.DataFrame) -> pl.DataFrame:
    """Add the degree on the busiest chain of `DEGREES`: `HUBS`, sorted by address."""
    most = degrees.group_by("address").agg(pl.col("degree").max())
    counted = named.join(most, on="address", how="left").with_columns(pl.col("degree").fill_null(0))
    return counted.select(pl.col(name).cast(kind) for name, kind in HUBS.items()).sort("address")
