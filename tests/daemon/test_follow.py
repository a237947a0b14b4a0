"""The pipeline: pages are written as they come, the head's first, and nothing in flight is planned twice."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

from monitor.config.spec import ChainConfig
from monitor.daemon import follow
from monitor.daemon.follow import Follower
from monitor.daemon.progress import Progress
from monitor.errors import LedgerError
from monitor.model.chain import BlockRef, Change, Reverted
from monitor.model.page import Page, log_rows
from monitor.model.span import Spans
from monitor.sync.fragment import Want, contract_fragment
from monitor.sync.plan import Job

FRAGMENTS = [contract_fragment(bytes([n]) * 20) for n in (1, 2)]
KEYS = [fragment.key for fragment in FRAGMENTS]


class Source:
    """Answers a job when the test says so."""

    def __init__(self, head: int, finalized: int) -> None:
        self.chain_id, self.head, self.finalized, self.width = 1, head, finalized, 10
        self.asked: list[Job] = []
        self.gates: dict[int, asyncio.Event] = {}
        self.moved: set[int] = set()
        self.changes: list[Change] = []
        self.cancelled: list[int] = []
        self.missed = False

    async def poll(self) -> tuple[Change, ...]:
        changes, self.changes = self.changes, []
        return tuple(changes)

    async def fetch(self, job: Job) -> Page | None:
        self.asked.append(job)
        try:
            await self.gates.setdefault(job.span.start, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(job.span.start)
            raise
        if job.span.start in self.moved:
            return None
        return Page((), log_rows(()), (), {fragment.key: job.span for fragment in job.fragments})

    def answer(self, *starts: int) -> None:
        for start in starts:
            self.gates.setdefault(start, asyncio.Event()).set()


class Writer:
    """Remembers what was written, and together with what; writes while its gate is open, and may fail."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.written: list[list[int]] = []
        self.reverted: list[int] = []

    async def put_pages(self, _chain_id: int, pages: list[Page]) -> None:
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.written.append([span.start for page in pages for span in list(page.coverage.values())[:1]])

    async def apply(self, change: Change) -> None:
        if isinstance(change, Reverted):
            self.reverted.append(change.to.number)


def made(source: Source, *, starts: tuple[int, ...] = (0,), **options: Any) -> tuple[Follower, Writer]:
    values: dict[str, Any] = {"id": 1, "rpc": ["http://n"], "max_span": 10, "concurrency": 3, "poll_seconds": 5}
    chain = ChainConfig(**{**values, **options})
    wants = [Want(fragment, start) for fragment, start in zip(FRAGMENTS, starts, strict=False)]
    writer = Writer()
    progress = Progress({1: "local"}, io.StringIO())
    return Follower(chain, source, writer, {}, lambda: wants, progress), writer  # type: ignore[arg-type]


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_head_comes_first_and_is_written_at_once_while_history_is_in_flight(monkeypatch):
    monkeypatch.setattr(follow, "_BATCH_SECONDS", 60)
    source = Source(head=104, finalized=99)
    follower, writer = made(source)
    step = asyncio.create_task(follower.step())
    await settled()
    assert [job.span.start for job in source.asked] == [100, 0, 10]
    source.answer(10)
    await settled()
    assert [job.span.start for job in source.asked] == [100, 0, 10, 20]
    assert writer.written == []
    source.answer(100)
    await settled()
    assert writer.written == [[100]]
    assert follower.has([Want(FRAGMENTS[0], 100)])
    assert not follower.has([Want(FRAGMENTS[0], 0)])
    assert not follower.has([Want(FRAGMENTS[0], 100), Want(FRAGMENTS[1], 104)])
    source.answer(*range(0, 100, 10))
    await step
    assert not follower.behind
    assert len(writer.written) == 2, "history is written together"
    assert sorted(writer.written[1]) == list(range(0, 100, 10))
    assert follower.covered == {KEYS[0]: Spans.of(0, 105)}
    assert sorted(job.span.start for job in source.asked) == list(range(0, 105, 10)), "nothing is asked for twice"


async def test_history_is_fetched_while_what_came_is_written_and_nothing_twice(monkeypatch):
    monkeypatch.setattr(follow, "_BATCH_SECONDS", 0)
    source = Source(head=99, finalized=99)
    follower, writer = made(source)
    writer.gate.clear()
    step = asyncio.create_task(follower.step())
    await settled()
    source.answer(0)
    await settled()
    source.answer(20)
    await settled()
    assert [job.span.start for job in source.asked] == [0, 10, 20, 30, 40]
    assert not writer.written
    assert not follower.covered
    writer.gate.set()
    source.answer(*range(0, 100, 10))
    await step
    assert writer.written[:2] == [[0], [20]]
    assert follower.covered == {KEYS[0]: Spans.of(0, 100)}
    assert sorted(job.span.start for job in source.asked) == list(range(0, 100, 10))


async def test_a_step_ends_with_the_error_of_what_it_wrote_beside_others(monkeypatch):
    monkeypatch.setattr(follow, "_BATCH_SECONDS", 0)
    source = Source(head=99, finalized=99)
    follower, writer = made(source)
    writer.error = LedgerError("the disk is full", hint="make room")
    source.answer(0)
    step = asyncio.create_task(follower.step())
    await settled()
    source.answer(10)
    with pytest.raises(LedgerError, match="full"):
        await step
    writer.error = None
    await follower.close()
    assert follower.covered == {KEYS[0]: Spans.of(10, 20)}, "what failed is still missing"


