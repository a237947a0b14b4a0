"""What a GPU-hour usually costs: trailing medians of the indexed leases, per market, model and term."""

from __future__ import annotations

import polars as pl

__all__ = ["REFERENCE", "TERMS", "WEEK", "priced", "reference"]

WEEK = 7 * 86_400
_DAY = 86_400
_KEY = ["market", "chain_id", "gpu_model", "term"]
TERMS = (("hours", 1), ("days", 7), ("weeks", 30), ("months", 90))
"""Names of terms with the days they stay below; beyond is `long`, without a promised end `open`."""

REFERENCE: dict[str, pl.DataType] = {
    "market": pl.String(),
    "chain_id": pl.Int64(),
    "gpu_model": pl.String(),
    "term": pl.String(),
    "week": pl.Int64(),
    "median": pl.Int64(),
    "mad": pl.Int64(),
    "lower": pl.Int64(),
    "upper": pl.Int64(),
    "comparable": pl.Int64(),
}
"""`week` = weeks since the epoch the reference is for; `median`, `mad` (median absolute deviation), `lower` and `upper`
(quartiles) in millionths of a dollar per GPU-hour over the leases that opened in the weeks before it; `comparable` =
how many those are."""


def priced(leases: pl.DataFrame) -> pl.DataFrame:
    """Pick opened leases with a model and a dollar price; adds price (millionths per GPU-hour), term, week."""
    promised = pl.col("planned_end") - pl.col("opened_at")
    term = pl.lit("long")
    for name, days in reversed(TERMS):
        term = pl.when(promised < days * _DAY).then(pl.lit(name)).otherwise(term)
    return leases.filter(
        (pl.col("usd_per_gpu_hour") > 0) & pl.col("gpu_model").is_not_null() & pl.col("opened_at").is_not_null()
    ).with_columns(
        (pl.col("usd_per_gpu_hour") * 10**6).cast(pl.Int64(), strict=False).alias("price"),
        pl.when(promised.is_null()).then(pl.lit("open")).otherwise(term).alias("term"),
        (pl.col("opened_at") // WEEK).alias("week"),
    )


def reference(leases: pl.DataFrame, weeks: int) -> pl.DataFrame:
    """Compute `REFERENCE` from `priced` leases: each week's comes from the `weeks` before it, never from itself."""
    seen = leases.filter(pl.col("price").is_not_null()).select(*_KEY, "week", "price")
    ahead = pl.concat([seen.with_columns(pl.col("week") + step) for step in range(1, weeks + 1)])
    group = [*_KEY, "week"]
    asked = leases.select(group).unique()
    near = ahead.join(asked, on=group, how="semi").with_columns(
        pl.col("price").median().over(group).cast(pl.Int64()).alias("median")
    )
    found = near.group_by(group).agg(
        pl.col("median").first(),
        (pl.col("price") - pl.col("median")).abs().median().cast(pl.Int64()).alias("mad"),
        pl.col("price").quantile(0.25, "linear").cast(pl.Int64()).alias("lower"),
        pl.col("price").quantile(0.75, "linear").cast(pl.Int64()).alias("upper"),
        pl.len().cast(pl.Int64()).alias("comparable"),
    )
    return found.select(pl.col(name).cast(kind) for name, kind in REFERENCE.items()).sort(group)
