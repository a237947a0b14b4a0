"""What is said on stderr while blocks are read: one line that rewrites itself, or a line per ten seconds in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TextIO

from monitor.model.page import Page

__all__ = ["Progress"]

_EVERY_TERMINAL = 0.2
_EVERY_LOG = 10.0


class Progress:
    """Counts blocks and logs per chain and shows them with the rate and the time left; silent when `stream` is None."""

    def __init__(self, names: Mapping[int, str], stream: TextIO | None = sys.stderr) -> None:
        self.names = names
        self.stream = stream
        self.logs = 0
        self.started = time.monotonic()
        self.missing: dict[int, int] = {}
        self.first: dict[int, int] = {}
        self._last = 0.0
        self._live = stream is not None and stream.isatty()

    def planned(self, chain_id: int, missing: int, head: int) -> None:
        """Take note of how many blocks a chain still lacks, below its `head`."""
        self.missing[chain_id] = missing
        self.first[chain_id] = max(missing, self.first.get(chain_id, 0))
        self._show(chain_id, head)

    def wrote(self, chain_id: int, page: Page) -> None:
        """Take note of a written page."""
        self.logs += len(page.logs) + len(page.transfers)
        blocks = max((span.stop - span.start for span in page.coverage.values()), default=0)
        self.missing[chain_id] = max(0, self.missing.get(chain_id, 0) - blocks)
        self._show(chain_id, None)

    def reverted(self, chain_id: int, to: int) -> None:
        """Say that the chain changed."""
        self.say(f"{self.names[chain_id]}: the chain changed after block {to}; reading it again from there")

    def say(self, line: str) -> None:
        """Write one line."""
        if self.stream is not None:
            print(("\r\x1b[K" if self._live else "") + line, file=self.stream, flush=True)

    def close(self) -> None:
        """End the live line."""
        if self._live and self.stream is not None and self._last:
            print("\r\x1b[K", end="", file=self.stream, flush=True)

    def _show(self, chain_id: int, head: int | None) -> None:
        now = time.monotonic()
        if self.stream is None or now - self._last < (_EVERY_TERMINAL if self._live else _EVERY_LOG):
            return
        self._last = now
        seconds = max(now - self.started, 1e-3)
        missing, whole = self.missing.get(chain_id, 0), self.first.get(chain_id, 0)
        done = whole - missing
        left = f", about {missing * seconds / done:.0f} s left" if done else ""
        at = f" of head {head}" if head is not None else ""
        text = (
            f"{self.names[chain_id]}: {missing} blocks to read{at}, {self.logs} rows, {self.logs / seconds:.0f}/s{left}"
        )
        if self._live:
            print("\r\x1b[K" + text, end="", file=self.stream, flush=True)
        else:
            print(text, file=self.stream, flush=True)
