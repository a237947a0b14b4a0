"""A picture of the dashboard, made by the dashboard."""

from __future__ import annotations

import asyncio
from pathlib import Path

from monitor.dash.app import MonitorApp
from monitor.dash.source import SnapshotSource

__all__ = ["screenshot"]

_WAIT_SECONDS = 60.0


def screenshot(
    source: SnapshotSource, path: Path, size: tuple[int, int] = (120, 36), *, keys: tuple[str, ...] = ()
) -> None:
    """Write an SVG of the dashboard over `source` after pressing `keys`; raises TimeoutError if it never loads."""
    path.write_text(asyncio.run(_draw(source, size, keys)), encoding="utf-8")


async def _draw(source: SnapshotSource, size: tuple[int, int], keys: tuple[str, ...]) -> str:
    app = MonitorApp(source)
    async with app.run_test(size=size) as pilot:
        async with asyncio.timeout(_WAIT_SECONDS):
            while app.world is None:
                await pilot.pause(0.05)
        await pilot.press(*keys)
        await pilot.pause(0.1)
        return app.export_screenshot(title="monitor dash")
