"""Laws 1 to 4 on the ledger: whatever the order of pages, replays and forks, the file holds the chain it ended on."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from polars.testing import assert_frame_equal

from monitor.errors import DeepReorg
from monitor.ledger.rows import Conflict
from monitor.ledger.schema import open_writer, segment_folder
from monitor.ledger.store import Store
from monitor.model.page import Page, log_rows, sorted_rows
from monitor.model.span import Span, Spans
from monitor.sync.fragment import Fragment, Want
from monitor.sync.plan import Job, plan
from tests.laws.world import CHAIN, FRAGMENTS, LENGTH, World, covered, dump, grown, held, index_once, opened

SOME = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=len(FRAGMENTS), unique=True)
PLACES = st.integers(0, LENGTH)
WANTS = [Want(fragment, 0) for fragment in FRAGMENTS]


@pytest.fixture(scope="module", autouse=True)
def _no_disk() -> Iterator[None]:
    # Thousands of small segments: that they are safe on disk is another test.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


class Ledger(RuleBasedStateMachine):
    """A ledger and the model of what it must hold: a world, its head, what is final, the blocks of each fragment."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp())
        self.path = self.folder / "monitor.db"
        self.world, self.head, self.final = World(), -1, -1
        self.blocks: dict[str, Spans] = {}

    # From a file for every finalised row to none at all.
    @initialize(segment_rows=st.sampled_from([1, 2, 5, 100]), max_span=st.integers(1, 9), blocks=st.integers(1, LENGTH))
    def start(self, segment_rows: int, max_span: int, blocks: int) -> None:
        self.max_span, self.segment_rows = max_span, segment_rows
        self.store = Store(open_writer(self.path), segment_folder(self.path), segment_rows)
        self.grow(blocks)

    # The chain.

    @precondition(lambda self: self.head < LENGTH - 1)
    @rule(blocks=st.integers(1, LENGTH))
    def grow(self, blocks: int) -> None:
        stop = min(LENGTH, self.head + 1 + blocks)
        self.write(lambda: grown(self.store, self.world.headers(self.head + 1, stop)))
        self.head = stop - 1

    @precondition(lambda self: self.head > max(self.final, 0))
    @rule(place=PLACES, shorter=st.integers(0, 3))
    def fork(self, place: int, shorter: int) -> None:
        first = self.above_final(place)
        self.world = World((*self.world.forks, first))
        self.write(lambda: self.store.revert(CHAIN, first - 1))
        self.head = max(first, self.head - shorter)
        self.write(lambda: grown(self.store, self.world.headers(first, self.head + 1)))
        self.blocks = {key: spans & Spans.of(0, first) for key, spans in self.blocks.items()}

    @rule(place=PLACES)
    def finalise(self, place: int) -> None:
        self.final = max(self.final, place % (self.head + 1))
        self.write(lambda: self.store.finalize(CHAIN, self.final))

    # Pages, in any cut, order and number.

    @rule(fragments=SOME, start=PLACES, width=st.integers(1, LENGTH), timed=st.booleans())
    def page(self, fragments: Sequence[Fragment], start: int, width: int, *, timed: bool) -> None:
        self.put([(fragments, self.span(start, width))], timed=timed)

    @rule(fragments=SOME, start=PLACES, cuts=st.lists(st.integers(1, 5), max_size=6), seed=st.integers(0, 9))
    def pieces(self, fragments: Sequence[Fragment], start: int, cuts: Sequence[int], seed: int) -> None:
        chance = random.Random(seed)
        parts, at = [], start % (self.head + 1)
        for cut in cuts:
            parts.append((fragments, self.span(at, cut)))
            at += cut
        parts += chance.sample(parts, len(parts) // 2)
        chance.shuffle(parts)
        middle = chance.randint(0, len(parts))
        self.put(parts[:middle], timed=False)
        self.put(parts[middle:], timed=True)

    @rule(limit=st.integers(1, 12))
    def follow(self, limit: int) -> None:
        for job in self.plan()[:limit]:
            self.put([(job.fragments, job.span)], timed=job.final)

    @rule(place=PLACES)
    def replay(self, place: int) -> None:
        before = dump(self.store)
        self.write(lambda: grown(self.store, self.world.headers(place % (self.head + 1), self.head + 1)))
        assert dump(self.store) == before

    # What must leave no trace.

    @precondition(lambda self: self.head < LENGTH - 1)
    @rule(blocks=st.integers(1, 8), fragments=SOME)
    def there_and_back(self, blocks: int, fragments: Sequence[Fragment]) -> None:
        before = dump(self.store)
        span = Span(self.head + 1, self.head + 1 + blocks)
        self.write(lambda: grown(self.store, self.world.headers(*span)))
        self.write(lambda: self.store.extend(CHAIN, [self.world.page(fragments, span)]))
        self.write(lambda: self.store.revert(CHAIN, self.head))
        assert dump(self.store) == before

    @precondition(lambda self: self.head > max(self.final, 0))
    @rule(place=PLACES, fragments=SOME)
    def page_of_another_branch(self, place: int, fragments: Sequence[Fragment]) -> None:
        first = self.above_final(place)
        other = World((*self.world.forks, first))
        found = other.page(fragments, Span(first, self.head + 1))
        page = found._replace(headers=(*found.headers, other.header(self.head)))
        self.refused(Conflict, lambda: self.store.extend(CHAIN, [page]))

    @precondition(lambda self: self.final > 0)
    @rule(place=PLACES)
    def too_deep(self, place: int) -> None:
        self.refused(DeepReorg, lambda: self.store.revert(CHAIN, place % self.final))

    @rule(fragments=SOME, start=PLACES, width=st.integers(1, LENGTH))
    def killed_before_the_commit(self, fragments: Sequence[Fragment], start: int, width: int) -> None:
        before = dump(self.store)
        self.store.connection.execute("BEGIN IMMEDIATE")
        self.store.extend(CHAIN, [self.world.page(fragments, self.span(start, width))])
        self.store.finalize(CHAIN, self.head)
        self.store.connection.close()
        segment_folder(self.path).mkdir(exist_ok=True)
        (segment_folder(self.path) / "7-0-1-torn.parquet.part").write_bytes(b"PAR1")
        self.reopen()
        assert dump(self.store) == before

    @rule()
    def restart(self) -> None:
        self.store.connection.close()
        self.reopen()

    # What always holds.

    @rule()
    def all_of_it_is_the_chain_indexed_once(self) -> None:
        self.follow(1_000_000)
        assert self.plan() == []
        with opened(100) as fresh:
            index_once(fresh, self.world, self.head, self.final)
            assert dump(self.store) == dump(fresh)

    @invariant()
    def the_rows_of_covered_blocks_are_there(self) -> None:
        assert covered(self.store) == {key: spans for key, spans in self.blocks.items() if spans}
        expected = [
            self.world.page([fragment], span).logs.with_columns(block_time=1000 + pl.col("block_number"))
            for fragment in FRAGMENTS[:2]
            for span in self.blocks.get(fragment.key, Spans())
        ]
        assert_frame_equal(held(self.store).drop("chain_id"), sorted_rows(expected))

    @invariant()
    def the_plan_is_what_is_missing(self) -> None:
        planned: dict[str, Spans] = {}
        for job in self.plan():
            assert 0 < job.span.blocks <= self.max_span
            assert job.final == (job.span.last <= self.final)
            for fragment in job.fragments:
                before = planned.get(fragment.key, Spans())
                assert not before & Spans((job.span,)), "a block is planned twice"
                planned[fragment.key] = before | Spans((job.span,))
        for fragment in FRAGMENTS:
            have, more = self.blocks.get(fragment.key, Spans()), planned.get(fragment.key, Spans())
            assert not have & more
            assert have | more == Spans.of(0, self.head + 1)

    def teardown(self) -> None:
        if self.head >= 0:
            self.store.connection.close()
        shutil.rmtree(self.folder)

    def plan(self) -> list[Job]:
        return plan(WANTS, covered(self.store), self.head, self.final, self.max_span)

    def span(self, start: int, width: int) -> Span:
        first = start % (self.head + 1)
        return Span(first, min(first + width, self.head + 1))

    def above_final(self, place: int) -> int:
        lowest = max(self.final + 1, 1)
        return lowest + place % (self.head + 1 - lowest)

    def put(self, parts: Sequence[tuple[Sequence[Fragment], Span]], *, timed: bool) -> None:
        # Only what is final comes without headers.
        pages = [self.world.page(*part, timed=timed and part[1].last <= self.final) for part in parts]
        self.write(lambda: self.store.extend(CHAIN, [Page((), log_rows(())), *pages]))
        for fragments, span in parts:
            for fragment in fragments:
                self.blocks[fragment.key] = self.blocks.get(fragment.key, Spans()) | Spans((span,))

    def refused(self, error: type[Exception], work: Callable[[], None]) -> None:
        before = dump(self.store)
        with pytest.raises(error):
            self.write(work)
        assert dump(self.store) == before

    def write(self, work: Callable[[], None]) -> None:
        self.store.connection.execute("BEGIN IMMEDIATE")
        try:
            work()
        except BaseException:
            self.store.connection.rollback()
            raise
        self.store.connection.execute("COMMIT")

    def reopen(self) -> None:
        self.store = Store(open_writer(self.path), segment_folder(self.path), self.segment_rows)
        self.store.clean()
        named = {name for (name,) in self.store.connection.execute("SELECT name FROM segments")}
        folder = segment_folder(self.path)
        assert {path.name for path in folder.iterdir()} == named if folder.exists() else not named


# A step reads the whole ledger back: fewer examples than elsewhere say as much.
Ledger.TestCase.settings = settings(max_examples=settings().max_examples // 5, stateful_step_count=20)
TestLedger = Ledger.TestCase
