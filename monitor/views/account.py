"""What a wallet is on each chain, with the blocks and transactions that say so."""

from __future__ import annotations

import polars as pl

from monitor.model.schema import ACCOUNTS
from monitor.views import format as fmt
from monitor.views.snapshot import Snapshot
from monitor.views.tables import Row

__all__ = ["account_rows", "account_text"]

_KINDS = {
    "eoa": "an account of a key",
    "delegated": "an account of a key that lent itself code (EIP-7702)",
    "safe": "a Safe",
    "erc4337": "a smart account (ERC-4337)",
    "proxy": "a proxy contract",
    "contract": "a contract",
}


def account_rows(snapshot: Snapshot, address: bytes) -> list[Row]:
    """List what a wallet is, a row per chain, with the columns of ACCOUNTS and `first_seen`; addresses as text."""
    mine = snapshot.accounts.filter(pl.col("address") == address).sort("chain_id")
    times = dict(snapshot.wallets.filter(pl.col("address") == address).select("chain_id", "first_seen").iter_rows())
    rows: list[Row] = []
    for row in mine.select(list(ACCOUNTS)).iter_rows(named=True):
        owners = row["owners"] and [fmt.address(owner) for owner in row["owners"]]
        texts = {name: row[name] and fmt.address(row[name]) for name in ("address", "runs", "funder")}
        seen = fmt.time(times.get(row["chain_id"]))
        rows.append({**row, **texts, "owners": owners, "funder_tx": fmt.hex_text(row["funder_tx"]), "first_seen": seen})
    return rows


def account_text(row: Row) -> str:
    """Say in one line what `account_rows` tells of one chain."""
    kind = _KINDS[str(row["kind"])] if row["kind"] else "not known what it is"
    owners = row["owners"] if isinstance(row["owners"], list) else []
    parts = [
        f"chain {row['chain_id']}: {kind}" + (f" as of block {row['as_of']}" if row["kind"] else ""),
        f"{row['threshold']} of {len(owners)} owners sign: {', '.join(map(str, owners))}" if owners else "",
        f"runs the code of {row['runs']}" if row["runs"] else "",
        f"{row['nonce']} transactions sent" if row["nonce"] is not None else "",
        f"first seen {row['first_seen']} in block {row['first_block']}",
        f"{row['first_nonce']} sent by then" if row["first_nonce"] is not None else "",
        f"first funded by {row['funder']} in {row['funder_tx']}" if row["funder"] else "",
    ]
    return "; ".join(part for part in parts if part)
