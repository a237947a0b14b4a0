"""What the ledger keeps of an alert until a sink has it, and what delivery asks of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

__all__ = ["OutboxRow", "RowState", "Store"]

RowState = Literal["pending", "delivered", "dead"]
"""`dead`: given up, kept for `monitor alerts replay`."""


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """One alert waiting for one sink; `attempts` were made already, `next_at` is wall-clock seconds."""

    alert_id: str
    lead_id: str
    sink: str
    sequence: int
    payload: bytes
    attempts: int = 0
    next_at: int = 0


class Store(Protocol):
    """The outbox as delivery sees it; every call is one transaction, times are wall-clock seconds."""

    async def due(self, now: int) -> Sequence[OutboxRow]:
        """Return pending rows whose `next_at` has come, oldest first, a bounded number of each sink.

        Leaves out disabled sinks, and any row behind an earlier sequence of its lead and sink that is still pending, so
        that a receiver hears of a lead in order.
        """

    async def mark_delivered(self, alert_id: str, at: int) -> None:
        """Write that the sink took the alert: state `delivered`, one more attempt."""

    async def mark_failed(self, alert_id: str, attempts: int, next_at: int, error: str, state: RowState) -> None:
        """Write a failed attempt: how many were made, when the next is due, why, and `pending` or `dead`."""

    async def disable_sink(self, sink: str, reason: str, at: int) -> None:
        """Write that the receiver does not want any more; its pending rows are no longer due."""
