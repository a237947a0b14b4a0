"""T15: duplicate hardware evidence: one unique identifier attested under two owners at once."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import POSITION, Facts
from monitor.rules.measure import DAY, MAX_POSITIONS
from monitor.rules.report import at_providers, report, silent_markets, telling
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_OWNER = ["chain_id", "provider"]


def check(facts: Facts, params: Params) -> Outcome:
    """Look for identifiers whose owners overlap in time."""
    told = facts.of_supply(_stays).with_columns(pl.struct(POSITION).alias("position"))
    blind = silent_markets(facts, "T15", "attest.hardware_id", "hardware identifier")
    if told.is_empty():
        return Outcome((), blind)
    rows = (
        _overlaps(facts, told, params)
        .explode("who", empty_as_null=True, keep_nulls=True)
        .unnest("who")
        .group_by(_OWNER)
        .agg(
            pl.col("hardware_id").n_unique().alias("identifiers"),
            pl.col("owner_other").n_unique().alias("other_owners"),
            pl.concat([pl.col("position").explode(), pl.col("position_other").explode()])
            .unique()
            .sort()
            .head(MAX_POSITIONS)
            .alias("positions"),
            pl.min_horizontal("last", "last_other").max().alias("at"),
        )
        .filter(pl.col("identifiers") >= params["min_identifiers"])
    )
    placed = (
        at_providers(facts, rows)
        .sort(*_OWNER, "cluster_id")
        .with_columns(
            pl.lit([], dtype=pl.List(pl.String())).alias("leases"), pl.col("chain_id").cast(pl.String()).alias("scope")
        )
        .rename({"provider": "subject"})
        .drop("chain_id")
    )
    found = report(
        RULE,
        placed,
        summary="{identifiers} hardware identifiers were attested under {other_owners} other owners at the same time",
        threshold=(
            f">= {params['min_identifiers']} identifiers under two owners, overlapping by >= {params['min_days']} d"
        ),
    )
    return Outcome(found, blind)


def _overlaps(facts: Facts, told: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Pair the owners under whom one identifier stood at one time, for long enough; what many share says nothing."""
    owners = facts.clusters.rename({"address": "provider", "cluster_id": "owner"})
    stays = (
        told.join(owners, on="provider", how="inner")
        .group_by("hardware_id", "owner")
        .agg(
            pl.col("at").min().alias("first"),
            pl.col("until").max().alias("last"),
            pl.col("position").sort().head(MAX_POSITIONS // 4),
            pl.struct(_OWNER).unique().sort().alias("who"),
        )
        .filter(pl.len().over("hardware_id").is_between(2, params["max_owners"]))
    )
    return stays.join(stays, on="hardware_id", how="inner", suffix="_other").filter(
        (pl.col("owner") != pl.col("owner_other"))
        & (pl.col("first") <= pl.col("last_other"))
        & (pl.col("first_other") <= pl.col("last"))
        & (
            pl.min_horizontal("last", "last_other") - pl.max_horizontal("first", "first_other")
            >= params["min_days"] * DAY
        )
    )


def _stays(supply: pl.DataFrame, _: pl.DataFrame) -> pl.DataFrame:
    """Add to each attestation of a telling identifier `until` when the machine is known to have stood where it says.

    That is its last sign of life, unless the machine attests something again: it may be another one from then on.
    """
    machine = ["market", "chain_id", "provider", "machine_id"]
    text = pl.col("hardware_id").str.to_lowercase().str.strip_prefix("0x").alias("hardware_id")
    every = supply.filter(pl.col("provider").is_not_null()).with_columns(text)
    # most hardware has one provider for good: its machines are left out before rows are put in order
    owners = every.select("hardware_id", "provider").drop_nulls().unique().group_by("hardware_id").len()
    shared = every.join(owners.filter(pl.col("len") > 1), on="hardware_id", how="semi").select(machine).unique()
    named = every.join(shared, on=machine, how="semi", nulls_equal=True)
    alive = (
        named.filter(pl.col("verb").is_in(("attest", "heartbeat")) & pl.col("machine_id").is_not_null())
        .group_by(machine)
        .agg(pl.col("at").max().alias("alive"))
    )
    told = named.filter(pl.col("hardware_id").is_not_null()).sort("chain_id", "block", "log_index", *machine)
    newest = pl.col("at") == pl.col("at").max().over(machine)
    stood = told.join(alive, on=machine, how="left", maintain_order="left").with_columns(
        pl.when(newest).then(pl.coalesce("alive", "at")).otherwise("at").alias("until")
    )
    return stood.filter(telling(pl.col("hardware_id")))


RULE = Rule(
    id="T15",
    version=2,
    title="Duplicate or staged hardware evidence",
    family="location",
    role="core",
    max_points=30,
    pattern="The same serial, key or digest of hardware is attested under two unrelated owners at the same time.",
    parameters=(
        Parameter("min_identifiers", 1, "identifiers", "shared with other owners", 1, 10_000),
        Parameter("min_days", 0, "days", "for which both owners attest", 0, 3_650),
        Parameter("max_owners", 20, "owners", "an identifier more owners share is a default", 2, 100_000),
    ),
    lawful=(
        "a machine registered again under another account while the old one still beats",
        "cloned images of virtual machines, partitioned GPUs that share a prefix",
    ),
    guidance="press on staged audits (2026) and on spoofed GPUs (2024); no official text names the pattern",
    blind_spots=(
        "markets that publish no identifier cannot be assessed",
        "equal benchmark figures and impossible GPU counts are not looked at",
        "an identifier that is a hash with a fresh salt never repeats",
    ),
    inputs=("attestations with a hardware identifier", "signs of life of machines", "clusters of providers"),
    check=check,
)
