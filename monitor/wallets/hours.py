"""How long each lease was held and how many GPU-hours and H100e-hours that makes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import polars as pl

from monitor.facts.bounds import MAX_HELD_SECONDS
from monitor.model.schema import H100E

__all__ = ["h100e_hours", "held"]


def held(leases: pl.DataFrame, as_of: Mapping[int, int]) -> pl.DataFrame:
    """Add `held_until` to opened leases: the close, else the end they are paid for, at most `as_of` (seconds by chain).

    A lease with no known end is held until `as_of`. Leases that never opened fall away.
    """
    return _held(leases.lazy(), as_of).collect(engine="in-memory")


def _held(leases: pl.LazyFrame, as_of: Mapping[int, int]) -> pl.LazyFrame:
    chains, heads = (pl.Series(each, dtype=pl.Int64()) for each in (list(as_of), list(as_of.values())))
    now = pl.col("chain_id").replace_strict(chains, heads, default=None, return_dtype=pl.Int64())
    # without a head the newest thing known is the open itself
    limit = pl.coalesce(now, "opened_at")
    end = pl.min_horizontal(pl.coalesce("closed_at", "planned_end", "paid_until", limit), limit)
    opened = leases.filter(pl.col("opened_at").is_not_null())
    return opened.with_columns(pl.max_horizontal(end, "opened_at").alias("held_until"))


def h100e_hours(leases: pl.DataFrame, as_of: Mapping[int, int]) -> pl.DataFrame:
    """Measure each opened lease with a renter: `held` plus `gpu_hours` and `h100e_hours`.

    Both in thousandths, rounded down; 0 where the count or the size is unknown.
    """
    spans = _held(leases.lazy().filter(pl.col("renter").is_not_null()), as_of)
    seconds = (pl.col("held_until") - pl.col("opened_at")).clip(0, MAX_HELD_SECONDS)
    sizes = {"gpu_hours": pl.col("gpu_count").cast(pl.Int64()) * 1000, "h100e_hours": pl.col("h100e") * 1000}
    hours = [_hours(milli, seconds).alias(name) for name, milli in sizes.items()]
    return spans.with_columns(hours).collect(engine="in-memory")


def _hours(milli: pl.Expr, seconds: pl.Expr) -> pl.Expr:
    # at most 10^9 units of a thousandth times 3.2 * 10^8 seconds: fits Int64
    bounded = milli.fill_null(0).cast(pl.Int64()).clip(0, 10**9)
    hours = (bounded * seconds // 3600).cast(pl.Decimal(38, 0))
    return (hours.cast(H100E) * pl.lit(Decimal("0.001"))).cast(H100E)
