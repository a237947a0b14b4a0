"""An endpoint whose head stands still, or is a claim, and one that has all: by the command line, up to the last block.

The first of two of the same price is asked first; what it lacks is read nevertheless, and its trailing is said once.
"""

from __future__ import annotations

import pytest

from monitor.errors import LedgerError
from tests.fakenode import faults
from tests.fakenode.chain import Chain, dense
from tests.fakenode.forked import Forked, finished
from tests.fakenode.node import Node
from tests.fakenode.truth import assert_holds, covered, lay_out
from tests.node.drive import Place, until


def reached(place: Place, chain: Chain) -> bool:
    try:
        return set(covered(place, chain).values()) == {chain.head + 1}
    except LedgerError:
        return False


@pytest.mark.parametrize("ws", [False, True], ids=["http", "ws"])
async def test_history_is_read_to_the_end_although_the_first_endpoint_stands_still(ws, thousand, tmp_path):
    async with Node(thousand, faults.lag(30)).running() as stalled, Node(thousand).running() as good:
        place = lay_out(tmp_path, [node.ws_url if ws else node.url for node in (stalled, good)])
        code, said = await finished(place, "backfill", seconds=150)
        _, told = await finished(place, "status")
    assert code == 0, said
    assert said.count("trails by 30 blocks; others are asked for new ones") == 1
    assert_holds(place, thousand)
    assert "trailing: its head is 30 blocks behind" in told


@pytest.mark.parametrize("lie", [faults.claims(10**9), faults.claims(10**9, "finalized")], ids=["head", "finality"])
async def test_a_claim_neither_ends_the_reading_nor_leads_it_astray(lie, thousand, tmp_path):
    async with (
        Node(thousand, faults.lag(30)).running() as stalled,
        Node(thousand, lie).running() as liar,
        Node(thousand).running() as good,
    ):
        place = lay_out(tmp_path, [stalled.url, liar.url, good.url])
        code, said = await finished(place, "backfill", seconds=150)
    assert code == 0, said
    assert said.count("its head 1000000000 does not follow on the blocks that are known") == 1
    assert_holds(place, thousand)


async def test_a_chain_is_followed_although_the_first_endpoint_stands_still(tmp_path):
    chain: Chain = dense(seed=4, blocks=60, logs=4)
    stalled = Node(chain, faults.stale(chain.upto(40)))
    async with stalled.running(), Node(chain).running() as good:
        place = lay_out(tmp_path, [stalled.url, good.url], chain="poll_seconds = 0.1")
        async with Forked(place, "run") as daemon:
            for head in (59, 79, 99):
                while chain.head < head:
                    chain.mine()
                await until(lambda: reached(place, chain), what="the head")
            assert await daemon.stop() == 130
        assert daemon.err.count("trails by 19 blocks") == 1
    assert_holds(place, chain)


async def test_doctor_says_who_trails(tmp_path):
    chain: Chain = dense(seed=4, blocks=60, logs=4)
    async with Node(chain, faults.lag(30)).running() as stalled, Node(chain).running() as good:
        place = lay_out(tmp_path, [stalled.url, good.url])
        code, said = await finished(place, "doctor")
    assert code == 0, said
    (line,) = [line for line in said.splitlines() if "blocks behind" in line and "finalized" not in line]
    assert f"{stalled.url}: its head is 30 blocks behind" in line
