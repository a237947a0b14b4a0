"""eth_getLogs behind every kind of limit: all rows, no row twice, in bounded many requests."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from monitor.chain.distrust import Distrust
from monitor.chain.fault import Lagging
from monitor.chain.logs import Sizer, fetch_logs
from monitor.errors import ChainUnreachable, NodeRefused
from monitor.model.span import Span
from monitor.sync.fragment import contract_fragment, transfers_fragment
from monitor.sync.plan import Job
from monitor.sync.sizing import START
from tests.chain.conftest import CONTRACT, OTHER, TOKEN, client
from tests.chain.fake import FakeChain, FakeNode, Refusal, transfer_log

BOTH = (contract_fragment(CONTRACT), contract_fragment(OTHER))


def job(start: int = 0, stop: int = 1000, fragments: Any = BOTH) -> Job:
    return Job(fragments[0].kind, fragments, Span(start, stop), final=True)


async def fetched(node: FakeNode, work: Job, max_span: int = 1000) -> list[tuple[int, int]]:
    async with client(node, timeout_seconds=60.0) as rpc:
        page = await fetch_logs(rpc, work, Sizer(max_span), Distrust(rpc, "off"))
    return page.logs.select("block_number", "log_index").rows()


ALL = [(number, place) for number in range(1000) for place in range(20)]


async def test_a_limit_in_words_and_by_a_code_nobody_knows(node):
    node.range_cap = (400, -1, "nope")
    assert await fetched(node, job()) == ALL


async def test_a_block_that_is_refused_in_a_bad_moment_is_asked_for_again(node):
    node.methods_missing = {"eth_getBlockReceipts", "eth_getTransactionReceipt"}
    moments = itertools.chain([True] * 2, itertools.repeat(False))

    def mangle(method: str, result: Any) -> Any:
        if method == "eth_getLogs" and next(moments):
            raise Refusal(-32000, "something went wrong")
        return result

    node.mangle = mangle
    assert await fetched(node, job(5, 6, BOTH[:1])) == [place for place in ALL if place[0] == 5 and place[1] < 15]


async def test_a_bare_limit_that_befalls_headers_too_is_one_of_calls(node, monkeypatch):
    monkeypatch.setattr("monitor.chain.endpoint._PAUSE_WHEN_LIMITED", 0.01)
    moments = itertools.cycle([True, False, False, False, False])

    def mangle(_: str, result: Any) -> Any:
        if next(moments):
            raise Refusal(-32005, "limit exceeded")
        return result

    async with client(node) as rpc:
        await rpc.check()
        node.mangle = mangle
        sizer = Sizer(1000)
        page = await fetch_logs(rpc, job(0, 90), sizer, Distrust(rpc, "off"))
        assert page.logs.height == 90 * 20
        assert rpc.endpoints()[0].faults["limited"] > 0


async def test_clean(node):
    assert await fetched(node, job()) == ALL
    asked = list(node.spans)
    assert asked[0] == (0, START - 1)
    assert [first for first, _ in asked[1:]] == [last + 1 for _, last in asked[:-1]]
    assert asked[-1][1] == 999
    assert len(asked) < 5
    assert await fetched(node, job(fragments=BOTH[1:])) == [place for place in ALL if place[1] >= 15]


RANGE_TEXTS = [
    (-32614, "eth_getLogs is limited to a 50 range"),
    (-32600, "block range is too wide"),
    (-32602, "Block range limit exceeded. See more details at https://example.com/limits"),
    (-32000, "block range too large (1000 > 50)"),
    (-32602, "exceed max block range: 50"),
    (-32600, "maximum [from, to] blocks distance: 50"),
    (-32602, "please limit the query to at most 50 blocks"),
    (35, "ranges over 50 blocks are not supported on freetier"),
    (-32000, "this node does not like this"),
]


@pytest.mark.parametrize(("code", "text"), RANGE_TEXTS)
async def test_range_limits(node, code, text):
    node.range_cap = (50, code, text)
    assert await fetched(node, job()) == ALL
    covered = [number for first, last in node.spans for number in range(first, last + 1)]
    assert sorted(covered) == list(range(1000)), "a block was asked for twice or never"
    assert node.requests < 60


RESULT_TEXTS: list[tuple[int, Callable[[int, int], str]]] = [
    (-32602, lambda first, _: f"Log response size exceeded. Based on your parameters and the response size limit, "
     f"this block range should work: [{first:#x}, {first + 24:#x}]"),
    (-32005, lambda first, _: f"query returned more than 500 results. Try with this block range "
     f"[{first:#x}, {first + 24:#x}]."),
    (-32602, lambda first, last: f"query exceeds max results 500, retry with the range {first}-{last}"),
    (-32005, lambda _, __: "limit exceeded"),
    (-32005, lambda _, __: "query returned more than 500 results"),
    (-32000, lambda _, __: "logs matched by query exceeds limit of 500"),
    (-32011, lambda _, __: "backend response too large"),
    (-32000, lambda _, __: "query timeout exceeded"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text"), RESULT_TEXTS)
@pytest.mark.parametrize("cap", [500, 100, 20])
async def test_result_limits(node, code, text, cap):
    node.result_cap = (cap, code, text)
    assert await fetched(node, job()) == ALL
    covered = [number for first, last in node.spans for number in range(first, last + 1)]
    assert sorted(covered) == list(range(1000))


async def test_a_block_above_the_limit_is_split_by_address(node):
    node.result_cap = (15, -32005, lambda _, __: "limit exceeded")
    assert await fetched(node, job(10, 14)) == ALL[200:280]


async def test_an_address_above_the_limit_is_read_from_receipts(node):
    node.result_cap = (14, -32005, lambda _, __: "limit exceeded")
    assert await fetched(node, job(10, 14)) == ALL[200:280]


async def test_without_receipts_it_is_refused_with_the_nodes_words(node):
    node.result_cap = (14, -32005, lambda _, __: "limit exceeded")
    node.methods_missing = {"eth_getBlockReceipts"}
    with pytest.raises(NodeRefused, match=r"block 1\d are refused even one by one: limit exceeded") as caught:
        await fetched(node, job(10, 14))
    assert "another endpoint" in caught.value.hint


async def test_the_size_is_remembered(node):
    node.range_cap = (50, -32614, "eth_getLogs is limited to a 50 range")
    sizer = Sizer(1000)
    async with client(node) as rpc:
        await fetch_logs(rpc, job(0, 500), sizer, Distrust(rpc, "off"))
        before = node.requests
        await fetch_logs(rpc, job(500, 1000), sizer, Distrust(rpc, "off"))
    assert node.requests - before == 10


async def test_bad_gateways(node):
    node.statuses = itertools.cycle([200] * 9 + [502])
    node.range_cap = (20, -32614, "eth_getLogs is limited to a 20 range")
    assert await fetched(node, job()) == ALL


async def test_too_many_requests(node):
    times: list[float] = []

    def limiter() -> Iterator[int]:
        while True:
            now = time.monotonic()
            times[:] = [at for at in times if now - at < 0.25] + [now]
            yield 429 if len(times) > 5 else 200

    node.statuses = limiter()
    node.headers = {"retry-after": "0.05"}
    node.range_cap = (50, -32614, "eth_getLogs is limited to a 50 range")
    assert await fetched(node, job()) == ALL


async def test_too_many_requests_as_json(node):
    state = itertools.count()

    def limit(method: str, result: Any) -> Any:
        if method == "eth_getLogs" and next(state) % 12 == 1:
            raise Refusal(-32005, "project ID request rate exceeded")
        return result

    node.mangle = limit
    node.range_cap = (50, -32614, "eth_getLogs is limited to a 50 range")
    assert await fetched(node, job()) == ALL


async def test_a_node_that_takes_no_batches(node):
    node.batches = False
    assert await fetched(node, job()) == ALL


async def test_answers_that_silently_lack_their_last_blocks(node):
    turns = itertools.count()
    node.lag = lambda: 1 if next(turns) % 10 == 5 else 0
    assert await fetched(node, job(), max_span=20) == ALL


async def test_a_backend_that_lags_while_single_calls_are_refused(node):
    # What is counted by the call must not part the logs from the header that vouches for them.
    requests, calls = itertools.count(), itertools.count()
    node.lag = lambda: 1 if next(requests) % 2 else 0

    def limit(_method: str, result: Any) -> Any:
        if next(calls) % 5 == 1:
            raise Refusal(-32005, "rate limit exceeded")
        return result

    node.mangle = limit
    assert await fetched(node, job(), max_span=100) == ALL


@pytest.mark.parametrize("requests", range(8))
async def test_a_block_that_comes_while_single_calls_are_answered(node, requests):
    node.batches = False
    turns = itertools.count()
    node.lag = lambda: 1 if next(turns) < requests else 0
    assert await fetched(node, job(990)) == ALL[-200:]


async def test_a_node_that_stays_behind(node):
    node.lag = lambda: 10
    with pytest.raises(Lagging, match="block 999 is not known"):
        await fetched(node, job())


async def test_a_body_above_the_bound_is_asked_for_in_parts(node):
    async with client(node, max_body=200_000) as rpc:
        page = await fetch_logs(rpc, job(), Sizer(1000), Distrust(rpc, "off"))
    assert page.logs.select("block_number", "log_index").rows() == ALL


async def test_payload_too_large_status(node):
    node.statuses = iter([200, 413, 413])
    assert await fetched(node, job()) == ALL
    assert len(node.spans) > 1


@pytest.mark.parametrize("status", [0, 408, 504, 524])
async def test_a_range_that_takes_too_long_is_asked_for_in_parts(node, status):
    node.patience = (6000, status)
    async with client(node, timeout_seconds=0.5) as rpc:
        page = await fetch_logs(rpc, job(), Sizer(1000), Distrust(rpc, "off"))
        assert len(page.logs) == len(ALL)
        assert len(node.spans) > 2
    # With another endpoint that is quick enough nothing has to be split.
    async with FakeNode(node.chain).running() as quick, client(node, quick, timeout_seconds=10.0) as rpc:
        sizer = Sizer(1000)
        page = await fetch_logs(rpc, job(), sizer, Distrust(rpc, "off"))
        assert len(page.logs) == len(ALL)
        assert sizer.splits == 0
        assert quick.spans


def change(field: str, value: Any) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda logs: [{**logs[0], field: value}, *logs[1:]]


LIES: list[tuple[str, Callable[[list[dict[str, Any]]], Any]]] = [
    ("was not asked for", change("blockNumber", "0x64")),
    ("does not match the filter", change("address", "0x" + "ab" * 20)),
    ("marked as removed", change("removed", True)),
    ("comes twice", lambda logs: [*logs, logs[0]]),
    ("has two hashes", change("blockHash", "0x" + "ab" * 32)),
    ("expected 32 bytes", change("transactionHash", "0xabcd")),
    ("expected 20 bytes", change("address", "0x" + "zz" * 20)),
    ("expected 32 bytes", change("topics", ["0x01"])),
    ("has 5 topics", change("topics", ["0x" + "01" * 32] * 5)),
    ("expected bytes of hex", change("data", "0xabc")),
    ("expected bytes of hex", change("data", "0xa b")),
    ("expected a hex number", change("logIndex", "-0x1")),
    ("expected a hex number", change("logIndex", "0x1_0")),
    ("expected a hex number", change("logIndex", "0x" + "f" * 16)),
    ("out of order", change("transactionIndex", "0x9")),
    ("wrong shape", change("data", None)),
    ("wrong shape", lambda _: {"logs": []}),
    ("wrong shape", lambda _: None),
    ("another hash in its logs", lambda logs: [{**log, "blockHash": "0x" + "ab" * 32} for log in logs]),
]


@pytest.mark.parametrize(("words", "lie"), LIES)
async def test_lies_are_refused_and_the_truth_is_asked_for_elsewhere(node, words, lie):
    liar = FakeNode(node.chain)
    liar.mangle = lambda method, result: lie(result) if method == "eth_getLogs" else result
    async with liar.running():
        with pytest.raises(NodeRefused, match=words):
            await fetched(liar, job(5, 6))
        async with client(liar, node) as rpc:
            page = await fetch_logs(rpc, job(5, 6), Sizer(10), Distrust(rpc, "off"))
            assert page.logs.select("block_number", "log_index").rows() == ALL[100:120]
            assert [state.health for state in rpc.endpoints()] == ["benched", "ok"]


@pytest.mark.parametrize(
    "raw", [b"", b"[", b"null", b"[]", b"{}", b'{"id":0,"result":', b"\xff\xfe", b"[" * 100_000, b'{"id":0,"result":1}']
)
async def test_malformed_json(node, raw):
    async with client(node) as rpc:
        await rpc.check()
        node.raw = raw
        with pytest.raises(ChainUnreachable):
            await fetch_logs(rpc, job(5, 6), Sizer(10), Distrust(rpc, "off"))


async def test_transfers_from_and_to_wallets():
    ann, bob, eve = (bytes([n]) * 20 for n in (1, 2, 3))
    chain = FakeChain(1)
    moves = [(ann, bob), (bob, ann), (eve, eve), (eve, bob), (ann, ann), (eve, ann)]
    for sender, recipient in moves:
        chain.mine(transfer_log(TOKEN, sender, recipient, 5), transfer_log(OTHER, sender, recipient, 5))
    fragments = tuple(transfers_fragment(wallet, [TOKEN]) for wallet in (ann, bob))
    async with FakeNode(chain).running() as node:
        assert await fetched(node, job(0, 7, fragments)) == [(1, 0), (2, 0), (4, 0), (5, 0), (6, 0)]
        assert await fetched(node, job(0, 7, fragments[1:])) == [(1, 0), (2, 0), (4, 0)]
        # Too many results for one block and both wallets: the wallets are asked for one by one.
        chain.mine(*[transfer_log(TOKEN, ann, eve, n) for n in range(9)], transfer_log(TOKEN, bob, eve, 1))
        node.result_cap = (9, -32005, lambda _, __: "limit exceeded")
        assert await fetched(node, job(7, 8, fragments)) == [(7, n) for n in range(10)]
