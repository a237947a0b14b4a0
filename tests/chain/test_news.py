"""New heads as they are announced: taken without asking, in any order, with forks, and never missed for silence."""

from __future__ import annotations

import asyncio
from typing import Any

from monitor.chain.source import ChainSource
from monitor.config.spec import ChainConfig
from monitor.model.chain import Extended, Reverted
from tests.fakenode.chain import CHAIN_ID, Chain
from tests.fakenode.node import Node


def config(url: str, **keys: Any) -> ChainConfig:
    return ChainConfig.model_validate({"id": CHAIN_ID, "rpc": [url], "poll_seconds": 30.0, **keys})


async def announced(bell: asyncio.Event) -> None:
    await asyncio.wait_for(bell.wait(), 20)
    bell.clear()


async def listening(node: Node, chain: Chain) -> None:
    for _ in range(1000):
        if node.methods["eth_subscribe"]:
            return
        await asyncio.sleep(0.01)


async def test_a_head_that_is_announced_is_taken_without_asking():
    chain = Chain()
    for _ in range(20):
        chain.mine()
    bell = asyncio.Event()
    async with Node(chain).running() as node, ChainSource("x", config(node.ws_url), announce=bell.set) as source:
        await source.poll()
        await listening(node, chain)
        asked = node.methods["eth_getBlockByNumber"]
        for number in (21, 22, 23):
            chain.mine()
            await announced(bell)
            (grown,) = await source.poll()
            assert isinstance(grown, Extended)
            assert [header.number for header in grown.headers] == [number]
        assert node.methods["eth_getBlockByNumber"] == asked
        chain.fork(2, [[], [], []])
        while source.head < chain.head:
            await announced(bell)
            changes = await source.poll()
        assert any(isinstance(change, Reverted) for change in changes) or source.head == chain.head
        assert source._state.known[-1].hash.hex() == chain.blocks[-1].hash[2:]


async def test_several_blocks_between_two_looks():
    chain = Chain()
    bell = asyncio.Event()
    async with Node(chain).running() as node, ChainSource("x", config(node.ws_url), announce=bell.set) as source:
        await source.poll()
        await listening(node, chain)
        for _ in range(10):
            chain.mine(seconds=0)
        while source.head < 10:
            await announced(bell)
            await source.poll()
        assert [header.number for header in source._state.known] == list(range(11))


async def test_silence_is_filled_by_looking():
    chain = Chain()
    async with Node(chain).running() as node, ChainSource("x", config(node.ws_url, poll_seconds=0.05)) as source:
        node.deaf = True
        await source.poll()
        chain.mine()
        await source.poll()
        assert source.head == 1


async def test_a_connection_that_is_cut_is_made_again(monkeypatch):
    monkeypatch.setattr("monitor.chain.pool._FIRST_RETRY", 0.01)
    chain = Chain()
    bell = asyncio.Event()
    async with Node(chain).running() as node, ChainSource("x", config(node.ws_url), announce=bell.set) as source:
        await source.poll()
        await listening(node, chain)
        before = node.methods["eth_subscribe"]
        await node.hang_up()
        for _ in range(1000):
            if node.methods["eth_subscribe"] > before:
                break
            await asyncio.sleep(0.01)
        chain.mine()
        await announced(bell)
        await source.poll()
        assert source.head == 1
