"""What wakes the judge: at once, or at leisure where no lead waits for what is new."""

from __future__ import annotations

import asyncio

__all__ = ["Bell"]

_LEISURE = 5.0
"""Seconds after which answers that no lead waits for are looked at, if nothing else was to be looked at before."""


class Bell:
    """Rings until somebody waits for it; for one event loop."""

    def __init__(self) -> None:
        self._rings = asyncio.Event()
        self._later: asyncio.TimerHandle | None = None

    def ring(self) -> None:
        """Say that there is something to judge."""
        self._rings.set()

    def ring_later(self) -> None:
        """Say that there is something to look at, which nobody has to at once."""
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(_LEISURE, self._rings.set)

    async def wait(self) -> None:
        """Wait for a ring."""
        await self._rings.wait()
        self._rings.clear()

    def hush(self) -> None:
        """Take back all rings, those to come as well: who looks now sees what they are about."""
        self._rings.clear()
        if self._later is not None:
            self._later.cancel()
            self._later = None
