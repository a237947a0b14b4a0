"""T24: wallet rotation: a renter wallet retires and a new one of the same funder goes on at the same provider."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.measure import DAY, MAX_POSITIONS, peaks
from monitor.rules.report import evidence, quiet_chains, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_WALLET = ["chain_id", "renter"]
_LINE = ["chain_id", "funder", "provider"]


def check(facts: Facts, params: Params) -> Outcome:
    """Judge, per funder and provider, how often one wallet's last lease is followed by another's first."""
    begun = facts.origins.filter(pl.col("out_degree") < params["max_out_degree"]).select(
        "chain_id", pl.col("address").alias("renter"), pl.col("origin").alias("funder")
    )
    large = peaks(facts.tenancies, _WALLET, params["min_h100e"] * 1000)
    lives = (
        facts.tenancies.filter(pl.col("provider").is_not_null())
        .join(large.select(_WALLET), on=_WALLET, how="semi")
        .join(begun, on=_WALLET, how="inner")
        .with_columns(pl.col("held_until").max().over(_WALLET).alias("retired"))
        .group_by(*_LINE, "renter", "cluster_id", "retired")
        .agg(*evidence(pl.col("opened_at").min().alias("first")))
        .sort(*_LINE, "first", "renter")
        .with_columns((pl.col("first") - pl.col("retired").shift(1).over(_LINE)).alias("gap"))
    )
    soon = pl.col("gap").is_between(-params["overlap_hours"] * 3600, params["max_gap_days"] * DAY)
    lines = (
        lives.with_columns((soon | soon.shift(-1).over(_LINE)).fill_null(False).alias("rotating"))
        .filter("rotating")
        .group_by(_LINE)
        .agg(
            soon.sum().cast(pl.Int64()).alias("rotations"),
            pl.col("renter").n_unique().alias("wallets"),
            pl.col("leases").explode().unique().sort(),
            pl.col("positions").explode().unique().sort().head(MAX_POSITIONS),
            pl.col("at").max(),
            pl.col("cluster_id").unique().sort(),
        )
        .filter(pl.col("rotations") >= params["min_rotations"])
    )
    rows = (
        lines.explode("cluster_id", empty_as_null=True, keep_nulls=True)
        .sort("cluster_id", *_LINE)
        .with_columns(
            pl.concat_str("chain_id", pl.col("provider").bin.encode("hex"), separator=":").alias("scope"),
            pl.col("funder").alias("subject"),
        )
        .drop("chain_id", "funder")
    )
    found = report(
        RULE,
        rows,
        summary="{rotations} times a new wallet of one funder went on where another had stopped, at one provider",
        threshold=(
            f">= {params['min_rotations']} rotations of one funder's wallets at one provider, gap"
            f" <= {params['max_gap_days']} d, >= {params['min_h100e']} H100e each"
        ),
    )
    return Outcome(found, quiet_chains(facts, "T24"))


RULE = Rule(
    id="T24",
    version=1,
    title="Wallet rotation",
    family="funding",
    role="core",
    max_points=15,
    pattern="Again and again a renter wallet stops for good and a new one of the same funder leases where it stopped.",
    parameters=(
        Parameter("min_rotations", 2, "rotations", "one wallet after another", 1, 1_000),
        Parameter("max_gap_days", 7, "days", "between the last lease of one and the first of the next", 0, 365),
        Parameter("overlap_hours", 24, "hours", "the two may overlap", 0, 720),
        Parameter("min_h100e", 8, "H100e", "held at once by each wallet", 1, 10**7),
        Parameter("max_out_degree", 200, "wallets", "a funder that paid this many or more is a hub", 2, 10**6),
    ),
    lawful=("key hygiene", "frameworks that use one wallet per job"),
    guidance="FATF 2020 indicator on repeated new accounts: unverified",
    blind_spots=(
        "no event names the image or manifest that runs, so provider and funder must be the same",
        "wallets funded by different wallets or through a hub do not match",
    ),
    inputs=("leases with provider", "first funders", "hub labels"),
    check=check,
    scope="tenants",
    hops=0,
)
