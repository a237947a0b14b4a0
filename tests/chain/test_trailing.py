"""Endpoints whose head stands still, or is a claim: neither holds the chain back, and both are said once."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from monitor.chain.endpoint import EndpointState
from monitor.chain.source import ChainSource
from monitor.config.spec import ChainConfig
from monitor.model.chain import Finalized
from tests.fakenode import faults
from tests.fakenode.chain import CHAIN_ID, GENESIS_TIME, Chain
from tests.fakenode.node import Node

LIES = {
    "the number alone": faults.claims(10**9),
    "finality too": faults.claims(10**9, "finalized"),
    "not far away": faults.claims(120),
}


@pytest.fixture(autouse=True)
def _at_every_look(monkeypatch):
    monkeypatch.setattr("monitor.chain.pool._OFTEN", 0.0)
    monkeypatch.setattr("monitor.chain.pool._SELDOM", 0.0)
    monkeypatch.setattr("monitor.chain.endpoint._BENCH_SECONDS", 60.0)


@pytest.fixture
def chain() -> Chain:
    found = Chain()
    grow(found, 99)
    return found


def grow(chain: Chain, blocks: int) -> None:
    for _ in range(blocks):
        chain.mine()
    chain.final = chain.safe = chain.head - 10


@asynccontextmanager
async def following(*nodes: Node, ws: bool = False, **keys: Any):
    """Follow a chain by these nodes, each dearer than those before it: how quick one is decides nothing."""
    async with AsyncExitStack() as stack:
        for node in nodes:
            await stack.enter_async_context(node.running())
        rpc = [{"url": node.ws_url if ws else node.url, "cost": place} for place, node in enumerate(nodes)]
        config = ChainConfig.model_validate({"id": CHAIN_ID, "rpc": rpc, "poll_seconds": 0.05, **keys})
        yield await stack.enter_async_context(ChainSource("x", config))


def first(source: ChainSource) -> EndpointState:
    return source.endpoints()[0]


async def test_a_first_endpoint_that_stands_still_does_not_hold_the_head(chain, caplog):
    caplog.set_level(logging.INFO, "monitor.chain")
    stalled = Node(chain, faults.lag(30))
    async with following(stalled, Node(chain)) as source:
        await source.poll()
        assert source.head == 99
        assert (first(source).health, first(source).error) == ("trailing", "its head is 30 blocks behind")
        for _ in range(3):
            await source.poll()
        stalled.faults = []
        for _ in range(3):
            await source.poll()
        assert (first(source).health, first(source).error) == ("ok", "")
    told = [record.getMessage().partition("/ ")[2] for record in caplog.records if "trails" in record.getMessage()]
    assert told == ["trails by 30 blocks; others are asked for new ones", "trails no more"]


async def test_one_that_stops_on_the_way_is_left_behind(chain):
    stopping = Node(chain)
    async with following(stopping, Node(chain)) as source:
        await source.poll()
        stopping.faults = [faults.stale(chain.upto(99))]
        for head in (110, 130, 150):
            grow(chain, head - chain.head)
            for _ in range(2):
                await source.poll()
            assert source.head == head
        stopping.faults = []
        asked = stopping.requests
        for _ in range(2):
            await source.poll()
        assert stopping.requests > asked + 1, "it is asked as before"


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
@pytest.mark.parametrize("place", range(3))
async def test_a_head_that_is_a_claim_neither_stalls_nor_moves_the_chain(lie, place, chain):
    nodes = [Node(chain, faults.lag(30)), Node(chain)]
    nodes.insert(place, Node(chain, lie))
    async with following(*nodes) as source:
        for _ in range(5):
            changes = await source.poll()
            assert all(change.upto <= 99 for change in changes if isinstance(change, Finalized))
        assert source.head == 99
        grow(chain, 20)
        for _ in range(5):
            await source.poll()
        assert (source.head, source.finalized) == (119, 109)
        assert source.endpoints()[place].faults["lying"] > 0


async def test_one_that_is_up_to_date_by_the_clock_is_not_displaced_by_a_claim(chain, monkeypatch):
    now = GENESIS_TIME + 12 * chain.head + 30
    monkeypatch.setattr("monitor.chain.pool.time", SimpleNamespace(time=lambda: now))
    liar = Node(chain, faults.claims(10**9))
    async with following(Node(chain), liar) as source:
        await source.poll()
        asked = liar.requests
        for _ in range(3):
            await source.poll()
        assert source.head == 99
        assert liar.requests == asked, "while the head is young nobody else is asked"
        assert {state.health for state in source.endpoints()} == {"ok"}


async def test_one_that_stands_below_what_is_final_is_left_out_at_once_while_the_head_is_young(chain, monkeypatch):
    monkeypatch.setattr("monitor.chain.pool.time", SimpleNamespace(time=lambda: GENESIS_TIME + 12 * chain.head + 30))
    stopped = Node(chain)
    async with following(stopped, Node(chain)) as source:
        await source.poll()
        stopped.faults = [faults.status(502)]
        grow(chain, 60)
        while source.finalized < 149:
            await source.poll()
        stopped.faults = [faults.stale(chain.upto(99))]
        grow(chain, 1)
        for _ in range(2):
            await source.poll()
        assert first(source).health == "trailing"
        assert source.head == chain.head


@pytest.mark.parametrize("count", [1, 3])
async def test_where_all_stand_alike_the_first_is_asked(count, chain):
    async with following(*(Node(chain, faults.lag(30)) for _ in range(count))) as source:
        for _ in range(3):
            await source.poll()
        assert source.head == 69
        assert first(source).health == "ok"


async def test_one_that_trails_is_asked_while_nobody_else_answers(chain):
    good = Node(chain)
    async with following(Node(chain, faults.lag(30)), good) as source:
        await source.poll()
        assert source.head == 99
        good.faults = [faults.status(502)]
        grow(chain, 40)
        for _ in range(3):
            await source.poll()
        assert source.head == 109


async def test_one_that_does_not_answer_delays_a_comparison_for_a_moment_only(chain, monkeypatch):
    monkeypatch.setattr("monitor.chain.pool._PATIENCE", 0.2)
    mute = Node(chain)
    async with following(Node(chain, faults.lag(30)), Node(chain), mute) as source:
        mute.faults = [faults.slow(15)]
        async with asyncio.timeout(5):
            await source.poll()
        assert source.head == 99


async def test_old_heads_that_are_pushed_do_not_hold_the_chain(chain):
    past = Chain()
    grow(past, 69)
    async with following(Node(past), Node(chain), ws=True) as source:
        for _ in range(3):
            await source.poll()
            assert source.head == 99
            grow(past, 1)
            await asyncio.sleep(0.01)
        grow(chain, 5)
        await asyncio.sleep(0.06)
        await source.poll()
        assert source.head == 104


async def test_a_lone_endpoint_whose_backends_differ_is_no_liar(chain):
    balancer = Node(chain)
    async with following(balancer) as source:
        await source.poll()
        balancer.faults = [faults.claims(104)]
        for _ in range(3):
            await source.poll()
        balancer.faults = []
        grow(chain, 5)
        await source.poll()
        assert source.head == 104
        assert first(source).faults.get("lying", 0) == 0
        assert first(source).health == "ok"
