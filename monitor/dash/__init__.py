"""The dashboard: a Textual app over snapshots that another process keeps changing; it only reads.

May import `views` and what stands below it. Never reads the chain; asks its `SnapshotSource` for everything, in one
thread of its own, and hands dispositions to the source, which writes them as the command line does. Every text on the
screen went through `monitor.views.clean`.
"""

from monitor.dash.app import MonitorApp
from monitor.dash.screenshot import screenshot
from monitor.dash.source import Reviewer, SnapshotSource

__all__ = ["MonitorApp", "Reviewer", "SnapshotSource", "screenshot"]
