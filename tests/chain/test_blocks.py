"""Native transfers by reading whole blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from monitor.chain.blocks import fetch_headers, fetch_transfers
from monitor.chain.fault import Lagging
from monitor.errors import NodeRefused
from monitor.model.span import Span
from tests.chain.conftest import client
from tests.chain.fake import FakeChain, FakeNode

ANN, BOB, EVE = (bytes([n]) * 20 for n in (1, 2, 3))


def tx(sender: bytes, recipient: bytes | None, value: int) -> dict[str, Any]:
    to = None if recipient is None else "0x" + recipient.hex()
    return {"from": "0x" + sender.hex(), "to": to, "value": hex(value)}


@pytest.fixture
def chain() -> FakeChain:
    found = FakeChain(3)
    found.mine(txs=[tx(EVE, ANN, 2**200), tx(EVE, EVE, 1)])
    found.mine(txs=[tx(EVE, EVE, 1)])
    found.mine(txs=[tx(ANN, None, 0), tx(ANN, BOB, 7), tx(EVE, BOB, 0), tx(BOB, EVE, 3), tx(EVE, BOB, 9)])
    found.failed = {found.blocks[5]["transactions"][place]["hash"] for place in (3, 4)}
    for _ in range(25):
        found.mine()
    return found


async def test_what_watched_wallets_sent_and_got(node):
    async with client(node) as rpc:
        page = await fetch_transfers(rpc, Span(0, 31), {ANN, BOB})
    rows = [(item.block_number, item.tx_index, item.sender, item.recipient, item.value) for item in page.transfers]
    assert rows == [
        (3, 0, EVE, ANN, 2**200),
        (5, 0, ANN, b"", 0),
        (5, 1, ANN, BOB, 7),
        (5, 3, BOB, EVE, 0),  # failed: sent, but nothing moved; and of the failed gift to BOB nothing stays
    ]
    assert page.headers.keys() == {3, 5}
    assert page.transfers[1].nonce == 0


async def test_nobody_watched(node):
    async with client(node) as rpc:
        assert await fetch_transfers(rpc, Span(0, 31), set()) == ({}, [])


async def test_large_blocks_are_read_in_smaller_batches(node):
    async with client(node, max_body=4_000) as rpc:
        page = await fetch_transfers(rpc, Span(0, 31), {ANN})
        assert len(page.transfers) == 3
    async with client(node, max_body=1_500) as rpc:
        with pytest.raises(NodeRefused, match="more than 1500 bytes"):
            await fetch_transfers(rpc, Span(0, 31), {ANN})


async def test_headers(node):
    async with client(node) as rpc:
        assert list(await fetch_headers(rpc, {9, 2, 5})) == [2, 5, 9]
        with pytest.raises(Lagging):
            await fetch_headers(rpc, [5, 99])


async def test_blocks_beyond_the_head_and_on_another_branch(node, chain):
    async with client(node) as rpc:
        with pytest.raises(Lagging):
            await fetch_transfers(rpc, Span(25, 40), {ANN})
        known = await fetch_headers(rpc, [5])
        chain.fork(26, [[]] * 26)
        with pytest.raises(Lagging, match="another branch"):
            await fetch_transfers(rpc, Span(4, 7), {ANN}, known)


LIES: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("stands elsewhere", "eth_getBlockByNumber", lambda b: {**b, "transactions": b["transactions"][1:]}),
    ("stands elsewhere", "eth_getBlockByNumber", lambda b: {**b, "hash": "0x" + "ab" * 32}),
    ("wrong shape", "eth_getBlockByNumber", lambda b: {**b, "transactions": ["0x"]}),
    ("expected 20 bytes", "eth_getBlockByNumber",
     lambda b: {**b, "transactions": [{**item, "to": "0x1"} for item in b["transactions"]]}),
    ("got another one", "eth_getTransactionReceipt", lambda r: {**r, "transactionHash": "0x" + "ab" * 32}),
    ("another branch", "eth_getTransactionReceipt", lambda r: {**r, "blockHash": "0x" + "ab" * 32}),
    ("another branch", "eth_getTransactionReceipt", lambda _: None),
]  # fmt: skip


@pytest.mark.parametrize(("words", "method", "lie"), LIES)
async def test_lies(node, words, method, lie):
    liar = FakeNode(node.chain)
    liar.mangle = lambda asked, result: lie(result) if asked == method else result
    async with liar.running():
        async with client(liar) as rpc:
            with pytest.raises(NodeRefused, match=words):
                await fetch_transfers(rpc, Span(3, 4), {ANN})
        async with client(liar, node) as rpc:
            assert len((await fetch_transfers(rpc, Span(3, 4), {ANN})).transfers) == 1
