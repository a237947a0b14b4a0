"""Wallets with one first funder: how close in time and how alike their first leases are."""

from __future__ import annotations

import polars as pl

from monitor.wallets.evidence import CAPS, LARGE, rarity_tenths

__all__ = ["siblings"]

_GROUP = ["chain_id", "funder"]
LEASE_SOON_SECONDS = 72 * 3600
FUNDED_TOGETHER_SECONDS = 24 * 3600
LEASED_TOGETHER_SECONDS = 72 * 3600
LEASED_ALIKE_SECONDS = 90 * 86_400


def _first_leases(leases: pl.DataFrame) -> pl.DataFrame:
    """Each renter's first lease: when, its transaction, what product, from whom."""
    opened = leases.filter(pl.col("opened_at").is_not_null() & pl.col("renter").is_not_null())
    return (
        opened.sort("chain_id", "renter", "opened_at", "open_block", "open_log_index", "market", "lease_id")
        .unique(["chain_id", "renter"], keep="first", maintain_order=True)
        .select(
            "chain_id",
            pl.col("renter").alias("address"),
            pl.col("opened_at").alias("leased_at"),
            pl.col("open_tx").alias("lease_tx"),
            pl.when(pl.col("gpu_model").is_not_null() & pl.col("gpu_count").is_not_null())
            .then(pl.concat_str("market", "gpu_model", pl.col("gpu_count").cast(pl.String()), separator="\x1f"))
            .alias("product"),
            "provider",
        )
    )


def _near(time: str, group: list[str], seconds: int) -> pl.Expr:
    """Whether another row of the group has `time` within `seconds`; rows must be sorted by group and `time`."""
    before = (pl.col(time) - pl.col(time).shift(1).over(group)) <= seconds
    after = (pl.col(time).shift(-1).over(group) - pl.col(time)) <= seconds
    return before.fill_null(False) | after.fill_null(False)


def _shares(first: pl.DataFrame, value: str) -> pl.DataFrame:
    """How many renters of a chain have each value of `value`, and of how many."""
    return first.filter(pl.col(value).is_not_null()).select(
        "chain_id",
        "address",
        pl.len().over("chain_id", value).cast(pl.Int64()).alias(f"{value}_having"),
        pl.len().over("chain_id").cast(pl.Int64()).alias(f"{value}_total"),
    )


def _alike(rows: pl.DataFrame, value: str) -> pl.Expr:
    """Rarity of `value` in tenths of a bit where a sibling leased alike within ninety days, else 0."""
    group = [*_GROUP, value]
    near = _near("leased_at", group, LEASED_ALIKE_SECONDS) & pl.col(value).is_not_null()
    order = rows.sort(*group, "leased_at", "address").select("chain_id", "address", near.alias(f"{value}_near"))
    joined = rows.join(order, on=["chain_id", "address"], how="left", maintain_order="left")
    hit = joined.get_column(f"{value}_near").fill_null(False)
    return pl.when(pl.lit(hit)).then(rarity_tenths(pl.col(f"{value}_having"), pl.col(f"{value}_total"))).otherwise(0)


def _machines(funders: pl.DataFrame, leases: pl.DataFrame) -> pl.DataFrame:
    """Rarity of the rarest machine a wallet and a sibling both leased: chain_id, address, machine (tenths of a bit)."""
    used = leases.filter(
        pl.col("opened_at").is_not_null() & pl.col("renter").is_not_null() & pl.col("machine_id").is_not_null()
    ).select("chain_id", "market", "machine_id", pl.col("renter").alias("address"))
    counted = used.unique().with_columns(
        pl.len().over("chain_id", "market", "machine_id").cast(pl.Int64()).alias("having"),
        pl.col("address").n_unique().over("chain_id").cast(pl.Int64()).alias("total"),
    )
    kin = counted.join(funders.select(*_GROUP, "address"), on=["chain_id", "address"], how="inner")
    shared = kin.filter(pl.len().over(*_GROUP, "market", "machine_id") > 1)
    return shared.group_by("chain_id", "address").agg(
        rarity_tenths(pl.col("having"), pl.col("total")).max().cast(pl.Int64()).alias("machine")
    )


def siblings(funders: pl.DataFrame, leases: pl.DataFrame) -> pl.DataFrame:
    """Judge each first-funded renter beside its siblings; `funders` must already be without hubs.

    Columns: those of `FUNDERS`, siblings (wallets of one funder, itself included), lease_tx, timing and market in
    tenths of a bit. Timing: leased within 72 h of being funded (2 bits), funded within 24 h of a sibling (1), leased
    within 72 h of a sibling (1). Market: the same product, provider and machine as a sibling, each by its rarity among
    all renters of the chain.
    """
    first = _first_leases(leases)
    known = funders.filter(pl.col("out_degree") <= LARGE).join(first, on=["chain_id", "address"], how="left")
    rows = (
        known.join(_shares(first, "product"), on=["chain_id", "address"], how="left")
        .join(_shares(first, "provider"), on=["chain_id", "address"], how="left")
        .join(_machines(known, leases), on=["chain_id", "address"], how="left")
        .with_columns(pl.len().over(_GROUP).cast(pl.Int64()).alias("siblings"))
    )
    together = rows.sort(*_GROUP, "at", "address").with_columns(
        _near("at", _GROUP, FUNDED_TOGETHER_SECONDS).alias("funded_near")
    )
    timed = together.sort(*_GROUP, "leased_at", "address", nulls_last=True).with_columns(
        _near("leased_at", _GROUP, LEASED_TOGETHER_SECONDS).alias("leased_near")
    )
    waited = pl.col("leased_at") - pl.col("at")
    soon = ((waited >= 0) & (waited <= LEASE_SOON_SECONDS)).fill_null(False)
    return timed.with_columns(
        (
            soon.cast(pl.Int64()) * 20
            + pl.col("funded_near").cast(pl.Int64()) * 10
            + pl.col("leased_near").cast(pl.Int64()) * 10
        ).alias("timing"),
        pl.min_horizontal(
            _alike(timed, "product") + _alike(timed, "provider") + pl.col("machine").fill_null(0), CAPS["market"]
        )
        .cast(pl.Int64())
        .alias("market"),
    ).sort(*_GROUP, "address")
