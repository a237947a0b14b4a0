"""Laws 1 to 4 on the ledger: whatever the order of pages, replays and forks, the file holds the chain it ended on."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings
from polars.testing import assert_frame_equal

from monitor.ledger import scan
from monitor.ledger.schema import open_writer
from monitor.ledger.store import Store
from monitor.model.chain import Header, RawLog, RawTransfer
from monitor.model.page import PLACE, Page, log_rows, sorted_rows
from monitor.model.span import Span, Spans
from monitor.sync.fragment import Fragment, Want, contract_fragment, filters, matches, native_fragment
from monitor.sync.plan import Job, plan

CHAIN = 7
LENGTH = 24
CONTRACTS = [bytes([number]) * 20 for number in (1, 2)]
WALLETS = [bytes([number]) * 20 for number in (3, 4)]
FRAGMENTS = [*map(contract_fragment, CONTRACTS), *map(native_fragment, WALLETS)]


class World:
    """A chain whose block content depends on the branch: `forks` are the heights at which a new branch begins."""

    def __init__(self, forks: tuple[int, ...] = ()) -> None:
        self.forks = forks

    def branch(self, number: int) -> tuple[int, ...]:
        return tuple(fork for fork in self.forks if fork <= number)

    def hash(self, number: int) -> bytes:
        return hashlib.sha256(f"{number}/{self.branch(number)}".encode()).digest()

    def header(self, number: int) -> Header:
        return Header(number, self.hash(number), self.hash(number - 1), 1000 + number)

    def headers(self, start: int, stop: int) -> tuple[Header, ...]:
        return tuple(self.header(number) for number in range(start, stop))

    def logs(self, number: int) -> list[RawLog]:
        # A block's content differs by height and branch; some blocks are empty.
        seed = number * 7 + len(self.branch(number)) * 3
        return [
            RawLog(number, self.hash(number), bytes([number, place]) * 16, place, place, CONTRACTS[(seed + place) % 2],
                   (b"t" * 32,) * ((seed + place) % 5), bytes([seed % 251]))
            for place in range(seed % 3)
        ]  # fmt: skip

    def transfers(self, number: int) -> list[RawTransfer]:
        seed = number * 5 + len(self.branch(number))
        return [
            RawTransfer(number, self.hash(number), bytes([number, place, 9]).ljust(32), place, WALLETS[seed % 2],
                        WALLETS[(seed + place) % 2], seed * 10**30, number)
            for place in range(seed % 2)
        ]  # fmt: skip

    def page(self, fragments: Sequence[Fragment], span: Span, *, timed: bool = False) -> Page:
        """Fetch as `ChainSource.fetch` does: rows, the headers of their blocks, coverage.

        A `timed` page brings its logs' times with the logs, not with headers.
        """
        numbers = range(span.start, span.stop)
        wanted = filters([fragment for fragment in fragments if fragment.kind == "logs"])
        wallets = {fragment.wallet for fragment in fragments if fragment.kind == "native"}
        logs = [log for number in numbers for log in self.logs(number) if any(matches(item, log) for item in wanted)]
        transfers = [
            item for number in numbers for item in self.transfers(number) if {item.sender, item.recipient} & wallets
        ]
        blocks = {item.block_number for item in transfers}
        if timed:
            logs = [log._replace(block_time=self.header(log.block_number).timestamp) for log in logs]
        else:
            blocks |= {log.block_number for log in logs}
        headers = tuple(self.header(number) for number in sorted(blocks))
        return Page(headers, log_rows(logs), tuple(transfers), {fragment.key: span for fragment in fragments})


def held(store: Store) -> pl.DataFrame:
    return scan.logs(store.connection, store.folder, scan.Limits())


def dump(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Say all a reader can see; whether a log stands in the tail or in a segment is not seen."""
    queries = {
        "chains": "SELECT chain_id, name, head, finalized FROM chains",
        "headers": "SELECT headers.* FROM headers JOIN chains USING (chain_id) WHERE number >= coalesce(finalized, -1)",
        "native": """SELECT native.*, hash, timestamp FROM native JOIN headers
            ON headers.chain_id = native.chain_id AND number = block_number""",
        "coverage": "SELECT * FROM coverage",
        "quarantine": "SELECT * FROM quarantine",
    }
    tables = {name: store.connection.execute(query).fetchall() for name, query in queries.items()}
    logs = held(store)
    counted = "SELECT sum(tail) + (SELECT coalesce(sum(rows), 0) FROM segments) FROM chains"
    assert store.connection.execute(counted).fetchone()[0] in {logs.height, None}
    assert logs.select("chain_id", *PLACE).is_unique().all(), "a log is stored once"
    return {**tables, "logs": logs.rows()}


@pytest.fixture(scope="module", autouse=True)
def _no_disk() -> Iterator[None]:
    # Thousands of small segments: that they are safe on disk is another test.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@contextmanager
def opened(segment_rows: int) -> Iterator[Store]:
    with TemporaryDirectory() as folder, closing(open_writer(Path(":memory:"))) as connection:
        yield Store(connection, Path(folder), segment_rows)


def covered(store: Store) -> dict[str, Spans]:
    found: dict[str, Spans] = {}
    for key, start, stop in store.connection.execute("SELECT fragment, start, stop FROM coverage"):
        found[key] = found.get(key, Spans()) | Spans.of(start, stop)
    return found


def grown(store: Store, headers: tuple[Header, ...]) -> None:
    store.extend(CHAIN, [Page(headers, log_rows(()))])


