"""Declared schemas of every fact frame: column names, polars types, units.

Amounts are token base units in `Decimal(38, 0)`; times are block seconds since the epoch in Int64; addresses and hashes
are raw bytes; H100-equivalents `Decimal(38, 3)`; US dollars `Decimal(38, 6)`. Nothing here is ever a float, so sums do
not depend on the order of rows.
"""

from __future__ import annotations

from functools import cache

import polars as pl

__all__ = [
    "ACCOUNTS",
    "CAPACITY",
    "CLUSTERS",
    "EVENTS",
    "HABITS",
    "HARDWARE",
    "LEASES",
    "LINKS",
    "LOG_ROWS",
    "POSITION",
    "QUARANTINE",
    "READS",
    "TRANSFERS",
    "UNIFIED",
    "UPGRADES",
    "WALLETS",
    "WANTED",
    "empty",
]

AMOUNT = pl.Decimal(38, 0)
H100E = pl.Decimal(38, 3)
USD = pl.Decimal(38, 6)

POSITION: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "block_number": pl.Int64(),
    "block_time": pl.Int64(),
    "block_hash": pl.Binary(),
    "tx_hash": pl.Binary(),
    "tx_index": pl.Int64(),
    "log_index": pl.Int64(),
    "contract": pl.Binary(),
}

LOG_ROWS: dict[str, pl.DataType] = {
    "block_number": pl.Int64(),
    "block_hash": pl.Binary(),
    "tx_hash": pl.Binary(),
    "tx_index": pl.Int64(),
    "log_index": pl.Int64(),
    "address": pl.Binary(),
    "topics": pl.Binary(),
    "data": pl.Binary(),
    "block_time": pl.Int64(),
}
"""One row per raw log of one chain, as it travels from a node to the ledger.

`topics` holds 0 to 4 words of 32 bytes one after another; `block_time` is null where the node did not say it."""

UNIFIED: dict[str, pl.DataType] = {
    "order_id": pl.String(),
    "parent_id": pl.String(),
    "renter": pl.Binary(),
    "payer": pl.Binary(),
    "beneficiary": pl.Binary(),
    "provider": pl.Binary(),
    "actor": pl.Binary(),
    "machine_id": pl.String(),
    "gpu_raw": pl.String(),
    "gpu_count": pl.Int64(),
    "resource_provenance": pl.String(),
    "region_raw": pl.String(),
    "region_provenance": pl.String(),
    "price_amount": AMOUNT,
    "price_per": pl.String(),
    "price_scale": pl.Int64(),
    "price_token": pl.Binary(),
    "amount": AMOUNT,
    "token": pl.Binary(),
    "start": pl.Int64(),
    "planned_end": pl.Int64(),
    "duration_seconds": pl.Int64(),
    "extend_seconds": pl.Int64(),
    "reason": pl.String(),
    "name": pl.String(),
    "hardware_id": pl.String(),
    "endpoint": pl.String(),
    "tier": pl.String(),
    "state": pl.String(),
    "balance": AMOUNT,
    "parts": pl.Int64(),
    "part": pl.String(),
}
"""What a mapping line may set.

`price_scale` = power of ten that turns `price_amount` into whole tokens per `price_per`
(second|block|hour|job); `amount` = money moved by this event in base units of `token` (escrow deposit on
lease.open and lease.deposit, payment on lease.settle, refund on lease.withdraw); `start`, `planned_end` = block
seconds; `duration_seconds` = promised length when no end is given; `extend_seconds` = added length; `reason` = why
a lease closed; `hardware_id` = what identifies hardware that was attested (serial, key or digest); `endpoint` = what a
provider is reached by (key, certificate or address, or its hash); `tier` = verified|unverified offer; `state` =
free|occupied machine; `balance` = base units left in an account after the event; `parts` = how many tasks a job has,
`part` = the one a lease.close ends: the last of them ends the lease."""

