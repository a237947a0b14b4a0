from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from monitor.alerts.deliver import SCHEDULE, Counts, Deliverer, next_attempt
from monitor.alerts.message import Alert, announced, diff
from monitor.alerts.outbox import Store, outbox_rows
from monitor.alerts.post import Outcome, Post
from monitor.alerts.receiver import Receiver
from monitor.config.spec import SinkConfig
from monitor.errors import LedgerError
from tests.alerts.samples import SECRET, Clock, MemoryStore, make_context, make_lead, make_row, make_sink

OK = Outcome(kind="delivered", status=204)
DOWN = Outcome(kind="failed", status=500, error="500")
SINKS = {"team": make_sink("http://127.0.0.1:1/"), "other": make_sink("http://127.0.0.1:2/")}


class Script:
    """A `Post` that answers from a list per sink URL, the last answer for ever, and writes down what was sent when."""

    def __init__(self, clock: Clock, **answers: list[Outcome]) -> None:
        self.clock = clock
        self.answers = {name: list(listed) for name, listed in answers.items()}
        self.sent: list[tuple[str, int]] = []
        self.now: dict[str, int] = defaultdict(int)
        self.most: dict[str, int] = defaultdict(int)
        self.pause = 0.0

    async def __call__(self, sink: SinkConfig, alert_id: str, body: bytes, at: int) -> Outcome:
        name = next(name for name, known in SINKS.items() if known is sink)
        self.sent.append((alert_id, at))
        for key in (alert_id, name):
            self.now[key] += 1
            self.most[key] = max(self.most[key], self.now[key])
        await asyncio.sleep(self.pause)
        for key in (alert_id, name):
            self.now[key] -= 1
        answers = self.answers.get(name, [OK])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def deliverer(store: Store, clock: Clock, post: Post, **rest: Any) -> Deliverer:
    return Deliverer(store, SINKS, clock=clock, random=lambda: 0.0, post=post, **rest)


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not reached():
            await asyncio.sleep(0.002)


async def test_the_schedule_is_kept_to_the_second_and_ends_in_a_dead_letter():
    clock = Clock(0.0)
    store, post = MemoryStore([make_row()]), Script(clock, team=[DOWN])
    sender = deliverer(store, clock, post)
    total = Counts()
    while store.rows["alert-1"].state == "pending":
        clock.now = max(clock.now, store.rows["alert-1"].next_at)
        assert await sender.drain(5) in {Counts(failed=1), Counts(dead=1)}
        early = await sender.drain(5)
        assert early == total
    times = [at for _, at in post.sent]
    assert [after - before for before, after in zip([0, *times], times, strict=False)] == list(SCHEDULE)
    assert sum(SCHEDULE) == 75 * 3600 + 35 * 60 + 5
    row = store.rows["alert-1"]
    assert (row.state, row.attempts, row.last_error, row.first_at) == ("dead", 10, "500", 0.0)
    assert sender.counts == Counts(failed=9, dead=1)


@pytest.mark.parametrize("attempts", range(1, 10))
def test_jitter_only_lengthens_a_pause_by_a_tenth(attempts):
    pause = SCHEDULE[attempts]
    assert next_attempt(attempts, 1000, DOWN, 0.0) == 1000 + pause
    assert 1000 + pause < (next_attempt(attempts, 1000, DOWN, 0.999) or 0) <= 1000 + pause * 1.1 + 1


def test_retry_after_lengthens_a_pause_and_never_shortens_it():
    def asked(seconds: int) -> Outcome:
        return Outcome(kind="slow", status=429, retry_after=seconds)

    assert next_attempt(1, 0, asked(90), 0.0) == 90
    assert next_attempt(2, 0, asked(90), 0.0) == 300
    assert next_attempt(10, 0, asked(90), 0.0) is None
    assert next_attempt(1, 0, Outcome(kind="gone", status=410), 0.0) is None


