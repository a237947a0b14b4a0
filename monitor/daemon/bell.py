"""What wakes the judge: at once, or within a while where no lead waits for what is new."""

from __future__ import annotations

import asyncio

__all__ = ["Bell"]


class Bell:
    """Rings until somebody waits for it; for one event loop."""

    def __init__(self) -> None:
        self._rings = asyncio.Event()
        self._later: asyncio.TimerHandle | None = None

    def ring(self) -> None:
        """Say that there is something to judge."""
        self._quieten()
        self._rings.set()

    def ring_within(self, seconds: float) -> None:
        """Say that there is something to look at, which nobody has to sooner."""
        loop = asyncio.get_running_loop()
        if self._later is not None and self._later.when() <= loop.time() + seconds:
            return
        self._quieten()
        self._later = loop.call_later(seconds, self.ring)

    async def wait(self) -> None:
        """Wait for a ring."""
        await self._rings.wait()
        self._rings.clear()

    def hush(self) -> None:
        """Take back all rings, those to come as well: who looks now sees what they are about."""
        self._rings.clear()
        self._quieten()

    def _quieten(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
