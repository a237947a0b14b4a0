"""T23: hopping across markets and chains: large leases in one venue after another, each left behind."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.measure import DAY, MAX_POSITIONS, peaks
from monitor.rules.report import evidence, per_cluster, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_VENUE = ["group", "market", "chain_id"]


def check(facts: Facts, params: Params) -> Outcome:
    """Judge the order in which a cluster entered and left its venues."""
    gone = pl.col("next").is_null() | (pl.col("left") <= pl.col("next") + params["overlap_days"] * DAY)
    hops = (
        _stays(facts, params)
        .filter(gone)
        .rolling("came", period=f"{params['window_days'] * DAY}i", closed="both", group_by="group")
        .agg(
            pl.col("venue").n_unique().cast(pl.Int64()).alias("venues"),
            pl.col("market").unique().sort().alias("markets"),
            pl.col("leases").explode().unique().sort(),
            pl.col("positions").explode().unique().sort().head(MAX_POSITIONS),
            pl.col("at").max(),
            pl.col("subject").first(),
            pl.col("cluster_ids").explode().unique().sort(),
        )
        .filter(pl.col("venues") >= params["min_venues"])
        .sort("group", "came")
        .unique("group", keep="first", maintain_order=True)
        .drop("came")
    )
    found = report(
        RULE,
        per_cluster(hops),
        summary="large leases in {venues} markets or chains, one after another, each left for the next",
        threshold=(
            f">= {params['min_venues']} markets or chains entered within {params['window_days']} d with"
            f" >= {params['min_h100e']} H100e each, each left at most {params['overlap_days']} d after the next"
        ),
    )
    return Outcome(found)


def _stays(facts: Facts, params: Params) -> pl.DataFrame:
    """List the stays of groups that leased enough at enough venues, with when they came and left, and came to the next.

    A stay is a run of leases, in time, at one venue: who comes back begins another.
    """
    large = peaks(facts.together, _VENUE, params["min_h100e"] * 1000)
    venue = pl.concat_str("market", "chain_id", separator=":")
    enough = large.filter(pl.struct(_VENUE[1:]).n_unique().over("group") >= params["min_venues"])
    leased = (
        facts.together.join(enough, on=_VENUE, how="inner")
        .sort("group", "opened_at", "chain_id", "market", "open_block", "open_log_index", "lease_id")
        .with_columns(venue.alias("venue"))
        .with_columns((pl.col("venue") != pl.col("venue").shift(1).over("group")).fill_null(True).alias("moved"))
        .with_columns(pl.col("moved").cast(pl.Int64()).cum_sum().over("group").alias("stay"))
    )
    return (
        leased.group_by("group", "stay", "venue", "market")
        .agg(
            *evidence(pl.col("held_until").max().alias("left"), pl.col("opened_at").min().alias("came")),
            pl.col("renter").sort().first().alias("subject"),
            pl.col("cluster_id").unique().alias("cluster_ids"),
        )
        .sort("group", "stay")
        .with_columns(pl.col("came").shift(-1).over("group").alias("next"))
    )


RULE = Rule(
    id="T23",
    version=1,
    title="Hopping across markets and chains",
    family="lease",
    role="core",
    max_points=10,
    pattern="One cluster or hand takes H100-class leases in several markets or chains in turn and leaves each behind.",
    parameters=(
        Parameter("min_venues", 3, "venues", "markets or chains entered", 2, 1_000),
        Parameter("window_days", 60, "days", "within which they are entered", 1, 3_650),
        Parameter("min_h100e", 8, "H100e", "held at once in each", 1, 10**7),
        Parameter("overlap_days", 7, "days", "a venue may still be held after the next began", 0, 365),
    ),
    lawful=("price shopping is normal", "a market that closes or runs dry sends its customers on"),
    guidance="FATF 2020 indicator on several venues: unverified",
    blind_spots=("wallets per chain that neither a cluster nor one hand joins", "markets that are not watched"),
    inputs=("leases of all markets and chains with H100e", "clusters over chains"),
    check=check,
    scope="tenants",
    hops=0,
)
