"""One hop further: what a middle wallet passed on, or what it had been given before it paid."""

from __future__ import annotations

import polars as pl

from monitor.model.schema import TRANSFERS
from monitor.rules.facts import Facts

__all__ = ["further"]


def further(facts: Facts, near: pl.DataFrame, *, onward: bool, seconds: int) -> pl.DataFrame:
    """Follow `near` transfers by one hop through their middle wallet; rows as `near`, with `hops` 2.

    `onward`: the middle wallet is the recipient and the money goes on; else it is the sender and the money had come to
    it before. Each transfer of the middle wallet is matched with the nearest one of `near` in the same asset within
    `seconds`, so that a flood of dust makes no flood of pairs. The smaller of both amounts counts. Rows of `near` are
    `Facts.moved` with `origin` (the near transfer's position), `hops` and whatever else describes the source.
    """
    middle, end = ("recipient", "sender") if onward else ("sender", "recipient")
    token = pl.col("token").bin.encode("hex").fill_null("")
    asset = pl.concat_str("chain_id", "kind", token, separator=":").alias("asset")
    own = {*TRANSFERS, "at", "position", "hops"}
    told = [name for name in near.columns if name not in own]
    when, much = pl.col("at").alias("near_at"), pl.col("amount").alias("near_amount")
    known = near.select(asset, pl.col(middle).alias(end), when, much, *told).sort("near_at", "origin")
    moved = facts.moved(known.select(end).unique(), end).with_columns(asset).sort("at", "position")
    matched = moved.join_asof(
        known,
        left_on="at",
        right_on="near_at",
        by=["asset", end],
        strategy="backward" if onward else "forward",
        tolerance=seconds,
        check_sortedness=False,
    )
    return (
        matched.filter(pl.col("near_at").is_not_null())
        .with_columns(pl.lit(2).alias("hops"), pl.min_horizontal("amount", "near_amount").alias("amount"))
        .select(near.columns)
    )
