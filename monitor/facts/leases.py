"""The unified lease: decoded events → `LEASES`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import polars as pl

from monitor.facts.bounds import TIME_LIMIT, believable_count
from monitor.facts.fold import KEY, fold, lease_rows
from monitor.facts.inputs import TOKENS
from monitor.facts.money import seconds_paid, usd_per_gpu_hour
from monitor.facts.quotes import QUOTES, with_usd
from monitor.facts.regions import with_country
from monitor.model.schema import AMOUNT, H100E, HARDWARE, LEASES, empty

__all__ = ["leases"]

_H100E_EACH_LIMIT = Decimal(1000)

_FROM_ORDER = (
    *("renter", "payer_named", "beneficiary", "provider", "machine_id", "parent_id", "duration_seconds"),
    *("gpu_raw", "gpu_count", "region_raw", "region_provenance", "resource_provenance"),
    *("price_amount", "price_per", "price_scale", "price_token"),
)


def leases(
    events: pl.DataFrame,
    hardware: pl.DataFrame,
    tokens: pl.DataFrame,
    paid_until: Mapping[str, str],
    block_seconds: Mapping[int, Decimal],
    quotes: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Fold decoded events (`EVENTS`, any order) into one `LEASES` row per lease, sorted by market, chain and key.

    `hardware` has the columns of `HARDWARE`, `tokens` those of `TOKENS`, `quotes` (none by default) those of
    `QUOTES`: what floating tokens were worth. `paid_until` = rule by market: `stream` leases are paid to the last
    settlement (or the open) + balance / rate, a `job` to its deadline or its end, whichever came first, all others to
    their planned end; the close of a stream gives back what its balance still holds. `block_seconds` = seconds per
    block by chain. `payer` = the payer an open or patch names, else who deposited, else the renter. A lease past its
    end without a closing event stays `active`: the status is what the chain says.
    """
    folded = _inherit_order(fold(lease_rows(events)))
    priced = with_usd(_with_tokens(folded, tokens), empty(QUOTES) if quotes is None else quotes)
    timed = _with_times(priced, paid_until)
    described = with_country(_with_hardware(timed, hardware))
    dollars = usd_per_gpu_hour(described, "usd_per_gpu_hour", block_seconds).with_columns(
        pl.when(pl.col("usd_per_gpu_hour").is_not_null()).then("usd_basis").alias("usd_basis")
    )
    return dollars.select(pl.col(name).cast(kind) for name, kind in LEASES.items()).sort(KEY)


def _inherit_order(folded: pl.DataFrame) -> pl.DataFrame:
    """Give a lease what only its order said, and drop orders that live on under another key."""
    own = pl.col("order_id").is_not_null() & (pl.col("order_id") != pl.col("lease_id"))
    children = folded.filter(own & pl.col("open_time").is_not_null())
    if children.is_empty():
        return folded
    orders = folded.filter(pl.col("open_time").is_null()).select(
        *("market", "chain_id"),
        pl.col("lease_id").alias("order_id"),
        *(pl.col(name).alias(f"{name}_order") for name in (*_FROM_ORDER, "count_said")),
    )
    merged = children.join(orders, on=["market", "chain_id", "order_id"], how="left").with_columns(
        *(pl.coalesce(name, f"{name}_order").alias(name) for name in _FROM_ORDER),
        (pl.col("count_said") | pl.col("count_said_order").fill_null(False)).alias("count_said"),
    )
    rest = folded.join(children.select(KEY), on=KEY, how="anti")
    used = children.select("market", "chain_id", pl.col("order_id").alias("lease_id")).unique()
    opened = rest.filter(pl.col("open_time").is_not_null())
    free = rest.filter(pl.col("open_time").is_null()).join(used, on=KEY, how="anti")
    return pl.concat([opened, free, merged.select(folded.columns)])


def _with_tokens(folded: pl.DataFrame, tokens: pl.DataFrame) -> pl.DataFrame:
    known = tokens.select(TOKENS.keys()).sort(TOKENS.keys()).unique(["chain_id", "token"], keep="first")
    return folded.join(known.rename({"token": "price_token"}), on=["chain_id", "price_token"], how="left")


def _with_times(priced: pl.DataFrame, rules: Mapping[str, str]) -> pl.DataFrame:
    unopened = pl.col("open_time").is_null()
    opened = pl.coalesce("start", "open_time")
    begun = priced.with_columns(
        pl.when(pl.col("open_time").is_not_null()).then(opened).alias("opened_at"),
        pl.coalesce("payer_named", "depositor", "renter").alias("payer"),
        (pl.col("deposit_total") - pl.col("refunded_total") - pl.col("settled_total")).cast(AMOUNT).alias("balance"),
        pl.coalesce("closed_at", pl.when(unopened).then(pl.col("order_closed_at"))).alias("closed_at"),
    )
    ended = begun.with_columns(
        _clipped(
            pl.coalesce("planned_end", pl.col("opened_at") + pl.col("duration_seconds")) + pl.col("extended")
        ).alias("planned_end"),
        pl.coalesce(pl.col("first_end") - pl.col("opened_at"), "duration_seconds").alias("promised_seconds"),
    )
    paid = seconds_paid(ended, "seconds_paid")
    streamed = pl.coalesce("settled_at", "opened_at") + pl.col("seconds_paid")
    left = _ruled(rules, "stream") & pl.col("closed_at").is_not_null() & (pl.col("balance") > 0)
    returned = pl.when(left).then(pl.col("refunded_total") + pl.col("balance")).otherwise("refunded_total")
    return paid.with_columns(
        returned.cast(AMOUNT).alias("refunded_total"),
        pl.when(_ruled(rules, "stream"))
        .then(pl.when(streamed.is_not_null()).then(_clipped(pl.min_horizontal(streamed, "closed_at"))))
        .when(_ruled(rules, "job"))
        .then(pl.min_horizontal("planned_end", "closed_at"))
        .otherwise(pl.col("planned_end"))
        .alias("paid_until"),
    )


def _ruled(rules: Mapping[str, str], rule: str) -> pl.Expr:
    return pl.col("market").is_in(sorted(market for market, given in rules.items() if given == rule))


def _clipped(seconds: pl.Expr) -> pl.Expr:
    return pl.when(seconds < TIME_LIMIT).then(seconds)


def _with_hardware(timed: pl.DataFrame, hardware: pl.DataFrame) -> pl.DataFrame:
    known = hardware.select(HARDWARE.keys()).sort(HARDWARE.keys()).unique("gpu_raw", keep="first")
    at_least = pl.coalesce(believable_count("gpu_count_parsed"), pl.when(pl.col("gpu_model") != "").then(1))
    joined = timed.join(known, on="gpu_raw", how="left").with_columns(
        # A machine with a named GPU has at least one; a market that emits no count is never read upward. A count that
        # was emitted and cannot be true is no reason to believe in one.
        pl.coalesce("gpu_count", pl.when(~pl.col("count_said")).then(at_least)).cast(pl.Int64).alias("gpu_count"),
        pl.when(pl.col("gpu_model") != "").then(pl.col("gpu_model")).alias("gpu_model"),
    )
    return joined.with_columns(_size("h100e_each").alias("h100e"), _size("h100e_tpp_each").alias("h100e_tpp"))


def _size(column: str) -> pl.Expr:
    each = pl.col(column)
    sane = (each >= pl.lit(Decimal(0), dtype=H100E)) & (each < pl.lit(_H100E_EACH_LIMIT, dtype=H100E))
    return (pl.when(sane).then(each) * pl.col("gpu_count").cast(AMOUNT)).cast(H100E)
