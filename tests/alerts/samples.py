from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import msgspec

from monitor.alerts.message import Alert
from monitor.alerts.outbox import OutboxRow, RowState
from monitor.alerts.payload import Context, LegalStatus
from monitor.config.spec import SinkConfig
from monitor.model.chain import Position
from monitor.model.lead import Finding, Lead

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD_SECRET = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()


class Clock:
    """Wall-clock seconds that move only when told."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Entry(msgspec.Struct):
    row: OutboxRow
    state: RowState = "pending"
    error: str = ""
    delivered_at: int | None = None


class MemoryStore:
    """The outbox as `Store` asks for it, in memory."""

    def __init__(self, rows: Sequence[OutboxRow] = ()) -> None:
        self.entries = {row.alert_id: Entry(row) for row in rows}
        self.disabled: dict[str, str] = {}

    def add(self, *alerts: Alert) -> None:
        for alert in alerts:
            row = OutboxRow(
                alert_id=alert.alert_id,
                lead_id=alert.lead_id,
                sink=alert.sink,
                sequence=alert.sequence,
                payload=alert.payload,
            )
            self.entries.setdefault(alert.alert_id, Entry(row))

    async def due(self, now: int) -> list[OutboxRow]:
        waiting = [entry.row for entry in self.entries.values() if entry.state == "pending"]
        first: dict[tuple[str, str], int] = {}
        for row in waiting:
            if row.next_at > now:
                lane = (row.lead_id, row.sink)
                first[lane] = min(row.sequence, first.get(lane, row.sequence))
        return [
            row
            for row in waiting
            if row.next_at <= now
            and row.sink not in self.disabled
            and row.sequence < first.get((row.lead_id, row.sink), row.sequence + 1)
        ]

    async def mark_delivered(self, alert_id: str, at: int) -> None:
        entry = self.entries[alert_id]
        entry.state, entry.delivered_at = "delivered", at
        entry.row = msgspec.structs.replace(entry.row, attempts=entry.row.attempts + 1)

    async def mark_failed(self, alert_id: str, attempts: int, next_at: int, error: str, state: RowState) -> None:
        entry = self.entries[alert_id]
        entry.state, entry.error = state, error
        entry.row = msgspec.structs.replace(entry.row, attempts=attempts, next_at=next_at)

    async def disable_sink(self, sink: str, reason: str, at: int) -> None:
        self.disabled[sink] = reason

    def states(self) -> dict[str, RowState]:
        return {alert_id: entry.state for alert_id, entry in self.entries.items()}


def make_row(alert_id: str = "alert-1", *, lead: str = "lead-1", sink: str = "team", sequence: int = 1) -> OutboxRow:
    return OutboxRow(alert_id=alert_id, lead_id=lead, sink=sink, sequence=sequence, payload=b'{"data":{},"type":"x"}')


def make_finding(name: str = "finding-1", **changes: object) -> Finding:
    values: dict[str, object] = {
        "finding_id": name,
        "rule": "T04",
        "rule_version": 1,
        "typology": "T04",
        "family": "funding",
        "subject": "0x1",
        "cluster_id": "cluster-1",
        "points": 25,
        "summary": "One wallet first funded 4 renters",
        "threshold": "at least 3 renters",
        "values": {},
        "evidence": (Position(8453, 100, b"\x01" * 32, 4),),
        "caveats": ("payroll tools fund many wallets",),
        "at": 1_700_000_500,
    }
    return Finding(**{**values, **changes})  # type: ignore[arg-type]


def make_lead(name: str = "lead-1", **changes: object) -> Lead:
    values: dict[str, object] = {
        "lead_id": name,
        "cluster_id": "cluster-1",
        "score": 50,
        "severity": "medium",
        "confidence": "uncalibrated",
        "families": ("funding", "payment"),
        "typologies": ("T04", "T05"),
        "leases": ("spheron:8453:7",),
        "h100e": "64.000",
        "opened_at": 1_700_000_000,
        "legal_file": "2026-11-22",
        "first_block": "8453:1",
        "last_block": "8453:100",
        "findings": ("finding-1",),
        "wallets": ("8453:0x00000000000000000000000000000000000000AA",),
    }
    return Lead(**{**values, **changes})  # type: ignore[arg-type]


def make_context(*findings: Finding, at: int = 1_700_001_000) -> Context:
    named: Mapping[str, Finding] = {finding.finding_id: finding for finding in findings or (make_finding(),)}
    legal = LegalStatus(
        version="2026-11-22", jurisdiction="US (EAR)", verify_by="2027-02-22", statement="remote access: bill pending"
    )
    return Context(findings=named, legal=legal, at=at)


def make_sink(url: str, **changes: object) -> SinkConfig:
    return SinkConfig.model_validate({"url": url, "secrets": ["env:WEBHOOK_SECRET"], "local": True, **changes})