async def test_a_410_disables_the_sink_and_leaves_the_others_alone(clock):
    store = MemoryStore([make_row(f"alert-{n}", lead=f"lead-{n}") for n in range(5)])
    store.put([make_row("alert-x", sink="other")])
    post = Script(clock, team=[Outcome(kind="gone", status=410, error="410")])
    sender = deliverer(store, clock, post, concurrency=1)
    assert await sender.drain(5) == Counts(delivered=1, dead=5)
    states = store.states()
    assert states.pop("alert-x") == "delivered"
    assert set(states.values()) == {"dead"}
    assert {row.last_error for row in store.rows.values()} == {"", "410"}
    assert sorted(row.attempts for row in store.rows.values()) == [0, 0, 0, 0, 1, 1]
    store.put([make_row("alert-later", lead="lead-later")])
    assert await sender.drain(5) == Counts(dead=1)
    assert len(post.sent) == 2


@pytest.mark.parametrize("asked", [None, 600])
async def test_a_429_slows_the_whole_sink_down(clock, asked):
    start = clock.now
    store = MemoryStore([make_row(f"alert-{n}", lead=f"lead-{n}") for n in range(3)])
    slow = Outcome(kind="slow", status=429, error="429", retry_after=asked)
    post = Script(clock, team=[slow, OK])
    sender = deliverer(store, clock, post, concurrency=1)
    assert await sender.drain(5) == Counts(failed=1)
    quiet = asked or 30
    clock.now = start + quiet - 1
    assert await sender.drain(5) == Counts()
    clock.now = start + quiet
    assert await sender.drain(5) == Counts(delivered=3)
    assert len(post.sent) == 4


async def test_slow_answers_in_a_row_lengthen_the_pause(clock):
    store = MemoryStore([make_row(f"alert-{n}", lead=f"lead-{n}") for n in range(6)])
    post = Script(clock, team=[Outcome(kind="slow", status=504, error="504")])
    sender = deliverer(store, clock, post, concurrency=1)
    await sender.drain(5)
    assert await pauses(sender, clock, 3) == [30, 60, 120]
    post.answers["team"] = [OK, Outcome(kind="slow", status=504, error="504")]
    assert await pauses(sender, clock, 2) == [240, 30], "a delivery ends the lengthening"


async def pauses(sender: Deliverer, clock: Clock, count: int) -> list[int]:
    found = []
    for _ in range(count):
        start = clock.now
        while await sender.drain(5) == Counts():
            clock.now += 1
        found.append(int(clock.now - start))
    return found


async def test_alerts_of_a_lead_go_in_order_and_wait_for_each_other(clock):
    rows = [make_row(f"alert-{n}", sequence=n) for n in (3, 1, 2)] + [make_row("alert-b", lead="lead-2")]
    store = MemoryStore(rows)
    post = Script(clock, team=[DOWN, OK])
    sender = deliverer(store, clock, post, concurrency=1)
    assert await sender.drain(5) == Counts(delivered=1, failed=1)
    assert [name for name, _ in post.sent] == ["alert-1", "alert-b"]
    clock.now += 5
    assert await sender.drain(5) == Counts(delivered=3)
    assert [name for name, _ in post.sent][2:] == ["alert-1", "alert-2", "alert-3"]


async def test_an_alert_that_comes_while_an_earlier_one_waits_goes_behind_it(clock):
    store = MemoryStore([make_row("alert-1", sequence=1)])
    post = Script(clock, team=[DOWN, DOWN, OK])
    sender = deliverer(store, clock, post)
    await sender.drain(5)
    store.put([make_row("alert-2", sequence=2)])
    assert await sender.drain(5) == Counts()
    clock.now += 5
    assert await sender.drain(5) == Counts(failed=1)
    store.put([make_row("alert-3", sequence=3)])
    assert await sender.drain(5) == Counts()
    clock.now += 300
    assert await sender.drain(5) == Counts(delivered=3)
    assert [name for name, _ in post.sent] == ["alert-1", "alert-1", "alert-1", "alert-2", "alert-3"]
    assert [row.attempts for row in store.rows.values()] == [3, 1, 1]


