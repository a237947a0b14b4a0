"""T28: escrow anomalies: refunds to somebody who never paid, and deposits that come back again and again."""

from __future__ import annotations

import polars as pl

from monitor.facts.fold import KEY
from monitor.model.lead import Finding
from monitor.rules.facts import POSITION, Facts
from monitor.rules.measure import DAY, HOUR, MAX_POSITIONS
from monitor.rules.money import with_micro
from monitor.rules.report import report, silent_markets
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]


def check(facts: Facts, params: Params) -> Outcome:
    """Judge, per tenant cluster, who got refunds and how often leases were opened only to be cancelled."""
    about = facts.tenancies.select(
        *KEY, "cluster_id", "renter", "payer", "provider", "lease", "opened_at", "closed_at", "price_token"
    )
    back = (
        facts.lease_events.filter((pl.col("verb") == "lease.withdraw") & (pl.col("amount") > 0))
        .join(about, on=KEY, how="inner")
        .with_columns(pl.coalesce("token", "price_token").alias("token"), pl.struct(POSITION).alias("position"))
    )
    refunds = with_micro(back, facts.tokens).filter(pl.col("micro").is_not_null())
    blind = silent_markets(facts, "T28", "lease.withdraw.beneficiary", "recipient of refunds")
    if refunds.is_empty():
        return Outcome((), blind)
    return Outcome((*_elsewhere(facts, refunds, params), *_cycles(facts, refunds, params)), blind)


def _elsewhere(facts: Facts, refunds: pl.DataFrame, params: Params) -> tuple[Finding, ...]:
    """Add up refunds to wallets outside the cluster that put nothing into the lease."""
    paid = facts.deposits.select(*KEY, pl.col("payer").alias("recipient")).unique()
    own = facts.clusters.rename({"address": "recipient", "cluster_id": "theirs"})
    outside = (
        refunds.filter(pl.col("recipient").is_not_null())
        .join(paid, on=[*KEY, "recipient"], how="anti")
        .join(facts.strangers.rename({"address": "recipient"}), on="recipient", how="anti")
        .join(own, on="recipient", how="left")
        .filter(
            pl.col("theirs").ne_missing(pl.col("cluster_id"))
            & pl.col("recipient").ne_missing(pl.col("payer"))
            & pl.col("recipient").ne_missing(pl.col("provider"))
        )
    )
    rows = (
        outside.group_by("cluster_id")
        .agg(
            pl.col("renter").sort().first().alias("subject"),
            pl.col("recipient").unique().sort().alias("recipients"),
            pl.col("micro").sum().alias("refunded_micro"),
            *_told(),
        )
        .filter(pl.col("refunded_micro") >= params["min_usd"] * 10**6)
        .sort("cluster_id")
        .with_columns(pl.lit("elsewhere").alias("scope"))
    )
    return report(
        RULE,
        rows,
        summary="{refunded_usd} USD refunded to wallets that paid nothing in",
        threshold=f">= {params['min_usd']} USD refunded to others than payer and cluster",
    )


def _cycles(facts: Facts, refunds: pl.DataFrame, params: Params) -> tuple[Finding, ...]:
    """Find leases closed soon after they opened with nearly all escrow back, several within a week."""
    put = facts.deposits.group_by("lease").agg(pl.col("micro").sum().alias("put"))
    soon = (
        refunds.filter(pl.col("closed_at") - pl.col("opened_at") <= params["cancel_hours"] * HOUR)
        .group_by("cluster_id", "lease", "opened_at", "renter")
        .agg(pl.col("micro").sum().alias("got"), pl.col("at").max().alias("back_at"), pl.col("position"))
        .join(put, on="lease", how="inner")
        .filter((pl.col("put") > 0) & (pl.col("got") * 100 >= pl.col("put") * params["min_back_percent"]))
        .sort("cluster_id", "opened_at", "lease")
    )
    rows = (
        soon.rolling("opened_at", period=f"{params['window_days'] * DAY}i", closed="both", group_by="cluster_id")
        .agg(
            pl.len().cast(pl.Int64()).alias("cycles"),
            pl.col("got").sum().alias("returned_micro"),
            pl.col("renter").sort().first().alias("subject"),
            pl.col("back_at").max().alias("at"),
            pl.col("lease").unique().sort().alias("leases"),
            pl.col("position").explode().unique().sort().head(MAX_POSITIONS).alias("positions"),
        )
        .filter((pl.col("cycles") >= params["min_cycles"]) & (pl.col("returned_micro") >= params["min_usd"] * 10**6))
        .sort("cluster_id", "opened_at")
        .unique("cluster_id", keep="first", maintain_order=True)
        .drop("opened_at")
        .with_columns(pl.lit("cycles").alias("scope"))
    )
    return report(
        RULE,
        rows,
        summary="{cycles} leases opened and cancelled within a week, {returned_usd} USD back",
        threshold=(
            f">= {params['min_cycles']} times in {params['window_days']} d cancelled within {params['cancel_hours']} h,"
            f" >= {params['min_back_percent']} % back, >= {params['min_usd']} USD together"
        ),
    )


def _told() -> list[pl.Expr]:
    return [
        pl.col("at").max(),
        pl.col("lease").unique().sort().alias("leases"),
        pl.col("position").unique().sort().head(MAX_POSITIONS).alias("positions"),
    ]


RULE = Rule(
    id="T28",
    version=1,
    title="Escrow anomalies",
    family="payment",
    role="core",
    max_points=15,
    pattern="Refunds of a lease go to a wallet that paid nothing in, or deposits are made and cancelled in a row.",
    parameters=(
        Parameter("min_usd", 1_000, "USD", "refunded elsewhere, or returned by the cycles", 1, 10**9),
        Parameter("min_cycles", 3, "leases", "opened and cancelled", 2, 1_000),
        Parameter("window_days", 7, "days", "within which they open", 1, 365),
        Parameter("cancel_hours", 24, "hours", "from opening to closing", 1, 720),
        Parameter("min_back_percent", 90, "percent", "of the escrow that comes back", 1, 100),
    ),
    lawful=("failed deployments are cancelled at once", "a market that moves to a new contract refunds everybody"),
    guidance="FATF 2020 on refunds to third parties: unverified",
    blind_spots=(
        "markets whose refunds name no recipient cannot be assessed",
        "money that goes back to the payer and on from there does not match",
        "repeated tiny top-ups are not looked at: streams are paid that way",
    ),
    inputs=("refunds with recipient", "escrow deposits in dollars", "closings", "clusters"),
    check=check,
    scope="tenants",
    hops=0,
    ages=False,
)
