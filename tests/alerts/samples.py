from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping

from monitor.alerts.outbox import OutboxRow
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


class MemoryStore:
    """The outbox as the ledger keeps it, in memory."""

    def __init__(self, rows: Iterable[OutboxRow] = ()) -> None:
        self.rows: dict[str, OutboxRow] = {}
        self.put(rows)

    def put(self, rows: Iterable[OutboxRow]) -> None:
        for row in rows:
            self.rows.setdefault(row.alert_id, row)

    async def due(self, now: float, limit: int = 100) -> list[OutboxRow]:
        ready = [row for row in self.rows.values() if row.state == "pending" and row.next_at <= now]
        return sorted(ready, key=lambda row: (row.next_at, row.lead_id, row.sequence, row.sink))[:limit]

    async def update_delivery(self, rows: Iterable[OutboxRow]) -> None:
        self.rows |= {row.alert_id: row for row in rows}

    def states(self) -> dict[str, str]:
        return {name: row.state for name, row in self.rows.items()}


def make_row(alert_id: str = "alert-1", *, lead: str = "lead-1", sink: str = "team", sequence: int = 1) -> OutboxRow:
    return OutboxRow(
        alert_id=alert_id, lead_id=lead, sink=sink, kind="lead.opened", sequence=sequence, payload=b'{"type":"x"}'
    )


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
