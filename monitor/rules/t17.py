"""T17: pooling of sub-threshold chips into something of H100 class."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.measure import peaks
from monitor.rules.report import evidence, per_cluster, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_KEY = ["group", "market", "chain_id", "provider"]


def check(facts: Facts, params: Params) -> Outcome:
    """Measure, per cluster and provider, how many small chips are held at once."""
    small = facts.together.filter(
        (pl.col("milli") > 0)
        & (pl.col("milli") * 100 < pl.col("gpu_count") * 1000 * params["max_chip_percent"])
        & pl.col("provider").is_not_null()
    )
    pooled = peaks(small, _KEY, params["min_h100e"] * 1000)
    rows = (
        small.join(pooled, on=_KEY, how="inner")
        .group_by(_KEY)
        .agg(
            *evidence(pl.col("peak").first().alias("held_milli"), pl.col("gpu_model").unique().sort().alias("models")),
            pl.col("renter").sort().first().alias("subject"),
            pl.col("cluster_id").unique().sort().alias("cluster_ids"),
        )
        .sort(_KEY)
        .with_columns(
            pl.concat_str("market", "chain_id", pl.col("provider").bin.encode("hex"), separator=":").alias("scope")
        )
        .drop("market", "chain_id", "provider")
    )
    found = report(
        RULE,
        per_cluster(rows),
        summary="{held} H100e at one provider, put together from {models}",
        threshold=(
            f">= {params['min_h100e']} H100e at once from chips below {params['max_chip_percent']} % of an H100 each"
        ),
    )
    return Outcome(found)


RULE = Rule(
    id="T17",
    version=1,
    title="Pooling of sub-threshold chips",
    family="hardware",
    role="multiplier",
    max_points=10,
    percent=110,
    pattern="A cluster or hand holds, at one provider and at once, small chips that add up to H100-class capacity.",
    parameters=(
        Parameter("min_h100e", 64, "H100e", "held at once", 1, 10**7),
        Parameter("max_chip_percent", 50, "percent", "of an H100, each chip less than", 1, 100),
    ),
    lawful=("rendering and hobby inference: consumer fleets are the bulk of these markets",),
    guidance="press and a paper on training with gaming cards; licence terms of their makers are out of scope",
    blind_spots=("chips of unknown size are not counted", "the links between chips are not known"),
    inputs=("leases with GPU model and count", "clusters"),
    check=check,
    scope="tenants",
    hops=0,
    ages=False,
)
