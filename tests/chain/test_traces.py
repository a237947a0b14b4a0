"""Native value by traces: the same transactions as by whole blocks, and what contracts moved inside them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from monitor.chain import assets, blocks, traces
from monitor.chain.assets import fetch_by_assets
from monitor.chain.blocks import fetch_transfers
from monitor.chain.fault import Lagging
from monitor.chain.native import native_kind
from monitor.chain.traces import fetch_by_filter, fetch_by_trace
from monitor.errors import NodeRefused
from monitor.model.span import Span
from tests.chain.conftest import client
from tests.fakenode import faults
from tests.fakenode.chain import Chain, Inner, Tx
from tests.fakenode.faults import Call, Fault, Refusal
from tests.fakenode.node import Node

ANN, BOB, EVE, SAFE, SHOP = (bytes([n]) * 20 for n in (0xA1, 0xB2, 0xE7, 0x5A, 0x5B))
INDEX = "alchemy_getAssetTransfers"
WAYS = [fetch_by_filter, fetch_by_trace, fetch_by_assets]


def written() -> Chain:
    chain = Chain(3)
    chain.mine(Tx(sender=EVE, to=ANN, value=2**200), Tx(sender=EVE, to=EVE, value=1))
    chain.mine(Tx(sender=ANN, to=None, value=2), Tx(sender=ANN, to=BOB, value=7, failed=True), Tx(sender=EVE, to=SHOP))
    paid = (Inner(ANN, 5), Inner(BOB, 6, calls=(Inner(EVE, 1), Inner(ANN, 2))), Inner(ANN, 0))
    chain.mine(Tx(sender=EVE, to=SAFE, value=9, calls=paid))
    undone = (Inner(SHOP, 8, failed=True, calls=(Inner(ANN, 8),)), Inner(SHOP, 3, calls=(Inner(BOB, 3, failed=True),)))
    chain.mine(Tx(sender=ANN, to=SAFE, calls=undone), Tx(sender=EVE, to=SAFE, failed=True, calls=(Inner(ANN, 4),)))
    borrowed = (Inner(ANN, 11, kind="delegatecall"), Inner(BOB, 12, kind="suicide"), Inner(ANN, 13, kind="callcode"))
    chain.mine(Tx(sender=EVE, to=SHOP, calls=borrowed))
    for _ in range(25):
        chain.mine(Tx(sender=EVE, to=EVE))
    return chain


def rows(page: Any) -> list[tuple[object, ...]]:
    return [(item.block_number, item.sender, item.recipient, item.value) for item in page.transfers if item.trace]


@pytest.mark.parametrize("way", WAYS)
async def test_transactions_as_by_blocks_and_what_was_moved_inside(way):
    async with Node(written()).running() as node, client(node.url) as rpc:
        by_blocks = await fetch_transfers(rpc, Span(0, 31), {ANN, BOB})
        page = await way(rpc, Span(0, 31), {ANN, BOB})
    assert [item for item in page.transfers if not item.trace] == by_blocks.transfers
    assert all((item.nonce is None) == bool(item.trace) for item in page.transfers)
    assert sorted(rows(page)) == [
        (3, SAFE, ANN, 5),
        (3, SAFE, BOB, 6),
        (3, BOB, ANN, 2),
        (3, BOB, EVE, 1),
        (5, SHOP, BOB, 12),
    ], "nothing of what was undone, of code run with another's money, or of no value"
    assert page.headers.keys() == {1, 2, 3, 4, 5}
    assert {item.block_hash for item in page.transfers} == {head.hash for head in page.headers.values()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(4))
async def test_any_chain_reads_the_same_in_any_way_and_any_parts(way, seed, monkeypatch):
    chance = random.Random(seed)
    people = [ANN, BOB, EVE, SAFE, SHOP]

    def inner(depth: int) -> Inner:
        kind = chance.choice(["call", "call", "call", "delegatecall", "suicide"])
        calls = tuple(inner(depth + 1) for _ in range(chance.randrange(3))) if depth < 3 and kind == "call" else ()
        return Inner(chance.choice(people), chance.randrange(3), failed=chance.random() < 0.2, calls=calls, kind=kind)

    chain = Chain(seed)
    for _ in range(30):
        chain.mine(*[
            Tx(sender=chance.choice(people), to=chance.choice(people), value=chance.randrange(3),
               failed=chance.random() < 0.2, calls=tuple(inner(1) for _ in range(chance.randrange(3))))
            for _ in range(chance.randrange(4))
        ])  # fmt: skip
    monkeypatch.setattr(traces, "MAX_TRACES", 7)
    async with Node(chain).running() as node, client(node.url) as rpc:
        whole = await way(rpc, Span(0, 31), {ANN, SAFE})
        one, other = await way(rpc, Span(0, 12), {ANN, SAFE}), await way(rpc, Span(12, 31), {ANN, SAFE})
        assert [*one.transfers, *other.transfers] == whole.transfers
        outside = [item for item in whole.transfers if not item.trace]
        assert outside == (await fetch_transfers(rpc, Span(0, 31), {ANN, SAFE})).transfers
        for other_way in WAYS:
            assert whole == await other_way(rpc, Span(0, 31), {ANN, SAFE}), "and names every row alike"
        alone = [await way(rpc, Span(0, 31), {wallet}) for wallet in (ANN, SAFE)]
        assert {*alone[0].transfers, *alone[1].transfers} == {*whole.transfers}
        assert any(item.trace for item in whole.transfers)


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_happened(way):
    async with Node(written()).running() as node, client(node.url) as rpc:
        assert await way(rpc, Span(7, 31), {ANN}) == ({}, [])


@pytest.mark.parametrize("way", WAYS)
async def test_blocks_beyond_the_head_and_on_another_branch(way):
    chain = written()
    async with Node(chain).running() as node, client(node.url) as rpc:
        with pytest.raises(Lagging):
            await way(rpc, Span(25, 60), {ANN})
        (known,) = await rpc.headers([30])
        chain.fork(28, [[] for _ in range(28)])
        with pytest.raises(Lagging, match="another branch"):
            await way(rpc, Span(29, 31), {ANN}, {30: known})


def lie(method: str, change: Any) -> Fault:
    """A node that changes one of its answers."""

    def result(call: Call, said: Any) -> Any:
        return change([dict(item) for item in said]) if call.method == method else said

    return Fault(result=result)


def first(**said: Any) -> Any:
    return lambda found: [found[0] | said, *found[1:]] if found else found


def index(**said: Any) -> Fault:
    def result(call: Call, page: Any) -> Any:
        if call.method != "alchemy_getAssetTransfers":
            return page
        return page | {"transfers": [item | said for item in page["transfers"]]}

    return Fault(result=result)


NOBODY = {"from": "0x" + "77" * 20, "to": "0x" + "77" * 20}
LIES = {
    "of another block": (fetch_by_filter, lie("trace_filter", first(blockNumber=99)), "got one of 99"),
    "of somebody else": (fetch_by_filter, lie("trace_filter", first(action=NOBODY)), "not of the wallets"),
    "no hash": (fetch_by_filter, lie("trace_filter", first(blockHash="0x12")), "expected 32 bytes"),
    "no list": (fetch_by_filter, lie("trace_filter", lambda _: {"a": 1}), "wrong shape"),
    "a call left out": (fetch_by_filter, lie("trace_transaction", lambda said: said[:-1]), "missing or twice"),
    "a call twice": (fetch_by_filter, lie("trace_transaction", lambda said: [*said, said[-1]]), "missing or twice"),
    "a listed block": (fetch_by_assets, index(blockNum="0x63"), "of blocks 0 to 30, got another"),
    "a listed stranger": (fetch_by_assets, index(**NOBODY), "not of the wallet"),
    "a listed token": (fetch_by_assets, index(category="erc20"), "got another"),
    "a listed sum": (fetch_by_assets, index(rawContract={"value": "much"}), "expected a hex number"),
    "a block's call left out": (fetch_by_trace, lie("trace_block", lambda said: said[1:]), "not those of its"),
    "of another branch": (fetch_by_trace, lie("trace_block", first(blockHash="0x" + "12" * 32)), "another hash"),
}


@pytest.mark.parametrize("name", LIES)
async def test_an_answer_that_cannot_be_true_benches_who_gave_it(name):
    way, fault, text = LIES[name]
    async with Node(written(), fault).running() as liar, client(liar.url) as rpc:
        with pytest.raises(NodeRefused, match=text):
            await way(rpc, Span(0, 31), {ANN, BOB})
        assert rpc.endpoints()[0].health == "benched"
    async with Node(written(), fault).running() as liar, Node(written()).running() as good:
        async with client(liar.url, good.url) as rpc:
            told = await way(rpc, Span(0, 31), {ANN, BOB})
        async with client(good.url) as rpc:
            assert told == await way(rpc, Span(0, 31), {ANN, BOB})


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("left", [lambda said: said[1:], lambda said: said[:-1], lambda _: []])
async def test_what_an_index_leaves_out_another_one_tells(left, order):
    async with Node(written(), lie("trace_filter", left)).running() as liar, Node(written()).running() as good:
        async with client(*[liar.url, good.url][::order]) as rpc:
            told = await fetch_by_filter(rpc, Span(0, 31), {ANN, BOB})
        async with client(good.url) as rpc:
            assert told == await fetch_by_trace(rpc, Span(0, 31), {ANN, BOB})


@pytest.mark.parametrize("left", [lambda said: said[:-1], lambda _: []])
async def test_transactions_that_a_block_came_without_are_counted_elsewhere(left, monkeypatch):
    monkeypatch.setattr(blocks, "MAX_LIES", 2)

    def cut(call: Call, said: Any) -> Any:
        whole = call.method == "eth_getBlockByNumber" and call.params[1] and said
        return {**said, "transactions": left(said["transactions"])} if whole else said

    liar = Node(written(), Fault(result=cut))
    async with liar.running(), Node(written()).running() as good:
        async with client(good.url) as rpc:
            told = await fetch_transfers(rpc, Span(0, 31), {ANN, BOB})
        async with client(liar.url, good.url) as rpc:
            assert await fetch_transfers(rpc, Span(0, 31), {ANN, BOB}) == told
            assert rpc.endpoints()[0].faults["lying"] > 0
        async with client(liar.url) as rpc:
            with pytest.raises(NodeRefused, match="transactions, it sent"):
                await fetch_transfers(rpc, Span(0, 31), {ANN, BOB})


async def test_an_index_that_nobody_else_has_is_asked_in_other_parts():
    def stale(call: Call, said: Any) -> Any:
        asked = call.params[0] if call.method == "trace_filter" else {}
        return [] if (asked.get("fromBlock"), asked.get("toBlock")) == ("0x0", "0x1e") else said

    lacking = Node(written(), faults.without_methods("trace_filter"))
    caching = Node(written(), Fault(result=stale))
    async with caching.running(), lacking.running(), client(lacking.url, caching.url) as rpc:
        told = await fetch_by_filter(rpc, Span(0, 31), {ANN, BOB})
        assert told.transfers
        assert told == await fetch_by_trace(rpc, Span(0, 31), {ANN, BOB})


async def test_a_node_that_takes_few_blocks_is_asked_for_few():
    def narrow(call: Call, said: Any) -> Any:
        if call.method == "trace_filter":
            first, last = (int(call.params[0][name], 16) for name in ("fromBlock", "toBlock"))
            if last - first >= 10:
                raise Refusal(-32000, "block range is too large")
        return said

    async with Node(written(), Fault(result=narrow)).running() as node, client(node.url) as rpc:
        page = await fetch_by_filter(rpc, Span(0, 31), {ANN, BOB})
        assert page == await fetch_by_trace(rpc, Span(0, 31), {ANN, BOB})


@pytest.mark.parametrize(
    ("missing", "way", "kind"),
    [
        ((), "auto", "traces"),
        (("trace_filter",), "auto", "assets"),
        (("trace_filter", INDEX), "auto", "blocktraces"),
        (("trace_filter", "trace_block", INDEX), "auto", "native"),
        ((), "alchemy", "assets"),
        ((), "trace", "traces"),
        (("trace_filter",), "trace", "blocktraces"),
        ((), "blocks", "native"),
        ((), "off", None),
        (("trace_filter", "trace_block"), "trace", None),
    ],
)
async def test_the_way_is_chosen_by_what_the_endpoints_have(missing, way, kind):
    async with Node(written(), faults.without_methods(*missing)).running() as node, client(node.url) as rpc:
        assert await native_kind(rpc, way) == kind


async def test_an_index_is_asked_of_whoever_has_one():
    def few(call: Call, said: Any) -> Any:
        if call.method == "trace_filter" and int(call.params[0]["toBlock"], 16) - int(call.params[0]["fromBlock"], 16):
            raise Refusal(-32000, "Block range too large; currently limited to 1 blocks")
        return said

    lacking = Node(written(), Fault(result=few), faults.without_methods(INDEX))
    async with lacking.running(), Node(written()).running() as node, client(lacking.url, node.url) as rpc:
        assert await native_kind(rpc, "auto", indexed=True) == "traces"
        asked = lacking.methods["trace_filter"]
        page = await fetch_by_filter(rpc, Span(0, 31), {ANN, BOB})
        assert lacking.methods["trace_filter"] == asked, "it would answer block by block"
        assert page.transfers == (await fetch_by_trace(rpc, Span(0, 31), {ANN, BOB})).transfers


async def test_an_index_without_what_contracts_moved_is_asked_for_the_rest():
    def narrow(call: Call, said: Any) -> Any:
        if call.method == INDEX and "internal" in call.params[0]["category"]:
            raise Refusal(-32602, "internal transfers are not supported on this chain")
        return said

    async with Node(written(), Fault(result=narrow)).running() as node, client(node.url) as rpc:
        page = await fetch_by_assets(rpc, Span(0, 31), {ANN, BOB})
        assert page.transfers == (await fetch_transfers(rpc, Span(0, 31), {ANN, BOB})).transfers


async def test_an_index_without_an_end_is_given_up(monkeypatch):
    monkeypatch.setattr(assets, "MAX_PAGES", 5)
    endless = Fault(result=lambda call, said: said | {"pageKey": "0"} if call.method == INDEX else said)
    async with Node(written(), endless).running() as node, client(node.url) as rpc:
        with pytest.raises(NodeRefused, match="do not end after 5 pages"):
            await fetch_by_assets(rpc, Span(0, 31), {ANN})


@pytest.mark.parametrize(
    ("missing", "way", "kind"),
    [
        ((), "auto", "traces"),
        (("trace_filter",), "auto", "assets"),
        (("trace_filter", INDEX), "auto", None),
        (("trace_filter",), "trace", None),
        ((), "alchemy", "assets"),
        ((), "blocks", None),
        ((), "off", None),
    ],
)
async def test_an_index_is_chosen_where_there_is_one(missing, way, kind):
    async with Node(written(), faults.without_methods(*missing)).running() as node, client(node.url) as rpc:
        assert await native_kind(rpc, way, indexed=True) == kind


async def test_a_trace_filter_that_goes_through_blocks_is_no_index():
    def few(call: Call, said: Any) -> Any:
        if call.method == "trace_filter":
            first, last = (int(call.params[0][name], 16) for name in ("fromBlock", "toBlock"))
            if last - first >= 10:
                raise Refusal(-32000, "Block range too large; currently limited to 10 blocks")
        return said

    lacking = faults.without_methods(INDEX)
    async with Node(written(), Fault(result=few), lacking).running() as node, client(node.url) as rpc:
        assert await native_kind(rpc, "auto", indexed=True) is None
        assert await native_kind(rpc, "auto") == "traces"