async def test_a_step_ends_when_it_is_time_to_look_again_and_leaves_requests_in_flight():
    source = Source(head=99, finalized=99)
    follower, writer = made(source, poll_seconds=0.05)
    await follower.step()
    assert follower.behind
    source.head = source.finalized = 109
    source.answer(*range(0, 110, 10))
    for _ in range(20):
        await follower.step()
    assert follower.covered == {KEYS[0]: Spans.of(0, 110)}
    assert len(source.asked) == 11
    assert sum(map(len, writer.written)) == 11


async def test_a_wake_ends_a_step():
    source = Source(head=99, finalized=99)
    follower, _ = made(source, poll_seconds=60)
    step = asyncio.create_task(follower.step())
    await settled()
    follower._wake.set()
    await asyncio.wait_for(step, 50)
    assert follower.behind
    await follower.close()
    assert source.cancelled == [0, 10, 20]


async def test_a_new_fragment_is_filled_while_the_head_stays_live():
    source = Source(head=99, finalized=89)
    follower, _ = made(source, starts=(90, 0), concurrency=2)
    source.answer(90)
    step = asyncio.create_task(follower.step())
    await settled()
    assert [(job.span.start, len(job.fragments)) for job in source.asked] == [(90, 2), (0, 1), (10, 1)]
    source.answer(*range(0, 90, 10))
    await step
    assert follower.covered == {KEYS[0]: Spans.of(90, 100), KEYS[1]: Spans.of(0, 100)}


async def test_what_may_wait_is_read_last_and_of_final_blocks_only():
    source = Source(head=104, finalized=99)
    follower, _ = made(source, starts=(90,), concurrency=2, poll_seconds=0.05)
    wants = [Want(FRAGMENTS[0], 80), Want(FRAGMENTS[1], 70, 80, later=True)]
    follower.wants = lambda: wants
    source.answer(100)
    await follower.step()
    assert [(job.span.start, job.fragments[0].key) for job in source.asked[:3]] == [
        (100, KEYS[0]), (80, KEYS[0]), (90, KEYS[0]),
    ]  # fmt: skip
    assert follower.lacking == 20
    source.answer(80, 90)
    await follower.step()
    assert (follower.lacking, follower.behind) == (0, True)
    assert follower.covered == {KEYS[0]: Spans.of(80, 105)}, "written although there is more to read"
    source.answer(70)
    while follower.behind:
        await follower.step()
    assert follower.covered == {KEYS[0]: Spans.of(80, 105), KEYS[1]: Spans.of(70, 80)}


async def test_a_fork_drops_what_was_asked_about_it_and_keeps_history_in_flight():
    source = Source(head=104, finalized=99)
    follower, writer = made(source, poll_seconds=0.05)
    await follower.step()
    assert [job.span.start for job in source.asked] == [100, 0, 10]
    source.changes = [Reverted(1, BlockRef(101, b"h"))]
    await follower.step()
    assert source.cancelled == [100]
    assert writer.reverted == [101]
    assert [job.span.start for job in source.asked] == [100, 0, 10, 100]
    await follower.close()


async def test_a_chain_that_moves_under_a_request_is_looked_at_again(monkeypatch):
    monkeypatch.setattr(follow, "_BREATH", 0.01)
    source = Source(head=104, finalized=99)
    source.moved = {100}
    source.answer(100)
    follower, writer = made(source)
    await asyncio.wait_for(follower.step(), 50)
    assert follower.behind
    source.moved = set()
    source.answer(*range(0, 100, 10))
    await follower.step()
    assert sorted(start for pages in writer.written for start in pages) == [*range(0, 101, 10)]


async def test_a_look_that_saw_no_head_leaves_the_chain_behind(monkeypatch):
    monkeypatch.setattr(follow, "_BREATH", 0.01)
    source = Source(head=-1, finalized=-1)
    follower, _ = made(source)
    source.missed = True
    await follower.step()
    assert (follower.behind, follower.lacking) == (True, 1)
    source.missed = False
    await follower.step()
    assert (follower.behind, follower.lacking) == (False, 0)


async def test_closing_keeps_what_has_come(monkeypatch):
    monkeypatch.setattr(follow, "_BATCH_SECONDS", 60)
    source = Source(head=99, finalized=99)
    follower, writer = made(source)
    source.answer(0)
    step = asyncio.create_task(follower.step())
    await settled()
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    await follower.close()
    assert writer.written == [[0]]


async def test_what_a_node_refuses_ends_the_step():
    class Broken(Source):
        async def fetch(self, job: Job) -> Page | None:
            raise RuntimeError(job.span.start)

    follower, _ = made(Broken(head=99, finalized=99), concurrency=1)
    with pytest.raises(RuntimeError):
        await follower.step()
    await follower.close()


async def test_where_nothing_is_new_nothing_is_planned_and_the_next_block_is_read(monkeypatch):
    source = Source(head=9, finalized=9)
    follower, _ = made(source)
    source.answer(0)
    await follower.step()
    assert not follower.behind
    planned: list[int] = []

    def plan(*_: Any, **__: Any) -> list[Job]:
        planned.append(source.head)
        return []

    monkeypatch.setattr(follower, "_plan", plan)
    assert not await follower.step()
    assert planned == []
    source.head = 10
    await follower.step()
    assert planned
    assert follower.lacking == 1


async def test_a_node_that_is_slow_to_tell_its_head_is_read_nevertheless():
    source = Source(head=9, finalized=9)
    follower, _ = made(source, poll_seconds=0.05)
    source.answer(0)
    poll = source.poll

    async def slow() -> tuple[Change, ...]:
        await asyncio.sleep(0.1)
        return await poll()

    source.poll = slow  # type: ignore[method-assign]
    await follower.step()
    assert [job.span.start for job in source.asked] == [0]
