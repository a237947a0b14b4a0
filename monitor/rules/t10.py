"""T10: inference or token resale: many small payers, a stable share spent on leases. A tag, not an alert."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.measure import DAY, MAX_POSITIONS
from monitor.rules.money import with_micro
from monitor.rules.report import quiet_chains, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_WINDOW = ["cluster_id", "window"]


def check(facts: Facts, params: Params) -> Outcome:
    """Judge, per tenant cluster and window, who paid it and how much of that went into leases."""
    days = params["window_days"] * DAY
    tenants = facts.tenancies.select("cluster_id").unique()
    mine = facts.clusters.join(tenants, on="cluster_id", how="semi")
    own = mine.rename({"address": "sender", "cluster_id": "payer_cluster"})
    came = (
        facts.moves.filter(pl.col("kind") == "erc20")
        .join(mine.rename({"address": "recipient"}), on="recipient", how="inner")
        .join(own, on="sender", how="left")
        .filter(pl.col("cluster_id").ne_missing(pl.col("payer_cluster")))
    )
    inflow = (
        _windowed(with_micro(came, facts.tokens).filter(pl.col("micro").is_not_null()), days)
        .group_by(_WINDOW)
        .agg(
            pl.col("sender").n_unique().alias("payers"),
            pl.col("micro").cast(pl.Int64()).median().cast(pl.Int64()).alias("median_micro"),
            pl.col("micro").sum().alias("inflow_micro"),
            pl.col("position").sort().head(MAX_POSITIONS).alias("positions"),
            pl.col("recipient").sort().first().alias("subject"),
            pl.col("at").max(),
        )
        .filter(
            (pl.col("payers") >= params["min_payers"]) & (pl.col("median_micro") < params["max_median_usd"] * 10**6)
        )
    )
    spent = (
        _windowed(facts.deposits.filter(pl.col("micro").is_not_null()), days)
        .group_by(_WINDOW)
        .agg(pl.col("micro").sum().alias("spent_micro"), pl.col("lease").unique().sort().alias("leases"))
    )
    share = (pl.col("spent_micro") * 100 // pl.col("inflow_micro")).cast(pl.Int64()).alias("spent_percent")
    hits = (
        inflow.join(spent, on=_WINDOW, how="inner")
        .with_columns(share)
        .filter(pl.col("spent_percent").is_between(params["min_spent_percent"], params["max_spent_percent"]))
        .sort(_WINDOW)
        .unique("cluster_id", keep="first", maintain_order=True)
        .drop("window")
    )
    found = report(
        RULE,
        hits,
        summary="{payers} payers of {median_usd} USD each in the middle; {spent_percent} % of it went into leases",
        threshold=(
            f">= {params['min_payers']} payers in {params['window_days']} d, median < {params['max_median_usd']} USD,"
            f" {params['min_spent_percent']} to {params['max_spent_percent']} % spent on leases"
        ),
    )
    return Outcome(found, quiet_chains(facts, "T10"))


def _windowed(frame: pl.DataFrame, seconds: int) -> pl.DataFrame:
    """Put each row into the two windows it falls into: one begins every half length."""
    half = seconds // 2
    number = pl.col("at") // half
    return pl.concat([frame.with_columns(number.alias("window")), frame.with_columns((number - 1).alias("window"))])


RULE = Rule(
    id="T10",
    version=1,
    title="Inference or token resale",
    family="relation",
    role="context",
    max_points=5,
    pattern="A tenant is paid small sums by very many wallets and spends a stable share of them on leases.",
    parameters=(
        Parameter("min_payers", 50, "wallets", "distinct payers in a window", 2, 1_000_000),
        Parameter("window_days", 30, "days", "windows begin every half of this", 2, 3_650),
        Parameter("max_median_usd", 100, "USD", "the payment in the middle is smaller", 1, 10**6),
        Parameter("min_spent_percent", 30, "percent", "of the inflow spent on leases", 1, 1_000),
        Parameter("max_spent_percent", 95, "percent", "of the inflow spent on leases", 1, 1_000),
    ),
    lawful=("this is the normal business of most AI start-ups: it tags a tenant and accuses nobody",),
    guidance="press report of model tokens bought through a local company; no official text names the pattern",
    blind_spots=("card payments and invoices are off chain", "a payment processor bundles many payers into one"),
    inputs=("token transfers to tenants", "escrow deposits", "clusters"),
    check=check,
)
