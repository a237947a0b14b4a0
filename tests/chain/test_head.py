"""Following the head: growth, gaps, forks of any depth, finality by tag and by depth."""

from __future__ import annotations

import random

import pytest

from monitor.chain.head import NEAR, Finality, HeadState, advance, after
from monitor.errors import DeepReorg
from monitor.model.chain import Change, Extended, Finalized, Reverted
from monitor.sync.fork import is_linked
from tests.chain.conftest import client
from tests.chain.fake import CHAIN_ID, FakeChain, FakeNode

TAG = Finality("finalized", 8)


def hashes(chain: FakeChain, start: int) -> list[str]:
    return [block["hash"] for block in chain.blocks[start:]]


def known(state: HeadState) -> list[str]:
    return ["0x" + header.hash.hex() for header in state.known]


async def look(node: FakeNode, state: HeadState, finality: Finality = TAG) -> tuple[tuple[Change, ...], HeadState]:
    async with client(node) as rpc:
        return await advance(rpc, state, finality, CHAIN_ID)


async def test_first_look_starts_at_finality():
    chain = FakeChain(30)
    chain.final = 20
    async with FakeNode(chain).running() as node:
        (grown, final), state = await look(node, HeadState())
        assert isinstance(grown, Extended)
        assert [header.number for header in grown.headers] == list(range(20, 30))
        assert final == Finalized(CHAIN_ID, 20)
        assert known(state) == hashes(chain, 20)
        assert await look(node, state) == ((), state)


async def test_finality_by_depth_where_the_tag_is_unknown():
    chain = FakeChain(30)
    async with FakeNode(chain).running() as node:
        node.tags = set()
        for finality in (TAG, Finality("safe", 8), Finality("depth", 8)):
            _, state = await look(node, HeadState(), finality)
            assert state.finalized == 21
        _, state = await look(node, HeadState(), Finality("depth", 100))
        assert state.finalized == 0


async def test_growth_and_finality():
    chain = FakeChain(10)
    async with FakeNode(chain).running() as node:
        _, state = await look(node, HeadState())
        chain.mine()
        chain.mine()
        chain.final = 4
        changes, state = await look(node, state)
        assert [type(change) for change in changes] == [Extended, Finalized]
        assert known(state) == hashes(chain, 4)
        chain.final = 2
        assert await look(node, state) == ((), state), "finality never goes back"


@pytest.mark.parametrize("depth", [1, 2, 5, 9])
@pytest.mark.parametrize("grown", [0, 1, 3])
async def test_forks(depth, grown):
    chain = FakeChain(20)
    chain.final = 10
    async with FakeNode(chain).running() as node:
        _, state = await look(node, HeadState())
        chain.fork(depth, [[]] * (depth + grown))
        (reverted, extended), state = await look(node, state)
        assert isinstance(reverted, Reverted)
        assert reverted.to.number == 19 - depth
        assert isinstance(extended, Extended)
        assert is_linked(state.known)
        assert known(state) == hashes(chain, 10)


@pytest.mark.parametrize("depth", [10, 15])
async def test_forks_below_finality(depth):
    chain = FakeChain(20)
    chain.final = 10
    async with FakeNode(chain).running() as node:
        _, state = await look(node, HeadState())
        chain.fork(depth, [[]] * (depth + 1))
        with pytest.raises(DeepReorg, match="block 10") as caught:
            await look(node, state)
        assert "endpoint" in caught.value.hint


async def test_a_lagging_node_reverts_nothing():
    chain = FakeChain(20)
    async with FakeNode(chain).running() as node:
        _, state = await look(node, HeadState())
        node.lag = lambda: 4
        assert await look(node, state) == ((), state)


async def test_a_shorter_fork():
    chain = FakeChain(20)
    async with FakeNode(chain).running() as node:
        _, state = await look(node, HeadState())
        chain.fork(5, [[]] * 2)
        _, state = await look(node, state)
        assert known(state) == hashes(chain, 0)


@pytest.mark.parametrize(("depth", "grown"), [(0, NEAR + 50), (3, NEAR + 50), (3, NEAR + 500), (0, 1000)])
async def test_after_a_long_absence(depth, grown):
    chain = FakeChain(20)
    chain.final = 10
    async with FakeNode(chain).running() as node:
        _, state = await look(node, HeadState())
        chain.fork(depth, [[]] * (depth + grown))
        chain.final = chain.head - 30
        changes, state = await look(node, state)
        assert isinstance(changes[-1], Finalized)
        assert any(isinstance(change, Reverted) for change in changes) == (depth > 0)
        assert known(state) == hashes(chain, chain.final)


async def test_after_a_long_absence_below_finality():
    chain = FakeChain(20)
    chain.final = 10
    async with FakeNode(chain).running() as node:
        _, state = await look(node, HeadState())
        chain.fork(12, [[]] * 200)
        with pytest.raises(DeepReorg):
            await look(node, state)


@pytest.mark.parametrize("seed", range(20))
async def test_any_history_ends_on_the_chain(seed):
    dice = random.Random(seed)
    chain = FakeChain(5)
    state = HeadState()
    replayed = HeadState()
    async with FakeNode(chain).running() as node:
        for _ in range(30):
            depth = dice.randrange(0, min(6, chain.head - chain.final) + 1)
            grown = dice.choice([0, 1, 1, 2, 5, 90])
            chain.fork(depth, [[]] * (depth + grown))
            chain.final = max(chain.final, chain.head - dice.randrange(6, 20))
            changes, state = await look(node, state)
            for change in changes:
                replayed = after(replayed, change)
            assert is_linked(state.known)
            assert known(state) == hashes(chain, state.finalized)
    assert replayed == state
