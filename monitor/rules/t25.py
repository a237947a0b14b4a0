"""T25: a provider that was once a miner. A tag without points."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.measure import MAX_POSITIONS
from monitor.rules.report import at_providers, report
from monitor.rules.rule import Outcome, Params, Rule

__all__ = ["RULE"]


def check(facts: Facts, params: Params) -> Outcome:  # noqa: ARG001 - every rule is asked alike
    """Tag providers that labelled mining pools paid."""
    pools = facts.labels.filter(pl.col("kind") == "mining").select(pl.col("address").alias("sender"), "label")
    if pools.is_empty():
        return Outcome((), ("T25: not assessable: no label names a mining pool",))
    providers = facts.supply.select("chain_id", pl.col("provider").alias("recipient")).drop_nulls().unique()
    paid = (
        facts.moved(pools, "sender")
        .join(pools.unique("sender", keep="first"), on="sender", how="inner")
        .join(providers, on=["chain_id", "recipient"], how="semi")
        .group_by("chain_id", pl.col("recipient").alias("provider"))
        .agg(
            pl.len().cast(pl.Int64()).alias("payouts"),
            pl.col("label").unique().sort().alias("pools"),
            pl.col("at").max(),
            pl.col("position").sort().head(MAX_POSITIONS).alias("positions"),
        )
    )
    rows = (
        at_providers(facts, paid)
        .sort("cluster_id", "provider", "chain_id")
        .rename({"provider": "subject"})
        .with_columns(
            pl.col("chain_id").cast(pl.String()).alias("scope"), pl.lit([], dtype=pl.List(pl.String())).alias("leases")
        )
        .drop("chain_id")
    )
    found = report(RULE, rows, summary="{payouts} payouts of mining pools to the provider", threshold="any; no points")
    return Outcome(found)


RULE = Rule(
    id="T25",
    version=1,
    title="Ex-mining provider",
    family="context",
    role="context",
    max_points=0,
    pattern="The provider's wallet was paid by a mining pool.",
    parameters=(),
    lawful=("most of these providers are lawful: mining halls were a natural place for GPUs",),
    guidance="press report that mentions such operators; it says that they break no law",
    blind_spots=("pools without a label, and payouts to another wallet, are not seen",),
    inputs=("labels of kind `mining`", "token and native transfers to providers"),
    check=check,
)
