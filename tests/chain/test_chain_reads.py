"""Reads of a real node: together, one by one, at old blocks, refused, within the budget."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from eth_abi.abi import encode

from monitor.chain.reads import MULTICALL, ChainReads, Read, Wanted
from monitor.chain.rpc import RpcClient
from tests.chain.conftest import client, endpoints
from tests.chain.fake import FakeChain, FakeNode, Refusal
from tests.fakenode import faults
from tests.fakenode.chain import Chain, Tx
from tests.fakenode.node import Node
from tests.markets.chain_of_logs import LOCAL
from tests.markets.theatre import Theatre, call_data

SIZE = "sizeOf(uint256)"


def size(number: int) -> bytes:
    return call_data("sizeOf", ["uint256"], [number])


@asynccontextmanager
async def taught() -> AsyncIterator[tuple[Theatre, RpcClient, int]]:
    """A contract that knows two sizes from block `at` on, and forgets the first one a block later."""
    async with Theatre("reference", ["market"]) as play:
        await play.teach("market", SIZE, [1], encode(["uint256"], [11]))
        await play.teach("market", SIZE, [2], encode(["uint256"], [22]))
        at, _ = await play.node.head()
        await play.forget("market", SIZE, [1])
        async with RpcClient("local", LOCAL, endpoints(play.node.url)) as rpc:
            yield play, rpc, at


def wanted(play: Theatre, block: int, number: int) -> Wanted:
    return Wanted(LOCAL, block, "call", play.at["market"], size(number))


async def test_calls_are_answered_as_of_their_block_and_a_refusal_is_an_answer():
    async with taught() as (play, rpc, at):
        asked = [wanted(play, block, number) for block in (at, at + 1) for number in (1, 2, 3)]
        found = {(read.block_number, read.payload): read for read in await ChainReads(rpc, 100).fetch(asked)}
        values = {key: read.result and int.from_bytes(read.result) for key, read in found.items()}
        assert values == {
            (at, size(1)): 11, (at, size(2)): 22, (at, size(3)): None,
            (at + 1, size(1)): None, (at + 1, size(2)): 22, (at + 1, size(3)): None,
        }  # fmt: skip
        assert "revert" in (found[at, size(3)].failure or "")


async def test_where_multicall_has_code_calls_of_a_block_travel_as_one():
    async with taught() as (play, rpc, at):
        code = await play.node.rpc("eth_getCode", ["0x" + play.at["market"].hex(), "latest"])
        await play.node.rpc("anvil_setCode", ["0x" + MULTICALL.hex(), code])
        calls = [(play.at["market"], True, size(number)) for number in (1, 2)]
        answer = encode(["(bool,bytes)[]"], [[(True, encode(["uint256"], [7])), (False, b"")]])
        await play.teach(MULTICALL, "aggregate3((address,bool,bytes)[])", [calls], answer)
        now, _ = await play.node.head()
        both = [wanted(play, now, 1), wanted(play, now, 2)]
        reads = await ChainReads(rpc, 100).fetch(both)
        assert reads == [
            Read(*both[0], encode(["uint256"], [7]), None),
            Read(*both[1], None, "execution reverted"),
        ]
        # At a block before Multicall3 had code, the same calls go one by one.
        older = await ChainReads(rpc, 100).fetch([wanted(play, at, 1), wanted(play, at, 2)])
        assert [int.from_bytes(read.result or b"") for read in older] == [11, 22]


async def test_who_does_not_say_what_has_code_is_asked_one_by_one():
    node = FakeNode(FakeChain(9))
    node.methods_missing = {"eth_getCode"}
    asked = [Wanted(LOCAL, 5, "call", b"\x01" * 20, size(number)) for number in (1, 2)]
    async with node.running(), client(node) as rpc:
        reads = await ChainReads(rpc, 100).fetch(asked)
    assert [(read.result, read.failure) for read in reads] == [((6).to_bytes(32), None)] * 2


async def test_a_transaction_gives_sender_recipient_value_and_input():
    async with taught() as (play, rpc, at):
        sender = b"\x77" * 20
        sent = await play.tx(("market", "Any(uint256 a)", [1]), sender=sender, calldata=("market", "act(uint256)", [5]))
        block, _ = await play.node.head()
        asked = Wanted(LOCAL, block, "transaction", b"", sent)
        (read,) = await ChainReads(rpc, 100).fetch([asked])
        assert read.result == sender + play.at["market"] + bytes(32) + call_data("act", ["uint256"], [5])
        (elsewhere,) = await ChainReads(rpc, 100).fetch([asked._replace(block_number=at)])
        assert elsewhere.failure == "the node has the transaction in another block"
        (unknown,) = await ChainReads(rpc, 100).fetch([asked._replace(payload=b"\x01" * 32)])
        assert unknown.failure == "the transaction is not known to the node"


async def test_a_transaction_gives_what_its_sender_set_for_fees():
    chain, sender = Chain(3), b"\x77" * 20
    block = chain.mine(*[Tx(sender=sender)] * 4)
    old, new, absurd, priceless = block.transactions
    old["gasPrice"], old["gas"] = hex(7 * 10**9), hex(500_000)
    new["maxPriorityFeePerGas"] = hex(1_337_000_000)
    absurd["maxPriorityFeePerGas"] = hex(2**200)
    absurd["type"], absurd["to"] = "0x2", None
    del priceless["gasPrice"], priceless["maxPriorityFeePerGas"]
    asked = [Wanted(31337, 1, "fee", b"", bytes.fromhex(tx["hash"][2:])) for tx in block.transactions]
    async with Node(chain).running() as node, client(node.url, attempts=1) as rpc:
        found = await ChainReads(rpc, 9).fetch(asked)
        (moved,) = await ChainReads(rpc, 9).fetch([asked[0]._replace(block_number=0)])
    told, called = {read.payload: read for read in found}, bytes.fromhex(old["to"][2:])
    assert [told[item.payload].result for item in asked] == [
        sender + b"\x00" + (7 * 10**9).to_bytes(8) + (500_000).to_bytes(8) + called,
        sender + b"\x01" + (1_337_000_000).to_bytes(8) + (21_000).to_bytes(8) + called,
        sender + b"\x01" + (2**63 - 1).to_bytes(8) + (21_000).to_bytes(8) + bytes(20),
        None,
    ]
    assert told[asked[3].payload].failure == "the transaction names no price of gas"
    assert moved.failure == "the node has the transaction in another block"


async def test_one_answer_that_is_another_transaction_leaves_its_neighbours_alone():
    chain = Chain(3)
    block = chain.mine(Tx(), Tx())
    first, second = (bytes.fromhex(tx["hash"][2:]) for tx in block.transactions)

    def swapped(call, said):
        return {**said, "hash": "0x" + "ab" * 32} if call.params == [f"0x{second.hex()}"] else said

    asked = [Wanted(31337, 1, "fee", b"", each) for each in (first, second)]
    async with Node(chain, faults.Fault(result=swapped)).running() as node, client(node.url, attempts=1) as rpc:
        found = {read.payload: read for read in await ChainReads(rpc, 9).fetch(asked)}
    assert found[first].result
    assert found[second].failure


async def test_the_budget_is_kept_and_the_oldest_come_first():
    async with taught() as (play, rpc, at):
        reads = ChainReads(rpc, 3)
        asked = [wanted(play, block, 2) for block in (at + 1, at)]
        assert [read.block_number for read in await reads.fetch(asked)] == [at, at + 1]
        assert len(await reads.fetch([wanted(play, at, 1), wanted(play, at, 2)])) == 1
        assert await reads.fetch(asked) == []
        assert reads.left == 0
        reads._day -= 1
        assert reads.left == 3


@pytest.mark.parametrize("result", ["nothex", "0x0", 7, None])
async def test_an_answer_that_cannot_be_true_becomes_a_failure_beside_its_neighbours(result):
    node = FakeNode(FakeChain(5))
    good = "0x" + (6).to_bytes(32, "big").hex()
    answers = iter([good, result])
    node.mangle = lambda method, kept: next(answers, result) if method == "eth_call" else kept
    async with node.running(), client(node, attempts=1) as rpc:
        asked = [Wanted(31337, 3, "call", bytes([place]) * 20, b"") for place in (1, 2)]
        found = await ChainReads(rpc, 9).fetch(asked)
    assert len(found) == 2
    assert all(read.failure and read.result is None for read in found[1:])


async def test_a_node_without_old_state_is_told_by_its_words():
    node = FakeNode(FakeChain(5))

    def pruned(method: str, kept: object) -> object:
        if method == "eth_call":
            raise Refusal(-32000, "missing trie node 00 (path ) state is not available")
        return kept

    node.mangle = pruned
    async with node.running(), client(node, attempts=1) as rpc:
        (read,) = await ChainReads(rpc, 9).fetch([Wanted(31337, 3, "call", b"\x01" * 20, b"")])
    assert read.result is None
    assert "missing trie node" in (read.failure or "")
