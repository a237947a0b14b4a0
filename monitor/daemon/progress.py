"""What is said on stderr: while blocks are read one line that rewrites itself, or in a log a line per ten seconds.

A chain that is followed has nothing to say in a log: what its newest blocks bring is no news of the daemon. In a log
each line begins with the time, UTC.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from math import inf
from typing import NamedTuple, TextIO

from monitor.model.page import Page

__all__ = ["Progress", "Traffic"]

_EVERY_TERMINAL = 0.2
_EVERY_LOG = 10.0
_HALF_LIFE = 10.0
"""Seconds after which what a block cost counts half: the blocks ahead are as dense as the latest, not as the first."""
_FEW = 64
"""Blocks that a log does not speak of: they come and are read."""


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
        self.told = False
        """Whether a log was told that blocks are missing, and not yet that they are there."""
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
        self._shown = -inf
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
            begin = "\r\x1b[K" if self._live else f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} "
            print(begin + line, file=self.stream, flush=True)

    @contextmanager
    def saying(self, logger: logging.Logger) -> Iterator[None]:
        """Say what is logged meanwhile, the end of a trouble like its beginning."""
        if self.stream is None:
            yield
            return
        handler, level = _Saying(self), logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)

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
        now, tally = time.monotonic(), self._tally(chain_id)
        if tally.told and not tally.missing:
            tally.told = False
            self.say(f"{self.names[chain_id]}: at the head, block {tally.head:,}")
        if self.stream is None or now - self._shown < (_EVERY_TERMINAL if self._live else _EVERY_LOG):
            return
        if self._live:
            self._shown = now
            print("\r\x1b[K" + self._text(chain_id, now), end="", file=self.stream, flush=True)
        elif tally.missing > _FEW:
            self._shown, tally.told = now, True
            self.say(self._text(chain_id, now))

    def _text(self, chain_id: int, now: float) -> str:
        tally = self._tally(chain_id)
        left = tally.seconds_left()
        eta = f", about {_duration(left)} left" if left is not None else ""
        rate = f"{tally.logs:,} logs, {tally.rate(now):,.0f} logs/s{eta}"
        stand = f"{tally.missing:,} blocks to read, head {tally.head:,}, {rate}"
        if not tally.missing:
            stand = f"at the head, block {tally.head:,}, {tally.logs:,} logs read"
        return f"{self.names[chain_id]}: {stand}; {self._traffic.get(chain_id, Traffic)().text()}"


class _Saying(logging.Handler):
    """Hands what is logged to the progress, which knows what stands on the terminal."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        self._progress.say(record.getMessage())


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
