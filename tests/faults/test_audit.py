"""The ledger held against another node, and what doctor finds out about endpoints."""

from __future__ import annotations

import json

import pytest

from tests.fakenode import faults
from tests.fakenode.chain import CHAIN_ID, Chain, Log, Tx, dense
from tests.fakenode.node import Node
from tests.fakenode.truth import lay_out
from tests.markets.chain_of_logs import encoded
from tests.markets.test_lint import written
from tests.node.drive import monitor

FACTORY, POOL, TOKEN, TENANT, HOST = (bytes([place]) * 20 for place in range(0x61, 0x66))
MADE, RENTED = "Made(address indexed pool)", "Rented(uint256 indexed id, address indexed tenant, address host)"
MOVED = "Transfer(address indexed sender, address indexed to, uint256 value)"
FACTORIES = f"""
[market]
id = "pools"
title = "Pools"
source = "made up"
verified = "2026-11-22"
paid_until = "job"

[[token]]
chain = 31337
address = "0x{TOKEN.hex()}"
symbol = "T"
decimals = 6

[[deployment]]
chain = 31337
network = "local"
role = "factory"
address = "0x{FACTORY.hex()}"

[[event]]
role = "factory"
decl = "{MADE}"
verb = "child.register"
key = "pool"
child = "pool"

[[event]]
role = "pool"
decl = "{RENTED}"
verb = "lease.open"
key = "id"
set.renter = "tenant"
set.provider = "host"
"""


@pytest.fixture(scope="module")
def chain():
    return dense(blocks=60, logs=8)


async def test_a_ledger_is_held_against_another_node(chain, tmp_path):
    other = dense(blocks=60, logs=8, seed=0)
    for block in (other.blocks[30], other.blocks[31]):
        block.logs.pop()
    async with Node(chain).running() as node, Node(chain).running() as same, Node(other).running() as less:
        place = lay_out(tmp_path, [node.url])
        assert (await monitor(place, "backfill")).code == 0
        found = await monitor(place, "verify", "--chain", "fake", "--range", "5-50", "--endpoint", same.url)
        assert (found.code, found.out) == (0, "")
        assert "none differ" in found.err
        bloomless = ("verify", "--chain", "fake", "--range", "5-50", "--endpoint", less.url)
        missing = await monitor(place, *bloomless)
        assert missing.code == 1, missing.err
        assert missing.out.splitlines() == [
            "block 30, log 7: only in the ledger",
            "block 31, log 7: only in the ledger",
        ]
        assert "2 differ" in missing.err


async def test_an_export_says_how_many_blocks_it_lacks(chain, tmp_path):
    async with Node(chain).running() as node:
        place = lay_out(tmp_path, [node.url])
        assert (await monitor(place, "backfill", "--from", "31")).code == 0
        half = await monitor(place, "export", str(tmp_path / "half"))
        assert "blocks up to 59 are not read yet for some contract" in half.err
        assert (await monitor(place, "backfill")).code == 0
        whole = await monitor(place, "export", str(tmp_path / "whole"))
        assert "not read yet" not in whole.err
    lacking = [json.loads((tmp_path / name / "manifest.json").read_bytes())["chains"] for name in ("half", "whole")]
    assert [each[str(CHAIN_ID)]["unread_blocks"] for each in lacking] == [31, 0]


def pools(*, kept: bool) -> Chain:
    """A factory, its pool with two leases, the tenant's payments; without the second of each unless they are `kept`."""
    chain = Chain()

    def log(address: bytes, text: str, *values: object) -> Log:
        topics, data = encoded(text, list(values))
        return Log(address, tuple(topics), data)

    chain.mine(Tx((log(FACTORY, MADE, POOL),)))
    for number in (1, 2):
        logs = (log(POOL, RENTED, number, TENANT, HOST), log(TOKEN, MOVED, TENANT, HOST, 5_000_000 + number))
        chain.mine(Tx(logs if kept or number == 1 else ()))
    chain.mine()
    chain.final = chain.safe = chain.head
    return chain


async def test_what_factories_made_and_wallets_moved_is_compared_too(tmp_path):
    markets = tmp_path / "markets"
    markets.mkdir()
    written(markets, FACTORIES)
    async with Node(pools(kept=True)).running() as node, Node(pools(kept=False)).running() as less:
        place = lay_out(tmp_path / "work", [node.url])
        place.config.write_text(f'market_path = ["{markets}"]\n' + place.config.read_text())
        assert (await monitor(place, "backfill")).code == 0
        same = await monitor(place, "verify", "--chain", "fake", "--range", "0-9", "--endpoint", node.url)
        assert (same.code, same.out) == (0, ""), same.err
        assert "5 logs compared, of 4 contracts and 2 wallets; none differ" in same.err
        assert "5 blocks are not read yet for some contract, the first 5" in same.err
        other = await monitor(place, "verify", "--chain", "31337", "--range", "0-4", "--endpoint", less.url)
    assert other.code == 1, other.err
    assert other.out.splitlines() == ["block 3, log 0: only in the ledger", "block 3, log 1: only in the ledger"]


async def test_a_node_that_does_not_answer(chain, tmp_path):
    async with Node(chain).running() as node:
        place = lay_out(tmp_path, [node.url])
        assert (await monitor(place, "backfill")).code == 0
    done = await monitor(place, "verify", "--chain", "fake", "--range", "5-50", "--endpoint", "http://127.0.0.1:9/")
    assert done.code == 3, done.err


async def test_questions_that_make_no_sense(chain, tmp_path):
    async with Node(chain).running() as node:
        place = lay_out(tmp_path, [node.url])
        assert (await monitor(place, "backfill", "--to", "20")).code == 0
        for args, words in [
            (["--chain", "fake", "--range", "9-5"], "--range wants"),
            (["--chain", "fake"], "--range wants"),
            (["--chain", "nowhere", "--range", "5-9"], "there is no chain nowhere"),
            (["--chain", "fake", "--range", "500-900"], "covers no block"),
            ([], "name the PATH"),
        ]:
            done = await monitor(place, "verify", *args)
            assert done.code == 2, (args, done.err)
            assert words in done.err


@pytest.mark.slow
async def test_doctor_tells_what_an_endpoint_has_and_lacks(chain, tmp_path):
    poor = Node(
        chain,
        faults.without_methods("eth_getBlockReceipts", "trace_filter", "trace_block", "alchemy_getAssetTransfers"),
        faults.without_tags(),
        faults.no_batches(),
        faults.range_cap(10, -32614, "eth_getLogs is limited to a 10 range"),
    )
    async with poor.running(), Node(chain).running() as good:
        place = lay_out(tmp_path, [poor.url, good.ws_url])
        found = await monitor(place, "doctor")
    lines = found.out.splitlines()
    mine = "\n".join(line for line in lines if poor.url in line)
    for words in (
        "no eth_getBlockReceipts",
        "no finalized tag",
        "no batches",
        "10 blocks",
        "value is not read: no endpoint with",
    ):
        assert words in mine, found.out
    theirs = "\n".join(line for line in lines if good.ws_url in line)
    assert "60 blocks" in theirs, found.out
    assert "native value is read by trace_filter, 216000 blocks back" in theirs, found.out
    assert "pushed no head" in theirs, "nobody mined"
