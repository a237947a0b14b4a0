"""The history of every lease, one row per event: what `lease_events.csv` shows."""

from __future__ import annotations

import polars as pl

from monitor.facts.fold import KEY, LEASE_VERBS
from monitor.facts.inputs import ordered
from monitor.model.schema import AMOUNT

__all__ = ["LEASE_EVENTS", "lease_events"]

LEASE_EVENTS: dict[str, pl.DataType] = {
    "market": pl.String(),
    "chain_id": pl.Int64(),
    "lease_id": pl.String(),
    "verb": pl.String(),
    "actor": pl.Binary(),
    "amount": AMOUNT,
    "token": pl.Binary(),
    "at": pl.Int64(),
    "block": pl.Int64(),
    "block_hash": pl.Binary(),
    "tx": pl.Binary(),
    "log_index": pl.Int64(),
    "contract": pl.Binary(),
    "event": pl.String(),
    "recipient": pl.Binary(),
}
"""`actor` = the account the event names as acting, else its payer, else its renter; `amount` exact, as emitted;
`recipient` = whom the event names as receiving (of a refund)."""


def lease_events(events: pl.DataFrame) -> pl.DataFrame:
    """Pick the lease and order events in chain order, with the columns of `LEASE_EVENTS`."""
    picked = events.filter(pl.col("verb").is_in(LEASE_VERBS) & pl.col("lease_id").is_not_null())
    return ordered(picked).select(
        *KEY,
        "verb",
        pl.coalesce("actor", "payer", "renter").alias("actor"),
        "amount",
        pl.coalesce("token", "price_token").alias("token"),
        pl.col("block_time").alias("at"),
        pl.col("block_number").alias("block"),
        "block_hash",
        pl.col("tx_hash").alias("tx"),
        "log_index",
        "contract",
        "event",
        pl.col("beneficiary").alias("recipient"),
    )
