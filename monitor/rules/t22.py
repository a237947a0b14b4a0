"""T22: how much of a wallet's activity falls into one part of the day. Off, and never scored.

Hours are a proxy for where people live, so which hours they are is not even computed into the result: an analyst who
turns this on learns only whether a person or a machine seems to act.
"""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.measure import HOUR, MAX_POSITIONS
from monitor.rules.report import report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_DAY_HOURS = 24


def check(facts: Facts, params: Params) -> Outcome:
    """Measure per cluster the largest share of manual actions in any stretch of the day; never says which stretch."""
    acts = facts.lease_events.filter(pl.col("actor").is_not_null()).with_columns(
        pl.struct("chain_id", "block", "tx", "log_index").alias("position"),
        (pl.col("at") // HOUR % _DAY_HOURS).alias("hour"),
    )
    mine = acts.join(facts.clusters.rename({"address": "actor"}), on="actor", how="inner")
    tenants = facts.tenancies.select("cluster_id").unique()
    hourly = mine.join(tenants, on="cluster_id", how="semi").group_by("cluster_id", "hour").len()
    spread = pl.concat(
        [
            hourly.with_columns(((pl.col("hour") + shift) % _DAY_HOURS).alias("start"))
            for shift in range(params["stretch_hours"])
        ]
    )
    most = spread.group_by("cluster_id", "start").agg(pl.col("len").sum()).group_by("cluster_id").agg(
        pl.col("len").max().cast(pl.Int64()).alias("most")
    )  # fmt: skip
    rows = (
        mine.group_by("cluster_id")
        .agg(
            pl.len().cast(pl.Int64()).alias("actions"),
            pl.col("at").max(),
            pl.col("actor").sort().first().alias("subject"),
            pl.col("position").sort().head(MAX_POSITIONS).alias("positions"),
            pl.lit([], dtype=pl.List(pl.String())).first().alias("leases"),
        )
        .join(most, on="cluster_id", how="inner")
        .filter(pl.col("actions") >= params["min_actions"])
        .with_columns((pl.col("most") * 100 // pl.col("actions")).alias("share_percent"))
        .filter(pl.col("share_percent") >= params["min_share_percent"])
        .drop("most")
        .sort("cluster_id")
    )
    found = report(
        RULE,
        rows,
        summary="{share_percent} % of {actions} actions fall into one part of the day; never scored",
        threshold=(
            f">= {params['min_share_percent']} % of >= {params['min_actions']} actions within"
            f" {params['stretch_hours']} hours of the day"
        ),
    )
    return Outcome(found)


RULE = Rule(
    id="T22",
    version=1,
    title="Activity-hour profile",
    family="behaviour",
    role="off",
    max_points=0,
    pattern="A tenant's actions crowd into one part of the day. Shown to an analyst who asks, never scored.",
    parameters=(
        Parameter("stretch_hours", 8, "hours", "length of the part of the day", 1, 23),
        Parameter("min_actions", 50, "actions", "to say anything", 1, 10**6),
        Parameter("min_share_percent", 90, "percent", "of the actions in that part", 1, 100),
    ),
    lawful=("people sleep, and half the planet shares every part of the day",),
    guidance="none: hours are a proxy for nationality and are no evidence",
    blind_spots=("automation erases it", "it says nothing about where anybody is, and must not be used for that"),
    inputs=("times of lease events",),
    check=check,
)
