"""Who to watch: the wallets of renters, payers and beneficiaries, and of providers when asked."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

__all__ = ["PEOPLE", "joined", "people"]

PEOPLE: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "address": pl.Binary(),
    "role": pl.String(),
    "first_block": pl.Int64(),
    "last_block": pl.Int64(),
    "first_at": pl.Int64(),
    "last_at": pl.Int64(),
}
"""`first_block`, `last_block` = blocks and `first_at`, `last_at` = block seconds of the oldest and newest event."""

_ADDRESS = 20
_ZERO = bytes(_ADDRESS)
_DEPOSITS = ("lease.deposit", "lease.extend")


def people(events: pl.DataFrame, *, providers: bool = False) -> pl.DataFrame:
    """List every wallet with a role in a lease (`PEOPLE`), sorted; zero and malformed addresses are no wallets.

    Roles: renter, payer, beneficiary and, when asked, provider. Whoever tops a lease up or extends it is a payer.
    """
    about = events.filter(pl.col("verb").str.starts_with("lease.") | pl.col("verb").str.starts_with("order."))
    roles = ["renter", "payer", "beneficiary", *(["provider"] if providers else [])]
    frames = [about.select(*_WHERE, pl.col(role).alias("address"), pl.lit(role).alias("role")) for role in roles]
    topped = about.filter(pl.col("verb").is_in(_DEPOSITS) & pl.col("payer").is_null())
    frames.append(topped.select(*_WHERE, pl.col("actor").alias("address"), pl.lit("payer").alias("role")))
    if providers:
        offered = events.filter(pl.col("verb").str.contains(r"^(?:provider|capacity)\."))
        frames.append(offered.select(*_WHERE, pl.col("provider").alias("address"), pl.lit("provider").alias("role")))
    seen = pl.concat(frames).filter((pl.col("address").bin.size() == _ADDRESS) & (pl.col("address") != _ZERO))
    block, at = pl.col("block_number"), pl.col("block_time")
    spans = (block.alias("first_block"), block.alias("last_block"), at.alias("first_at"), at.alias("last_at"))
    return joined([seen.select("chain_id", "address", "role", *spans)])


def joined(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Put `PEOPLE` of several stretches of a history together, sorted."""
    first, last = pl.col("first_block", "first_at").min(), pl.col("last_block", "last_at").max()
    spans = pl.concat(parts).group_by("chain_id", "address", "role").agg(first, last)
    return spans.select(list(PEOPLE)).sort("chain_id", "address", "role")


_WHERE = ("chain_id", "block_number", "block_time")