async def test_a_silent_sink_with_a_long_queue_does_not_stand_before_another(clock):
    store = MemoryStore([make_row(f"alert-{n:04}", lead=f"a-{n:04}") for n in range(1000)])
    store.put([make_row("other", lead="z", sink="other")])
    silent = Outcome(kind="failed", error="no answer within 20 s")
    post = Script(clock, team=[silent])
    assert (await deliverer(store, clock, post).drain(20)).delivered == 1
    assert len(post.sent) < 20
    assert store.states()["other"] == "delivered"
    assert sum(row.attempts for row in store.rows.values()) == len(post.sent)


async def test_a_dead_letter_does_not_block_what_follows(clock):
    store = MemoryStore([make_row("alert-1", sequence=1), make_row("alert-2", sequence=2)])
    store.rows["alert-1"] = msgspec.structs.replace(store.rows["alert-1"], attempts=9)
    post = Script(clock, team=[DOWN, OK])
    assert await deliverer(store, clock, post).drain(5) == Counts(delivered=1, dead=1)
    assert store.states() == {"alert-1": "dead", "alert-2": "delivered"}


async def test_a_sink_that_left_the_configuration_gets_dead_letters(clock):
    store = MemoryStore([make_row(sink="former")])
    assert await deliverer(store, clock, Script(clock)).drain(5) == Counts(dead=1)
    assert "former" in store.rows["alert-1"].last_error


async def test_no_more_than_the_allowed_requests_are_in_flight_per_sink(clock):
    store = MemoryStore([make_row(f"alert-{n}", lead=f"lead-{n}") for n in range(200)])
    store.put([make_row(f"other-{n}", lead=f"o-{n}", sink="other") for n in range(10)])
    post = Script(clock)
    post.pause = 0.001
    assert await deliverer(store, clock, post, concurrency=3).drain(20) == Counts(delivered=210)
    assert (post.most["team"], post.most["other"]) == (3, 3)
    assert max(post.most[name] for name, _ in post.sent) == 1
    assert len(post.sent) == 210


async def test_a_row_sent_while_the_outbox_is_read_is_not_sent_twice(clock):
    class SlowRead(MemoryStore):
        async def due(self, now, limit=100):
            rows = await super().due(now, limit)
            await asyncio.sleep(0.005)
            return rows

    store = SlowRead([make_row(f"alert-{n}", lead=f"lead-{n}") for n in range(20)])
    post = Script(clock)
    post.pause = 0.003
    stop = asyncio.Event()
    sender = deliverer(store, clock, post, concurrency=2, poll_seconds=0.001)
    task = asyncio.create_task(sender.run(stop))
    await until(lambda: sender.counts.delivered == 20)
    stop.set()
    await task
    assert sorted(name for name, _ in post.sent) == sorted(store.rows)


async def test_run_delivers_what_arrives_later_and_lets_attempts_end_on_stop(clock):
    store, post = MemoryStore(), Script(clock)
    post.pause = 0.05
    stop = asyncio.Event()
    sender = deliverer(store, clock, post, poll_seconds=0.005)
    task = asyncio.create_task(sender.run(stop))
    await asyncio.sleep(0.02)
    store.put(outbox_rows(diff([], [make_lead()], {}, sinks={"team": "low"}, context=make_context())))
    await until(lambda: bool(post.sent))
    stop.set()
    await task
    assert list(store.states().values()) == ["delivered"]


async def test_a_slow_sink_does_not_hold_up_another(clock):
    release = asyncio.Event()
    done = []

    async def post(sink, alert_id, body, at):
        if sink is SINKS["team"]:
            await release.wait()
        done.append(alert_id)
        return OK

    store = MemoryStore([make_row("slow"), make_row("fast", sink="other")])
    stop = asyncio.Event()
    task = asyncio.create_task(deliverer(store, clock, post, poll_seconds=0.005).run(stop))
    await asyncio.sleep(0.02)
    store.put([make_row("later", lead="lead-2", sink="other")])
    await until(lambda: len(done) == 2)
    assert done == ["fast", "later"]
    release.set()
    stop.set()
    await task
    assert set(store.states().values()) == {"delivered"}


