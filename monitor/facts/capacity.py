"""Machines on offer: `capacity.upsert` and `capacity.remove` → `CAPACITY`."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from monitor.facts.bounds import believable_count
from monitor.facts.inputs import ordered
from monitor.facts.regions import with_country
from monitor.model.schema import AMOUNT, CAPACITY, H100E, HARDWARE

__all__ = ["capacity"]

_KEY = ["market", "chain_id", "machine_id"]


def capacity(events: pl.DataFrame, hardware: pl.DataFrame) -> pl.DataFrame:
    """Fold capacity events into one `CAPACITY` row per machine, sorted by market, chain and machine.

    `since` = first offer of the current stay, `until` = the removal that ended it, null while on offer. The machine is
    `machine_id`, else the event's key. Fields take their last given value.
    """
    rows = ordered(events.filter(pl.col("verb").is_in(("capacity.upsert", "capacity.remove")))).with_columns(
        pl.coalesce("machine_id", "lease_id").alias("machine_id"),
        believable_count("gpu_count"),
        pl.col("gpu_count").is_not_null().alias("count_said"),
    )
    numbered = rows.filter(pl.col("machine_id").is_not_null()).with_row_index("seq")
    offered = pl.col("verb") == "capacity.upsert"
    removed = numbered.with_columns(pl.col("seq").filter(~offered).max().over(_KEY).alias("removed_seq"))
    last_offer = pl.col("seq").filter(offered).max()
    gone = pl.col("removed_seq").first() > last_offer
    before = pl.col("seq").filter(~offered & (pl.col("seq") < last_offer)).max()
    folded = (
        removed.filter(offered.any().over(_KEY))
        .group_by(_KEY)
        .agg(
            *(pl.col(name).drop_nulls().last() for name in ("provider", "gpu_raw", "gpu_count", "region_raw", "state")),
            pl.col("count_said").any(),
            pl.col("block_time").filter(offered & (before.is_null() | (pl.col("seq") > before))).first().alias("since"),
            pl.when(gone)
            .then(pl.col("block_time").filter(~offered & (pl.col("seq") > last_offer)).first())
            .alias("until"),
        )
    )
    known = hardware.select(HARDWARE.keys()).sort(HARDWARE.keys()).unique("gpu_raw", keep="first")
    at_least = pl.coalesce(believable_count("gpu_count_parsed"), pl.when(pl.col("gpu_model") != "").then(1))
    sized = folded.join(known, on="gpu_raw", how="left").with_columns(
        # A machine with a named GPU has at least one; a market that emits no count is never read upward. A count that
        # was emitted and cannot be true is no reason to believe in one.
        pl.coalesce("gpu_count", pl.when(~pl.col("count_said")).then(at_least)).cast(pl.Int64).alias("gpu_count"),
        pl.when(pl.col("gpu_model") != "").then(pl.col("gpu_model")).alias("gpu_model"),
    )
    each = pl.col("h100e_each")
    sane = (each >= pl.lit(Decimal(0), dtype=H100E)) & (each < pl.lit(Decimal(1000), dtype=H100E))
    full = with_country(
        sized.with_columns((pl.when(sane).then(each) * pl.col("gpu_count").cast(AMOUNT)).cast(H100E).alias("h100e"))
    )
    return full.select(pl.col(name).cast(kind) for name, kind in CAPACITY.items()).sort(_KEY)
