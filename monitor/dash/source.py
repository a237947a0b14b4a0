"""What the dashboard needs from outside: snapshots, and a way to write down what a reviewer decided."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from monitor.model.lead import Disposition
from monitor.views.snapshot import Snapshot

__all__ = ["Reviewer", "SnapshotSource"]


class SnapshotSource(Protocol):
    """Where snapshots come from; all calls come from one thread that is not the screen's."""

    def version(self) -> int:
        """Say cheaply whether anything changed: another number than last time. Raises MonitorError when it cannot."""
        ...

    def load(self) -> Snapshot:
        """Read everything. Raises MonitorError when it cannot; the last snapshot then stays on screen."""
        ...


@runtime_checkable
class Reviewer(Protocol):
    """A source that can also write dispositions; a source without it makes the dashboard read-only."""

    def dispose(self, lead_id: str, disposition: Disposition, reason: str) -> None:
        """Write a reviewer's decision about a lead. Raises MonitorError when it cannot."""
        ...
