"""T01: capacity that was built and serves one customer."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts, milli_of
from monitor.rules.measure import DAY, HOUR, MAX_POSITIONS, peaks
from monitor.rules.report import evidence, per_cluster, report, silent_markets
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_PROVIDER = ["market", "chain_id", "provider"]


def check(facts: Facts, params: Params) -> Outcome:
    """Judge each large new provider by who took its first months."""
    built = _built(facts, params)
    days = params["window_days"] * DAY
    own = pl.col("group") == pl.col("cluster_id")
    early = (
        facts.together.join(built, on=_PROVIDER, how="inner")
        .filter((pl.col("opened_at") >= pl.col("since")) & (pl.col("opened_at") < pl.col("since") + days))
        .with_columns((pl.min_horizontal("held_until", pl.col("since") + days) - pl.col("opened_at")).alias("seconds"))
        .with_columns((pl.col("milli") * pl.col("seconds") // HOUR).alias("hours"))
        .with_columns(pl.col("hours").filter(own).sum().over(_PROVIDER).alias("all_hours"))
        .with_columns(pl.col("opened_at").min().over(_PROVIDER).alias("first_lease"))
    )
    key = [*_PROVIDER, "group"]
    others = early.filter(pl.col("cluster_id").ne_missing(pl.col("provider_cluster")))
    shares = others.group_by(key).agg(
        *evidence(pl.col("hours").sum(), pl.col("all_hours", "first_lease", "capacity", "since", "built").first()),
        pl.col("cluster_id").unique().sort().alias("cluster_ids"),
    )
    hits = shares.join(peaks(others, key), on=key, how="left").filter(
        (pl.col("first_lease") - pl.col("since") <= params["first_lease_days"] * DAY)
        & (pl.col("hours") * 100 >= pl.col("all_hours") * params["min_share_percent"])
        & (pl.col("peak") * 100 >= pl.col("capacity") * params["min_fill_percent"])
    )
    rows = hits.sort(key).select(
        pl.col("provider").alias("subject"),
        *("group", "cluster_ids", "at", "leases"),
        pl.concat_list("positions", "built").alias("positions"),
        pl.concat_str("market", "chain_id", pl.col("provider").bin.encode("hex"), separator=":").alias("scope"),
        (pl.col("hours") * 100 // pl.col("all_hours")).alias("share_percent"),
        pl.col("capacity").alias("capacity_milli"),
        pl.col("peak").alias("held_milli"),
        ((pl.col("first_lease") - pl.col("since")) // DAY).alias("days_to_first_lease"),
    )
    found = report(
        RULE,
        per_cluster(rows),
        summary="a new provider of {capacity} H100e was leased after {days_to_first_lease} d, {share_percent} % to one"
        " tenant",
        threshold=(
            f"capacity >= {params['min_capacity_h100e']} H100e, first lease within {params['first_lease_days']} d, one"
            f" tenant with >= {params['min_share_percent']} % of the H100e-hours of {params['window_days']} d and"
            f" >= {params['min_fill_percent']} % of the capacity at once"
        ),
    )
    return Outcome(found, silent_markets(facts, "T01", "capacity.upsert", "capacity"))


def _built(facts: Facts, params: Params) -> pl.DataFrame:
    """List large new providers: what they offered within the building time, since when, and where that stands."""
    offered = facts.capacity.filter(pl.col("provider").is_not_null() & pl.col("since").is_not_null()).with_columns(
        milli_of("h100e").alias("milli"), pl.col("since").min().over(_PROVIDER).alias("begun")
    )
    soon = pl.col("begun") + params["build_days"] * DAY
    sized = (
        offered.filter(pl.col("since") <= soon)
        .group_by(_PROVIDER)
        .agg(pl.col("milli").sum().alias("capacity"), pl.col("begun").first().alias("since"))
        .filter(pl.col("capacity") >= params["min_capacity_h100e"] * 1000)
    )
    shown = facts.supply.filter(pl.col("verb") == "capacity.upsert").with_columns(
        pl.struct("chain_id", "block", "tx", "log_index").alias("position")
    )
    placed = shown.group_by(_PROVIDER).agg(pl.col("position").head(MAX_POSITIONS // 2).alias("built"))
    return sized.join(placed, on=_PROVIDER, how="inner")


RULE = Rule(
    id="T01",
    version=2,
    title="Dedicated cluster for one customer",
    family="lease",
    role="core",
    max_points=25,
    pattern="A provider offers large capacity, is leased soon after, and one tenant or hand takes nearly all of it.",
    parameters=(
        Parameter("min_capacity_h100e", 64, "H100e", "offered within the building time", 1, 10_000_000),
        Parameter("build_days", 30, "days", "machines added this long after the first count", 0, 3_650),
        Parameter("first_lease_days", 30, "days", "the first lease starts within this time", 0, 3_650),
        Parameter("window_days", 90, "days", "after the first machine, in which shares are measured", 1, 3_650),
        Parameter("min_share_percent", 80, "percent", "of the H100e-hours leased in that time", 1, 100),
        Parameter("min_fill_percent", 50, "percent", "of the capacity held by the tenant at once", 1, 100),
    ),
    lawful=(
        "small new providers often live from one anchor customer",
        "enterprise clouds reserve whole sites for one client",
        "some markets lease whole nodes only",
    ),
    guidance=(
        "BIS May 2025 papers on IaaS (operators should know who uses their clusters), read through secondary sources;"
        " press reports of clusters built with one customer in mind"
    ),
    blind_spots=(
        "capacity that no event offers is not seen",
        "a tenant spread over wallets that neither a cluster nor one hand joins has small shares",
        "an existing provider that builds for one customer does not match",
    ),
    inputs=("capacity offers", "leases with provider and GPU model", "clusters"),
    check=check,
    scope="providers",
    hops=0,
)
