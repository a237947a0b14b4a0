"""The tables of the dashboard: their columns, rows and what Enter opens."""

from __future__ import annotations

from decimal import Decimal

from monitor.dash.item import Column, Target, View
from monitor.views import format as fmt
from monitor.views.snapshot import Snapshot
from monitor.views.status import capacity_rows, health_rows, market_rows, quarantine_rows, upgrade_rows
from monitor.views.tables import Row, Value, alert_rows, cluster_rows, lead_rows, lease_rows, wallet_rows

__all__ = ["RELATED", "SCREENS", "VIEWS"]

_SEVERITY = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "green"}
_STATE = {
    "open": "bold",
    "retracted": "dim",
    "active": "green",
    "closed": "dim",
    "disputed": "yellow",
    "delivered": "green",
    "dead": "bold red",
    "retrying": "yellow",
    "pending": "yellow",
    "not yet verified": "yellow",
}


def _day(value: str | None) -> str:
    """Cut an ISO time to minutes, `2026-01-31 08:00`."""
    return value[:16].replace("T", " ") if value and value.endswith("Z") else value or ""


def _by_severity(value: Value) -> str:
    return _SEVERITY.get(str(value), "")


def _by_state(value: Value) -> str:
    return _STATE.get(str(value), "")


def _alarm(value: Value) -> str:
    return "yellow" if value else ""


def _number(value: Value) -> str:
    return fmt.compact(value) if isinstance(value, int | Decimal) else str(value or "")


def _score(row: Row) -> tuple[bool, bool, int]:
    score = row["score"]
    return row["state"] != "open", bool(row["disposition"]), -score if isinstance(score, int) else 0


def _newest_first(rows: list[Row], field: str) -> list[Row]:
    return sorted(rows, key=lambda row: str(row[field] or ""), reverse=True)


def _leads(snapshot: Snapshot) -> list[Row]:
    return sorted(lead_rows(snapshot), key=_score)


def _leases(snapshot: Snapshot) -> list[Row]:
    return _newest_first(lease_rows(snapshot), "opened_at")


def _wallets(snapshot: Snapshot) -> list[Row]:
    return _newest_first(wallet_rows(snapshot), "last_seen")


def _alerts(snapshot: Snapshot) -> list[Row]:
    return _newest_first(alert_rows(snapshot), "first_at")


def _wallet(row: Row, field: str = "address") -> Target:
    return Target("wallet", f"{row['chain_id']}:{row[field]}")


def _lease_key(row: Row) -> str:
    return f"{row['market']}:{row['chain_id']}:{row['lease_id']}"


