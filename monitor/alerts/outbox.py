"""Rows of the ledger's outbox: made from alerts, changed by what comes of them, made due again by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from monitor.alerts.message import Alert
from monitor.ledger.rows import OutboxRow

__all__ = ["OutboxRow", "Store", "dead", "delivered", "failed", "outbox_rows", "put_off", "replayed"]


class Store(Protocol):
    """The outbox as delivery sees it (the ledger's `Writer` is one); every call is one transaction."""

    async def due(self, now: float, limit: int = 100) -> list[OutboxRow]:
        """Read at most `limit` pending rows whose `next_at` (wall-clock seconds) has come, longest waiting first."""

    async def update_delivery(self, rows: Iterable[OutboxRow]) -> None:
        """Write back state, attempts, times and last error, by alert and sink."""


def outbox_rows(alerts: Iterable[Alert]) -> list[OutboxRow]:
    """Make pending rows, due at once. The ledger leaves rows alone whose id it knows, so a replay adds nothing."""
    return [
        OutboxRow(
            alert_id=alert.alert_id,
            lead_id=alert.lead_id,
            sink=alert.sink,
            kind=alert.kind,
            sequence=alert.sequence,
            payload=alert.payload,
        )
        for alert in alerts
    ]


def delivered(row: OutboxRow, now: int) -> OutboxRow:
    """Note that the sink took it; the last error stays readable."""
    return msgspec.structs.replace(_attempted(row, now), state="delivered", delivered_at=float(now))


def failed(row: OutboxRow, now: int, again: int | None, error: str) -> OutboxRow:
    """Note a failed attempt and when the next is due; None gives up: state `dead`, kept for a replay by hand."""
    tried = msgspec.structs.replace(_attempted(row, now), last_error=error)
    return dead(tried, error) if again is None else put_off(tried, again)


def dead(row: OutboxRow, error: str) -> OutboxRow:
    """Give up without an attempt."""
    return msgspec.structs.replace(row, state="dead", last_error=error)


def put_off(row: OutboxRow, until: int) -> OutboxRow:
    """Make due later, without an attempt."""
    return msgspec.structs.replace(row, next_at=float(until))


def replayed(row: OutboxRow) -> OutboxRow:
    """Make due again from the start of the schedule, under the same id (`monitor alerts replay`)."""
    return msgspec.structs.replace(row, state="pending", attempts=0, next_at=0.0, delivered_at=None)


def _attempted(row: OutboxRow, now: int) -> OutboxRow:
    first = float(now) if row.first_at is None else row.first_at
    return msgspec.structs.replace(row, attempts=row.attempts + 1, first_at=first)
