"""Frames that facts need beside the decoded events: raw token logs, native transfers, hardware and token tables."""

from __future__ import annotations

import polars as pl

from monitor.model.schema import AMOUNT, POSITION, USD

__all__ = ["LEASE_KEY", "NATIVE", "RAW_LOGS", "TOKENS", "ordered", "picked"]

LEASE_KEY = ("market", "chain_id", "lease_id")

RAW_LOGS: dict[str, pl.DataType] = {
    **{name: kind for name, kind in POSITION.items() if name != "contract"},
    "address": pl.Binary(),
    "topics": pl.List(pl.Binary()),
    "data": pl.Binary(),
}
"""Logs of the payment tokens, exactly as the ledger has them; `address` = the token."""

NATIVE: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "block_number": pl.Int64(),
    "block_time": pl.Int64(),
    "tx_hash": pl.Binary(),
    "tx_index": pl.Int64(),
    "sender": pl.Binary(),
    "recipient": pl.Binary(),
    "value": AMOUNT,
    "nonce": pl.Int64(),
}
"""Transactions that moved native value or were sent by a watched wallet, and what contracts moved inside them (no
nonce); `value` in wei."""

TOKENS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "token": pl.Binary(),
    "token_decimals": pl.Int64(),
    "usd": USD,
}
"""Payment tokens; `usd` is the fixed dollar value of one whole token, null when it floats."""


def picked(frame: pl.DataFrame, rows: pl.Expr) -> pl.DataFrame:
    """Pick the few rows of a wide frame for which `rows` holds: a filter would go through every column."""
    return frame[frame.select(rows.arg_true()).to_series()]


def ordered(events: pl.DataFrame) -> pl.DataFrame:
    """Sort rows as the chain has them: chain, block, log index; market, verb, event and key break a fanned-out tie."""
    place, fanned = ["chain_id", "block_number", "log_index"], ["market", "verb", "event", "lease_id"]
    order = events.select(pl.arg_sort_by(place, nulls_last=True, maintain_order=True).alias("at")).to_series()
    keys = pl.concat([order.to_frame(), events.select(place + fanned)[order]], how="horizontal")
    # Few rows tie, and integers that are in order already take no time.
    tied = keys.select(pl.struct(place).is_duplicated()).to_series()
    order[tied.arg_true()] = keys.filter(tied).sort(place + fanned, nulls_last=True)["at"]
    return events[order]
