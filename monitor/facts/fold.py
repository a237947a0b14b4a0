"""The columnar fold: rows of one lease key, in chain order, become one row of merged fields.

Verbs: `order.*` and `lease.*` of `../markets`. Fields that describe the lease (people, resource, region, price) take
the last value an event gave, so a patch may stand before the open it belongs to; money adds up; ends follow the last
word.
"""

from __future__ import annotations

import polars as pl

from monitor.facts.bounds import believable_amount, believable_count, believable_span, believable_time
from monitor.facts.inputs import LEASE_KEY, ordered
from monitor.model.schema import AMOUNT

__all__ = ["CLOSERS", "DEPOSITS", "KEY", "LEASE_VERBS", "fold", "lease_rows"]

KEY = list(LEASE_KEY)
DEPOSITS = ("lease.open", "lease.deposit", "lease.extend")
"""Verbs whose `amount` goes into escrow."""
CLOSERS = ("lease.close", "lease.slash")
_DESCRIBE = ("order.open", "order.update", "order.match", "lease.open", "lease.update", "lease.patch")
_PRICE = (*_DESCRIBE, "lease.rate")
_ENDS = (*_DESCRIBE, "lease.deposit", "lease.extend")
_SAYS = {
    "opens": ("lease.open",),
    "begins": ("order.open", "order.match", "lease.open"),
    "describes": _DESCRIBE,
    "prices": _PRICE,
    "pays": (*_PRICE, *DEPOSITS),
    "ends": _ENDS,
    "deposits": DEPOSITS,
    "tops_up": ("lease.deposit", "lease.extend"),
    "settles": ("lease.settle",),
    "refunds": ("lease.withdraw",),
    "matches": ("order.match",),
    "drops": ("order.close",),
    "closes": CLOSERS,
    "slashes": ("lease.slash",),
    "disputes": ("lease.dispute",),
    "finishes": (*CLOSERS, "order.close"),
}
"""What a row says, by its verb; each becomes a column of true and false."""
_AT = {
    "open_time": ("block_time", "opening"),
    "open_block": ("block_number", "opener"),
    "open_tx": ("tx_hash", "opener"),
    "open_log_index": ("log_index", "opener"),
    "settled_at": ("block_time", "settling"),
    "closed_at": ("block_time", "closing"),
    "order_closed_at": ("block_time", "dropping"),
}
"""What is taken of which row: a lease opened where it was opened, a mere order where the order was."""
LEASE_VERBS = tuple(sorted({verb for verbs in _SAYS.values() for verb in verbs}))


def lease_rows(events: pl.DataFrame) -> pl.DataFrame:
    """Pick the rows that belong to a lease or order, in chain order, numbers beyond belief as null, numbered `seq`."""
    picked = events.filter(pl.col("verb").is_in(LEASE_VERBS) & pl.col("lease_id").is_not_null())
    return (
        ordered(picked)
        .with_columns(
            believable_amount("amount"),
            believable_amount("price_amount"),
            believable_count("gpu_count"),
            pl.col("gpu_count").is_not_null().alias("count_said"),
            believable_time("start"),
            believable_time("planned_end"),
            believable_span("duration_seconds"),
            believable_span("extend_seconds"),
        )
        .with_row_index("seq")
    )


def fold(rows: pl.DataFrame) -> pl.DataFrame:
    """Fold `lease_rows` into one row per key that has an order or an open, in any order; columns as `LEASES` needs."""
    told = rows.with_columns(pl.col("verb").is_in(verbs).alias(name) for name, verbs in _SAYS.items())
    merged = (
        told.group_by(KEY)
        .agg(*_people(), *_resource(), *_price(), *_money(), *_time(), *_moments())
        .filter(pl.col("opener").is_not_null())
    )
    whole = (
        merged.join(_closings(told, merged), on=KEY, how="left")
        .join(_extensions(told, merged), on=KEY, how="left")
        .with_columns(pl.coalesce("opening", "opener").alias("opener"), pl.col("extended").fill_null(0))
    )
    return whole.with_columns(
        *(pl.lit(rows[name]).gather(pl.col(moment)).alias(alias) for alias, (name, moment) in _AT.items()),
        _status(),
        _close_reason(),
    )


def _first(column: str, says: str) -> pl.Expr:
    return pl.when(says).then(column).first(ignore_nulls=True)


