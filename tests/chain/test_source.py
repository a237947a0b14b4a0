"""A source, the planner and the ledger together: whatever the nodes do, the file ends as if nothing had happened."""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from monitor.chain.source import ChainSource
from monitor.config.spec import ChainConfig
from monitor.errors import ChainUnreachable, NodeRefused, WrongChain
from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from monitor.model.chain import Extended, Finalized
from monitor.model.span import Span
from monitor.sync.fragment import Want, contract_fragment, native_fragment, transfers_fragment
from monitor.sync.plan import Job, plan
from tests.chain.conftest import CONTRACT, OTHER, TOKEN, TOPIC, config
from tests.chain.fake import CHAIN_ID, FakeChain, FakeNode, Refusal, transfer_log

ANN, BOB = b"\x01" * 20, b"\x02" * 20
WANTS = [
    Want(contract_fragment(CONTRACT), 0),
    Want(contract_fragment(OTHER), 7),
    Want(transfers_fragment(ANN, [TOKEN]), 0),
    Want(transfers_fragment(BOB, [TOKEN]), 12),
    Want(native_fragment(ANN), 0, 30),
]
Logs = list[tuple[bytes, list[bytes], bytes]]


def some_logs(dice: random.Random) -> Logs:
    pool = [(CONTRACT, [TOPIC], dice.randbytes(3)), (OTHER, [], b""), transfer_log(TOKEN, ANN, BOB, dice.randrange(9)),
            transfer_log(TOKEN, BOB, BOB, 1), (TOKEN, [TOPIC], b"")]  # fmt: skip
    return [dice.choice(pool) for _ in range(dice.choice([0, 0, 1, 3]))]


def grow(chain: FakeChain, dice: random.Random, blocks: int) -> None:
    for _ in range(blocks):
        tx = {"from": "0x" + dice.choice([ANN, BOB]).hex(), "to": "0x" + ANN.hex(), "value": "0x5"}
        chain.mine(*some_logs(dice), txs=[tx] * dice.choice([0, 0, 1]))


async def step(source: ChainSource, writer: Writer, path: Path, max_span: int, limit: int | None = None) -> None:
    """Do what the daemon does once: write what changed, then fetch what is missing."""
    for change in await source.poll():
        await writer.apply(change)
    with Reader(path) as reader:
        covered = reader.coverage(CHAIN_ID)
    for job in plan(WANTS, covered, source.head, source.finalized, max_span, limit=limit):
        page = await source.fetch(job)
        if page is not None:
            await writer.extend(CHAIN_ID, page.headers, page.logs, page.transfers, page.coverage)


async def index(settings: ChainConfig, path: Path, max_span: int = 16) -> None:
    async with Writer(path) as writer, ChainSource("local", settings) as source:
        await step(source, writer, path, max_span)


def dump(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = ("chains", "headers", "logs", "native", "coverage")
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}  # noqa: S608


def faults(node: FakeNode, dice: random.Random) -> None:
    """Make a node fail in every way at once, now and then."""
    node.statuses = (dice.choice([502, 429, 503]) if dice.random() < 0.1 else 200 for _ in itertools.count())
    node.headers = {"retry-after": "0.001"}
    node.lag = lambda: dice.choice([0, 0, 0, 1, 3])
    node.result_cap = (7, -32005, lambda _, __: dice.choice(["limit exceeded", "query returned more than 7 results"]))

    def lie(_method: str, result: Any) -> Any:
        roll = dice.random()
        if roll < 0.03:
            raise Refusal(-32005, "rate limit exceeded")
        if roll < 0.06 and isinstance(result, list) and result:
            return [*result, result[-1]]
        return {"number": "0x1"} if roll < 0.08 else result

    node.mangle = lie


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 8))])
async def test_faults_and_forks_end_in_the_same_ledger(tmp_path, seed):
    dice = random.Random(seed)
    chain = FakeChain()
    grow(chain, dice, 20)
    chain.final = 5
    async with FakeNode(chain).running() as one, FakeNode(chain).running() as two:
        faults(one, dice)
        faults(two, dice)
        path = tmp_path / "faulty.db"
        async with Writer(path) as writer:
            for _ in range(6):
                with Reader(path) as reader:
                    window = reader.window(CHAIN_ID)
                source = ChainSource(
                    "local", config(one, two), known=window.known, finalized=window.finalized, patient=True
                )
                async with source:
                    for _ in range(3):
                        depth = dice.randrange(0, min(20, chain.head - chain.final) + 1)
                        chain.fork(depth, [])
                        grow(chain, dice, depth + dice.choice([0, 1, 4, 90]))
                        chain.final = max(chain.final, chain.head - dice.randrange(5, 25))
                        try:
                            await step(source, writer, path, dice.choice([1, 5, 16]), limit=dice.choice([1, 9, None]))
                        except ChainUnreachable:
                            continue
            one.lag = two.lag = lambda: 0
            one.mangle = two.mangle = lambda _method, result: result
            async with FakeNode(chain).running() as good:
                with Reader(path) as reader:
                    window = reader.window(CHAIN_ID)
                known = ChainSource("local", config(good), known=window.known, finalized=window.finalized)
                async with known as source:
                    await step(source, writer, path, 16)
                await index(config(good), tmp_path / "clean.db")
    assert dump(path) == dump(tmp_path / "clean.db")
    with Reader(path) as reader:
        assert reader.logs_frame().height > 20
        assert reader.transfers_frame().height > 0


