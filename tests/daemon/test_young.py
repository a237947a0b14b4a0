"""What was read at the head is asked for once more when it is final, and read again where something else stands."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import polars as pl
import pytest

from monitor.chain.source import ChainSource
from monitor.config.spec import ChainConfig
from monitor.daemon.young import Young
from monitor.model.chain import RawLog
from monitor.model.page import log_rows
from monitor.model.span import Span
from monitor.sync.fragment import contract_fragment
from monitor.sync.plan import Job
from tests.chaos.scene import MARKET, lease_opened
from tests.fakenode import faults
from tests.fakenode.chain import Chain, Tx
from tests.fakenode.faults import Call, Fault
from tests.fakenode.forked import Forked
from tests.fakenode.node import Node
from tests.fakenode.truth import held, lay_out
from tests.node.drive import at_head, until

ONE, TWO = contract_fragment(b"\x01" * 20), contract_fragment(b"\x02" * 20)


def read(start: int, stop: int, *fragments: Any) -> tuple[Job, Any]:
    """Give a job of the head with a log in each of its blocks."""
    rows = [RawLog(number, b"\xaa" * 32, b"\xbb" * 32, 0, 0, b"\x01" * 20, (), b"", 7) for number in range(start, stop)]
    return Job("logs", fragments or (ONE,), Span(start, stop), final=False), log_rows(rows)


def test_stretches_of_final_blocks_are_joined_once_they_are_long():
    young = Young()
    for start in range(10, 60):
        young.add(*read(start, start + 1))
    assert young.settled(40) == [], "31 blocks"
    ((job, logs),) = young.settled(41)
    assert (job, logs.height) == (Job("logs", (ONE,), Span(10, 42), final=True), 32)
    assert young.settled(42) == [], "taken out"
    young.cut(50)
    assert young.settled(72) == [], "31 blocks again"
    ((job, logs),) = young.settled(73)
    assert (job.span, logs.height) == (Span(42, 51), 9), "however few of them were read before they were final"
    assert young.settled(999) == []


def test_where_finality_stands_still_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr("monitor.daemon.young._MOST", 40)
    young = Young()
    for start in range(100):
        young.add(*read(start, start + 1))
    ((job, logs),) = young.settled(99)
    assert (job.span, logs.height) == (Span(60, 100), 40)


def test_what_was_asked_for_otherwise_is_asked_for_otherwise():
    young = Young()
    young.add(*read(0, 30))
    young.add(*read(30, 34, ONE, TWO))
    young.add(*read(50, 60))
    young.cut(54)
    found = [(job.fragments, *job.span, logs["block_number"].to_list()) for job, logs in young.settled(54)]
    assert found == [
        ((ONE,), 0, 30, [*range(30)]),
        ((ONE,), 50, 55, [*range(50, 55)]),
        ((ONE, TWO), 30, 34, [30, 31, 32, 33]),
    ]


def leases(number: int) -> Tx:
    return Tx(tuple(lease_opened(10 * number + place, bytes([0x10 + place]) * 20) for place in range(3)))


def short(above: Callable[[], int]) -> Fault:
    """Leave out the last log of blocks above some: what a backend says that has not read all of them yet."""

    def lie(call: Call, said: Any) -> Any:
        fresh = call.method == "eth_getLogs" and said and int(said[-1]["blockNumber"], 16) > above()
        return said[:-1] if fresh else said

    return Fault(result=lie)


@pytest.mark.parametrize("alone", [True, False])
async def test_a_log_that_was_left_out_at_the_head_is_read_once_its_block_is_final(alone, tmp_path):
    chain = Chain(3)
    chain.mine(leases(1))
    # Alone it tells the truth of final blocks; beside another one, which is too slow to be asked first, never.
    liar = Node(chain, short(lambda: chain.final if alone else 1))
    async with liar.running(), Node(chain, faults.slow(0.1)).running() as other:
        urls = [liar.url] if alone else [liar.url, other.url]
        place = lay_out(tmp_path, urls, chain='poll_seconds = 0.05\nnative = "off"')
        async with Forked(place, "run") as daemon:
            for number in range(2, 40):
                block = chain.mine(leases(number))
                await until(partial(at_head, place, block.hash), what=f"block {number}", every=0.02)
            assert held(place).height < 3 * 39, "what the head says is believed"
            chain.final = 38
            await until(lambda: "has other logs than were read" in daemon.err, what="it is told")
            liar.faults = []
            last = chain.mine(leases(40))
            await until(lambda: at_head(place, last.hash), what="it goes on")
            await until(lambda: held(place).filter(pl.col("block_number") != 39).height == 3 * 39, what="all is there")
            await daemon.stop()


@pytest.mark.parametrize("others", [0, 1])
async def test_it_costs_a_request_or_two_of_each_endpoint_for_a_stretch(others):
    chain = Chain(3)
    for number in range(1, 64):
        chain.mine(leases(number))
    chain.final = 60
    contract = contract_fragment(MARKET)
    async with Node(chain).running() as node, Node(chain).running() as other:
        config = ChainConfig.model_validate({"id": 31337, "rpc": [node.url, other.url][: 1 + others], "native": "off"})
        async with ChainSource("local", config) as source:
            await source.poll()
            job = Job("logs", (contract,), Span(10, 42), final=True)
            page = await source.fetch(job)
            assert page is not None
            before = node.methods + other.methods
            assert await source.confirms(job, page.logs) is None
            asked = node.methods + other.methods - before
            assert asked == {"eth_getLogs": 3 - others, "eth_getBlockByNumber": 3 - others}
            assert await source.confirms(job, page.logs.filter(pl.col("log_index") > 0)) == 10
            assert await source.confirms(job, page.logs.with_columns(tx_index=pl.lit(3))) == 10