def _last(column: str, says: str = "describes") -> pl.Expr:
    return pl.when(says).then(column).last(ignore_nulls=True)


def _total(name: str, says: str) -> pl.Expr:
    return pl.when(says).then("amount").sum().cast(AMOUNT).alias(name)


def _people() -> list[pl.Expr]:
    return [
        _last("order_id"),
        _last("parent_id"),
        pl.coalesce(_last("renter", "opens"), _last("renter")).alias("renter"),
        _last("payer").alias("payer_named"),
        _last("beneficiary"),
        _last("provider"),
        pl.when("tops_up").then(pl.coalesce("payer", "actor")).first(ignore_nulls=True).alias("depositor"),
    ]


def _resource() -> list[pl.Expr]:
    names = ("machine_id", "gpu_raw", "gpu_count", "region_raw", "region_provenance", "resource_provenance")
    return [*(_last(name) for name in names), pl.col("count_said").any()]


def _price() -> list[pl.Expr]:
    token = pl.coalesce(_last("price_token", "prices"), _last("token"), _last("token", "pays")).alias("price_token")
    return [*(_last(name, "prices") for name in ("price_amount", "price_per", "price_scale")), token]


def _money() -> list[pl.Expr]:
    return [
        _total("deposit_total", "deposits"),
        _total("settled_total", "settles"),
        _total("refunded_total", "refunds"),
    ]


def _time() -> list[pl.Expr]:
    return [
        _last("start"),
        _last("planned_end", "ends"),
        _first("planned_end", "describes").alias("first_end"),
        _last("duration_seconds"),
        pl.when(pl.col("ends") & pl.col("planned_end").is_not_null()).then("seq").max().alias("ended"),
    ]


def _moments() -> list[pl.Expr]:
    """Find the rows (`seq`) that count for place, time and state, and what else the state hangs on."""
    return [
        _first("seq", "opens").alias("opening"),
        _last("seq", "opens").alias("reopening"),
        _first("seq", "begins").alias("opener"),
        _last("seq", "settles").alias("settling"),
        _first("seq", "drops").alias("dropping"),
        _last("reason", "finishes"),
        _last("parts"),
        *(pl.col(name).any() for name in ("closes", "slashes", "disputes", "matches")),
    ]


def _closings(rows: pl.DataFrame, merged: pl.DataFrame) -> pl.DataFrame:
    """Find the row where each lease ends: a close of the whole, or of the last of its parts, each counted once.

    A lease that was opened again, as a stream between two accounts is, ends after its last opening.
    """
    closes = (
        rows.filter("closes")
        .select(*KEY, "seq", "part")
        .join(merged.select(*KEY, "parts", "reopening"), on=KEY, maintain_order="left")
    )
    whole = closes.filter(pl.col("part").is_null() & (pl.col("seq") > pl.col("reopening")).fill_null(value=True))
    parted = closes.filter(pl.col("part").is_not_null()).unique([*KEY, "part"], keep="first", maintain_order=True)
    last = parted.filter(pl.int_range(1, pl.len() + 1).over(KEY) == pl.col("parts"))
    return pl.concat([whole, last]).group_by(KEY).agg(pl.col("seq").min().alias("closing"))


def _extensions(rows: pl.DataFrame, merged: pl.DataFrame) -> pl.DataFrame:
    """Add up the seconds by which each lease was extended after the last word on its end."""
    extends = rows.filter(pl.col("verb") == "lease.extend").join(merged.select(*KEY, "ended"), on=KEY)
    later = extends.filter(pl.col("ended").is_null() | (pl.col("seq") > pl.col("ended")))
    return later.group_by(KEY).agg(pl.col("extend_seconds").sum().alias("extended"))


def _status() -> pl.Expr:
    return (
        pl.when(pl.col("closing").is_not_null())
        .then(pl.lit("closed"))
        .when("disputes")
        .then(pl.lit("disputed"))
        .when(pl.col("opening").is_not_null())
        .then(pl.lit("active"))
        .when(pl.col("dropping").is_not_null())
        .then(pl.lit("closed"))
        .when("matches")
        .then(pl.lit("matched"))
        .otherwise(pl.lit("ordered"))
        .alias("status")
    )


def _close_reason() -> pl.Expr:
    return (
        pl.when(pl.col("closes") & pl.col("closing").is_null())
        .then(None)
        .when("slashes")
        .then(pl.lit("slashed"))
        .otherwise("reason")
        .alias("close_reason")
    )
