"""The supply side's history: providers, machines and their signs of life, one row per event."""

from __future__ import annotations

import polars as pl

from monitor.facts.inputs import ordered
from monitor.facts.regions import with_country
from monitor.model.schema import H100E, HARDWARE

__all__ = ["SUPPLY", "VERBS", "emitted", "supply"]

SUPPLY: dict[str, pl.DataType] = {
    "market": pl.String(),
    "chain_id": pl.Int64(),
    "verb": pl.String(),
    "provider": pl.Binary(),
    "machine_id": pl.String(),
    "actor": pl.Binary(),
    "beneficiary": pl.Binary(),
    "name": pl.String(),
    "gpu_model": pl.String(),
    "h100e_each": H100E,
    "country": pl.String(),
    "region_provenance": pl.String(),
    "hardware_id": pl.String(),
    "endpoint": pl.String(),
    "tier": pl.String(),
    "at": pl.Int64(),
    "block": pl.Int64(),
    "tx": pl.Binary(),
    "log_index": pl.Int64(),
}
"""`provider` of a machine's sign of life is the one that offered the machine, where the event does not name one."""

VERBS = ("provider.upsert", "provider.remove", "capacity.upsert", "capacity.remove", "attest", "heartbeat")


def supply(events: pl.DataFrame, hardware: pl.DataFrame) -> pl.DataFrame:
    """Pick the provider, capacity, attestation and heartbeat events in chain order, with the columns of `SUPPLY`."""
    machine = ["market", "chain_id", "machine_id"]
    about_provider = pl.col("verb").str.starts_with("provider.")
    rows = ordered(events.filter(pl.col("verb").is_in(VERBS))).with_columns(
        pl.when(~about_provider).then(pl.coalesce("machine_id", "lease_id")).alias("machine_id"),
        pl.col("block_time").alias("at"),
        pl.col("block_number").alias("block"),
        pl.col("tx_hash").alias("tx"),
    )
    owners = (
        rows.filter(pl.col("verb").str.starts_with("capacity.") & pl.col("provider").is_not_null())
        .unique(machine, keep="last", maintain_order=True)
        .select(*machine, pl.col("provider").alias("owner"))
    )
    named = rows.join(owners, on=machine, how="left", maintain_order="left").with_columns(
        pl.coalesce("provider", "owner").alias("provider")
    )
    known = hardware.select(HARDWARE.keys()).sort(HARDWARE.keys()).unique("gpu_raw", keep="first")
    sized = named.join(known, on="gpu_raw", how="left", maintain_order="left")
    full = with_country(sized)
    return full.select(pl.col(name).cast(kind) for name, kind in SUPPLY.items())


def emitted(events: pl.DataFrame) -> dict[str, frozenset[str]]:
    """Say per market what its events were seen to carry: `verb`, and `verb.column` for each column ever given."""
    plain = {"market", "verb", "role", "event", "chain_id"}
    columns = [name for name in events.columns if name not in plain]
    given = events.group_by("market", "verb").agg(pl.col(name).is_not_null().any() for name in columns)
    seen: dict[str, set[str]] = {}
    for row in given.iter_rows(named=True):
        kept = seen.setdefault(row["market"], set())
        kept.add(row["verb"])
        kept.update(f"{row['verb']}.{name}" for name in columns if row[name])
    return {market: frozenset(names) for market, names in seen.items()}
