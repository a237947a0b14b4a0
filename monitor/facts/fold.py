"""The columnar fold: rows of one lease key, in chain order, become one row of merged fields.

Verbs: `order.*` and `lease.*` of `../markets`. Fields that describe the lease (people, resource, region, price) take
the last value an event gave, so a patch may stand before the open it belongs to; money adds up; ends follow the last
word.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from monitor.facts.bounds import believable_amount, believable_count, believable_span, believable_time
from monitor.facts.inputs import LEASE_KEY, ordered
from monitor.model.schema import AMOUNT

__all__ = ["CLOSERS", "DEPOSITS", "KEY", "LEASE_VERBS", "fold", "lease_rows"]

KEY = list(LEASE_KEY)
DEPOSITS = ("lease.open", "lease.deposit", "lease.extend")
"""Verbs whose `amount` goes into escrow."""
CLOSERS = ("lease.close", "lease.slash")
_OPENERS = ("order.open", "order.match", "lease.open")
_DESCRIBE = ("order.open", "order.update", "order.match", "lease.open", "lease.update", "lease.patch")
_PRICE = (*_DESCRIBE, "lease.rate")
_ENDS = (*_DESCRIBE, "lease.deposit", "lease.extend")
LEASE_VERBS = (
    *_DESCRIBE,
    "order.close",
    "lease.rate",
    "lease.deposit",
    "lease.extend",
    "lease.settle",
    "lease.withdraw",
    "lease.dispute",
    *CLOSERS,
)


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
        .with_columns(
            (pl.col("seq") == pl.col("seq").filter(pl.col("verb").is_in(CLOSERS)).min().over([*KEY, "part"])).alias(
                "part_first"
            )
        )
    )


def _given(column: str, verbs: Sequence[str]) -> pl.Expr:
    return pl.col(column).filter(pl.col("verb").is_in(verbs)).drop_nulls()


def _last(column: str, verbs: Sequence[str] = _DESCRIBE) -> pl.Expr:
    return _given(column, verbs).last()


def _closing(column: str) -> pl.Expr:
    """Take a column where the lease ends: at a close of the whole, or of the last of its parts, each counted once.

    A lease that was opened again, as a stream between two accounts is, ends after its last opening.
    """
    closes = pl.col("verb").is_in(CLOSERS)
    reopened = pl.col("seq").filter(pl.col("verb") == "lease.open").max().fill_null(-1)
    whole = pl.col(column).filter(closes & pl.col("part").is_null() & (pl.col("seq") > reopened)).first()
    parted = pl.col(column).filter(closes & pl.col("part").is_not_null() & pl.col("part_first"))
    needed = _last("parts")
    by_part = pl.when((needed > 0) & (parted.len() >= needed)).then(parted.get(needed - 1, null_on_oob=True))
    return pl.min_horizontal(whole, by_part)


def _total(name: str, verbs: Sequence[str]) -> pl.Expr:
    return pl.col("amount").filter(pl.col("verb").is_in(verbs)).sum().cast(AMOUNT).alias(name)


def _has(*verbs: str) -> pl.Expr:
    return pl.col("verb").is_in(verbs).any()


def fold(rows: pl.DataFrame) -> pl.DataFrame:
    """Fold `lease_rows` into one row per key that has an order or an open; columns as `LEASES` needs, plus parts."""
    ends = rows.with_columns(
        pl.when(pl.col("verb").is_in(_ENDS) & pl.col("planned_end").is_not_null())
        .then(pl.col("seq"))
        .max()
        .over(KEY)
        .alias("end_seq")
    )
    return (
        ends.group_by(KEY)
        .agg(*_people(), *_resource(), *_price(), *_money(), *_time(), *_state(), *_place())
        .filter(pl.col("known"))
        .sort(KEY)
    )


def _people() -> list[pl.Expr]:
    opened = ("lease.open",)
    return [
        _last("order_id"),
        _last("parent_id"),
        pl.coalesce(_last("renter", opened), _last("renter")).alias("renter"),
        _last("payer").alias("payer_named"),
        _last("beneficiary"),
        _last("provider"),
        pl.coalesce("payer", "actor")
        .filter(pl.col("verb").is_in(("lease.deposit", "lease.extend")))
        .drop_nulls()
        .first()
        .alias("depositor"),
    ]


def _resource() -> list[pl.Expr]:
    names = ("machine_id", "gpu_raw", "gpu_count", "region_raw", "region_provenance", "resource_provenance")
    return [*(_last(name) for name in names), pl.col("count_said").any()]


def _price() -> list[pl.Expr]:
    paid = (*_PRICE, *DEPOSITS)
    return [
        _last("price_amount", _PRICE),
        _last("price_per", _PRICE),
        _last("price_scale", _PRICE),
        pl.coalesce(_last("price_token", _PRICE), _last("token", _DESCRIBE), _last("token", paid)).alias("price_token"),
    ]


def _money() -> list[pl.Expr]:
    return [
        _total("deposit_total", DEPOSITS),
        _total("settled_total", ("lease.settle",)),
        _total("refunded_total", ("lease.withdraw",)),
    ]


def _time() -> list[pl.Expr]:
    opened = pl.col("verb") == "lease.open"
    later = pl.col("end_seq").is_null() | (pl.col("seq") > pl.col("end_seq"))
    return [
        pl.col("block_time").filter(opened).first().alias("open_time"),
        _last("start"),
        _last("planned_end", _ENDS),
        _given("planned_end", _DESCRIBE).first().alias("first_end"),
        _last("duration_seconds"),
        pl.col("extend_seconds").filter((pl.col("verb") == "lease.extend") & later).sum().alias("extended"),
        pl.col("block_time").filter(pl.col("verb") == "lease.settle").last().alias("settled_at"),
        _closing("block_time").alias("closed_at"),
        pl.col("block_time").filter(pl.col("verb") == "order.close").first().alias("order_closed_at"),
    ]


def _state() -> list[pl.Expr]:
    return [
        _has(*_OPENERS).alias("known"),
        pl.when(_closing("seq").is_not_null())
        .then(pl.lit("closed"))
        .when(_has("lease.dispute"))
        .then(pl.lit("disputed"))
        .when(_has("lease.open"))
        .then(pl.lit("active"))
        .when(_has("order.close"))
        .then(pl.lit("closed"))
        .when(_has("order.match"))
        .then(pl.lit("matched"))
        .otherwise(pl.lit("ordered"))
        .alias("status"),
        pl.when(_has(*CLOSERS) & _closing("seq").is_null())
        .then(None)
        .when(_has("lease.slash"))
        .then(pl.lit("slashed"))
        .otherwise(_last("reason", (*CLOSERS, "order.close")))
        .alias("close_reason"),
    ]


def _place() -> list[pl.Expr]:
    """Where the lease opened; for a mere order, where the order did."""
    places = []
    for name, column in (("open_block", "block_number"), ("open_tx", "tx_hash"), ("open_log_index", "log_index")):
        lease = pl.col(column).filter(pl.col("verb") == "lease.open").first()
        order = pl.col(column).filter(pl.col("verb").is_in(_OPENERS)).first()
        places.append(pl.coalesce(lease, order).alias(name))
    return places
