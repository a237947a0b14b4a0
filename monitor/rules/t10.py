"""T10: inference or token resale: many small payers, a stable share spent on leases. A tag, not an alert."""

from __future__ import annotations

import polars as pl

from monitor.model.schema import AMOUNT
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
    came = _came(facts, params["min_payers"], days)
    if came.is_empty():
        return Outcome((), quiet_chains(facts, "T10"))
    per = _windowed(came, days).group_by(_WINDOW)
    inflow = per.agg(
        pl.col("sender").n_unique().alias("payers"),
        pl.col("micro").median().cast(pl.Int64()).alias("median_micro"),
        pl.col("micro").cast(AMOUNT).sum().alias("inflow_micro"),
    ).filter((pl.col("payers") >= params["min_payers"]) & (pl.col("median_micro") < params["max_median_usd"] * 10**6))
    paid = facts.deposits.join(inflow.select("cluster_id").unique(), on="cluster_id", how="semi")
    spent = (
        _windowed(paid.filter(pl.col("micro").is_not_null()), days)
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
    )
    told = _windowed(came.join(hits, on="cluster_id", how="semi"), days).join(hits, on=_WINDOW, how="semi")
    shown = told.group_by("cluster_id").agg(
        pl.col("position").sort().head(MAX_POSITIONS).alias("positions"),
        pl.col("recipient").sort().first().alias("subject"),
        pl.col("at").max(),
    )
    hits = hits.join(shown, on="cluster_id", how="inner").sort("cluster_id").drop("window")
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


def _came(facts: Facts, least: int, seconds: int) -> pl.DataFrame:
    """List priced token transfers into tenant clusters from outside, where some window has at least so many."""
    mine = facts.clusters.join(facts.judged.select("cluster_id").unique(), on="cluster_id", how="semi")
    # so many payers are at least so many payments, and those are counted at once
    theirs = mine.rename({"address": "recipient"})
    paid = facts.payments(theirs, "recipient", "kind", "recipient", "at").filter(pl.col("kind") == "erc20")
    counted = paid.join(theirs, on="recipient", how="inner").group_by(
        "cluster_id", (pl.col("at") // (seconds // 2) * (seconds // 2)).alias("at")
    )
    halves = _windowed(counted.len(), seconds).group_by(_WINDOW)
    many = halves.agg(pl.col("len").sum().alias("payments")).filter(pl.col("payments") >= least)
    inside = mine.join(many, on="cluster_id", how="semi").rename({"address": "recipient"})
    own = inside.rename({"recipient": "sender", "cluster_id": "payer_cluster"})
    came = (
        facts.moved(inside, "recipient")
        .join(inside, on="recipient", how="inner")
        .filter(pl.col("kind") == "erc20")
        .join(own, on="sender", how="left")
        .filter(pl.col("cluster_id").ne_missing(pl.col("payer_cluster")))
        .select("chain_id", "token", "amount", "sender", "recipient", "cluster_id", "at", "position")
    )
    valued = with_micro(came, facts.tokens).filter(pl.col("micro").is_not_null())
    return valued.with_columns(pl.col("micro").cast(pl.Int64()))


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
    scope="tenants",
    hops=1,
    ages=False,
)