EVENTS: dict[str, pl.DataType] = {
    **POSITION,
    "market": pl.String(),
    "role": pl.String(),
    "event": pl.String(),
    "verb": pl.String(),
    "lease_id": pl.String(),
    **UNIFIED,
}
"""One row per decoded, mapped log.

`lease_id` holds the key of the verb's subject: lease, order, machine or provider."""

QUARANTINE: dict[str, pl.DataType] = {
    **POSITION,
    "market": pl.String(),
    "role": pl.String(),
    "reason": pl.String(),
}

UPGRADES: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "contract": pl.Binary(),
    "block_number": pl.Int64(),
    "log_index": pl.Int64(),
    "block_time": pl.Int64(),
    "tx_hash": pl.Binary(),
    "market": pl.String(),
    "role": pl.String(),
    "event": pl.String(),
    "detail": pl.String(),
    "verified": pl.String(),
    "changed": pl.Boolean(),
    "unseen": pl.Boolean(),
}
"""Epochs of contracts: `detail` = what the event names (implementation, beacon, admin).

`changed` = the code became another, `unseen` = after the day (`verified`) on which the adapter was last verified."""

WANTED: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "block_number": pl.Int64(),
    "kind": pl.String(),
    "target": pl.Binary(),
    "payload": pl.Binary(),
}
"""What facts need of the chain beside logs.

`kind` call: what contract `target` answers to call data `payload` as of `block_number`; `kind` transaction: the
transaction with the hash `payload` in that block, `target` empty; `kind` fee: what its sender set for fees. Of a
wallet `target` itself: `kind` code, nonce, storage (slot `payload`) and account (what it answers to call data
`payload`)."""

READS: dict[str, pl.DataType] = {**WANTED, "result": pl.Binary(), "failure": pl.String()}
"""What the chain answered, or why it could not (`failure`, and a null `result`).

The result of a transaction is sender (20 bytes), recipient (20, zeros for a creation), value (32) and input; of a fee
sender (20), 1 where there is a tip (EIP-1559) or 0, tip or gas price in wei (8), gas limit (8) and recipient
(20, zeros for a creation); of a code its first 64 bytes, of a nonce 8 bytes."""

ACCOUNTS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "address": pl.Binary(),
    "kind": pl.String(),
    "runs": pl.Binary(),
    "owners": pl.List(pl.Binary()),
    "threshold": pl.Int64(),
    "nonce": pl.Int64(),
    "as_of": pl.Int64(),
    "first_block": pl.Int64(),
    "first_nonce": pl.Int64(),
    "funder": pl.Binary(),
    "funder_tx": pl.Binary(),
}
"""What a wallet is as of block `as_of`, null where nobody was asked yet or could tell.

`kind` is eoa|delegated (EIP-7702)|safe|erc4337|proxy (EIP-1967, EIP-1167)|contract; `runs` = the code it borrows;
`owners`, of whom `threshold` must sign = a Safe's. `first_block` = where it was first seen, `first_nonce` =
transactions it had sent by then, `nonce` = by `as_of`. `funder` sent it the first value it could act with."""

LEASES: dict[str, pl.DataType] = {
    "market": pl.String(),
    "chain_id": pl.Int64(),
    "lease_id": pl.String(),
    "order_id": pl.String(),
    "parent_id": pl.String(),
    "renter": pl.Binary(),
    "payer": pl.Binary(),
    "beneficiary": pl.Binary(),
    "provider": pl.Binary(),
    "machine_id": pl.String(),
    "gpu_raw": pl.String(),
    "gpu_model": pl.String(),
    "gpu_precision": pl.String(),
    "gpu_count": pl.Int64(),
    "h100e": H100E,
    "eccn_class": pl.String(),
    "region_raw": pl.String(),
    "country": pl.String(),
    "region_provenance": pl.String(),
    "price_amount": AMOUNT,
    "price_per": pl.String(),
    "price_token": pl.Binary(),
    "token_decimals": pl.Int64(),
    "usd_per_gpu_hour": USD,
    "deposit_total": AMOUNT,
    "settled_total": AMOUNT,
    "refunded_total": AMOUNT,
    "opened_at": pl.Int64(),
    "planned_end": pl.Int64(),
    "paid_until": pl.Int64(),
    "closed_at": pl.Int64(),
    "status": pl.String(),
    "close_reason": pl.String(),
    "resource_provenance": pl.String(),
    "open_block": pl.Int64(),
    "open_tx": pl.Binary(),
    "open_log_index": pl.Int64(),
    "h100e_tpp": H100E,
    "usd_basis": pl.String(),
}
"""The unified lease, columns in the order of `leases.csv`; status ordered|matched|active|closed|disputed.

The last two are not exported: `h100e_tpp` = size by TPP, for control questions (`h100e` is by BF16, for training);
`usd_basis` = what a dollar price rests on: fixed|oracle|table (`monitor.facts.quotes`)."""

