"""Where nothing is configured, native value is read if an endpoint has an index; which it was stands in the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monitor.config.load import load
from monitor.config.spec import SHORT_CHAIN
from monitor.ledger.reader import Reader
from monitor.views.bundle import load_bundle
from monitor.views.fromledger import snapshot
from tests.chaos.scene import MARKET, TOKEN, lease_opened
from tests.fakenode import faults
from tests.fakenode.chain import Chain, Tx
from tests.fakenode.faults import Call, Fault, Refusal
from tests.fakenode.forked import finished
from tests.fakenode.node import Node
from tests.fakenode.truth import covered, lay_out
from tests.node.drive import Place

FUNDER, RENTER, LATER = (bytes([place]) * 20 for place in (0x71, 0x72, 0x73))
MONEY = f'[chains.fake.tokens.TUSD]\naddress = "0x{TOKEN.hex()}"\ndecimals = 6\nusd = "1"'
INDEXES = ("trace_filter", "alchemy_getAssetTransfers")


def lease(chain: Chain, number: int, renter: bytes) -> None:
    """Fund a wallet, and let it open a lease."""
    chain.mine(Tx(sender=FUNDER, to=renter, value=10**18))
    chain.mine(Tx((lease_opened(number, renter),), sender=renter, to=MARKET))
    chain.final = chain.safe = chain.head


@pytest.fixture
def chain() -> Chain:
    """Make a chain that nobody reads whole unasked."""
    made = Chain()
    for _ in range(SHORT_CHAIN):
        made.mine()
    lease(made, 1, RENTER)
    return made


def place_at(folder: Path, node: Node, *lines: str) -> Place:
    return lay_out(folder, [node.url], chain="\n".join([*lines, MONEY]))


async def backfilled(place: Place) -> str:
    code, said = await finished(place, "backfill")
    assert code == 0, said
    return said


def told(place: Place) -> tuple[str, int, list[str]]:
    """Say how native value is read, how much of it there is, and what T03 cannot see, without any node."""
    config = load(str(place.config)).config
    with Reader(place.ledger) as reader:
        (row,) = reader.chains()
        seen = snapshot(reader, load_bundle(config), config)
        lines = [line for line in seen.not_assessable if line.startswith("T03: not assessable: chain")]
        return row.native_way, reader.row_counts()[1], lines


async def test_an_index_makes_native_value_read_and_what_facts_take_for_read_stays(chain, tmp_path):
    async with Node(chain).running() as node:
        place = place_at(tmp_path, node)
        await backfilled(place)
        first = told(place)
        assert first == ("traces", 2, []), "the funding, and the wallet's own transaction"
        assert covered(place, chain)[f"traces:{RENTER.hex()}"]
        assert "native value is read by trace_filter, 216000 blocks" in (await finished(place, "status"))[1]

        node.faults = [faults.without_methods(*INDEXES)]
        lease(chain, 2, LATER)
        said = await backfilled(place)
        assert "native value of wallets that come now is not read: no endpoint has trace_filter or" in said
        assert covered(place, chain)[f"logs:{MARKET.hex()}"] == chain.head + 1, "all else goes on"
        way, rows, blind = told(place)
        assert (way, rows) == ("unserved", 2), "what was read stays, and no block is read in full instead"
        assert ["no native transfers are read" in line for line in blind] == [True]
        assert f"traces:{LATER.hex()}" not in covered(place, chain)

        node.faults = []
        await backfilled(place)
        assert told(place) == ("traces", 4, [])
        assert covered(place, chain)[f"traces:{LATER.hex()}"]


async def test_an_index_of_transfers_does_too(chain, tmp_path):
    async with Node(chain, faults.without_methods("trace_filter")).running() as node:
        place = place_at(tmp_path, node)
        await backfilled(place)
        assert told(place) == ("assets", 2, [])
        assert covered(place, chain)[f"assets:{RENTER.hex()}"]


async def test_without_an_index_nothing_is_read(chain, tmp_path):
    async with Node(chain, faults.without_methods(*INDEXES)).running() as node:
        place = place_at(tmp_path, node)
        assert "native value" not in await backfilled(place)
        way, rows, blind = told(place)
        assert (way, rows, len(blind)) == ("", 0, 1)
        assert not node.methods["trace_block"], "blocks are not gone through"
        said = (await finished(place, "status"))[1]
        assert "native value is not read: no endpoint with trace_filter or alchemy_getAssetTransfers was met" in said
        assert "hint: add one that has it" in said


async def test_a_short_chain_is_read_whole_without_an_index_until_it_is_long(tmp_path):
    chain = Chain()
    lease(chain, 1, RENTER)
    async with Node(chain, faults.without_methods(*INDEXES)).running() as node:
        place = place_at(tmp_path, node)
        await backfilled(place)
        assert told(place) == ("blocktraces", 2, [])
        assert "native value is read by trace_block, 20000 blocks back" in (await finished(place, "status"))[1]
        for _ in range(SHORT_CHAIN):
            chain.mine()
        lease(chain, 2, LATER)
        asked = node.methods["trace_block"]
        await backfilled(place)
        way, rows, blind = told(place)
        assert (way, rows, len(blind)) == ("", 2, 1), "what was read stays, and is no longer taken for all there is"
        assert node.methods["trace_block"] == asked


@pytest.mark.parametrize("line", ["native_lookback_blocks = 0", 'native = "off"', 'native = "blocks"'])
async def test_who_says_none_gets_none(line, chain, tmp_path):
    async with Node(chain).running() as node:
        place = place_at(tmp_path, node, line)
        await backfilled(place)
        way, rows, blind = told(place)
        assert (way, rows, len(blind)) == ("", 0, 1)
        assert not {"trace_filter", "alchemy_getAssetTransfers", "trace_block"} & node.methods.keys()


async def test_an_explicit_none_wins_over_an_index_that_was_met(chain, tmp_path):
    async with Node(chain).running() as node:
        await backfilled(place_at(tmp_path, node))
        place = place_at(tmp_path, node, "native_lookback_blocks = 0")
        assert len(told(place)[2]) == 1
        await backfilled(place)
        assert told(place)[0] == "traces", "what was met is known when nothing is configured again"


async def test_a_way_that_no_endpoint_has_keeps_nothing_else_back(chain, tmp_path):
    async with Node(chain, faults.without_methods("trace_filter", "trace_block")).running() as node:
        place = place_at(tmp_path, node, 'native = "trace"', "native_lookback_blocks = 50")
        said = await backfilled(place)
        assert "no endpoint has trace_filter or trace_block" in said
        assert 'hint: add one that has it, or set native = "auto"' in said
        assert covered(place, chain)[f"logs:{MARKET.hex()}"] == chain.head + 1
        way, rows, blind = told(place)
        assert (way, rows, len(blind)) == ("unserved", 0, 1)


def only_for_nobody(*methods: str) -> Fault:
    """Let a trial go well, and refuse every wallet: what a plan includes shows when it is used."""

    def refuse(call: Call, said: Any) -> Any:
        if call.method in methods and "fefefefe" not in str(call.params[0]):
            raise Refusal(-32001, f"{call.method} is part of a dearer plan")
        return said

    return Fault(result=refuse)


async def test_an_index_that_is_refused_for_good_counts_as_none(chain, tmp_path):
    async with Node(chain, only_for_nobody("trace_filter"), faults.without_methods(INDEXES[1])).running() as node:
        place = place_at(tmp_path, node)
        said = await backfilled(place)
        assert said.count("is part of a dearer plan; native value is not read by trace_filter any more") == 1
        assert said.count("native value of wallets that come now is not read") == 1
        assert covered(place, chain)[f"logs:{MARKET.hex()}"] == chain.head + 1, "all else goes on"
        assert f"traces:{RENTER.hex()}" not in covered(place, chain)
        way, rows, blind = told(place)
        assert (way, rows, len(blind)) == ("unserved", 0, 1)
        assert "no native transfers are read" in blind[0]


async def test_where_one_index_is_refused_another_is_taken(chain, tmp_path):
    async with Node(chain, only_for_nobody("trace_filter")).running() as node:
        place = place_at(tmp_path, node)
        assert "not read by trace_filter any more" in await backfilled(place)
        assert told(place) == ("assets", 2, [])
        assert covered(place, chain)[f"assets:{RENTER.hex()}"]


async def test_doctor_asks_once_how_native_value_is_read(chain, tmp_path):
    lacking = faults.without_methods(*INDEXES)
    for folder, lines, methods in (
        ("unasked", (), {"trace_filter": 1, INDEXES[1]: 1, "trace_block": 0}),
        ("asked", ("native_lookback_blocks = 50",), {"trace_filter": 1, INDEXES[1]: 1, "trace_block": 1}),
    ):
        (tmp_path / folder).mkdir()
        async with Node(chain, lacking).running() as node:
            _, said = await finished(place_at(tmp_path / folder, node, *lines), "doctor")
            assert "with it alone, native value is" in said
            tries = {method: node.methods[method] for method in methods}
            assert {method: min(1, times) for method, times in tries.items()} == methods
            assert max(tries.values()) <= 2, "a refusal is heard twice, a trial is made once"
