"""The theatre itself: an emitter speaks as any contract, together with others, and answers what it was taught."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode

from monitor.errors import NodeRefused
from tests.markets.chain_of_logs import PROVIDER, RENTER, START
from tests.markets.theatre import Theatre, call_data

pytestmark = pytest.mark.node
OPENED = (
    "JobOpened(bytes32 indexed job, string metadata, address indexed owner, address indexed provider, uint256 rate,"
    " uint256 balance, uint256 timestamp)"
)
JOB = b"\x07" * 32


async def test_a_lifecycle_of_encoded_events_comes_back_as_one_lease():
    async with Theatre("marlin_oyster", ["market"]) as play:
        spec = '{"instance":"r6i.xlarge","region":"ap-south-1"}'
        rate = 10**12 * 1000
        await play.tx(("market", OPENED, [JOB, spec, RENTER, PROVIDER, rate, 3_600_000, START]), seconds=10)
        open_lease = (await play.leases())["0x" + JOB.hex()]
        assert (open_lease["status"], open_lease["renter"], open_lease["paid_until"]) == (
            "active",
            RENTER,
            START + 3600,
        )
        await play.tx(
            ("market", "JobSettled(bytes32 indexed job, uint256 amount, uint256 timestamp)", [JOB, 1_000_000, START]),
            ("market", "JobClosed(bytes32 indexed job)", [JOB]),
            seconds=1000,
        )
        closed = (await play.leases())["0x" + JOB.hex()]
        assert (closed["status"], closed["closed_at"], closed["settled_total"]) == ("closed", START + 1000, 1_000_000)


async def test_several_contracts_speak_in_one_transaction_and_calldata_is_what_was_asked_for():
    async with Theatre("spheron", ["order", "bid"]) as play:
        closed = "OrderUpdateRequested(uint64 orderId)"
        await play.tx(("order", closed, [1]), ("bid", "Any(uint256 indexed a, string b)", [7, "x"]))
        logs = (await play.logs()).sort("log_index")
        assert logs["address"].to_list() == [play.at["order"], play.at["bid"]]
        assert logs["tx_hash"].n_unique() == 1
        sender = b"\x77" * 20
        tx = await play.tx(("bid", closed, [2]), sender=sender, calldata=("order", "assign(string,uint256)", ["me", 2]))
        sent = await play.node.rpc("eth_getTransactionByHash", ["0x" + tx.hex()])
        assert sent["from"] == "0x" + sender.hex()
        assert bytes.fromhex(sent["input"][2:])[4:] == encode(["string", "uint256"], ["me", 2])
        assert (await play.logs()).filter(tx_hash=tx)["address"].to_list() == [play.at["bid"]]


async def test_a_view_answers_from_the_block_it_was_taught_in_until_it_forgets():
    async with Theatre("spheron", ["order"]) as play:
        await play.teach("order", "sizeOf(uint256)", [5], encode(["uint256"], [8]))
        known, _ = await play.node.head()
        await play.forget("order", "sizeOf(uint256)", [5])
        request = {"to": "0x" + play.at["order"].hex(), "data": "0x" + call_data("sizeOf", ["uint256"], [5]).hex()}
        assert int(await play.node.rpc("eth_call", [request, hex(known)]), 16) == 8
        with pytest.raises(NodeRefused):
            await play.node.rpc("eth_call", [request, "latest"])
