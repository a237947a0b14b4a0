"""T29: location verification that lapsed while others keep it up. A tag: the feature is voluntary."""

from __future__ import annotations

import polars as pl

from monitor.rules.cut import of_providers
from monitor.rules.facts import POSITION, Facts
from monitor.rules.measure import DAY, MAX_POSITIONS
from monitor.rules.report import at_providers, report, silent_markets
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_VENUE = ["market", "chain_id"]
_PROVIDER = [*_VENUE, "provider"]


def check(facts: Facts, params: Params) -> Outcome:
    """Compare each provider's last attestation of a site with its peers' and with what it has leased out."""
    lapse = params["lapse_days"] * DAY
    last = (
        facts.of_supply(_last)
        .join(facts.heads, on="chain_id", how="inner")
        .with_columns((pl.col("now") - pl.col("last") >= lapse).alias("lapsed"))
        .with_columns(((~pl.col("lapsed")).sum().over(_VENUE) * 100 // pl.len().over(_VENUE)).alias("peers_percent"))
    )
    lapsed = last.filter(pl.col("lapsed") & (pl.col("peers_percent") >= params["min_peers_percent"]))
    blind = silent_markets(facts, "T29", "attest.region_raw", "attestation of a site")
    if lapsed.is_empty():
        return Outcome((), blind)
    leased = (
        of_providers(facts, lapsed.get_column("provider").unique())
        .tenancies.join(facts.heads, on="chain_id", how="inner")
        .filter(pl.col("held_until") >= pl.col("now"))
        .group_by(_PROVIDER)
        .agg(pl.col("milli").sum().alias("leased_milli"), pl.col("lease").unique().sort().alias("leases"))
        .filter(pl.col("leased_milli") >= params["min_h100e"] * 1000)
    )
    rows = (
        at_providers(facts, lapsed.join(leased, on=_PROVIDER, how="inner"))
        .sort("cluster_id", *_PROVIDER)
        .select(
            pl.col("provider").alias("subject"),
            *("cluster_id", "leases", "positions", "leased_milli", "peers_percent"),
            (pl.col("last") + lapse).alias("at"),
            ((pl.col("now") - pl.col("last")) // DAY).alias("days"),
            pl.concat_str(_VENUE, separator=":").alias("scope"),
        )
    )
    found = report(
        RULE,
        rows,
        summary="site not attested for {days} d with {leased} H100e leased; {peers_percent} % of peers keep it up",
        threshold=(
            f">= {params['lapse_days']} d without, >= {params['min_h100e']} H100e leased,"
            f" >= {params['min_peers_percent']} % of the providers that ever attested still do"
        ),
    )
    return Outcome(found, blind)


def _last(supply: pl.DataFrame, _: pl.DataFrame) -> pl.DataFrame:
    """Say when each provider last attested a site, and where its attestations stand."""
    attested = (pl.col("verb") == "attest") & pl.col("region_provenance").is_not_null()
    sites = supply.filter(attested & pl.col("provider").is_not_null()).with_columns(
        pl.struct(POSITION).alias("position")
    )
    return sites.group_by(_PROVIDER).agg(
        pl.col("at").max().alias("last"), pl.col("position").sort().tail(MAX_POSITIONS).alias("positions")
    )


RULE = Rule(
    id="T29",
    version=1,
    title="Location verification lapsed",
    family="location",
    role="context",
    max_points=5,
    pattern="A provider with large leases stops attesting where its hardware stands while its peers go on.",
    parameters=(
        Parameter("lapse_days", 14, "days", "since the last attestation of a site", 1, 3_650),
        Parameter("min_h100e", 64, "H100e", "leased from the provider now", 1, 10**7),
        Parameter("min_peers_percent", 50, "percent", "of providers that ever attested still do", 1, 100),
    ),
    lawful=("the feature is voluntary", "firmware trouble and privacy; absence is not evidence"),
    guidance="vendors' voluntary location software; no rule demands it",
    blind_spots=("providers that never attested are not tagged", "markets without site attestations"),
    inputs=("attestations that carry a region", "leases with provider and H100e"),
    check=check,
)
