"""T14: a ghost data centre: attested, hardly used, then silent for good."""

from __future__ import annotations

import polars as pl

from monitor.rules.cut import of_providers
from monitor.rules.facts import POSITION, Facts, milli_of
from monitor.rules.measure import DAY, HOUR, MAX_POSITIONS
from monitor.rules.report import at_providers, report, silent_markets
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_VENUE = ["market", "chain_id"]
_PROVIDER = [*_VENUE, "provider"]


def check(facts: Facts, params: Params) -> Outcome:
    """Judge large attested providers that fell silent while their market went on."""
    quiet = params["silent_days"] * DAY
    silent = (
        facts.of_supply(_lives, params["min_h100e"] * 1000)
        .join(facts.heads, on="chain_id", how="inner")
        .filter(pl.min_horizontal("now", "newest") - pl.col("last") >= quiet)
    )
    blind = [set(silent_markets(facts, "T14", verb, "attestation or heartbeat")) for verb in ("attest", "heartbeat")]
    unseen = tuple(sorted(blind[0] & blind[1]))
    if silent.is_empty():
        return Outcome((), unseen)
    judged = (
        _with_use(facts, silent)
        .with_columns(pl.max_horizontal("last", "leased_until").alias("last"))
        .filter(
            (pl.min_horizontal("now", "newest") - pl.col("last") >= quiet)
            & (pl.col("last") - pl.col("since") <= params["max_days"] * DAY)
        )
    )
    possible = pl.col("milli") * (pl.col("last") - pl.col("since")).clip(1) // HOUR
    used = (pl.col("hours").fill_null(0) * 100 // possible.clip(1)).alias("used_percent")
    rows = (
        at_providers(facts, judged.with_columns(used).filter(pl.col("used_percent") < params["max_used_percent"]))
        .sort(*_PROVIDER, "cluster_id")
        .select(
            pl.col("provider").alias("subject"),
            *("cluster_id", "positions", "used_percent"),
            pl.col("leases").fill_null([]),
            (pl.col("last") + quiet).alias("at"),
            pl.col("milli").alias("attested_milli"),
            ((pl.col("last") - pl.col("since")) // DAY).alias("days_alive"),
            ((pl.col("now") - pl.col("last")) // DAY).alias("days_silent"),
            pl.concat_str(_VENUE, separator=":").alias("scope"),
        )
    )
    found = report(
        RULE,
        rows,
        summary="{attested} H100e were attested, {used_percent} % used, and silent after {days_alive} d",
        threshold=(
            f">= {params['min_h100e']} H100e attested, < {params['max_used_percent']} % used, silent for"
            f" >= {params['silent_days']} d from within {params['max_days']} d on, nothing withdrawn, the market alive"
        ),
    )
    return Outcome(found, unseen)


def _with_use(facts: Facts, silent: pl.DataFrame) -> pl.DataFrame:
    """Add the positions of silent providers' signs, and what was leased of them: hours, leased_until, leases."""
    shown = (
        _signs(facts.supply)
        .join(silent, on=_PROVIDER, how="semi")
        .group_by(_PROVIDER)
        .agg(pl.struct(POSITION).sort().head(MAX_POSITIONS).alias("positions"))
    )
    served = of_providers(facts, silent.get_column("provider").unique()).tenancies.group_by(_PROVIDER).agg(
        pl.col("milli_hours").sum().alias("hours"),
        pl.col("held_until").max().alias("leased_until"),
        pl.col("lease").unique().sort().alias("leases"),
    )  # fmt: skip
    return silent.join(shown, on=_PROVIDER, how="inner").join(served, on=_PROVIDER, how="left")


def _signs(supply: pl.DataFrame) -> pl.DataFrame:
    return supply.filter(pl.col("verb").is_in(("attest", "heartbeat")) & pl.col("provider").is_not_null())


def _lives(supply: pl.DataFrame, capacity: pl.DataFrame, least: int) -> pl.DataFrame:
    """List attested providers of at least so many thousandths of H100e of whom nothing was withdrawn.

    Adds milli, since, last (sign of life) and newest (of anybody in the market).
    """
    signs = _signs(supply)
    attested = signs.select(*_VENUE, "machine_id").unique()
    offered = capacity.join(attested, on=[*_VENUE, "machine_id"], how="semi").filter(pl.col("provider").is_not_null())
    size = offered.with_columns(milli_of("h100e").alias("milli")).group_by(_PROVIDER).agg(
        pl.col("milli").sum(), pl.col("since").min(), pl.col("until").is_not_null().any().alias("withdrawn")
    )  # fmt: skip
    # a market that stopped as a whole proves nothing
    newest = signs.group_by(_VENUE).agg(pl.col("at").max().alias("newest"))
    life = signs.group_by(_PROVIDER).agg(pl.col("at").max().alias("last")).join(newest, on=_VENUE, how="inner")
    left = supply.filter(pl.col("verb") == "provider.remove").select(_PROVIDER).unique()
    return (
        size.filter((pl.col("milli") >= least) & ~pl.col("withdrawn"))
        .join(left, on=_PROVIDER, how="anti")
        .join(life, on=_PROVIDER, how="inner")
    )


RULE = Rule(
    id="T14",
    version=1,
    title="Ghost data centre",
    family="location",
    role="core",
    max_points=30,
    pattern="A provider has large capacity attested, serves next to nothing, and its signs of life stop for good.",
    parameters=(
        Parameter("min_h100e", 64, "H100e", "of attested machines", 1, 10**7),
        Parameter("max_used_percent", 5, "percent", "of the possible H100e-hours were leased, less than", 1, 100),
        Parameter("max_days", 120, "days", "from the first offer to the last sign of life", 1, 3_650),
        Parameter("silent_days", 30, "days", "without any sign before it counts as gone", 1, 3_650),
    ),
    lawful=(
        "bankruptcy, a move to another market, the end of a reward epoch, an outage of the chain",
        "some providers only farm rewards, which is another harm",
    ),
    guidance="press report of dismantled data centres; BIS May 2025 (a site that cannot confirm its infrastructure)",
    blind_spots=(
        "markets without attestations or heartbeats cannot be assessed",
        "a provider that withdraws its machines in good order does not match",
        "that the same hardware reappears elsewhere is T15's question",
    ),
    inputs=("capacity offers", "attestations and heartbeats", "leases"),
    check=check,
)
