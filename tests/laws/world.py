"""A small chain with branches, what a source would fetch of it, and what can be seen of a ledger that holds it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from monitor.ledger import scan
from monitor.ledger.schema import open_writer
from monitor.ledger.store import Store
from monitor.model.chain import Header, RawLog, RawTransfer
from monitor.model.page import PLACE, Page, log_rows
from monitor.model.span import Span, Spans
from monitor.sync.fragment import Fragment, contract_fragment, filters, matches, native_fragment

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
