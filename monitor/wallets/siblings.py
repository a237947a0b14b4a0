"""Wallets with one first funder: how close in time and how alike their first leases are.

What a wallet leases are its *traits*: product and provider of its first lease, and every machine. A trait says the more
the fewer renters of the chain have it (`rarity`).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from monitor.wallets.evidence import CAPS, LARGE, rarity_tenths

__all__ = ["RARITY", "TRAITS", "rarity", "siblings", "traits"]

TRAITS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "address": pl.Binary(),
    "what": pl.String(),
    "value": pl.Binary(),
}
"""`what` is product|provider|machine, or fees of a month (`monitor.wallets.fees`).

An empty `value` beside the others says that the wallet has any."""
RARITY: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "what": pl.String(),
    "value": pl.Binary(),
    "tenths": pl.Int64(),
}
"""What sharing a trait weighs, in tenths of a bit."""

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
            .cast(pl.Binary)
            .alias("product"),
            "provider",
        )
    )


def _near(rows: pl.DataFrame, group: list[str], time: str, seconds: int, name: str) -> pl.Series:
    """Say of each row whether another of its group has `time` within `seconds`; sorts these columns alone."""
    ordered = rows.select(pl.int_range(pl.len()).alias("row"), *group, time).sort(*group, time)
    same = pl.all_horizontal(pl.col(column).eq_missing(pl.col(column).shift(1)) for column in group)
    after = (same & (pl.col(time).diff() <= seconds)).fill_null(False)
    told = ordered.select("row", after | after.shift(-1, fill_value=False))
    near = np.empty(rows.height, np.bool_)
    near[told.to_series(0).to_numpy()] = told.to_series(1).to_numpy()
    return pl.Series(name, near)


def traits(leases: pl.DataFrame) -> pl.DataFrame:
    """List what each renter leases (`TRAITS`)."""
    first = _first_leases(leases)
    kept = [
        *(first.select("chain_id", "address", pl.lit(what).alias("what"), pl.col(what).cast(pl.Binary).alias("value"))
          for what in ("product", "provider")),
        _used(leases).with_columns(pl.lit("machine").alias("what")),
    ]  # fmt: skip
    named = pl.concat([frame.select(TRAITS.keys()) for frame in kept]).filter(pl.col("value") != b"").unique()
    some = named.select("chain_id", "address", "what", pl.lit(b"").alias("value")).unique()
    return pl.concat([named, some])


def rarity(traits: pl.DataFrame) -> pl.DataFrame:
    """Weigh each trait (`RARITY`) by how many of the renters that have any such trait have it."""
    counted = traits.group_by("chain_id", "what", "value").agg(pl.len().cast(pl.Int64()).alias("having"))
    total = counted.filter(pl.col("value") == b"").select("chain_id", "what", pl.col("having").alias("total"))
    weighed = counted.join(total, on=["chain_id", "what"], how="inner").with_columns(
        rarity_tenths(pl.col("having"), pl.col("total")).cast(pl.Int64()).alias("tenths")
    )
    return weighed.select(RARITY.keys())


def _used(leases: pl.DataFrame) -> pl.DataFrame:
    """List the machines each renter leased: chain_id, address, value."""
    machine = pl.concat_str("market", "machine_id", separator="\x1f").cast(pl.Binary).alias("value")
    opened = leases.filter(pl.col("opened_at").is_not_null() & pl.col("renter").is_not_null())
    return opened.select("chain_id", pl.col("renter").alias("address"), machine).drop_nulls("value").unique()


def _weight(rarity: pl.DataFrame, what: str) -> pl.DataFrame:
    mine = rarity.filter((pl.col("what") == what) & (pl.col("value") != b""))
    return mine.select("chain_id", pl.col("value").alias(what), pl.col("tenths").alias(f"{what}_tenths"))


def _alike(what: str) -> pl.Expr:
    """Weight of the trait in tenths of a bit where a sibling leased alike within ninety days, else 0."""
    hit = pl.col(f"{what}_near") & pl.col(what).is_not_null()
    return pl.when(hit).then(pl.col(f"{what}_tenths")).otherwise(0)


def _machines(funders: pl.DataFrame, leases: pl.DataFrame, rarity: pl.DataFrame) -> pl.DataFrame:
    """Weigh the rarest machine a wallet and a sibling both leased: chain_id, address, machine (tenths of a bit)."""
    used = _used(leases).rename({"value": "machine"})
    kin = used.join(funders.select(*_GROUP, "address"), on=["chain_id", "address"], how="inner")
    shared = kin.filter(pl.len().over(*_GROUP, "machine") > 1)
    weighed = shared.join(_weight(rarity, "machine"), on=["chain_id", "machine"], how="left")
    return weighed.group_by("chain_id", "address").agg(pl.col("machine_tenths").max().alias("machine"))


def siblings(funders: pl.DataFrame, leases: pl.DataFrame, rarity: pl.DataFrame) -> pl.DataFrame:
    """Judge each first-funded renter beside its siblings; `funders` must already be without hubs.

    Of `funders` whole groups must be given, of `leases` all of their wallets, of `rarity` (`RARITY`) what they have.

    Columns: those of `FUNDERS`, siblings (wallets of one funder, itself included), lease_tx, timing and market in
    tenths of a bit. Timing: leased within 72 h of being funded (2 bits), funded within 24 h of a sibling (1), leased
    within 72 h of a sibling (1). Market: the same product, provider and machine as a sibling, each by its rarity among
    all renters of the chain.
    """
    first = _first_leases(leases)
    known = funders.filter(pl.col("out_degree") <= LARGE).join(first, on=["chain_id", "address"], how="left")
    rows = (
        known.join(_weight(rarity, "product"), on=["chain_id", "product"], how="left")
        .join(_weight(rarity, "provider"), on=["chain_id", "provider"], how="left")
        .join(_machines(known, leases, rarity), on=["chain_id", "address"], how="left")
        .with_columns(pl.len().over(_GROUP).cast(pl.Int64()).alias("siblings"))
    )
    timed = rows.with_columns(
        _near(rows, _GROUP, "at", FUNDED_TOGETHER_SECONDS, "funded_near"),
        _near(rows, _GROUP, "leased_at", LEASED_TOGETHER_SECONDS, "leased_near"),
        _near(rows, [*_GROUP, "product"], "leased_at", LEASED_ALIKE_SECONDS, "product_near"),
        _near(rows, [*_GROUP, "provider"], "leased_at", LEASED_ALIKE_SECONDS, "provider_near"),
    )
    waited = pl.col("leased_at") - pl.col("at")
    soon = ((waited >= 0) & (waited <= LEASE_SOON_SECONDS)).fill_null(False)
    return timed.with_columns(
        (
            soon.cast(pl.Int64()) * 20
            + pl.col("funded_near").cast(pl.Int64()) * 10
            + pl.col("leased_near").cast(pl.Int64()) * 10
        ).alias("timing"),
        pl.min_horizontal(_alike("product") + _alike("provider") + pl.col("machine").fill_null(0), CAPS["market"])
        .cast(pl.Int64())
        .alias("market"),
    ).sort(*_GROUP, "address")