HARDWARE: dict[str, pl.DataType] = {
    "gpu_raw": pl.String(),
    "gpu_model": pl.String(),
    "gpu_precision": pl.String(),
    "gpu_count_parsed": pl.Int64(),
    "h100e_each": H100E,
    "h100e_tpp_each": H100E,
    "eccn_class": pl.String(),
}
"""What the catalogue says about each spelling of a GPU; one row per `gpu_raw`.

`gpu_model` is empty and `eccn_class` is `unknown` where no model was found."""

CAPACITY: dict[str, pl.DataType] = {
    "market": pl.String(),
    "chain_id": pl.Int64(),
    "machine_id": pl.String(),
    "provider": pl.Binary(),
    "gpu_raw": pl.String(),
    "gpu_model": pl.String(),
    "gpu_count": pl.Int64(),
    "h100e": H100E,
    "region_raw": pl.String(),
    "country": pl.String(),
    "state": pl.String(),
    "since": pl.Int64(),
    "until": pl.Int64(),
}

TRANSFERS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "block_number": pl.Int64(),
    "block_time": pl.Int64(),
    "tx_hash": pl.Binary(),
    "log_index": pl.Int64(),
    "kind": pl.String(),
    "token": pl.Binary(),
    "sender": pl.Binary(),
    "recipient": pl.Binary(),
    "amount": AMOUNT,
    "nonce": pl.Int64(),
}
"""`kind` is native|erc20; a native transfer has log_index -1, null token and the transaction's nonce,
or none where a contract moved it inside the transaction."""

WALLETS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "address": pl.Binary(),
    "cluster_id": pl.String(),
    "roles": pl.List(pl.String()),
    "labels": pl.List(pl.String()),
    "first_seen": pl.Int64(),
    "last_seen": pl.Int64(),
    "leases": pl.Int64(),
    "h100e_hours": H100E,
}

LINKS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "a": pl.Binary(),
    "b": pl.Binary(),
    "heuristic": pl.String(),
    "family": pl.String(),
    "weight": pl.Decimal(38, 1),
    "evidence": pl.List(pl.Binary()),
    "at": pl.Int64(),
    "volition_a": pl.Boolean(),
    "volition_b": pl.Boolean(),
}
"""Evidence between two wallets.

`weight` in bits, `evidence` = transaction hashes (sorted), `at` = newest block time; `volition_a`, `volition_b` =
whether that wallet did its part by an act of its own, which the other could not do for it."""

HABITS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "address": pl.Binary(),
    "what": pl.String(),
    "value": pl.Int64(),
    "times": pl.Int64(),
    "transactions": pl.Int64(),
    "txs": pl.List(pl.Binary()),
}
"""What a wallet set for fees in `times` of the `transactions` looked at that it signed itself.

`what` is tip|gas price, in wei per gas, or gas limit."""

CLUSTERS: dict[str, pl.DataType] = {
    "cluster_id": pl.String(),
    "size": pl.Int64(),
    "renters": pl.Int64(),
    "payers": pl.Int64(),
    "providers": pl.Int64(),
    "h100e_hours": H100E,
    "leads": pl.Int64(),
}


def empty(schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Make a frame with no rows and exactly these columns."""
    return _empty(tuple(schema.items())).clone()


@cache
def _empty(columns: tuple[tuple[str, pl.DataType], ...]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict(columns))