@pytest.mark.parametrize("how", ["run", "drain"])
async def test_a_ledger_failure_is_raised(clock, how):
    class Full(MemoryStore):
        async def update_delivery(self, rows):
            message = "disk full"
            raise LedgerError(message)

    sender = deliverer(Full([make_row()]), clock, Script(clock), poll_seconds=0.001)
    with pytest.raises(LedgerError, match="disk full"):
        await asyncio.wait_for(sender.run(asyncio.Event()) if how == "run" else sender.drain(5), 60)


async def test_drain_keeps_to_its_time_and_leaves_the_rest_due(clock):
    store, post = MemoryStore([make_row()]), Script(clock)
    post.pause = 300
    started = time.monotonic()
    assert await deliverer(store, clock, post).drain(0.05) == Counts()
    assert time.monotonic() - started < 100
    assert store.states() == {"alert-1": "pending"}


async def test_killed_between_send_and_mark_the_same_id_comes_again():
    class Dying(MemoryStore):
        async def update_delivery(self, rows):
            await asyncio.sleep(3600)

    async with Receiver(SECRET) as receiver:
        sinks = {"team": make_sink(receiver.url)}
        dying = Dying()
        dying.put(outbox_rows(diff([], [make_lead()], {}, sinks={"team": "low"}, context=make_context())))
        task = asyncio.create_task(Deliverer(dying, sinks).run(asyncio.Event()))
        assert await receiver.wait(1, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert list(dying.states().values()) == ["pending"]

        store = MemoryStore()
        store.put(dying.rows.values())
        assert await Deliverer(store, sinks).drain(5) == Counts(delivered=1)
        assert [message.webhook_id for message in receiver.messages] == list(store.rows)
        assert receiver.duplicates == 1


@pytest.mark.parametrize("seed", range(12))
async def test_killed_at_any_await_every_alert_arrives_under_one_id(seed):
    alerts: list[Alert] = []
    worlds = [[make_lead("lead-1"), make_lead("lead-2")], [make_lead("lead-1", severity="high")], []]
    for after in worlds:
        alerts += diff([], after, announced(alerts), sinks={"team": "low"}, context=make_context())
    store = MemoryStore()
    store.put(outbox_rows(alerts))
    store.put(outbox_rows(alerts))
    async with Receiver(SECRET) as receiver:
        sinks = {"team": make_sink(receiver.url)}
        for kill in range(40):
            task = asyncio.create_task(Deliverer(store, sinks).drain(5))
            for _ in range(seed + 3 * kill):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await Deliverer(store, sinks).drain(5)
        assert set(store.states().values()) == {"delivered"}
        assert {message.webhook_id for message in receiver.messages} == {alert.alert_id for alert in alerts}
        for lead in ("lead-1", "lead-2"):
            heard = [m.payload["data"] for m in receiver.messages if m.payload["data"]["lead_id"] == lead]
            assert [data["sequence"] for data in heard] == list(range(1, len(heard) + 1))


async def test_a_failing_sink_is_logged_once_and_once_when_it_recovers(clock, caplog):
    caplog.set_level(logging.INFO, logger="monitor.alerts.deliver")
    store, post = MemoryStore([make_row()]), Script(clock, team=[DOWN, DOWN, DOWN, OK])
    sender = deliverer(store, clock, post)
    for _ in range(4):
        await sender.drain(5)
        clock.now += 86_400
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert store.states() == {"alert-1": "delivered"}


async def test_a_nudge_sends_what_is_new_before_the_next_turn(clock):
    store, post = MemoryStore([]), Script(clock)
    sender, stop = deliverer(store, clock, post, poll_seconds=3600.0), asyncio.Event()
    task = asyncio.create_task(sender.run(stop))
    await asyncio.sleep(0.01)
    store.put([make_row("alert-new")])
    sender.nudge()
    await until(lambda: store.rows["alert-new"].state == "delivered")
    stop.set()
    await asyncio.wait_for(task, 60)
