"""One endpoint's memory: how it does, how fast it may be asked, what it lacks, and when it may be asked again."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from math import inf
from typing import Literal, NamedTuple

from monitor.chain.call import Call
from monitor.chain.fault import Fault
from monitor.config.spec import EndpointConfig
from monitor.sync.choice import Standing
from monitor.sync.pace import (
    Batch,
    Bucket,
    Latency,
    Window,
    batch_shrunk,
    batch_took,
    batch_within,
    hedge_after,
    limited,
    seen,
    spent,
    told_rate,
    wait,
    window_grown,
    window_shrunk,
)

__all__ = ["Bell", "Endpoint", "EndpointState", "Health"]

_MAX_PAUSE = 60.0
_FIRST_PAUSE = 0.25
_BENCH_SECONDS = 5.0
_MAX_BENCH = 600.0
_BENCH_ALONE = 1.0
"""Seconds a liar is left alone when nobody else is there to ask."""
_FORGIVEN_AFTER = 50
"""Good answers after which one lie is forgotten."""
_PAUSE_WHEN_LIMITED = 1.0
_LOUD_AFTER = 3
"""Failures in a row before the log says so: one bad gateway is mended by the next try, and is noise."""
_TEXT_LIMIT = 200
_TEXT_READ = 10_000
_FIRST_WINDOW = 4
_BATCH = 100
_DOUBTS = 3
"""Batches that failed in a row where each of their calls was then answered alone, before none was ever taken."""
_HEAD_FRESH = 2.0
"""Seconds for which the head an endpoint reported is taken for the newest block it has."""
_HOUR, _DAY = 3_600.0, 86_400.0

Health = Literal["unknown", "ok", "trailing", "failing", "benched", "spent", "wrong"]

log = logging.getLogger("monitor.chain")


class EndpointState(NamedTuple):
    """What can be shown of an endpoint: its masked URL, health and the reason for it.

    `latency_seconds` is the mean of its answers, `head` the newest block it reported (-1: none), `calls` how many it
    was sent, `received` the bytes of its answers, `faults` how many of each kind it made, `rate` the calls a second it
    is held to (inf: no limit known), `batch` the calls it takes in one request.
    """

    label: str
    health: Health
    error: str
    latency_seconds: float
    head: int = -1
    calls: int = 0
    faults: Mapping[str, int] = {}
    rate: float = inf
    received: int = 0
    batch: int = 1


class Bell:
    """Wakes whoever waits for an endpoint to become free."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake all that wait now."""
        self._event.set()
        self._event = asyncio.Event()

    async def heard(self, seconds: float) -> None:
        """Wait for the next ring, at most so long."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return


class Endpoint:
    """An endpoint of a chain; times are event-loop seconds."""

    def __init__(self, chain: str, place: int, config: EndpointConfig, concurrency: int, bell: Bell) -> None:
        self.place = place
        self.config = config
        self.label = str(config.url)
        self.verified = False
        self.health: Health = "unknown"
        self.error = ""
        self.head = -1
        self.behind = 0
        """Blocks by which its newest one trails others', when they were last compared."""
        self.batch = Batch(_BATCH, _BATCH)
        self.takes_batches = False
        """Whether it ever answered one."""
        self.missing: set[str] = set()
        self._chain = chain
        self._bell = bell
        top = float(config.calls_per_second or inf)
        self._bucket = Bucket(top=top, rate=top)
        daily = float(config.calls_per_day or inf)
        self._budget = Bucket(
            top=daily / _DAY, rate=daily / _DAY, tokens=daily / 24 if daily < inf else 1.0, burst=_HOUR
        )
        self._window = Window(float(min(_FIRST_WINDOW, concurrency)), concurrency)
        self._asked = 0
        self._in_flight = 0
        self._latency: dict[str, Latency] = {}
        self._head_at = -inf
        self._paused_until = -inf
        self._benched_at = self._benched_until = -inf
        self._failures = 0
        self._lies = 0
        self._doubts = 0
        self._limits = 0
        """Refusals for too many requests since the last good answer."""
        self._good = 0
        self._calls = 0
        self.received = 0
        self._faults: Counter[str] = Counter()

    @property
    def state(self) -> EndpointState:
        """What surfaces may show."""
        latency = max((one.mean for one in self._latency.values()), default=0.0)
        faults = dict(self._faults)
        trails = self.behind > 0 and self.health == "ok"
        return EndpointState(
            self.label,
            "trailing" if trails else self.health,
            f"its head is {self.behind} blocks behind" if trails else self.error,
            latency,
            self.head,
            self._calls,
            faults,
            self._bucket.rate,
            self.received,
            self.batch.size,
        )

    def standing(
        self,
        calls: Sequence[Call],
        block: int | None,
        tried: int,
        delay: float,
        now: float,
        *,
        alone: bool = False,
    ) -> Standing:
        """Say how it stands to be asked these calls about blocks up to `block`, in `delay` seconds at the earliest.

        `alone` when every endpoint is benched: then the one that is left is asked again soon.
        """
        newer = block is not None and 0 <= self.head < block
        newest = any(call.method == "eth_blockNumber" or "latest" in call.params for call in calls)
        benched = (self._benched_at + _BENCH_ALONE if alone else self._benched_until) - now
        return Standing(
            place=self.place,
            cost=self.config.cost,
            wait=max(delay, self._wait(now), benched),
            free=self._asked < int(self._window.size),
            tried=tried,
            lacks=(newer and now - self._head_at < _HEAD_FRESH) or any(call.method in self.missing for call in calls),
            trails=self.behind > 0 and (newer or newest),
            latency=self.latency(calls).mean,
        )

    def is_benched(self, now: float) -> bool:
        """Whether it is left out for an answer that could not be true."""
        return self._benched_until > now

    def is_free(self, now: float) -> bool:
        """Whether it may be asked now, by its limits, its budget and how it did."""
        return self._wait(now) <= 0 and not self.is_benched(now)

    def latency(self, calls: Sequence[Call]) -> Latency:
        """Tell what is known of the time it takes over such a question."""
        return self._latency.get(calls[-1].method if calls else "", Latency())

    def hedge_after(self, calls: Sequence[Call]) -> float:
        """Seconds after which its answer is late."""
        return hedge_after(self.latency(calls))

    def take(self) -> None:
        """Count a question that is put to it; `leave` ends it."""
        self._asked += 1

    def leave(self) -> None:
        """End a question."""
        self._asked -= 1
        self._bell.ring()

    @asynccontextmanager
    async def turn(self, calls: int) -> AsyncIterator[None]:
        """Hold one of its places for a request of so many calls; waits for its window and its rate."""
        loop = asyncio.get_running_loop()
        while (delay := self._wait(loop.time())) > 0 or self._in_flight >= int(self._window.size):
            await self._bell.heard(delay or 1.0)
        self._in_flight += 1
        now = loop.time()
        self._calls += calls
        self._bucket = spent(self._bucket, calls, now)
        self._budget = spent(self._budget, calls, now)
        if wait(self._budget, now) > 0 and self.health == "ok":
            self.health, self.error = "spent", f"its {self.config.calls_per_day} calls a day are used up for now"
            log.warning("%s: endpoint %s: %s", self._chain, self.label, self.error)
        try:
            yield
        finally:
            self._in_flight -= 1
            self._bell.ring()

    def masked(self, text: str) -> str:
        """Cut a stranger's text to one short printable line without the endpoint's URL or key."""
        text = text[:_TEXT_READ]
        url = self.config.url.reveal()
        secrets = sorted({url, *re.split(r"[/?&=@:]", url)}, key=len, reverse=True)
        for secret in secrets:
            if len(secret) >= 16:  # noqa: PLR2004 - shorter parts are host names and paths, not keys
                text = text.replace(secret, "***")
        line = "".join(c if c.isprintable() else " " for c in text[: _TEXT_LIMIT + 1])
        return line if len(line) <= _TEXT_LIMIT else line[: _TEXT_LIMIT - 1] + "…"

    def failed(self, fault: Fault, now: float, *, calls: int = 1, block: int | None = None) -> None:
        """Note a failure, with its text made fit to show: what it teaches, and for how long it is left alone."""
        fault.message = self.masked(fault.message)
        self._faults[fault.kind] += 1
        if fault.lacks:
            self.missing.add(fault.lacks)
        if fault.kind == "limited":
            self._limited(fault, calls, now)
        elif fault.kind == "lagging" and block is not None:
            self.reported(min(block - 1, self.head) if self.head >= 0 else block - 1, now)
        elif fault.kind == "lying":
            self.bench(fault.message, now)
        elif fault.kind == "down" and not fault.too_large:
            self._down(fault, now)

    def bench(self, reason: str, now: float) -> None:
        """Leave it out for a while that grows with each lie: its answer could not be true."""
        pause = min(_MAX_BENCH, _BENCH_SECONDS * 2 ** min(self._lies, 10))
        self._lies += 1
        self._good = 0
        self._benched_at, self._benched_until = now, now + pause
        if self.health != "benched":
            log.warning("%s: endpoint %s is left out, its answer cannot be true: %s", self._chain, self.label, reason)
        self.health, self.error = "benched", reason

    def refused_batch(self, calls: int) -> None:
        """Note that so many calls in one request were too many."""
        self.batch = batch_shrunk(self.batch, calls)

    def doubted_batch(self) -> None:
        """Note that a batch failed whose calls it answered one by one: servers break on a list they do not expect."""
        self._doubts += 1
        if self._doubts >= _DOUBTS and not self.takes_batches:
            self.batch = Batch(1, 1)

    def timed(self, calls: Sequence[Call], seconds: float) -> None:
        """Note the seconds one request took."""
        self._latency[calls[-1].method] = seen(self.latency(calls), seconds)
        self._window = window_grown(self._window)
        self.batch = batch_took(self.batch, len(calls))
        self.takes_batches = self.takes_batches or len(calls) > 1

    def answered(self, now: float) -> None:
        """Note a good answer, and log it if the failing was logged."""
        self._good += 1
        self._limits = 0
        if self._good >= _FORGIVEN_AFTER:
            self._good, self._lies = 0, max(0, self._lies - 1)
        if self.health == "spent":
            if wait(self._budget, now) <= 0:
                log.info("%s: endpoint %s is asked again", self._chain, self.label)
                self.health, self.error = "ok", ""
            return
        if self.health == "benched":
            # One good answer does not make an honest node: it is taken in again when its time is over.
            if not self.is_benched(now):
                log.info("%s: endpoint %s is asked again", self._chain, self.label)
                self.health, self.error = "ok", ""
            return
        if self._failures >= _LOUD_AFTER:
            log.info("%s: endpoint %s answers again", self._chain, self.label)
        self.health, self.error = "ok", ""
        self._failures = 0
        self._paused_until = -inf

    def forgive(self) -> None:
        """Let it be asked at once, however often it failed; that it fails was said and is not said again."""
        self._failures = min(self._failures, _LOUD_AFTER)
        self._paused_until = -inf

    def reported(self, head: int, now: float) -> None:
        """Note the newest block it says it has."""
        self.head, self._head_at = head, now

    def compared(self, blocks: int) -> None:
        """Note by how many blocks its newest one is behind that of others, and log when that begins and ends."""
        if blocks and not self.behind:
            log.warning(
                "%s: endpoint %s trails by %d blocks; others are asked for new ones", self._chain, self.label, blocks
            )
        elif self.behind and not blocks:
            log.info("%s: endpoint %s trails no more", self._chain, self.label)
        self.behind = blocks

    def _wait(self, now: float) -> float:
        return max(0.0, self._paused_until - now, wait(self._bucket, now), wait(self._budget, now))

    def _limited(self, fault: Fault, calls: int, now: float) -> None:
        self._window = window_shrunk(self._window, now)
        told = told_rate(fault.message)
        pause = fault.pause or _PAUSE_WHEN_LIMITED
        self._bucket = limited(self._bucket, now, pause=pause, told=told)
        # Some count the calls of a batch, and answer a part of them, or none of one that is above their limit.
        self._limits += 1
        whole = fault.whole and (self._limits == 1 or calls == 1)
        self.batch = batch_within(self.batch, self._bucket.rate if whole else min(calls, self.batch.size) / 2)

    def _down(self, fault: Fault, now: float) -> None:
        if fault.slow:
            self._window = window_shrunk(self._window, now)
        self.verified = False
        self._failures += 1
        # One bad gateway is no reason to keep others waiting; the question it met waits by itself.
        pause = min(_MAX_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures - 2, 10)) if self._failures > 1 else 0.0
        self._paused_until = now + max(pause, fault.pause)
        if self._failures == _LOUD_AFTER:
            log.warning("%s: endpoint %s is failing: %s", self._chain, self.label, fault.message)
        if self.health != "benched":
            self.health, self.error = "failing", fault.message
