"""T16: a surge before a control takes effect."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.legal import RuleDate, rule_dates
from monitor.rules.measure import DAY, MAX_POSITIONS
from monitor.rules.report import per_cluster, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_STEP = 5 * DAY
"""Ten days begin every five, so that a rise of a few days is whole in one of them."""
_TEN = 2
"""Steps in ten days."""
_BASE, _PAUSE, _AHEAD = 9, 1, 6
"""Tens of days: nine that each is held against, one in between that the same rise may have begun in, and six before
the date."""
_LASTING = 3
"""Tens of days just before that show growth: whoever doubles over two of them quadruples over four."""
_REACH = (_BASE + _PAUSE + _AHEAD) * _TEN
_WINDOW = (_BASE + _PAUSE) * _TEN
"""Steps before the date that are looked at, and how many of these come before the sixty days."""


def check(facts: Facts, params: Params) -> Outcome:
    """Hold ten days in the window before a rule date against ninety days before them or it, and the market."""
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
    least = {"milli": params["min_h100e"] * 1000, "micro": params["min_usd"] * 10**6}
    kinds = [(_large(each, least[unit]), unit, least[unit]) for each, unit in ((size, "milli"), (money, "micro"))]
    threshold = (
        f"robust z >= {params['min_z']} and >= {params['min_peak_percent']} % of the highest ten days, against the 90 d"
        " before them or before the 60 d and the market's trend, within 60 d before a rule"
        f" date, >= {params['min_h100e']} H100e or >= {params['min_usd']} USD"
    )
    summaries = {
        "milli": "{ten_days} H100e opened in ten days, {expected} expected, before {rule} of {date}",
        "micro": "{ten_days_usd} USD prepaid in ten days, {expected_usd} expected, before {rule} of {date}",
    }
    told = [
        (unit, *_hits(facts, series, day, unit, least, params))
        for day in rule_dates()
        for series, unit, least in kinds
        if _in_reach(series, day, least)
    ]
    found = [
        finding
        for unit, hits, _ in told
        for finding in report(RULE, hits, summary=summaries[unit], threshold=threshold)
    ]
    return Outcome(tuple(found), close=frozenset().union(*(close for _, _, close in told)))


def _market(facts: Facts) -> pl.DataFrame:
    """Pick the days from which a surge before a rule date can be told."""
    span = _REACH * _STEP // DAY
    told = [pl.col("day").is_between(day.at // DAY - span, day.at // DAY, closed="left") for day in rule_dates()]
    return facts.daily.filter(pl.any_horizontal(pl.lit(False), *told))


def _large(series: pl.DataFrame, least: int) -> pl.DataFrame:
    """Leave out groups that never did enough."""
    return series.filter(pl.col("value").clip(0).sum().over("group") >= least)


def _in_reach(series: pl.DataFrame, day: RuleDate, least: int) -> bool:
    """Tell whether any group did enough in the days before a rule date that a surge would be in."""
    times, start = series.get_column("when"), day.at - _AHEAD * _TEN * _STEP
    first, last = times.min(), times.max()
    if not isinstance(first, int) or not isinstance(last, int) or last < start or first >= day.at:
        return False
    near = series.filter(pl.col("when").is_between(start, day.at, closed="left"))
    done = near.filter(pl.col("value") > 0).group_by("group").agg(pl.col("value").sum())
    return bool((done.get_column("value") >= least).any())


def _hits(
    facts: Facts, series: pl.DataFrame, day: RuleDate, unit: str, least: int, params: Params
) -> tuple[pl.DataFrame, frozenset[str]]:
    """Find surges, and the clusters that might have one in another market."""
    near = _tens(series, day, pl.col("value") > 0)
    daily = facts.daily.filter(pl.col("unit") == unit).with_columns((pl.col("day") * DAY).alias("when"))
    market = _tens(daily, day, pl.lit(True)).group_by("bin").agg(pl.col("all").sum())
    usual = _usual(near, market, least)
    # the market without the group in the same ten days, in percent of what it was; one that shrinks excuses nothing
    rest, before = pl.col("rest"), pl.col("rest_before") // pl.col("known")
    trend = pl.when(before > 0).then(rest * 100 // before.clip(1)).otherwise(100).clip(100, 10_000)
    # no trend is below 100 percent, so who does not surge at that surges at none
    large = _surging(usual.filter(pl.col("active") >= params["min_bins"]), pl.lit(100), params)
    close = near.join(large, on="group", how="semi").get_column("cluster_id")
    surged = (
        _surging(large, trend, params)
        .sort("group", "bin", "base")
        .unique("group", keep="first", maintain_order=True)
        .select("group", "bin", "most", "expected")
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
            pl.lit(f"{day.id}:{day.date}:{unit}").alias("scope"),
            pl.col("most").alias(f"ten_days_{unit}"),
            pl.col("expected").alias(f"expected_{unit}"),
            pl.lit(day.id).alias("rule"),
            pl.lit(day.date).alias("date"),
        )
    )
    return per_cluster(hits), frozenset(close)


def _surging(usual: pl.DataFrame, trend: pl.Expr, params: Params) -> pl.DataFrame:
    """Pick the ten days that stand out where the market came to `trend` percent of what it was; adds expected."""
    held = usual.with_columns(trend.alias("trend")).with_columns(
        (pl.col("median") * pl.col("trend") // 100).alias("expected")
    )
    noise = pl.max_horizontal(pl.col("mad") * pl.col("trend") // 100, pl.col("expected") // 10, 1)
    peak = params["min_peak_percent"]
    grown = pl.col("lasting") * pl.col("trend") // 100 * peak // 100 * peak // 100
    # 1.4826 * MAD stands for one standard deviation; of who pays in lumps it says nothing, so a lump must be passed
    return held.filter(
        ((pl.col("most") - pl.col("expected")) * 10_000 >= noise * params["min_z"] * 14_826)
        & (pl.col("most") * 100 >= pl.col("highest") * pl.col("trend") // 100 * peak)
        & ((pl.col("base") == pl.col("bin")) | (pl.col("most") >= grown))
    )


def _tens(series: pl.DataFrame, day: RuleDate, wanted: pl.Expr) -> pl.DataFrame:
    """Count what happened before a day in a step (`bin`) for the ten days that begin with it and for those it ends."""
    start = day.at - _REACH * _STEP
    told = series.filter((pl.col("when") >= start) & (pl.col("when") < day.at) & wanted).with_columns(
        ((pl.col("when") - start) // _STEP).alias("bin")
    )
    earlier = told.filter(pl.col("bin") > 0).with_columns(pl.col("bin") - 1)
    return pl.concat([told.filter(pl.col("bin") <= _REACH - _TEN), earlier])


def _past() -> pl.DataFrame:
    """Say which tens of days each of the window is held against: columns bin, base, then.

    Those just before it; and those before the window, which who buys twice in it has not raised.
    """
    ahead = range(_WINDOW, _REACH - _TEN + 1)
    back = range(_TEN * (1 + _PAUSE), _TEN * (_BASE + _PAUSE) + 1, _TEN)
    pairs = [(bin_, first, first - step) for bin_ in ahead for first in {bin_, _WINDOW} for step in back]
    return pl.DataFrame(pairs, schema={"bin": pl.Int64(), "base": pl.Int64(), "then": pl.Int64()}, orient="row")


def _usual(near: pl.DataFrame, market: pl.DataFrame, least: int) -> pl.DataFrame:
    """Hold each large ten days (group, bin, most) against nine ten days before (`base` says which), idle ones as 0.

    Adds active (how many were not idle), median, mad (median absolute deviation), highest, lasting (the third highest
    just before: two tens of days may have been a first purchase, three are growth), and what others did: rest
    in the same ten days, rest_before in those of the nine since the group's first (known: how many these are). Before
    that the market may have been younger, and its growth since then is no surge.
    """
    binned = near.group_by("group", "bin").agg(pl.col("value").sum())
    large = binned.filter((pl.col("bin") >= _WINDOW) & (pl.col("value") >= least)).rename({"value": "most"})
    key = ["group", "bin", "most", "base"]
    past = (
        large.join(_past(), on="bin", how="inner")
        .join(binned.rename({"bin": "then"}), on=["group", "then"], how="left")
        .join(market.rename({"bin": "then"}), on="then", how="left")
        .with_columns(pl.col("value", "all").fill_null(0))
        .with_columns(pl.col("value").median().over(key).cast(pl.Int64()).alias("median"))
    )
    active = pl.col("value") > 0
    since = pl.col("then") >= pl.col("then").filter(active).min()
    usual = past.group_by(key).agg(
        active.sum().alias("active"),
        pl.col("median").first(),
        (pl.col("value") - pl.col("median")).abs().median().cast(pl.Int64()).alias("mad"),
        pl.col("value").max().alias("highest"),
        pl.col("value").top_k(_LASTING).min().alias("lasting"),
        (pl.col("all") - pl.col("value")).clip(0).filter(since).sum().alias("rest_before"),
        since.sum().alias("known"),
    )
    rest = (pl.col("all").fill_null(0) - pl.col("most")).clip(0).alias("rest")
    lasting = pl.col("lasting").filter(pl.col("base") == pl.col("bin")).max().over("group", "bin")
    return usual.join(market, on="bin", how="left").with_columns(rest, lasting)


RULE = Rule(
    id="T16",
    version=5,
    title="Surge before a rule date",
    family="timing",
    role="core",
    max_points=10,
    pattern="A known tenant leases or prepays far more than usual in the sixty days before a control takes effect.",
    parameters=(
        Parameter("min_z", 4, "deviations", "robust, above the cluster's own median", 1, 1_000),
        Parameter("min_h100e", 64, "H100e", "opened in ten days", 1, 10**7),
        Parameter("min_usd", 50_000, "USD", "or paid into escrow in ten days", 1, 10**9),
        Parameter("min_peak_percent", 200, "percent", "of the largest of the nine ten days before", 100, 100_000),
        Parameter("min_bins", 3, "tens of days", "of the ninety before in which the tenant was active", 1, 9),
    ),
    lawful=(
        "price cuts, token incentives, a deadline for a model",
        "a surge of the whole market is subtracted, one of its own niche is not",
    ),
    guidance="press on stock-piling before October 2022 and on the H20 rush; no official text names the pattern",
    blind_spots=(
        "tenants without a past are not judged, nor who does no more than twice what its largest ten days held",
        "who grew as fast before is held for growing, also where it hurries at last",
        "a stock that is bought over weeks, in no ten days as much as the sizes above, is not noticed",
        "only dates of the legal file are known; drafts and rumours move markets too",
    ),
    inputs=("leases with H100e", "escrow deposits in dollars", "dates of the legal file", "clusters"),
    check=check,
    scope="tenants",
    hops=0,
    ages=False,
    market=_market,
)