async def test_a_page_agrees_with_the_head_that_was_reported(tmp_path):
    chain = FakeChain(10)
    chain.mine((CONTRACT, [TOPIC], b"old"))
    chain.final = 4
    async with FakeNode(chain).running() as node, ChainSource("local", config(node)) as source:
        fragments = (contract_fragment(CONTRACT),)
        for job in (
            Job("logs", fragments, Span(5, 11), final=False),
            Job("logs", fragments, Span(10, 11), final=False),
        ):
            assert await source.fetch(job) is None, "before the first look nothing unfinished is fetched"
        await source.poll()
        page = await source.fetch(Job("logs", fragments, Span(5, 11), final=False))
        assert page is not None
        assert page.logs["block_number"].to_list() == [10]
        assert [header.number for header in page.headers] == [10]
        assert page.coverage == {fragments[0].key: Span(5, 11)}
        empty = await source.fetch(Job("logs", fragments, Span(5, 8), final=False))
        assert empty is not None
        assert [header.number for header in empty.headers] == [7], "an empty page names its branch too"
        chain.fork(3, [[], [], [(CONTRACT, [TOPIC], b"new")]])
        for span in (Span(5, 11), Span(8, 10), Span(10, 11)):
            assert await source.fetch(Job("logs", fragments, span, final=False)) is None
        assert await source.fetch(Job("native", (native_fragment(ANN),), Span(9, 11), final=False)) is None
        await source.poll()
        page = await source.fetch(Job("logs", fragments, Span(10, 11), final=False))
        assert page is not None
        assert page.logs["data"].to_list() == [b"new"]


async def test_changes_follow_the_head():
    chain = FakeChain(3)
    async with (
        FakeNode(chain).running() as node,
        ChainSource("local", config(node, poll_seconds=0.05)) as source,
    ):
        seen: list[Any] = []
        async for change in source.changes():
            seen.append(change)
            chain.mine()
            if len(seen) == 4:
                break
    assert [type(change) for change in seen] == [Extended, Finalized, Extended, Extended]
    assert source.head == 4 or source.head > 4


async def test_start_refuses_the_wrong_chain_and_closes():
    async with FakeNode(FakeChain(3), chain_id=5).running() as node:
        source = ChainSource("local", config(node))
        with pytest.raises(WrongChain, match="serves chain 5"):
            await source.start()
        assert source.endpoints()[0].health == "wrong"


async def test_a_node_that_stays_below_finality_is_refused_in_the_end():
    chain = FakeChain(50)
    chain.final = 40
    async with FakeNode(chain).running() as node, ChainSource("local", config(node)) as source:
        await source.poll()
        node.chain = FakeChain(10)
        for _ in range(9):
            assert await source.poll() == ()
        with pytest.raises(NodeRefused, match="the head is block 9, but block 40 was final"):
            await source.poll()


async def test_finished_blocks_that_nobody_has_are_an_error():
    async with FakeNode(FakeChain(50)).running() as node, ChainSource("local", config(node)) as source:
        await source.poll()
        job = Job("logs", (contract_fragment(CONTRACT),), Span(60, 70), final=True)
        with pytest.raises(NodeRefused, match="block 69 is not known"):
            await source.fetch(job)


async def test_a_window_with_a_gap_starts_above_it():
    chain = FakeChain(300)
    async with FakeNode(chain).running() as node, ChainSource("local", config(node)) as source:
        (grown, *_) = await source.poll()
        assert isinstance(grown, Extended)
        known: Sequence[Any] = (*grown.headers[:5], *grown.headers[200:])
        async with ChainSource("local", config(node), known=known, finalized=0) as restarted:
            chain.fork(4, [[]] * 5)
            await restarted.poll()
            assert restarted.head == 300
