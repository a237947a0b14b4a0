"""What is said on stderr while blocks are read: one line that rewrites itself, or a line per ten seconds in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, TextIO

from monitor.model.page import Page

__all__ = ["Progress", "Traffic"]

_EVERY_TERMINAL = 0.2
_EVERY_LOG = 10.0
_HALF_LIFE = 10.0
"""Seconds after which what a block cost counts half: the blocks ahead are as dense as the latest, not as the first."""


class Traffic(NamedTuple):
    """What a chain's endpoints were asked: calls, requests that had to be split, and bytes of their answers."""

    calls: int = 0
    splits: int = 0
    received: int = 0

    def text(self) -> str:
        """Say it in a few words."""
        splits = "1 split" if self.splits == 1 else f"{self.splits:,} splits"
        return f"{self.calls:,} calls, {splits}, {self.received / 1e6:,.1f} MB"


class Tally:
    """What was read of one chain, and what is left."""

    def __init__(self, now: float) -> None:
        self.began = now
        self.missing = 0
        self.head = 0
        self.blocks = 0
        self.logs = 0
        self._last = now
        self._recent_blocks = 0.0
        self._recent_seconds = 0.0

    def read(self, blocks: int, logs: int, now: float) -> None:
        """Take note of a page."""
        self.blocks += blocks
        self.logs += logs
        self.missing = max(0, self.missing - blocks)
        seconds, self._last = now - self._last, now
        fade = 0.5 ** (seconds / _HALF_LIFE)
        self._recent_blocks = self._recent_blocks * fade + blocks
        self._recent_seconds = self._recent_seconds * fade + seconds

    def seconds_left(self) -> float | None:
        """Estimate the time the missing blocks take if they cost what the latest did; None before the first page."""
        return self.missing * self._recent_seconds / self._recent_blocks if self._recent_blocks else None

    def rate(self, now: float) -> float:
        """Give the logs a second since it began."""
        return self.logs / max(now - self.began, 1e-3)


class Progress:
    """Counts blocks and logs per chain and shows them with the rate and the time left; silent when `stream` is None."""

    def __init__(self, names: Mapping[int, str], stream: TextIO | None = sys.stderr) -> None:
        self.names = names
        self.stream = stream
        self._tallies: dict[int, Tally] = {}
        self._traffic: dict[int, Callable[[], Traffic]] = {}
        self._shown = 0.0
        self._live = stream is not None and stream.isatty()

    def follow(self, chain_id: int, traffic: Callable[[], Traffic]) -> None:
        """Take note of where a chain's traffic can be asked for."""
        self._traffic[chain_id] = traffic

    def missing(self, chain_id: int) -> int:
        """Blocks a chain still lacks."""
        return self._tally(chain_id).missing

    def planned(self, chain_id: int, missing: int, head: int) -> None:
        """Take note of how many blocks a chain still lacks, below its `head`."""
        tally = self._tally(chain_id)
        tally.missing, tally.head = missing, head
        self._show(chain_id)

    def wrote(self, chain_id: int, page: Page) -> None:
        """Take note of a written page."""
        blocks = max((span.blocks for span in page.coverage.values()), default=0)
        self._tally(chain_id).read(blocks, len(page.logs) + len(page.transfers), time.monotonic())
        self._show(chain_id)

    def reverted(self, chain_id: int, to: int) -> None:
        """Say that the chain changed."""
        self.say(f"{self.names[chain_id]}: the chain changed after block {to}; reading it again from there")

    def say(self, line: str) -> None:
        """Write one line."""
        if self.stream is not None:
            print(("\r\x1b[K" if self._live else "") + line, file=self.stream, flush=True)

    def close(self) -> None:
        """End the live line, and sum up what was read."""
        now = time.monotonic()
        for chain_id, tally in self._tallies.items():
            if tally.blocks:
                self.say(
                    f"{self.names[chain_id]}: read {tally.blocks:,} blocks, {tally.logs:,} logs "
                    f"({tally.rate(now):,.0f} logs/s), {self._traffic.get(chain_id, Traffic)().text()}"
                )

    def _tally(self, chain_id: int) -> Tally:
        return self._tallies.setdefault(chain_id, Tally(time.monotonic()))

    def _show(self, chain_id: int) -> None:
        now = time.monotonic()
        if self.stream is None or now - self._shown < (_EVERY_TERMINAL if self._live else _EVERY_LOG):
            return
        self._shown = now
        text = self._text(chain_id, now)
        if self._live:
            print("\r\x1b[K" + text, end="", file=self.stream, flush=True)
        else:
            print(text, file=self.stream, flush=True)

    def _text(self, chain_id: int, now: float) -> str:
        tally = self._tally(chain_id)
        left = tally.seconds_left()
        eta = f", about {_duration(left)} left" if left is not None else ""
        return (
            f"{self.names[chain_id]}: {tally.missing:,} blocks to read of head {tally.head:,}, {tally.logs:,} logs, "
            f"{tally.rate(now):,.0f} logs/s{eta}; {self._traffic.get(chain_id, Traffic)().text()}"
        )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
