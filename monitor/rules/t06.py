"""T06: lease money that came straight from a mixer, an instant swap, an OTC desk or a bridge."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.hops import further
from monitor.rules.measure import DAY, MAX_POSITIONS
from monitor.rules.money import with_micro
from monitor.rules.report import quiet_chains, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_SOURCES = ("mixer", "swap", "otc", "bridge")
_ASSET = ["chain_id", "kind", "token"]
_PURSE = ["cluster_id", "payer"]
_FLOW = [*_PURSE, *_ASSET]
_BRIDGE_POINTS = 5
_OTHERS = ("behaviour", "lease", "list", "location", "payment", "price", "relation", "timing")


def check(facts: Facts, params: Params) -> Outcome:
    """Judge, per tenant cluster or payer and kind of source, what arrived within two hops before a lease."""
    sources = facts.labels.filter(pl.col("kind").is_in(_SOURCES)).select(
        pl.col("address").alias("sender"), pl.col("kind").alias("source"), "label"
    )
    if sources.is_empty():
        return Outcome((), ("T06: not assessable: no label names a mixer, swap, OTC desk or bridge",))
    direct = (
        facts.moved(sources, "sender")
        .join(sources.unique("sender", keep="first"), on="sender", how="inner")
        .with_columns(pl.lit(1).alias("hops"), pl.col("position").alias("origin"))
    )
    open_ended = direct.join(facts.strangers.rename({"address": "recipient"}), on="recipient", how="anti")
    arrived = _before_leases(
        facts,
        pl.concat([direct, further(facts, open_ended, onward=True, seconds=params["hop_days"] * DAY)]),
        params,
    )
    parts = _shares(facts, arrived)
    enough = (pl.col("from_source_micro") >= params["min_usd"] * 10**6).fill_null(False)
    bridge = pl.col("source") == "bridge"
    rows = parts.filter(enough | (pl.col("share_percent") >= params["min_share_percent"])).sort(
        *_FLOW, "source"
    ).select(
        *("subject", "cluster_id", "at", "positions", "leases", "source", "labels", "hops"),
        *("from_source_micro", "share_percent"),
        pl.when(pl.col("payer").is_null()).then(pl.lit("cluster")).otherwise(pl.lit("payer")).alias("whose"),
        pl.concat_str(
            *("source", "chain_id", "kind", pl.col("token").bin.encode("hex").fill_null("")),
            pl.col("payer").bin.encode("hex"),
            separator=":",
            ignore_nulls=True,
        ).alias("scope"),
        pl.when(bridge).then(_BRIDGE_POINTS).otherwise(RULE.max_points).alias("points"),
        pl.when(bridge).then(pl.lit(list(_OTHERS), dtype=pl.List(pl.String()))).alias("needs"),
    )  # fmt: skip
    found = report(
        RULE,
        rows,
        summary="{share_percent} % of a {whose}'s inflow of an asset from a {source} within {hops} hops before a lease",
        threshold=(
            f">= {params['min_usd']} USD or >= {params['min_share_percent']} % of the inflow within"
            f" {params['before_days']} d before a lease; a bridge counts only beside another family"
        ),
    )
    return Outcome(found, quiet_chains(facts, "T06"))


def _before_leases(facts: Facts, moved: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Keep what reached a tenant or its payer shortly before a lease opened; adds cluster_id, payer, lease."""
    mine = moved.join(facts.purses.rename({"address": "recipient"}), on="recipient", how="inner")
    opened = facts.tenancies.select("cluster_id", "opened_at", "lease").sort("opened_at", "lease")
    near = mine.sort("at").join_asof(
        opened, left_on="at", right_on="opened_at", by="cluster_id", strategy="forward", check_sortedness=False
    )
    soon = (pl.col("opened_at") - pl.col("at")) <= params["before_days"] * DAY
    kept = near.filter(soon.fill_null(False)).sort(*_PURSE, "position", "source", "hops")
    return kept.unique([*_PURSE, "position", "source"], keep="first", maintain_order=True)


def _shares(facts: Facts, arrived: pl.DataFrame) -> pl.DataFrame:
    """Add up what arrived by purse, asset and kind of source, and which share of the purse's inflow of it that is."""
    mine = facts.purses.join(arrived, on=_PURSE, how="semi", nulls_equal=True).rename({"address": "recipient"})
    inbound = (
        facts.moved(mine, "recipient")
        .join(mine, on="recipient", how="inner")
        .group_by(_FLOW)
        .agg(pl.col("amount").sum().alias("inflow"))
    )
    return (
        with_micro(arrived, facts.tokens)
        .group_by(*_FLOW, "source")
        .agg(
            pl.col("amount").sum(),
            *(pl.col("micro").sum().alias("from_source_micro"), pl.col("hops").min(), pl.col("at").max()),
            pl.concat([pl.col("position"), pl.col("origin")]).unique().sort().head(MAX_POSITIONS).alias("positions"),
            pl.col("lease").unique().sort().alias("leases"),
            pl.col("recipient").sort().first().alias("subject"),
            pl.col("label").unique().sort().alias("labels"),
        )
        .join(inbound, on=_FLOW, how="inner", nulls_equal=True)
        .with_columns((pl.col("amount") * 100 // pl.col("inflow")).cast(pl.Int64()).alias("share_percent"))
    )


RULE = Rule(
    id="T06",
    version=2,
    title="Money straight from a mixer, swap, OTC desk or bridge",
    family="funding",
    role="core",
    max_points=20,
    pattern="What a tenant or payer leased with came within two hops from a labelled mixer, swap, desk or bridge.",
    parameters=(
        Parameter("min_usd", 500, "USD", "from one kind of source, per asset", 1, 10**9),
        Parameter(
            "min_share_percent", 10, "percent", "or this share of what the cluster or payer got of the asset", 1, 100
        ),
        Parameter("before_days", 30, "days", "a lease opens within this time after the money", 1, 3_650),
        Parameter("hop_days", 7, "days", "a middle wallet passes it on within this time", 0, 3_650),
    ),
    lawful=(
        "bridges are how people reach a chain: one alone scores nothing",
        "people use mixers for privacy",
        "labels may be wrong or old",
    ),
    guidance="FATF 2020 (mixing and tumbling); OFAC 2021 guidance for virtual currency (screening, risk indicators)",
    blind_spots=(
        "services without a label are not seen",
        "money that rests longer than the windows, or takes three hops, does not match",
        "native value has no dollars here and is judged by its share",
    ),
    inputs=("labels of services", "token and native transfers", "leases", "clusters"),
    check=check,
    scope="tenants",
    ages=False,
)
