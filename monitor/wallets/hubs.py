"""Hubs: wallets that deal with so many others that sharing one says nothing about ownership."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import polars as pl

from monitor.model.schema import empty
from monitor.wallets.labels import SERVICES
from monitor.wallets.numbers import ascending, firsts, paired, turned

__all__ = ["DEGREES", "HUBS", "NAMED", "ZERO_ADDRESS", "a_side", "degrees", "hubs", "hubs_among", "measured"]

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
_SIDES, _LEAST = 8, 10


def a_side(hub_degree: int) -> int:
    """Say how many only give to a service, and how many it gives to: an eighth of `hub_degree` each, and ten at least.

    People are paid by few or pay few; exchanges, desks and processors take from a crowd and give to another one.
    """
    return max(hub_degree // _SIDES, _LEAST)


def degrees(transfers: pl.DataFrame) -> pl.DataFrame:
    """Count distinct counterparties per chain and address (`DEGREES`), sorted.

    Only transfers that moved something count; a wallet is not its own counterparty.
    """
    moved = transfers.lazy().filter(
        (pl.col("amount") > 0) & pl.col("recipient").is_not_null() & (pl.col("sender") != pl.col("recipient"))
    )
    pairs = moved.select("chain_id", "sender", "recipient").collect()
    chains = pairs.get_column("chain_id").unique().sort()
    return pl.concat([empty(DEGREES), *(_of_chain(pairs, chain_id) for chain_id in chains)])


def _of_chain(pairs: pl.DataFrame, chain_id: int) -> pl.DataFrame:
    """Count in numbers: two in one word are a twentieth of what rows of two addresses take while they are compared."""
    pairs = pairs.filter(pl.col("chain_id") == chain_id)
    ends = [pairs.get_column(name).alias("address") for name in ("sender", "recipient")]
    wallets = pl.concat(each.unique() for each in ends).unique().sort().to_frame().with_row_index("number")
    sender, recipient = (
        each.to_frame().join(wallets, on="address", how="left", maintain_order="left").get_column("number").to_numpy()
        for each in ends
    )
    sent = ascending(paired(sender, recipient))
    both = ascending(np.concatenate([sent, turned(sent)]))
    degree, out_degree = (np.bincount(firsts(each), minlength=wallets.height) for each in (both, sent))
    counted = wallets.select(
        pl.lit(chain_id).alias("chain_id"), "address", pl.Series("degree", degree), pl.Series("out_degree", out_degree)
    )
    return counted.select(pl.col(name).cast(kind) for name, kind in DEGREES.items())


def hubs(degrees: pl.DataFrame, labels: pl.DataFrame, contracts: Collection[bytes], hub_degree: int) -> pl.DataFrame:
    """List the hubs (`HUBS`) by `DEGREES`, sorted by address: service labels, market and token contracts, busy wallets.

    A wallet is busy with `hub_degree` or more distinct counterparties among the transfers seen, or with fewer where it
    stands between two crowds (`a_side`). The zero address is a hub. A wallet the user labelled as somebody's own
    (`owner`) stays a wallet whatever its degree.
    """
    return measured(hubs_among(degrees, labels, contracts, hub_degree), degrees)


def hubs_among(
    degrees: pl.DataFrame, labels: pl.DataFrame, contracts: Collection[bytes], hub_degree: int
) -> pl.DataFrame:
    """List the hubs (`NAMED`) as `hubs` does, from `DEGREES`."""
    owned = labels.filter(pl.col("kind") == "owner").select("address").unique()
    side, givers = a_side(hub_degree), pl.col("degree") - pl.col("out_degree")
    between = (pl.col("out_degree") >= side) & (givers >= side)
    many = degrees.filter((pl.col("degree") >= hub_degree) | between).select("address").unique()
    busy = many.join(owned, on="address", how="anti")
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
