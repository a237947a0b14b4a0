"""T16: a surge before a control takes effect."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.legal import RuleDate, rule_dates
from monitor.rules.measure import DAY, MAX_POSITIONS
from monitor.rules.report import per_cluster, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_BIN = 10 * DAY
_BASE, _AHEAD = 9, 6
"""Bins of ten days: ninety before the window, sixty in it."""


def check(facts: Facts, params: Params) -> Outcome:
    """Hold each cluster's window before each rule date against its own ninety days before, and against the market."""
    size = facts.together.select(
        "group",
        "cluster_id",
        pl.col("opened_at").alias("when"),
        pl.col("milli").alias("value"),
        "renter",
        "lease",
        "position",
    )
    paid = facts.deposits.join(facts.groups.rename({"address": "renter"}), on="renter", how="inner")
    money = paid.select(
        *("group", "cluster_id", pl.col("at").alias("when"), pl.col("micro").cast(pl.Int64()).alias("value")),
        *("renter", "lease", "position"),
    )
    kinds = ((size, "milli", params["min_h100e"] * 1000), (money, "micro", params["min_usd"] * 10**6))
    threshold = (
        f"robust z >= {params['min_z']} against the cluster's 90 d and the market's trend, within 60 d before a rule"
        f" date, >= {params['min_h100e']} H100e or >= {params['min_usd']} USD"
    )
    summaries = {
        "milli": "{ten_days} H100e opened in ten days, {expected} expected, before {rule} of {date}",
        "micro": "{ten_days_usd} USD prepaid in ten days, {expected_usd} expected, before {rule} of {date}",
    }
    found = [
        finding
        for day in rule_dates()
        for series, unit, least in kinds
        if _in_reach(series, day)
        for finding in report(
            RULE, _hits(series, day, unit, least, params), summary=summaries[unit], threshold=threshold
        )
    ]
    return Outcome(tuple(found))


def _in_reach(series: pl.DataFrame, day: RuleDate) -> bool:
    """Tell whether anything happened in the days before a rule date that a surge would be in."""
    return bool(series.select(pl.col("when").is_between(day.at - _AHEAD * _BIN, day.at, closed="left").any()).item())


def _hits(series: pl.DataFrame, day: RuleDate, unit: str, least: int, params: Params) -> pl.DataFrame:
    start = day.at - (_BASE + _AHEAD) * _BIN
    near = series.filter((pl.col("when") >= start) & (pl.col("when") < day.at) & (pl.col("value") > 0)).with_columns(
        ((pl.col("when") - start) // _BIN).alias("bin")
    )
    binned = near.group_by("group", "bin").agg(pl.col("value").sum())
    ahead = pl.col("bin") >= _BASE
    past = binned.filter(~ahead)
    active = past.group_by("group").agg(pl.col("value").sum().alias("base"), pl.len().alias("bins"))
    known = active.filter(pl.col("bins") >= params["min_bins"])
    usual = _usual(known, past)
    own = near.filter(pl.col("group") == pl.col("cluster_id"))
    market = own.group_by("bin").agg(pl.col("value").sum().alias("all"))
    window = (
        binned.filter(ahead)
        .join(market, on="bin", how="left")
        .with_columns((pl.col("all").fill_null(0) - pl.col("value")).clip(0).alias("rest"))
    )
    rest_before = (own.filter(~ahead).get_column("value").sum() - pl.col("base")).clip(0)
    # the market without the group in the same ten days, in percent of what it was; one that shrinks excuses nothing
    trend = pl.when(rest_before > 0).then(pl.col("rest") * 100 // (rest_before // _BASE).clip(1)).otherwise(100)
    expected = pl.col("median") * pl.col("trend") // 100
    noise = pl.max_horizontal(pl.col("mad") * pl.col("trend") // 100, expected // 10, pl.lit(1))
    surged = (
        window.filter(pl.col("value") >= least)
        .join(known, on="group", how="inner")
        .join(usual, on="group", how="inner")
        .with_columns(trend.clip(100, 10_000).alias("trend"))
        .with_columns(expected.alias("expected"), noise.alias("noise"))
        # 1.4826 * MAD stands for one standard deviation
        .filter((pl.col("value") - pl.col("expected")) * 10_000 >= pl.col("noise") * params["min_z"] * 14_826)
        .sort("group", "bin")
        .unique("group", keep="first", maintain_order=True)
        .select("group", "bin", pl.col("value").alias("most"), "expected")
    )
    told = near.join(surged, on=["group", "bin"], how="inner")
    hits = (
        told.group_by("group", "most", "expected")
        .agg(
            pl.col("cluster_id").unique().sort().alias("cluster_ids"),
            pl.col("renter").sort().first().alias("subject"),
            pl.col("when").max().alias("at"),
            pl.col("lease").unique().sort().alias("leases"),
            pl.col("position").unique().sort().head(MAX_POSITIONS).alias("positions"),
        )
        .sort("group")
        .select(
            *("subject", "group", "cluster_ids", "at", "leases", "positions"),
            pl.lit(f"{day.id}:{unit}").alias("scope"),
            pl.col("most").alias(f"ten_days_{unit}"),
            pl.col("expected").alias(f"expected_{unit}"),
            pl.lit(day.id).alias("rule"),
            pl.lit(day.date).alias("date"),
        )
    )
    return per_cluster(hits)


def _usual(known: pl.DataFrame, past: pl.DataFrame) -> pl.DataFrame:
    """Measure each cluster's ten days: cluster_id, median and mad (median absolute deviation), idle ones as 0."""
    bins = pl.DataFrame({"bin": range(_BASE)}, schema={"bin": pl.Int64()})
    grid = known.select("group").join(bins, how="cross").join(past, on=["group", "bin"], how="left")
    middle = grid.with_columns(pl.col("value").fill_null(0)).with_columns(
        pl.col("value").median().over("group").cast(pl.Int64()).alias("median")
    )
    return middle.group_by("group").agg(
        pl.col("median").first(), (pl.col("value") - pl.col("median")).abs().median().cast(pl.Int64()).alias("mad")
    )


RULE = Rule(
    id="T16",
    version=1,
    title="Surge before a rule date",
    family="timing",
    role="core",
    max_points=10,
    pattern="A known tenant leases or prepays far more than usual in the sixty days before a control takes effect.",
    parameters=(
        Parameter("min_z", 4, "deviations", "robust, above the cluster's own median", 1, 1_000),
        Parameter("min_h100e", 64, "H100e", "opened in ten days", 1, 10**7),
        Parameter("min_usd", 50_000, "USD", "or paid into escrow in ten days", 1, 10**9),
        Parameter("min_bins", 3, "tens of days", "of the ninety before in which the tenant was active", 1, 9),
    ),
    lawful=(
        "price cuts, token incentives, a deadline for a model",
        "a surge of the whole market is subtracted, one of its own niche is not",
    ),
    guidance="press on stock-piling before October 2022 and on the H20 rush; no official text names the pattern",
    blind_spots=(
        "tenants without a past are not judged",
        "only dates of the legal file are known; drafts and rumours move markets too",
    ),
    inputs=("leases with H100e", "escrow deposits in dollars", "dates of the legal file", "clusters"),
    check=check,
)
