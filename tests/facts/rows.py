"""Small builders of fact inputs: an event, a token log, a native transaction; blocks are twelve seconds apart."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl

from monitor.facts.inputs import NATIVE, RAW_LOGS, TOKENS
from monitor.facts.transfers import TRANSFER_TOPIC
from monitor.model.schema import EVENTS, HARDWARE

T0 = 1_700_000_000
USDC = bytes.fromhex("aa" * 20)
MARKET = bytes.fromhex("ee" * 20)
DAY = 86_400
BLOCK_SECONDS = {1: Decimal(12), 8453: Decimal(2), 42161: Decimal("0.25")}


def who(number: int) -> bytes:
    """Address number `number`."""
    return number.to_bytes(20, "big")


def tx(number: int) -> bytes:
    """Transaction hash number `number`."""
    return number.to_bytes(32, "big")


def time_of(block: int) -> int:
    """Block time; blocks stand for minutes of a made-up chain, so that months stay readable."""
    return T0 + 60 * block


def event(verb: str, lease_id: str | None = "1", *, block: int = 1, log: int = 0, **fields: Any) -> dict[str, Any]:
    """One decoded event; `amount` and `price_amount` may be ints."""
    row: dict[str, Any] = dict.fromkeys(EVENTS)
    row |= {
        "chain_id": 1, "block_number": block, "block_time": time_of(block), "block_hash": tx(10**6 + block),
        "tx_hash": tx(1000 * block + log), "tx_index": 0, "log_index": log, "contract": MARKET, "market": "reference",
        "role": "market", "event": verb, "verb": verb, "lease_id": lease_id,
    }  # fmt: skip
    row |= fields
    for name in ("amount", "price_amount"):
        if row[name] is not None:
            row[name] = Decimal(row[name])
    return row


def events(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=EVENTS, orient="row")


def tokens(usd: str | None = "1") -> pl.DataFrame:
    rows = [(chain, USDC, 6, None if usd is None else Decimal(usd)) for chain in (1, 8453, 42161)]
    return pl.DataFrame(rows, schema=TOKENS, orient="row")


def hardware() -> pl.DataFrame:
    rows: list[tuple[str, str | None, str | None, int | None, Decimal | None, Decimal | None, str | None]] = [
        ("H100", "h100-sxm", "family", None, Decimal(1), Decimal(1), "3A090.a"),
        ("8x H100", "h100-sxm", "family", 8, Decimal(1), Decimal(1), "3A090.a"),
        ("h100", "h100-sxm", "family", None, Decimal(1), Decimal(1), "3A090.a"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090", "exact", None, Decimal("0.167"), Decimal("0.167"), "4A994"),
        ("RTX 4090 48GB", "rtx-4090", "exact", None, Decimal("0.167"), Decimal("0.167"), "4A994"),
        ("H20", "h20", "exact", None, Decimal("0.15"), Decimal("0.15"), "none"),
        ("B200", "b200", "exact", None, Decimal("2.274"), Decimal("2.274"), "3A090.a.1"),
        ("mystery", None, None, None, None, None, None),
    ]
    return pl.DataFrame(rows, schema=HARDWARE, orient="row")


def token_log(
    sender: bytes, recipient: bytes, amount: int, *, block: int, log: int = 0, **fields: Any
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "chain_id": 1, "block_number": block, "block_time": time_of(block), "block_hash": tx(10**6 + block),
        "tx_hash": tx(1000 * block + log), "tx_index": 0, "log_index": log, "address": USDC,
        "topics": [TRANSFER_TOPIC, bytes(12) + sender, bytes(12) + recipient], "data": amount.to_bytes(32, "big"),
    }  # fmt: skip
    return row | fields


def token_logs(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=RAW_LOGS, orient="row")


def native_tx(sender: bytes, recipient: bytes, value: int, *, block: int, nonce: int, **fields: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "chain_id": 1, "block_number": block, "block_time": time_of(block),
        "tx_hash": tx(1000 * block + 900 + nonce % 90), "tx_index": 0, "sender": sender, "recipient": recipient,
        "value": Decimal(value), "nonce": nonce,
    }  # fmt: skip
    return row | fields


def native(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=NATIVE, orient="row")