def index_once(store: Store, world: World, head: int, finalized: int) -> None:
    grown(store, world.headers(0, head + 1))
    store.extend(CHAIN, [world.page(FRAGMENTS, Span(0, head + 1))])
    if finalized >= 0:
        store.finalize(CHAIN, finalized)


def check_rows(store: Store, world: World) -> None:
    """Exactly the canonical rows of what is covered are there."""
    have = covered(store)
    expected = [
        world.page([fragment], span).logs.with_columns(block_time=1000 + pl.col("block_number"))
        for fragment in FRAGMENTS[:2]
        for span in have.get(fragment.key, Spans())
    ]
    assert_frame_equal(held(store).drop("chain_id"), sorted_rows(expected))


ROWS = st.sampled_from([1, 2, 5, 100])
"""Finalised rows that make a segment: from a file for every row to none at all."""

PAGES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=4, unique=True),
        st.integers(0, LENGTH - 1),
        st.integers(1, LENGTH),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(PAGES, PAGES, st.integers(0, LENGTH - 2), st.integers(1, LENGTH), st.booleans(), ROWS)
def test_law_one_reverted_is_the_inverse_of_extended(before_pages, pages, head, more, with_finality, rows):
    world = World()
    with opened(rows) as store:
        grown(store, world.headers(0, head + 1))
        for fragments, start, width in before_pages:
            store.extend(CHAIN, [world.page(fragments, Span(start, min(start + width, head + 1)))])
        if with_finality:
            store.finalize(CHAIN, head)
        before = dump(store)
        grown(store, world.headers(head + 1, head + 1 + more))
        for fragments, start, width in pages:
            span = Span(head + 1 + start % more, min(head + 1 + start % more + width, head + 1 + more))
            store.extend(CHAIN, [world.page(fragments, span)])
        store.revert(CHAIN, head)
        assert dump(store) == before


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["grow", "fork", "page", "plan", "finalize", "replay"]),
        st.integers(0, LENGTH),
        st.integers(1, LENGTH),
        st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=4, unique=True),
    ),
    min_size=1,
    max_size=25,
)


class Indexer:
    """A ledger on the way, with the chain it follows."""

    def __init__(self, store: Store, max_span: int) -> None:
        self.store = store
        self.max_span = max_span
        self.world, self.head, self.finalized = World(), -1, -1

    def plan(self, limit: int | None = None) -> list[Job]:
        wants = [Want(fragment, 0) for fragment in FRAGMENTS]
        return plan(wants, covered(self.store), self.head, self.finalized, self.max_span, limit=limit)

    def fetch(self, fragments: Sequence[Fragment], span: Span) -> None:
        timed = span.last <= self.finalized and span.start % 2 == 0
        self.store.extend(CHAIN, [self.world.page(fragments, span, timed=timed)])

    def extend(self, start: int, stop: int) -> None:
        grown(self.store, self.world.headers(start, stop))

    def grow(self, blocks: int) -> None:
        stop = min(LENGTH, self.head + 1 + blocks)
        self.extend(self.head + 1, stop)
        self.head = stop - 1

    def fork(self, place: int) -> None:
        first = self.finalized + 1 + place % max(1, self.head - self.finalized)
        if 0 < first <= self.head:
            self.world = World((*self.world.forks, first))
            self.store.revert(CHAIN, first - 1)
            self.extend(first, self.head + 1)

    def finalize(self, number: int) -> None:
        self.finalized = max(self.finalized, number)
        self.store.finalize(CHAIN, self.finalized)

    def step(self, kind: str, a: int, b: int, fragments: Sequence[Fragment]) -> None:
        if kind == "grow" or self.head < 0:
            self.grow(b)
            return
        number = a % (self.head + 1)
        match kind:
            case "fork":
                self.fork(a)
            case "page":
                self.fetch(fragments, Span(number, min(number + b, self.head + 1)))
            case "plan":
                for job in self.plan(limit=b):
                    self.fetch(job.fragments, job.span)
            case "finalize":
                self.finalize(number)
            case "replay":
                self.extend(number, self.head + 1)


@settings(max_examples=120, deadline=None)
@given(STEPS, st.integers(1, 9), ROWS)
def test_laws_two_and_four_any_way_to_a_chain_gives_that_chain(steps, max_span, rows):
    with opened(rows) as store, opened(100) as fresh:
        indexer = Indexer(store, max_span)
        for step in steps:
            indexer.step(*step)
            check_rows(store, indexer.world)
        for job in indexer.plan():
            indexer.fetch(job.fragments, job.span)
        assert indexer.plan() == []
        index_once(fresh, indexer.world, indexer.head, indexer.finalized)
        assert dump(store) == dump(fresh)


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 9), st.integers(-1, LENGTH - 1), ROWS)
def test_law_three_any_split_in_any_order_with_replays(random, max_span, finalized, rows):
    world, head = World((5, 11)), LENGTH - 1
    jobs = plan([Want(fragment, 0) for fragment in FRAGMENTS], {}, head, finalized, max_span)
    jobs += random.sample(jobs, len(jobs) // 2)
    random.shuffle(jobs)
    pages = [world.page(job.fragments, job.span, timed=job.final and random.random() < 0.5) for job in jobs]
    with opened(rows) as store, opened(100) as fresh:
        grown(store, world.headers(0, head + 1))
        if finalized >= 0:
            store.finalize(CHAIN, finalized)
        while pages:
            together = random.randint(1, 4)
            store.extend(CHAIN, pages[:together])
            del pages[:together]
        index_once(fresh, world, head, finalized)
        assert dump(store) == dump(fresh)
