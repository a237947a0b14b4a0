"""Rows for every surface, as dictionaries with a stable order of fields.

A value is text (not yet cleaned: each surface cleans for itself), an int, an exact `Decimal`, None, a tuple of texts
(written `a|b` in CSV), or a list or dictionary (written as JSON). Addresses are EIP-55, hashes `0x…`, times UTC
ISO-8601. Rows come sorted by the key declared in `columns`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from monitor.views import format as fmt
from monitor.views.columns import TABLES, Table
from monitor.views.snapshot import Snapshot

__all__ = [
    "Row",
    "Value",
    "alert_rows",
    "cluster_rows",
    "event_rows",
    "export_rows",
    "finding_rows",
    "frame_rows",
    "lead_rows",
    "lease_rows",
    "link_rows",
    "order_value",
    "sort_rows",
    "wallet_rows",
]

Value = str | int | Decimal | tuple[str, ...] | list[str] | dict[str, str] | None
Row = dict[str, Value]

_ADDRESSES = ("renter", "payer", "beneficiary", "provider", "price_token", "token", "actor", "contract", "a", "b")
_HASHES = ("open_tx", "block_hash", "tx")
_TIMES = ("opened_at", "planned_end", "paid_until", "closed_at", "first_seen", "last_seen", "at", "since", "until")
_RENDER: dict[str, Callable[[Any], Value]] = {
    **dict.fromkeys((*_ADDRESSES, "address"), fmt.address),
    **dict.fromkeys(_HASHES, fmt.hex_text),
    **dict.fromkeys(_TIMES, fmt.time),
    "evidence": lambda hashes: tuple(fmt.hex_text(item) or "" for item in hashes or ()),
    "roles": lambda items: tuple(items or ()),
    "labels": lambda items: tuple(items or ()),
}
_EVENT_SOURCES = {"at": "block_time", "block": "block_number", "tx": "tx_hash"}


def order_value(value: Value) -> tuple[int, Decimal | int, str]:
    """Give a value its place in an ascending column: nothing first, then numbers by value, then text by code point."""
    match value:
        case None:
            return (0, 0, "")
        case int() | Decimal():
            return (1, value, "")
        case str():
            return (2, 0, value)
        case _:
            return (3, 0, repr(value))


def sort_rows(rows: Iterable[Row], table: Table) -> list[Row]:
    """Sort rows by the table's key, then by all columns, so that equal keys cannot fall either way."""
    found = list(rows)
    keys = {tuple(row[name] for name in table.sort_key) for row in found}
    names = table.sort_key if len(keys) == len(found) else (*table.sort_key, *table.columns)
    return sorted(found, key=lambda row: tuple(order_value(row[name]) for name in names))


def frame_rows(frame: pl.DataFrame, columns: Iterable[str], sources: Mapping[str, str] | None = None) -> list[Row]:
    """Make rows from a frame's columns; `sources` names the frame's column where it differs from the row's field."""
    names = tuple(columns)
    picked = frame.select([(sources or {}).get(name, name) for name in names])
    rendered: list[list[Value]] = []
    for name, series in zip(names, picked, strict=True):
        render = _RENDER.get(name)
        values = series.to_list()
        rendered.append(values if render is None else [render(value) for value in values])
    return [dict(zip(names, cells, strict=True)) for cells in zip(*rendered, strict=True)]


def _from_frame(frame: pl.DataFrame, name: str, sources: Mapping[str, str] | None = None) -> list[Row]:
    table = TABLES[name]
    return sort_rows(frame_rows(frame, table.columns, sources), table)


def lease_rows(snapshot: Snapshot) -> list[Row]:
    """List leases with the columns of `leases.csv`."""
    return _from_frame(snapshot.leases, "leases")


def event_rows(snapshot: Snapshot) -> list[Row]:
    """List mapped events with the columns of `lease_events.csv`; `at` is the block's time."""
    return _from_frame(snapshot.lease_events, "lease_events", _EVENT_SOURCES)


def wallet_rows(snapshot: Snapshot) -> list[Row]:
    """List wallets with the columns of `wallets.csv`."""
    return _from_frame(snapshot.wallets, "wallets")


def link_rows(snapshot: Snapshot) -> list[Row]:
    """List links between wallets with the columns of `links.csv`; `weight` in bits."""
    return _from_frame(snapshot.links, "links")


def cluster_rows(snapshot: Snapshot) -> list[Row]:
    """List clusters with the columns of `clusters.csv`."""
    return _from_frame(snapshot.clusters, "clusters")


def finding_rows(snapshot: Snapshot) -> list[Row]:
    """List findings with the columns of `findings.csv`; `evidence` holds positions `chain:block:0xtx:log`."""
    rows: list[Row] = [
        {
            "finding_id": finding.finding_id,
            "rule": finding.rule,
            "rule_version": finding.rule_version,
            "typology": finding.typology,
            "family": finding.family,
            "subject": finding.subject,
            "cluster_id": finding.cluster_id,
            "points": finding.points,
            "summary": finding.summary,
            "threshold": finding.threshold,
            "values": dict(sorted(finding.values.items())),
            "evidence": [position.text() for position in sorted(finding.evidence)],
            "caveats": finding.caveats,
            "state": finding.state,
        }
        for finding in snapshot.findings
    ]
    return sort_rows(rows, TABLES["findings"])


def lead_rows(snapshot: Snapshot) -> list[Row]:
    """List leads with the columns of `leads.csv`; retracted ones stay, marked by their state."""
    rows: list[Row] = [
        {
            "lead_id": lead.lead_id,
            "cluster_id": lead.cluster_id,
            "score": lead.score,
            "severity": lead.severity,
            "confidence": lead.confidence,
            "families": lead.families,
            "typologies": lead.typologies,
            "leases": lead.leases,
            "h100e": lead.h100e,
            "opened_at": fmt.time(lead.opened_at),
            "state": lead.state,
            "disposition": lead.disposition,
            "reason": lead.reason,
            "reviewer": lead.reviewer,
            "legal_file": lead.legal_file,
            "first_block": lead.first_block,
            "last_block": lead.last_block,
        }
        for lead in snapshot.leads
    ]
    return sort_rows(rows, TABLES["leads"])


def alert_rows(snapshot: Snapshot) -> list[Row]:
    """List alerts, one row per sink, with the columns of `alerts.csv`."""
    rows: list[Row] = [
        {
            "alert_id": alert.alert_id,
            "lead_id": alert.lead_id,
            "sink": alert.sink,
            "kind": alert.kind,
            "state": alert.state,
            "attempts": alert.attempts,
            "first_at": fmt.time(alert.first_at),
            "delivered_at": fmt.time(alert.delivered_at),
            "last_error": alert.last_error,
        }
        for alert in snapshot.alerts
    ]
    return sort_rows(rows, TABLES["alerts"])


_READERS: dict[str, Callable[[Snapshot], list[Row]]] = {
    "leases": lease_rows,
    "lease_events": event_rows,
    "wallets": wallet_rows,
    "links": link_rows,
    "clusters": cluster_rows,
    "findings": finding_rows,
    "leads": lead_rows,
    "alerts": alert_rows,
}


def export_rows(snapshot: Snapshot, name: str) -> list[Row]:
    """List the rows of an export table by its name in `columns.TABLES`."""
    return _READERS[name](snapshot)
