"""T13: the declared site of hardware contradicts what was attested or observed about it."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import POSITION, Facts
from monitor.rules.measure import DAY, MAX_POSITIONS
from monitor.rules.report import at_providers, report, silent_markets
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_PROVIDER = ["market", "chain_id", "provider"]


def check(facts: Facts, params: Params) -> Outcome:
    """Hold each observed country against the country declared when it was observed."""
    placed = facts.supply.filter(pl.col("provider").is_not_null() & pl.col("country").is_not_null()).with_columns(
        pl.struct(POSITION).alias("position")
    )
    signs = pl.col("verb").is_in(("attest", "heartbeat"))
    order = ["at", "block", "log_index"]
    said = placed.filter(~signs).sort(order).select(
        *_PROVIDER, "at", pl.col("country").alias("declared"), pl.col("position").alias("said")
    )  # fmt: skip
    seen = placed.filter(signs & (pl.col("region_provenance").fill_null("attested") == "attested")).sort(order)
    held = seen.join_asof(said, on="at", by=_PROVIDER, strategy="backward", check_sortedness=False)
    against = held.filter(pl.col("declared").is_not_null() & (pl.col("declared") != pl.col("country")))
    days = (pl.col("at") // DAY).n_unique().alias("observations")
    counted = (
        against.group_by(_PROVIDER)
        .agg(
            days,
            pl.col("machine_id").n_unique().alias("machines"),
            pl.col("country").unique().sort().alias("observed"),
            pl.col("declared").unique().sort(),
            ((pl.col("at").max() - pl.col("at").min()) // DAY).alias("days"),
            pl.concat([pl.col("position"), pl.col("said")]).unique().sort().head(MAX_POSITIONS).alias("positions"),
            pl.col("at").max(),
        )
        .filter((pl.col("observations") >= params["min_observations"]) & (pl.col("days") >= params["min_days"]))
    )
    rows = (
        at_providers(facts, counted)
        .sort(*_PROVIDER, "cluster_id")
        .with_columns(
            pl.lit([], dtype=pl.List(pl.String())).alias("leases"),
            pl.concat_str("market", "chain_id", separator=":").alias("scope"),
        )
        .rename({"provider": "subject"})
        .drop("market", "chain_id")
    )
    found = report(
        RULE,
        rows,
        summary="hardware declared in {declared} was observed in {observed} on {observations} days",
        threshold=f">= {params['min_observations']} days of contradiction over >= {params['min_days']} d",
    )
    needs = ("attest.region_raw", "heartbeat.region_raw")
    blind = [set(silent_markets(facts, "T13", need, "observed site of hardware")) for need in needs]
    return Outcome(found, tuple(sorted(blind[0] & blind[1])))


RULE = Rule(
    id="T13",
    version=1,
    title="Declared region contradicts evidence",
    family="location",
    role="core",
    max_points=25,
    pattern="The site a provider declares for its hardware differs, again and again, from what attestations show.",
    parameters=(
        Parameter("min_observations", 3, "days", "on which the contradiction was observed", 1, 10_000),
        Parameter("min_days", 7, "days", "from the first to the last", 0, 3_650),
    ),
    lawful=(
        "anycast, a VPN for the management plane or an old address table show the wrong place",
        "typing errors at the level of a city, and fields left empty",
    ),
    guidance="BIS May 2025 (a site that cannot show its infrastructure), through secondary sources; vendors' reports",
    blind_spots=(
        "markets that publish no observed site cannot be assessed",
        "regions that name no country are not compared",
        "it is about where hardware stands, never about who uses it",
    ),
    inputs=("declared regions of providers and machines", "attestations or heartbeats that carry a region"),
    check=check,
    scope="providers",
    hops=0,
)
