"""Send what is due, again and again, until each sink has each alert or ten attempts have failed.

At least once: an alert is marked only after its receiver answered, so a crash in between sends it again under the same
id. Source of the schedule and of how answers are read: Standard Webhooks specification, "Operational considerations".
"""

from __future__ import annotations

import asyncio
import logging
import math
import random as _random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import msgspec

from monitor.alerts.outbox import OutboxRow, Store, dead, delivered, failed, put_off
from monitor.alerts.post import Outcome, Post
from monitor.alerts.post import post as _post
from monitor.config.spec import SinkConfig

__all__ = ["JITTER", "SCHEDULE", "Counts", "Deliverer", "next_attempt"]

SCHEDULE = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before each attempt, counted from the one before."""
JITTER = 0.1
"""Most a pause is stretched, as a share: receivers that come back are not met by everybody at once."""
BATCH = 200
LANES_PER_SINK = 64
UNANSWERED = 4
"""Attempts in a row without an answer, after which a sink is left in peace for a while."""
_SLOWEST = 3_600
_SLOW_START = 30
_GRACE_SECONDS = 5.0

log = logging.getLogger(__name__)

_Lane = tuple[str, str]
"""Lead and sink: alerts of a lane go one after the other."""


class Counts(msgspec.Struct, frozen=True):
    """What a delivery run did: alerts delivered, attempts that failed and will be made again, alerts given up."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0


def next_attempt(attempts: int, now: int, outcome: Outcome, chance: float) -> int | None:
    """Say when to try again after `attempts` attempts, in wall-clock seconds; None when it is time to give up.

    Follows `SCHEDULE`, stretched by up to `JITTER` (`chance` in [0, 1)), never before the receiver's `retry-after`.
    """
    if attempts >= len(SCHEDULE) or outcome.kind == "gone":
        return None
    pause = math.ceil(SCHEDULE[attempts] * (1 + JITTER * chance))
    return now + max(pause, outcome.retry_after or 0)


