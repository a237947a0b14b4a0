"""T12: a training-class footprint: many whole nodes of one provider that start and end together."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.measure import HOUR, MAX_POSITIONS
from monitor.rules.report import evidence, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_KEY = ["cluster_id", "market", "chain_id", "provider", "gpu_model"]
_MINUTE = 60


def check(facts: Facts, params: Params) -> Outcome:
    """Find, per cluster, provider and model, the first stretch in which enough nodes start together."""
    per_node = params["gpus_per_node"]
    whole = facts.tenancies.filter(
        (pl.col("gpu_count") >= per_node) & pl.col("provider").is_not_null() & pl.col("gpu_model").is_not_null()
    ).with_columns((pl.col("gpu_count") // per_node).alias("nodes"))
    seconds = params["start_minutes"] * _MINUTE
    told = whole.join(_stretches(whole, seconds, params), on=_KEY, how="inner", nulls_equal=True).filter(
        pl.col("opened_at").is_between(pl.col("moment") - seconds, pl.col("moment"))
    )
    rows = (
        told.group_by(_KEY)
        .agg(
            *evidence(pl.col("nodes_started", "together").first(), pl.col("renter").sort().first().alias("subject")),
            (pl.col("milli").sum()).alias("size_milli"),
        )
        .sort(_KEY)
        .select(
            *("subject", "cluster_id", "at", "leases", "size_milli"),
            pl.col("positions").list.head(MAX_POSITIONS).alias("positions"),
            pl.col("nodes_started").alias("nodes"),
            pl.col("gpu_model").alias("model"),
            (pl.col("together") // HOUR).alias("hours"),
            pl.concat_str(*_KEY[1:3], pl.col("provider").bin.encode("hex"), "gpu_model", separator=":").alias("scope"),
        )
    )
    found = report(
        RULE,
        rows,
        summary="{nodes} nodes of {model} of one provider started within minutes and ran {hours} h together",
        threshold=(
            f">= {params['min_nodes']} nodes of {per_node} GPUs within {params['start_minutes']} min, together"
            f" >= {params['min_overlap_percent']} % of >= {params['min_hours']} h"
        ),
    )
    return Outcome(found)


def _stretches(whole: pl.DataFrame, seconds: int, params: Params) -> pl.DataFrame:
    """Find the first `seconds` of each key, up to `moment`, in which enough nodes start and then run together."""
    return (
        whole.sort(*_KEY, "opened_at")
        .rolling("opened_at", period=f"{seconds}i", closed="both", group_by=_KEY)
        .agg(
            pl.col("nodes").sum().alias("nodes_started"),
            pl.col("opened_at").alias("starts"),
            pl.col("held_until").alias("ends"),
        )
        .filter(pl.col("nodes_started") >= params["min_nodes"])
        .with_columns(
            (pl.col("ends").list.min() - pl.col("starts").list.max()).alias("together"),
            (pl.col("ends").list.max() - pl.col("starts").list.min()).alias("span"),
        )
        .filter(
            (pl.col("together") >= params["min_hours"] * HOUR)
            & (pl.col("together") * 100 >= pl.col("span") * params["min_overlap_percent"])
        )
        .unique(_KEY, keep="first", maintain_order=True)
        .rename({"opened_at": "moment"})
    )


RULE = Rule(
    id="T12",
    version=1,
    title="Training-class footprint",
    family="lease",
    role="multiplier",
    max_points=10,
    percent=110,
    pattern="Many whole nodes of one model at one provider start within minutes and run together for days.",
    parameters=(
        Parameter("min_nodes", 16, "nodes", "started together", 2, 100_000),
        Parameter("gpus_per_node", 8, "GPUs", "in a whole node", 1, 1_024),
        Parameter("start_minutes", 30, "minutes", "within which they start", 1, 10_080),
        Parameter("min_overlap_percent", 95, "percent", "of the time from first start to last end is shared", 1, 100),
        Parameter("min_hours", 72, "hours", "run together", 1, 8_760),
    ),
    lawful=("batch inference, rendering and benchmarks use many nodes at once",),
    guidance="BIS May 2025 policy statement (training), read through secondary sources; it says capacity, not purpose",
    blind_spots=("no market says which links stand between nodes", "a cluster built up over days does not match"),
    inputs=("leases with GPU count, provider and times", "clusters"),
    check=check,
    scope="tenants",
    hops=0,
)
