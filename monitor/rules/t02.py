"""T02: pre-arranged capacity: the tenant's money reached the provider before the hardware was offered."""

from __future__ import annotations

import polars as pl

from monitor.facts.inorder import under
from monitor.rules.facts import Facts
from monitor.rules.measure import DAY, MAX_POSITIONS, peaks
from monitor.rules.money import with_micro
from monitor.rules.report import evidence, quiet_chains, report, silent_markets
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_WHERE = ["chain_id", "provider"]
_BY_PAYER = "the money ahead came from a payer of the tenant's leases only, who may support provider and tenant alike"


def check(facts: Facts, params: Params) -> Outcome:
    """Judge who sent value to a provider before it offered its first machine, and leased from it afterwards."""
    offered = pl.col("at").filter(pl.col("verb") == "capacity.upsert").min()
    blind = (*quiet_chains(facts, "T02"), *silent_markets(facts, "T02", "capacity.upsert", "capacity"))
    begun = (
        facts.supply.filter(pl.col("provider").is_not_null() & pl.col("verb").str.ends_with(".upsert"))
        .group_by(_WHERE)
        .agg(pl.coalesce(offered, pl.col("at").min()).alias("begun"))
    )
    direct = _received(facts, begun.with_columns(pl.col("provider").alias("target"), pl.lit(1).alias("hops")), params)
    if direct.is_empty():
        return Outcome((), blind)
    further = direct.select(
        *_WHERE, pl.col("at").alias("begun"), pl.col("backer").alias("target"), pl.lit(2).alias("hops")
    )
    linked = _by_cluster(facts, pl.concat([direct, _received(facts, further, params), _behind(facts, direct)]))
    key = ["cluster_id", *_WHERE]
    money = linked.group_by(key).agg(
        pl.col("micro").sum().alias("sent_micro"),
        *(pl.col("hops").min(), pl.col("common").all()),
        pl.col("backer").unique().sort().alias("senders"),
        pl.col("at").max().alias("paid_at"),
        pl.col("position").unique().sort().head(MAX_POSITIONS // 2).alias("paid"),
    )
    leased = facts.tenancies.join(begun, on=_WHERE, how="inner").filter(pl.col("opened_at") >= pl.col("begun"))
    hits = (
        leased.group_by(key)
        .agg(*evidence(pl.col("begun").first()))
        .join(peaks(leased, key, params["min_h100e"] * 1000), on=key, how="inner")
        .join(money, on=key, how="inner")
    )
    rows = hits.sort(key).select(
        pl.col("provider").alias("subject"),
        *("cluster_id", "at", "leases", "sent_micro", "hops", "senders", "common"),
        pl.when("common").then(pl.lit(_BY_PAYER)).alias("caveat"),
        pl.concat_list("paid", "positions").alias("positions"),
        pl.col("chain_id").cast(pl.String()).alias("scope"),
        ((pl.col("begun") - pl.col("paid_at")) // DAY).alias("days_before"),
        pl.col("peak").alias("leased_milli"),
    )
    found = report(
        RULE,
        rows,
        summary="value reached the provider {days_before} d before its first machine, {leased} H100e leased from it",
        threshold=(
            f">= {params['min_usd']} USD, or the first gas, within {params['window_days']} d before the first machine,"
            f" at most 2 hops, then >= {params['min_h100e']} H100e leased"
        ),
    )
    return Outcome(found, blind)


def _received(facts: Facts, targets: pl.DataFrame, params: Params) -> pl.DataFrame:
    """List what each target got in the window before `begun` from no hub: large sums, or its first gas."""
    hub = facts.strangers.rename({"address": "sender"})
    first = facts.founders.filter(pl.col("kind") == "native").select(
        "chain_id", pl.col("address").alias("target"), "tx_hash", pl.lit(True).alias("first_gas")
    )
    near = (
        facts.moved(targets.rename({"target": "recipient"}), "recipient")
        .rename({"recipient": "target"})
        .join(targets, on=["chain_id", "target"], how="inner")
        .filter(pl.col("at").is_between(pl.col("begun") - params["window_days"] * DAY, pl.col("begun")))
        .join(hub, on="sender", how="anti")
        .join(first, on=["chain_id", "target", "tx_hash"], how="left")
    )
    valued = with_micro(near, facts.tokens)
    enough = (pl.col("micro") >= params["min_usd"] * 10**6).fill_null(False) | pl.col("first_gas").fill_null(False)
    return valued.filter(enough).select(
        *_WHERE, pl.col("sender").alias("backer"), "begun", "hops", "at", "position", "micro"
    )


def _behind(facts: Facts, direct: pl.DataFrame) -> pl.DataFrame:
    """Name who gave a provider its beginning over a wallet used once: of that wallet only its origin is known."""
    providers = direct.select("chain_id", pl.col("provider").alias("address")).unique()
    begun = under(facts.origins, providers).filter(pl.col("hops") == 2).select(  # noqa: PLR2004
        *("chain_id", pl.col("address").alias("provider"), "at", pl.col("origin").alias("further")),
        pl.col("positions").list.first().alias("step"),
    )  # fmt: skip
    through = direct.join(begun, on=[*_WHERE, "at"], how="inner")
    return through.with_columns(backer="further", position="step", hops=pl.lit(2)).select(direct.columns)


def _by_cluster(facts: Facts, backers: pl.DataFrame) -> pl.DataFrame:
    """Give each backer its cluster and those of wallets it first funded or pays for there, never the provider's own."""
    ours = backers.select("backer").unique()
    own = facts.homes(ours, "backer").join(ours, on="backer", how="semi")
    first = facts.founders.select(pl.col("funder").alias("backer"), "address")
    further = facts.origins.select(pl.col("origin").alias("backer"), "address")
    begun = pl.concat(each.join(ours, on="backer", how="semi") for each in (first, further))
    started = begun.join(facts.homes(begun, "address"), on="address", how="inner")
    known = pl.concat([own.select("backer", "cluster_id"), started.select("backer", "cluster_id")]).unique()
    provider = facts.homes(backers, "provider").rename({"cluster_id": "own"})
    there = [*_WHERE, "backer"]
    # who opened the leases is enough: deposits are read out of the events of all
    paid = facts.tenancies.rename({"payer": "backer"}).select(*there, "cluster_id")
    behind = backers.select(*there).unique()
    # whoever pays for others may hold a stake in the provider as well: a sign that sponsors show
    told = pl.concat(
        [
            behind.join(known, on="backer", how="inner").with_columns(common=False),
            paid.join(behind, on=there, how="semi").with_columns(common=True),
        ]
    )
    told = told.group_by(*there, "cluster_id").agg(pl.col("common").all())
    placed = backers.join(told, on=there, how="inner").join(provider, on="provider", how="left")
    return placed.filter(pl.col("cluster_id").ne_missing(pl.col("own")))


RULE = Rule(
    id="T02",
    version=4,
    title="Pre-arranged capacity",
    family="relation",
    role="core",
    max_points=30,
    pattern="A tenant, or whoever funds or pays for it, sent value to a provider before it offered its first machine.",
    parameters=(
        Parameter("min_usd", 1_000, "USD", "in one transfer", 1, 10**9),
        Parameter("window_days", 180, "days", "before the first machine was offered", 1, 3_650),
        Parameter("min_h100e", 8, "H100e", "the tenant then leases from the provider, at once", 1, 1_000_000),
    ),
    lawful=(
        "one investor may fund a provider and a tenant in the open",
        "customers prepay for capacity that is still to be built",
        "a sponsor may support a provider and its tenants: where it only pays for them, a common sign",
        "an exchange or bridge wallet nobody labelled looks like a common funder",
    ),
    guidance="BIS KYC guidance, 15 CFR 732 Supp. 3 (orders that do not fit the buyer's needs); press reports",
    blind_spots=(
        "a provider's transfers are seen only where the other side is a tenant, a payer or a funder of one",
        "payments through an exchange, a bridge or off chain are not seen",
        "native transfers count only as first gas, since they have no fixed dollar value",
    ),
    inputs=(
        "token and native transfers",
        "first funders",
        "payers of leases",
        "capacity offers",
        "hub labels",
        "clusters",
    ),
    check=check,
    scope="providers",
    ages=False,
)