class Deliverer:
    """Delivers the rows of one store to the configured sinks.

    Alerts of one lead to one sink go in order, one at a time; at most `concurrency` requests per sink are in flight, so
    a slow sink holds up nobody else. `clock` gives wall-clock seconds, `random` a number in [0, 1). Use `run` or
    `drain`, one at a time.
    """

    def __init__(
        self,
        store: Store,
        sinks: Mapping[str, SinkConfig],
        *,
        clock: Callable[[], float] = time.time,
        random: Callable[[], float] = _random.random,
        post: Post = _post,
        concurrency: int = 4,
        poll_seconds: float = 1.0,
    ) -> None:
        self._store = store
        self._sinks = sinks
        self._clock = clock
        self._random = random
        self._post = post
        self._poll_seconds = poll_seconds
        self._slots = {name: asyncio.Semaphore(concurrency) for name in sinks}
        self._lanes: dict[_Lane, asyncio.Task[None]] = {}
        self._disabled: dict[str, str] = {}
        self._quiet_until: dict[str, int] = {}
        self._slow_answers: dict[str, int] = {}
        self._unanswered: dict[str, int] = {}
        self._waiting: dict[_Lane, OutboxRow] = {}
        self._failing: set[str] = set()
        self._tally = {"delivered": 0, "failed": 0, "dead": 0}
        self._nudged = asyncio.Event()

    @property
    def counts(self) -> Counts:
        """What was done since this deliverer was made."""
        return Counts(**self._tally)

    def nudge(self) -> None:
        """Tell a running deliverer that there may be new alerts: it looks now, not at its next turn."""
        self._nudged.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; attempts under way then get a few seconds to end.

        Raises LedgerError when the outbox cannot be read or written.
        """
        try:
            while not stop.is_set():
                self._reap()
                self._nudged.clear()
                await self._start_due()
                await _one_within((stop, self._nudged), self._poll_seconds)
            await self._settle(_GRACE_SECONDS)
        finally:
            await self._cancel()

    async def drain(self, timeout: float) -> Counts:  # noqa: ASYNC109 - what is left is cancelled and due again
        """Deliver everything that is due now, for at most `timeout` seconds, and return what this call did.

        Raises LedgerError when the outbox cannot be read or written.
        """
        before = dict(self._tally)
        try:
            async with asyncio.timeout(timeout) as limit:
                while await self._start_due():
                    await self._settle(None)
        except TimeoutError:
            if not limit.expired():
                raise
        finally:
            await self._cancel()
        return Counts(**{name: count - before[name] for name, count in self._tally.items()})

    async def _start_due(self) -> int:
        """Send or set aside what is due, in lanes that have nothing under way; return how many were touched."""
        # A lane that ends while the rows are read may have sent one of them: it waits for the next reading.
        busy = set(self._lanes)
        now = self._now()
        aside: list[OutboxRow] = []
        lanes: dict[_Lane, list[OutboxRow]] = defaultdict(list)
        for row in await self._store.due(now, BATCH):
            if (row.lead_id, row.sink) in busy:
                continue
            moved = self._set_aside(row, now)
            if moved is None:
                lanes[row.lead_id, row.sink].append(row)
            else:
                aside.append(moved)
        if aside:
            await self._store.update_delivery(aside)
            self._tally["dead"] += sum(row.state == "dead" for row in aside)
        return len(aside) + self._start(lanes)

    def _start(self, lanes: Mapping[_Lane, Sequence[OutboxRow]]) -> int:
        running = Counter(sink for _, sink in self._lanes)
        started = 0
        for lane, rows in lanes.items():
            if running[lane[1]] < LANES_PER_SINK:
                running[lane[1]] += 1
                started += 1
                self._lanes[lane] = asyncio.create_task(self._send_lane(rows), name=f"alerts {lane[1]} {lane[0]}")
        return started

    def _set_aside(self, row: OutboxRow, now: int) -> OutboxRow | None:
        """Give up or put off a row whose turn it is not, so that it does not stand before others; None when it is."""
        if row.sink not in self._sinks:
            return dead(row, f"no sink {row.sink} in the configuration")
        if row.sink in self._disabled:
            return dead(row, self._disabled[row.sink])
        ahead = self._waiting.get((row.lead_id, row.sink))
        behind = int(ahead.next_at) if ahead is not None and ahead.sequence < row.sequence else 0
        until = max(self._quiet_until.get(row.sink, 0), behind)
        return put_off(row, until) if now < until else None

    async def _send_lane(self, rows: Sequence[OutboxRow]) -> None:
        for row in sorted(rows, key=lambda row: row.sequence):
            async with self._slots[row.sink]:
                if row.sink in self._disabled or self._now() < self._quiet_until.get(row.sink, 0):
                    return
                if not await self._send(row, self._sinks[row.sink]):
                    return

    async def _send(self, row: OutboxRow, sink: SinkConfig) -> bool:
        """Make one attempt and write what came of it; return whether the next alert of the lane may go."""
        outcome = await self._post(sink, row.alert_id, row.payload, self._now())
        now = self._now()
        self._note(row.sink, outcome, now)
        lane = (row.lead_id, row.sink)
        if outcome.kind == "delivered":
            await self._store.update_delivery([delivered(row, now)])
            self._tally["delivered"] += 1
            self._waiting.pop(lane, None)
            return True
        tried = failed(row, now, next_attempt(row.attempts + 1, now, outcome, self._random()), outcome.error)
        await self._store.update_delivery([tried])
        if tried.state == "pending":
            self._tally["failed"] += 1
            self._waiting[lane] = tried
            return False
        self._tally["dead"] += 1
        self._waiting.pop(lane, None)
        return True

    def _note(self, sink: str, outcome: Outcome, now: int) -> None:
        """Remember how a sink fares: well, disabled, or to be left in peace for a while; log the changes only."""
        if outcome.kind == "delivered":
            self._slow_answers.pop(sink, None)
            self._unanswered.pop(sink, None)
            if sink in self._failing:
                self._failing.discard(sink)
                log.info("sink %s takes alerts again", sink)
            return
        if outcome.kind == "gone":
            self._disabled[sink] = outcome.error
        self._unanswered[sink] = self._unanswered.get(sink, 0) + 1 if outcome.status is None else 0
        if outcome.kind == "slow" or self._unanswered[sink] >= UNANSWERED:
            times = self._slow_answers.get(sink, 0)
            self._slow_answers[sink] = times + 1
            pause = max(min(_SLOW_START * 2 ** min(times, 10), _SLOWEST), outcome.retry_after or 0)
            self._quiet_until[sink] = max(now + pause, self._quiet_until.get(sink, 0))
        if sink not in self._failing:
            self._failing.add(sink)
            log.warning("sink %s does not take alerts: %s", sink, outcome.error)

    def _now(self) -> int:
        return int(self._clock())

    def _reap(self) -> None:
        """Forget lanes that ended; raises what a lane raised."""
        for lane in [lane for lane, task in self._lanes.items() if task.done()]:
            self._lanes.pop(lane).result()

    async def _settle(self, seconds: float | None) -> None:
        if self._lanes:
            await asyncio.wait(self._lanes.values(), timeout=seconds)
        self._reap()

    async def _cancel(self) -> None:
        left = list(self._lanes.values())
        self._lanes.clear()
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _one_within(events: Sequence[asyncio.Event], seconds: float) -> None:
    """Wait until one of the events is set, for at most some seconds."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
