"""T11: structuring: one need split so that each part stays below a review limit."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from math import comb

import polars as pl

from monitor.facts.inorder import under
from monitor.rules.cut import of_tenants
from monitor.rules.facts import Facts
from monitor.rules.measure import DAY, HOUR
from monitor.rules.report import evidence, per_cluster, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE", "tail"]

Sizes = Callable[[], pl.DataFrame]
"""Counts leases by market, chain_id and size."""
_KEY = ["group", "market", "chain_id"]
_MAX_SIZES = 2_000
"""Sizes of a market the exact test looks at; a larger market is scaled down in proportion."""


def check(facts: Facts, params: Params) -> Outcome:
    """Judge, per cluster, runs of leases just below the limit in escrow or in size."""
    found = [
        finding
        for limit, unit, sized in ((params["limit_usd"], "USD", _paid), (params["limit_h100e"], "H100e", _held))
        if limit
        for finding in report(
            RULE,
            _hits(*sized(facts, params), limit, unit, params),
            summary="{below} of {leases_opened} leases by {wallets} wallets at {providers} providers stayed just below"
            " {limit}, together {times_limit} times it",
            threshold=(
                f">= {params['min_wallets']} wallets or >= {params['min_providers']} providers within"
                f" {params['window_days']} d, each {params['low_percent']} to {params['high_percent']} % of the limit,"
                f" together >= {params['min_times']} times it, p < {params['max_p_permille']}/1000"
            ),
        )
    ]
    return Outcome(tuple(found))


def _paid(facts: Facts, _: Params) -> tuple[pl.DataFrame, Sizes]:
    """List leases with their escrow at opening as `size`, and how many of each size there are."""
    escrow = facts.deposits.group_by("lease").agg(pl.col("micro").filter(pl.col("verb") == "lease.open").sum())
    size = pl.col("micro").cast(pl.Int64()).alias("size")
    sized = facts.together.join(escrow, on="lease", how="left").with_columns(size)
    every = sized.filter(pl.col("group") == pl.col("cluster_id"))
    return sized, every.group_by("market", "chain_id", "size").len


def _held(facts: Facts, params: Params) -> tuple[pl.DataFrame, Sizes]:
    """List leases of tenants that have some near the limit, by H100e, and how many of each size there are."""
    low, high = (Decimal(milli) / 1000 for milli in _bounds(params["limit_h100e"] * 1000, params))
    sizes = facts.leases.select(pl.col("h100e").fill_null(0), pl.col("renter").alias("address"))
    near = sizes.filter(pl.col("h100e").is_between(low, high)).select("address").drop_nulls()
    theirs = under(facts.clusters, near).get_column("cluster_id")
    sized = of_tenants(facts, set(theirs)).together.with_columns(pl.col("milli").alias("size"))
    return sized, lambda: facts.sizes.rename({"milli": "size"})


def _bounds(limit: int, params: Params) -> tuple[int, int]:
    return limit * params["low_percent"] // 100, limit * params["high_percent"] // 100


def _hits(sized: pl.DataFrame, every: Sizes, limit: int, unit: str, params: Params) -> pl.DataFrame:
    scale = 10**6 if unit == "USD" else 1000
    near = pl.col("size").is_between(*_bounds(limit * scale, params)).alias("near")
    known = sized.filter(pl.col("size") > 0).with_columns(near)
    crossed = _crossed(known.filter("near"), limit * scale, params)
    if crossed.is_empty():
        return crossed
    whole = (
        every()
        .filter(pl.col("size") > 0)
        .group_by(_KEY[1:])
        .agg(pl.col("len").sum().alias("all"), pl.col("len").filter(near).sum().alias("all_near"))
    )
    stretch = known.join(crossed, on=_KEY, how="inner").filter(
        pl.col("opened_at").is_between(pl.col("crossed") - params["window_days"] * DAY, pl.col("crossed") + HOUR)
    )
    counted = (
        stretch.group_by(*_KEY, "wallets", "providers", "sum")
        .agg(
            *evidence(pl.col("renter").sort().first().alias("subject")),
            pl.col("cluster_id").unique().sort().alias("cluster_ids"),
            pl.len().cast(pl.Int64()).alias("leases_opened"),
            pl.col("near").sum().cast(pl.Int64()).alias("below"),
        )
        .join(whole, on=_KEY[1:], how="inner")
        .sort(_KEY)
    )
    chance = [tail(*row) for row in counted.select("all", "all_near", "leases_opened", "below").iter_rows()]
    rare = [each * 1000 < params["max_p_permille"] for each in chance]
    hits = counted.filter(pl.Series(rare, dtype=pl.Boolean())).select(
        *("subject", "group", "cluster_ids", "at", "positions", "leases"),
        *("wallets", "providers", "leases_opened", "below"),
        pl.lit(f"{limit} {unit}").alias("limit"),
        (pl.col("sum") // (limit * scale)).alias("times_limit"),
        pl.concat_str("market", "chain_id", pl.lit(unit), separator=":").alias("scope"),
    )
    return per_cluster(hits)


def _crossed(below: pl.DataFrame, limit: int, params: Params) -> pl.DataFrame:
    """Find when each group's leases in a market first came to enough in a window: crossed, wallets, providers, sum.

    The need is what a cluster opens in one stretch: windows end at each lease and the first that crosses is told.
    """
    rolled = (
        below.sort(*_KEY, "opened_at")
        .rolling("opened_at", period=f"{params['window_days'] * DAY}i", closed="both", group_by=_KEY)
        .agg(
            pl.col("renter").n_unique().alias("wallets"),
            pl.col("provider").n_unique().alias("providers"),
            pl.col("size").sum().alias("sum"),
        )
    )
    spread = (pl.col("wallets") >= params["min_wallets"]) | (pl.col("providers") >= params["min_providers"])
    return (
        rolled.filter(spread & (pl.col("sum") >= params["min_times"] * limit))
        .unique(_KEY, keep="first", maintain_order=True)
        .rename({"opened_at": "crossed"})
    )


def tail(everything: int, near: int, drawn: int, hit: int) -> Fraction:
    """Give the chance that `hit` or more of `drawn` sizes, shuffled out of `everything`, are among the `near` ones.

    It is the permutation test's p-value in closed form (hypergeometric tail), exact and without chance.
    """
    if drawn > _MAX_SIZES:
        near, everything, hit = (each * _MAX_SIZES // drawn for each in (near, everything, hit))
        drawn = _MAX_SIZES
    if everything > _MAX_SIZES:
        near, everything = max(hit, near * _MAX_SIZES // everything), max(_MAX_SIZES, drawn)
    drawn, hit = min(drawn, everything), min(hit, drawn)
    most = min(near, drawn)
    ways = sum(comb(near, n) * comb(everything - near, drawn - n) for n in range(hit, most + 1))
    return Fraction(ways, comb(everything, drawn))


RULE = Rule(
    id="T11",
    version=1,
    title="Structuring under a threshold",
    family="lease",
    role="core",
    max_points=25,
    pattern="One cluster or hand splits a need over wallets or providers so that each lease stays just below a limit.",
    parameters=(
        Parameter("limit_usd", 0, "USD", "escrow at opening that would be reviewed; 0 leaves it out", 0, 10**9),
        Parameter("limit_h100e", 8, "H100e", "lease size that rules look at; 0 leaves it out", 0, 10**6),
        Parameter("low_percent", 70, "percent", "of the limit, at least", 1, 100),
        Parameter("high_percent", 99, "percent", "of the limit, at most", 1, 100),
        Parameter("window_days", 14, "days", "the leases open within this time", 1, 365),
        Parameter("min_wallets", 5, "wallets", "that open them", 2, 10_000),
        Parameter("min_providers", 3, "providers", "or providers they go to", 2, 10_000),
        Parameter("min_times", 3, "limits", "they add up to", 2, 10_000),
        Parameter("max_p_permille", 10, "per mille", "chance that shuffled sizes look like that", 1, 1000),
    ),
    lawful=(
        "fragmented markets offer one to eight GPUs at a time",
        "people hunt spot prices, and spread jobs for safety",
    ),
    guidance="FATF 2020 (structuring, amounts below thresholds)",
    blind_spots=(
        "a market's own limits are not known: set `limit_usd` or `limit_h100e` to them",
        "parts far below the limit, or opened over weeks, do not match",
        "wallets that neither a cluster nor one hand joins are not added up",
    ),
    inputs=("escrow deposits in dollars", "leases with H100e", "clusters"),
    check=check,
)
