"""T23: hopping across markets and chains: large leases in one venue after another, each left behind."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.measure import DAY, MAX_POSITIONS, peaks
from monitor.rules.report import evidence, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_VENUE = ["cluster_id", "market", "chain_id"]


def check(facts: Facts, params: Params) -> Outcome:
    """Judge the order in which a cluster entered and left its venues."""
    large = peaks(facts.tenancies, _VENUE).filter(pl.col("peak") >= params["min_h100e"] * 1000)
    stays = (
        facts.tenancies.join(large, on=_VENUE, how="inner")
        .group_by(_VENUE)
        .agg(
            *evidence(pl.col("held_until").max().alias("left"), pl.col("opened_at").min().alias("came")),
            pl.col("renter").sort().first().alias("subject"),
        )
        .sort("cluster_id", "came", "market", "chain_id")
        .with_columns(pl.col("came").shift(-1).over("cluster_id").alias("next"))
    )
    gone = pl.col("next").is_null() | (pl.col("left") <= pl.col("next") + params["overlap_days"] * DAY)
    hops = (
        stays.filter(gone)
        .rolling("came", period=f"{params['window_days'] * DAY}i", closed="both", group_by="cluster_id")
        .agg(
            pl.len().cast(pl.Int64()).alias("venues"),
            pl.col("market").unique().sort().alias("markets"),
            pl.col("leases").explode().unique().sort(),
            pl.col("positions").explode().unique().sort().head(MAX_POSITIONS),
            pl.col("at").max(),
            pl.col("subject").first(),
        )
        .filter(pl.col("venues") >= params["min_venues"])
        .sort("cluster_id", "came")
        .unique("cluster_id", keep="first", maintain_order=True)
        .drop("came")
    )
    found = report(
        RULE,
        hops,
        summary="large leases in {venues} markets or chains, one after another, each left for the next",
        threshold=(
            f">= {params['min_venues']} markets or chains entered within {params['window_days']} d with"
            f" >= {params['min_h100e']} H100e each, each left at most {params['overlap_days']} d after the next"
        ),
    )
    return Outcome(found)


RULE = Rule(
    id="T23",
    version=1,
    title="Hopping across markets and chains",
    family="lease",
    role="core",
    max_points=10,
    pattern="One cluster takes H100-class leases in several markets or chains in turn and leaves each behind.",
    parameters=(
        Parameter("min_venues", 3, "venues", "markets or chains entered", 2, 1_000),
        Parameter("window_days", 60, "days", "within which they are entered", 1, 3_650),
        Parameter("min_h100e", 8, "H100e", "held at once in each", 1, 10**7),
        Parameter("overlap_days", 7, "days", "a venue may still be held after the next began", 0, 365),
    ),
    lawful=("price shopping is normal", "a market that closes or runs dry sends its customers on"),
    guidance="FATF 2020 indicator on several venues: unverified",
    blind_spots=("different wallets per chain must be clustered to be seen", "markets that are not watched"),
    inputs=("leases of all markets and chains with H100e", "clusters over chains"),
    check=check,
)
