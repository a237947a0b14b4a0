"""Laws 1 to 4 on the ledger: whatever the order of pages, replays and forks, the file holds the chain it ended on."""

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import hypothesis.strategies as st
import polars as pl
from hypothesis import given, settings

from monitor.ledger import store
from monitor.ledger.schema import open_writer
from monitor.model.chain import Header, RawLog, RawTransfer
from monitor.model.logs import log_rows
from monitor.model.span import Span, Spans
from monitor.sync.fragment import Fragment, Want, contract_fragment, filters, matches, native_fragment
from monitor.sync.plan import Job, plan

CHAIN = 7
LENGTH = 24
CONTRACTS = [bytes([number]) * 20 for number in (1, 2)]
WALLETS = [bytes([number]) * 20 for number in (3, 4)]
FRAGMENTS = [*map(contract_fragment, CONTRACTS), *map(native_fragment, WALLETS)]

Page = tuple[list[Header], pl.DataFrame, list[RawTransfer], dict[str, Span]]


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

    def headers(self, start: int, stop: int) -> list[Header]:
        return [self.header(number) for number in range(start, stop)]

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

    def page(self, fragments: Sequence[Fragment], span: Span) -> Page:
        """Fetch as `ChainSource.fetch` does: rows, the headers of their blocks, coverage."""
        numbers = range(span.start, span.stop)
        wanted = filters([fragment for fragment in fragments if fragment.kind == "logs"])
        wallets = {fragment.wallet for fragment in fragments if fragment.kind == "native"}
        logs = [log for number in numbers for log in self.logs(number) if any(matches(item, log) for item in wanted)]
        transfers = [
            item for number in numbers for item in self.transfers(number) if {item.sender, item.recipient} & wallets
        ]
        blocks = sorted({log.block_number for log in logs} | {item.block_number for item in transfers})
        headers = [self.header(number) for number in blocks]
        return headers, log_rows(logs), transfers, {fragment.key: span for fragment in fragments}


def dump(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    tables = ("chains", "headers", "logs", "native", "coverage", "quarantine")
    return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}  # noqa: S608


def opened() -> closing[sqlite3.Connection]:
    return closing(open_writer(Path(":memory:")))


def covered(connection: sqlite3.Connection) -> dict[str, Spans]:
    found: dict[str, Spans] = {}
    for key, start, stop in connection.execute("SELECT fragment, start, stop FROM coverage"):
        found[key] = found.get(key, Spans()) | Spans.of(start, stop)
    return found


def index_once(connection: sqlite3.Connection, world: World, head: int, finalized: int) -> None:
    store.extend(connection, CHAIN, world.headers(0, head + 1), None, (), {})
    store.extend(connection, CHAIN, *world.page(FRAGMENTS, Span(0, head + 1)))
    if finalized >= 0:
        store.finalize(connection, CHAIN, finalized)


def check_rows(connection: sqlite3.Connection, world: World) -> None:
    """Exactly the canonical rows of what is covered are there."""
    have = covered(connection)
    logs = {(number, place) for _, number, place, *_ in connection.execute("SELECT * FROM logs")}
    expected = {
        place
        for fragment in FRAGMENTS[:2]
        for span in have.get(fragment.key, Spans())
        for place in world.page([fragment], span)[1].select("block_number", "log_index").rows()
    }
    assert logs == expected
    hashes = dict(connection.execute("SELECT number, hash FROM headers").fetchall())
    assert all(hashes[number] == world.hash(number) for number, _ in logs)


PAGES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=4, unique=True),
        st.integers(0, LENGTH - 1),
        st.integers(1, LENGTH),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(PAGES, PAGES, st.integers(0, LENGTH - 2), st.integers(1, LENGTH), st.booleans())
def test_law_one_reverted_is_the_inverse_of_extended(before_pages, pages, head, more, with_finality):
    world = World()
    with opened() as connection:
        store.extend(connection, CHAIN, world.headers(0, head + 1), None, (), {})
        for fragments, start, width in before_pages:
            span = Span(start, min(start + width, head + 1))
            store.extend(connection, CHAIN, *world.page(fragments, span))
        if with_finality:
            store.finalize(connection, CHAIN, head)
        before = dump(connection)
        store.extend(connection, CHAIN, world.headers(head + 1, head + 1 + more), None, (), {})
        for fragments, start, width in pages:
            span = Span(head + 1 + start % more, min(head + 1 + start % more + width, head + 1 + more))
            store.extend(connection, CHAIN, *world.page(fragments, span))
        store.revert(connection, CHAIN, head)
        assert dump(connection) == before


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

    def __init__(self, connection: sqlite3.Connection, max_span: int) -> None:
        self.connection = connection
        self.max_span = max_span
        self.world, self.head, self.finalized = World(), -1, -1

    def plan(self, limit: int | None = None) -> list[Job]:
        wants = [Want(fragment, 0) for fragment in FRAGMENTS]
        return plan(wants, covered(self.connection), self.head, self.finalized, self.max_span, limit=limit)

    def fetch(self, fragments: Sequence[Fragment], span: Span) -> None:
        store.extend(self.connection, CHAIN, *self.world.page(fragments, span))

    def extend(self, start: int, stop: int) -> None:
        store.extend(self.connection, CHAIN, self.world.headers(start, stop), None, (), {})

    def grow(self, blocks: int) -> None:
        stop = min(LENGTH, self.head + 1 + blocks)
        self.extend(self.head + 1, stop)
        self.head = stop - 1

    def fork(self, place: int) -> None:
        first = self.finalized + 1 + place % max(1, self.head - self.finalized)
        if 0 < first <= self.head:
            self.world = World((*self.world.forks, first))
            store.revert(self.connection, CHAIN, first - 1)
            self.extend(first, self.head + 1)

    def finalize(self, number: int) -> None:
        self.finalized = max(self.finalized, number)
        store.finalize(self.connection, CHAIN, self.finalized)

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
@given(STEPS, st.integers(1, 9))
def test_laws_two_and_four_any_way_to_a_chain_gives_that_chain(steps, max_span):
    with opened() as connection, opened() as fresh:
        indexer = Indexer(connection, max_span)
        for step in steps:
            indexer.step(*step)
            check_rows(connection, indexer.world)
        for job in indexer.plan():
            indexer.fetch(job.fragments, job.span)
        assert indexer.plan() == []
        index_once(fresh, indexer.world, indexer.head, indexer.finalized)
        assert dump(connection) == dump(fresh)


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 9), st.integers(-1, LENGTH - 1))
def test_law_three_any_split_in_any_order_with_replays(random, max_span, finalized):
    world, head = World((5, 11)), LENGTH - 1
    jobs = plan([Want(fragment, 0) for fragment in FRAGMENTS], {}, head, finalized, max_span)
    jobs += random.sample(jobs, len(jobs) // 2)
    random.shuffle(jobs)
    with opened() as connection, opened() as fresh:
        store.extend(connection, CHAIN, world.headers(0, head + 1), None, (), {})
        if finalized >= 0:
            store.finalize(connection, CHAIN, finalized)
        for job in jobs:
            store.extend(connection, CHAIN, *world.page(job.fragments, job.span))
        index_once(fresh, world, head, finalized)
        assert dump(connection) == dump(fresh)
