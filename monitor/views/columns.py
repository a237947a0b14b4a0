"""The columns of every table, in order, and the key its rows are sorted by: a contract with whoever reads the files."""

from __future__ import annotations

from typing import NamedTuple

from monitor.model.schema import LEASES, WALLETS

__all__ = ["TABLES", "Table"]


class Table(NamedTuple):
    """A table's columns in order and the columns that order its rows (numbers by value, text by code point)."""

    columns: tuple[str, ...]
    sort_key: tuple[str, ...]


TABLES: dict[str, Table] = {
    "leases": Table(
        tuple(name for name in LEASES if name not in {"h100e_tpp", "usd_basis"}), ("market", "chain_id", "lease_id")
    ),
    "lease_events": Table(
        (
            *("market", "chain_id", "lease_id", "verb", "actor", "amount", "token", "at", "block", "block_hash"),
            *("tx", "log_index", "contract", "event"),
        ),
        ("chain_id", "block", "log_index", "market", "verb", "lease_id"),
    ),
    "wallets": Table(tuple(WALLETS), ("chain_id", "address")),
    "links": Table(
        ("chain_id", "a", "b", "heuristic", "weight", "evidence", "at"), ("chain_id", "a", "b", "heuristic", "at")
    ),
    "clusters": Table(
        ("cluster_id", "size", "renters", "payers", "providers", "h100e_hours", "leads"), ("cluster_id",)
    ),
    "findings": Table(
        (
            *("finding_id", "rule", "rule_version", "typology", "family", "subject", "cluster_id", "points"),
            *("summary", "threshold", "values", "evidence", "caveats", "state"),
        ),
        ("finding_id",),
    ),
    "leads": Table(
        (
            *("lead_id", "cluster_id", "score", "severity", "confidence", "families", "typologies", "leases", "h100e"),
            *("opened_at", "state", "disposition", "reason", "reviewer", "legal_file", "first_block", "last_block"),
        ),
        ("lead_id",),
    ),
    "alerts": Table(
        ("alert_id", "lead_id", "sink", "kind", "state", "attempts", "first_at", "delivered_at", "last_error"),
        ("alert_id", "sink"),
    ),
}
"""The tables of an export; the file is the name with `.csv`."""
