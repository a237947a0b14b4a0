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
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import msgspec

from monitor.alerts.outbox import OutboxRow, RowState, Store
from monitor.alerts.post import Outcome, Post
from monitor.alerts.post import post as _post
from monitor.config.spec import SinkConfig

__all__ = ["JITTER", "SCHEDULE", "Counts", "Deliverer", "next_attempt"]

SCHEDULE = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before each attempt, counted from the one before."""
JITTER = 0.1
"""Most a pause is stretched, as a share: receivers that come back are not met by everybody at once."""
LANES_PER_SINK = 64
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
        self._disabled: set[str] = set()
        self._quiet_until: dict[str, int] = {}
        self._slow_answers: dict[str, int] = {}
        self._failing: set[str] = set()
        self._tally = {"delivered": 0, "failed": 0, "dead": 0}

    @property
    def counts(self) -> Counts:
        """What was done since this deliverer was made."""
        return Counts(**self._tally)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; attempts under way then get a few seconds to end.

        Raises LedgerError when the outbox cannot be read or written.
        """
        try:
            while not stop.is_set():
                self._reap()
                await self._start_due()
                await _set_within(stop, self._poll_seconds)
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
        """Start a task for each lane that has something due and none under way; return how many."""
        # A lane that ends while the rows are read may have sent one of them: it waits for the next reading.
        busy = set(self._lanes)
        lanes: dict[_Lane, list[OutboxRow]] = defaultdict(list)
        for row in await self._store.due(self._now()):
            lanes[row.lead_id, row.sink].append(row)
        running: dict[str, int] = defaultdict(int)
        for _, sink in self._lanes:
            running[sink] += 1
        started = 0
        for lane, rows in lanes.items():
            sink = lane[1]
            if lane in busy or running[sink] >= LANES_PER_SINK or self._holds_back(sink):
                continue
            running[sink] += 1
            started += 1
            ordered = sorted(rows, key=lambda row: row.sequence)
            self._lanes[lane] = asyncio.create_task(self._send_lane(ordered), name=f"alerts {sink} {lane[0]}")
        return started

    def _holds_back(self, sink: str) -> bool:
        return sink in self._disabled or self._now() < self._quiet_until.get(sink, 0)

    async def _send_lane(self, rows: Sequence[OutboxRow]) -> None:
        for row in rows:
            if not await self._send(row):
                return

    async def _send(self, row: OutboxRow) -> bool:
        """Make one attempt and write what came of it; return whether the next alert of the lane may go."""
        sink = self._sinks.get(row.sink)
        if sink is None:
            error = f"no sink {row.sink} in the configuration"
            await self._store.mark_failed(row.alert_id, row.attempts, row.next_at, error, "dead")
            self._tally["dead"] += 1
            return True
        async with self._slots[row.sink]:
            if self._holds_back(row.sink):
                return False
            outcome = await self._post(sink, row.alert_id, row.payload, self._now())
            self._note(row.sink, outcome)
            if outcome.kind == "delivered":
                await self._store.mark_delivered(row.alert_id, self._now())
                self._tally["delivered"] += 1
                return True
            return await self._write_failure(row, outcome)

    async def _write_failure(self, row: OutboxRow, outcome: Outcome) -> bool:
        now, attempts = self._now(), row.attempts + 1
        again = next_attempt(attempts, now, outcome, self._random())
        state: RowState = "pending" if again is not None else "dead"
        await self._store.mark_failed(row.alert_id, attempts, now if again is None else again, outcome.error, state)
        self._tally["dead" if again is None else "failed"] += 1
        if outcome.kind == "gone":
            await self._store.disable_sink(row.sink, outcome.error, now)
            return False
        return again is None

    def _note(self, sink: str, outcome: Outcome) -> None:
        """Remember how a sink fares: disabled, to be left in peace for a while, or well; log the changes only."""
        if outcome.kind == "delivered":
            self._slow_answers.pop(sink, None)
            if sink in self._failing:
                self._failing.discard(sink)
                log.info("sink %s takes alerts again", sink)
            return
        if outcome.kind == "gone":
            self._disabled.add(sink)
        if outcome.kind == "slow":
            pause = min(_SLOW_START * 2 ** min(self._slow_answers.get(sink, 0), 10), _SLOWEST)
            self._slow_answers[sink] = self._slow_answers.get(sink, 0) + 1
            until = self._now() + max(pause, outcome.retry_after or 0)
            self._quiet_until[sink] = max(until, self._quiet_until.get(sink, 0))
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


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