LEADS = View(
    "leads",
    "Leads for human review",
    (
        Column("score", "score", _number),
        Column("severity", "severity", style=_by_severity),
        Column("lead_id", "lead"),
        Column("families", "families"),
        Column("typologies", "patterns"),
        Column("h100e", "H100e"),
        Column("opened_at", "opened", _day),
        Column("state", "state", style=_by_state),
        Column("disposition", "review"),
        Column("cluster_id", "cluster"),
    ),
    _leads,
    lambda row: str(row["lead_id"]),
    lambda row: Target("lead", str(row["lead_id"])),
    "No leads. A lead needs findings of two or more evidence families on one group of wallets.",
)
LEASES = View(
    "leases",
    "Leases",
    (
        Column("market", "market"),
        Column("lease_id", "lease", fmt.short),
        Column("status", "status", style=_by_state),
        Column("gpu_count", "GPUs", _number),
        Column("gpu_model", "model"),
        Column("gpu_raw", "as spelt on chain", limit=28),
        Column("h100e", "H100e", _number),
        Column("renter", "renter", fmt.short),
        Column("payer", "payer", fmt.short),
        Column("provider", "provider", fmt.short),
        Column("region_raw", "region", limit=20),
        Column("opened_at", "opened", _day),
        Column("planned_end", "ends", _day),
        Column("closed_at", "closed", _day),
    ),
    _leases,
    _lease_key,
    lambda row: Target("lease", _lease_key(row)),
    "No leases indexed yet.",
)
WALLETS = View(
    "wallets",
    "Wallets",
    (
        Column("address", "wallet", fmt.short),
        Column("cluster_id", "cluster"),
        Column("roles", "roles"),
        Column("labels", "labels", limit=32),
        Column("leases", "leases", _number),
        Column("h100e_hours", "H100e hours", _number),
        Column("first_seen", "first seen", _day),
        Column("last_seen", "last seen", _day),
        Column("chain_id", "chain"),
    ),
    _wallets,
    lambda row: f"{row['chain_id']}:{row['address']}",
    _wallet,
    "No wallets yet: they appear with the first lease.",
)
CLUSTERS = View(
    "clusters",
    "Clusters",
    (
        Column("cluster_id", "cluster"),
        Column("size", "wallets", _number),
        Column("renters", "renters", _number),
        Column("payers", "payers", _number),
        Column("providers", "providers", _number),
        Column("h100e_hours", "H100e hours", _number),
        Column("leads", "leads", _number, _alarm),
    ),
    cluster_rows,
    lambda row: str(row["cluster_id"]),
    lambda row: Target("cluster", str(row["cluster_id"])),
    "No clusters yet.",
)
MARKETS = View(
    "markets",
    "Markets",
    (
        Column("market", "market"),
        Column("chain_id", "chain"),
        Column("active", "active", _number),
        Column("leases", "leases", _number),
        Column("h100e_leased", "H100e leased", _number),
        Column("machines", "machines", _number),
        Column("h100e_offered", "H100e offered", _number),
        Column("events", "events", _number),
        Column("last_event", "last event", _day),
        Column("quarantined", "unreadable", _number, _alarm),
    ),
    market_rows,
    lambda row: f"{row['market']}:{row['chain_id']}",
    lambda row: Target("market", f"{row['market']}:{row['chain_id']}"),
    "No market has emitted an event yet.",
)
CAPACITY = View(
    "capacity",
    "Capacity",
    (
        Column("market", "market"),
        Column("machine_id", "machine", fmt.short),
        Column("gpu_count", "GPUs", _number),
        Column("gpu_model", "model"),
        Column("gpu_raw", "as spelt on chain", limit=28),
        Column("h100e", "H100e", _number),
        Column("region_raw", "region", limit=20),
        Column("provider", "provider", fmt.short),
        Column("since", "since", _day),
        Column("until", "until", _day),
    ),
    capacity_rows,
    lambda row: f"{_market(row)}:{row['machine_id']}:{row['since']}",
    lambda row: _wallet(row, "provider") if row["provider"] else None,
    "No machine is offered.",
)
ALERTS = View(
    "alerts",
    "Alerts",
    (
        Column("state", "state", style=_by_state),
        Column("kind", "kind"),
        Column("sink", "sink"),
        Column("attempts", "tries", _number),
        Column("first_at", "first tried", _day),
        Column("delivered_at", "delivered", _day),
        Column("lead_id", "lead"),
        Column("last_error", "last error", limit=80),
        Column("alert_id", "alert"),
    ),
    _alerts,
    lambda row: f"{row['alert_id']}:{row['sink']}",
    lambda row: Target("lead", str(row["lead_id"])) if row["lead_id"] else None,
    "No alerts. Name a receiver under [alerts.sinks] to be told of leads.",
)
HEALTH = View(
    "health",
    "Chains",
    (
        Column("chain", "chain"),
        Column("chain_id", "id"),
        Column("state", "state"),
        Column("last_block", "indexed to", _number),
        Column("behind", "behind", _number, _alarm),
        Column("missing_blocks", "missing", _number, _alarm),
        Column("finalized", "final to", _number),
        Column("logs", "logs", _number),
        Column("reorgs", "reorgs", _number),
        Column("head_time", "block time", _day),
        Column("first_block", "from", _number),
    ),
    health_rows,
    lambda row: str(row["chain_id"]),
    lambda _row: None,
    "No chain is configured: `monitor init` writes a config.toml to start from.",
)
QUARANTINE = View(
    "quarantine",
    "Logs that could not be read",
    (
        Column("market", "market"),
        Column("chain_id", "chain"),
        Column("rows", "logs", _number, _alarm),
        Column("reason", "reason", limit=160),
    ),
    quarantine_rows,
    lambda row: f"{_market(row)}:{row['reason']}",
    lambda row: Target("market", _market(row)),
    "Every log could be read.",
)
UPGRADES = View(
    "upgrades",
    "Contracts whose code was changed",
    (
        Column("market", "market"),
        Column("chain_id", "chain"),
        Column("role", "role"),
        Column("contract", "contract", fmt.short),
        Column("event", "event"),
        Column("detail", "to", fmt.short),
        Column("block_number", "block", _number),
        Column("block_time", "at", _day),
        Column("state", "adapter", style=_by_state),
    ),
    upgrade_rows,
    lambda row: f"{row['chain_id']}:{row['block_number']}:{row['log_index']}:{row['contract']}:{row['market']}",
    lambda row: Target("market", _market(row)),
    "No contract was changed.",
)
RELATED = View(
    "related",
    "Related",
    (Column("kind", "kind"), Column("name", "what", fmt.short), Column("note", "how", limit=240)),
    lambda _snapshot: [],
    lambda row: f"{row['kind']}:{row['id']}",
    lambda row: Target(str(row["opens"]), str(row["id"])),
    "Nothing else in the ledger hangs together with this.",
)


def _market(row: Row) -> str:
    return f"{row['market']}:{row['chain_id']}"


VIEWS: dict[str, View] = {
    view.name: view
    for view in (LEADS, LEASES, WALLETS, CLUSTERS, MARKETS, CAPACITY, ALERTS, HEALTH, QUARANTINE, UPGRADES)
}
SCREENS: dict[str, tuple[str, ...]] = {
    "overview": ("leads",),
    "leads": ("leads",),
    "leases": ("leases",),
    "wallets": ("wallets", "clusters"),
    "markets": ("markets", "capacity"),
    "alerts": ("alerts",),
    "health": ("health", "quarantine", "upgrades"),
}
"""The screens in the order of their digits, with the tables each one shows."""
