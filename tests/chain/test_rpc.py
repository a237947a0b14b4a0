"""Endpoints that fail, lie, lag or serve another chain; what is said about them and what is not."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time

import pytest

from monitor.chain.call import Call, decode
from monitor.chain.fault import Lagging
from monitor.chain.rpc import RpcClient
from monitor.errors import ChainUnreachable, ConfigError, NodeRefused, WrongChain
from tests.chain.conftest import client, endpoints
from tests.chain.fake import CHAIN_ID, FakeNode, Refusal

NOWHERE = "http://127.0.0.1:9/"
KEY = "AbCdEfGhIjKlMnOpQrStUvWxYz"


async def test_it_asks(node):
    async with client(node) as rpc:
        await rpc.check()
        assert await rpc.block_number() == 999
        headers = await rpc.headers([5, 3])
        assert [header.number for header in headers] == [5, 3]
        assert headers[0].timestamp == 1_000_060
        assert len(headers[0].bloom) == 256
        assert await rpc.header_by_hash(headers[1].hash, 3) == headers[1]
        assert await rpc.headers([]) == []
        assert await rpc.call("eth_getCode", ["0xc0de", "latest"], str) == "0x6000"
        assert await rpc.has_code(bytes(18) + b"\xc0\xde")
        assert not await rpc.has_code(b"\x01" * 20)


async def test_fail_over_and_back(node, caplog):
    caplog.set_level(logging.INFO, "monitor.chain")
    async with FakeNode(node.chain).running() as first, client(first, node) as rpc:
        await rpc.check()
        first.statuses = itertools.repeat(502)
        for _ in range(20):
            assert await rpc.block_number() == 999
            await asyncio.sleep(0.002)
        assert [state.health for state in rpc.endpoints()] == ["failing", "ok"]
        assert rpc.endpoints()[0].error == "HTTP 502"
        first.statuses = None
        await asyncio.sleep(0.05)
        for _ in range(10):
            assert await rpc.block_number() == 999
        assert [state.health for state in rpc.endpoints()] == ["ok", "ok"]
    messages = [record.message for record in caplog.records]
    assert len(messages) == 2, "a failing endpoint is logged once, and once when it is back"
    assert "is failing: HTTP 502" in messages[0]
    assert "answers again" in messages[1]


@pytest.mark.parametrize("status", [301, 401, 403, 404, 500, 503])
async def test_statuses(node, status):
    async with client(node) as rpc:
        await rpc.check()
        node.statuses = itertools.repeat(status)
        with pytest.raises(ChainUnreachable, match=f"HTTP {status}") as caught:
            await rpc.block_number()
        assert "monitor doctor" in caught.value.hint


@pytest.mark.parametrize("status", [400, 500])
async def test_a_server_that_breaks_on_a_list_is_asked_one_by_one(status, node):
    node.breaks_on_lists = status
    async with client(node) as rpc:
        await rpc.check()
        for _ in range(5):
            assert [header.number for header in await rpc.headers([5, 3, 7])] == [5, 3, 7]
        assert rpc.endpoints()[0].batch == 1
        assert rpc.endpoints()[0].health == "ok"
        asked = node.requests
        await rpc.headers([5, 3, 7])
        assert node.requests == asked + 3, "no more lists"


async def test_one_bad_gateway_is_not_held_against_batches(node):
    async with client(node) as rpc:
        await rpc.check()
        node.statuses = iter([500])
        assert len(await rpc.headers([5, 3, 7])) == 3
        asked = node.requests
        assert len(await rpc.headers([5, 3, 7])) == 3
        assert node.requests == asked + 1


async def test_ids_that_come_back_as_texts(node):
    node.text_ids = True
    async with client(node) as rpc:
        await rpc.check()
        assert [header.number for header in await rpc.headers([5, 3])] == [5, 3]
        assert rpc.endpoints()[0].faults == {}


@pytest.mark.parametrize("told", ["breaks", "null", "unknown"])
async def test_a_method_that_is_not_there_is_told_in_many_ways(told, node):
    if told == "breaks":
        node.breaks_on = {"trace_filter"}
    elif told == "null":
        node.mangle = lambda method, result: None if method == "eth_getCode" else result
    else:
        node.mangle = lambda method, result: refuse("Unsupported method") if method == "eth_getCode" else result
    method = "trace_filter" if told == "breaks" else "eth_getCode"
    async with client(node) as rpc:
        await rpc.check()
        with pytest.raises(NodeRefused, match=method):
            await rpc.call(method, ["0xc0de", "latest"], str)
        assert rpc.endpoints()[0].health == "ok", "it answers all else"
        assert await rpc.block_number() == 999
        assert rpc.offers(method) == (told == "null")


async def test_an_error_in_words_nobody_knows_may_be_of_the_moment(node):
    refusals = itertools.chain([True] * 3, itertools.repeat(False))
    node.mangle = lambda _, result: refuse("something went wrong") if next(refusals) else result
    async with client(node) as rpc:
        assert await rpc.block_number() == 999


async def test_unreachable():
    async with client(NOWHERE) as rpc:
        with pytest.raises(
            ChainUnreachable, match=r"no endpoint of local answers; .*: cannot connect: Connection refused$"
        ):
            await rpc.check()
        assert rpc.endpoints()[0].health == "failing"


async def test_a_patient_client_waits_until_the_node_is_there(node):
    node.statuses = itertools.chain(itertools.repeat(503, 40), itertools.repeat(200))
    async with client(node, patient=True) as rpc:
        await rpc.check()
        assert await rpc.block_number() == 999


async def test_a_patient_client_does_not_wait_for_a_liar(node):
    node.mangle = lambda method, result: "0xzz" if method == "eth_blockNumber" else result
    async with client(node, patient=True) as rpc:
        with pytest.raises(NodeRefused, match="expected a hex number"):
            await rpc.block_number()


async def test_timeout(node):
    async with client(node, timeout_seconds=0.05, attempts=1) as rpc:
        node.delay = 1.0
        with pytest.raises(ChainUnreachable, match="no answer in time"):
            await rpc.block_number()


async def test_retry_after_is_honoured(node):
    async with client(node) as rpc:
        await rpc.check()
        node.statuses = iter([429])
        node.headers = {"retry-after": "0.3"}
        started = time.monotonic()
        assert await rpc.block_number() == 999
        assert time.monotonic() - started > 0.29


async def test_while_one_pauses_another_is_asked(node):
    async with FakeNode(node.chain).running() as first, client(first, node) as rpc:
        await rpc.check()
        first.statuses = iter([429])
        first.headers = {"retry-after": "300"}
        started = time.monotonic()
        for _ in range(5):
            assert await rpc.block_number() == 999
        assert time.monotonic() - started < 100


async def test_wrong_chain(node):
    async with FakeNode(node.chain, chain_id=1).running() as other:
        async with client(other) as rpc:
            with pytest.raises(WrongChain, match=f"serves chain 1, not {CHAIN_ID}"):
                await rpc.check()
        async with client(node, other) as rpc:
            with pytest.raises(WrongChain):
                await rpc.check()
            # Found later, it is left aside.
            assert await rpc.block_number() == 999
            node.statuses = itertools.repeat(502)
            with pytest.raises(ChainUnreachable):
                await rpc.block_number()


async def test_an_endpoint_that_changes_its_chain_while_down_is_noticed(node):
    async with client(node) as rpc:
        await rpc.check()
        node.statuses = iter([502])
        node.chain_id = 5
        with pytest.raises(WrongChain):
            await rpc.block_number()


async def test_method_nobody_has(node):
    async with client(node) as rpc:
        before = node.requests
        with pytest.raises(NodeRefused, match=r"refused eth_nothing: the method eth_nothing does not exist"):
            await rpc.call("eth_nothing", [], str)
        assert node.requests - before < 5
        assert rpc.endpoints()[0].health != "failing", "a refusal says nothing about the endpoint's health"


async def test_lagging_endpoint_is_passed_over(node):
    async with FakeNode(node.chain).running() as slow:
        slow.lag = lambda: 5
        async with client(slow, node) as rpc:
            assert (await rpc.headers([999]))[0].number == 999
            assert rpc.endpoints()[0].health != "failing"
        async with client(slow) as rpc:
            with pytest.raises(Lagging):
                await rpc.headers([999])


async def test_wrong_block(node):
    node.mangle = lambda method, result: {**result, "number": "0x5"} if method == "eth_getBlockByNumber" else result
    async with client(node) as rpc:
        with pytest.raises(NodeRefused, match="asked for block 7, got block 5"):
            await rpc.headers([7])
        node.mangle = lambda method, result: node.chain.blocks[3] if method == "eth_getBlockByHash" else result
        with pytest.raises(NodeRefused, match="by hash"):
            await rpc.header_by_hash(b"\x01" * 32, 3)


async def test_huge_body(node):
    async with client(node, max_body=1000) as rpc:
        await rpc.check()
        node.raw = b"[" + b"1," * 10**6
        with pytest.raises(NodeRefused, match="more than 1000 bytes"):
            await rpc.block_number()


async def test_answers_of_a_batch_that_do_not_fit(node):
    calls = [Call("eth_blockNumber"), Call("eth_chainId")]
    async with client(node) as rpc:
        await rpc.check()
        node.raw = b'[{"id":0,"result":"0x1"},{"id":0,"result":"0x1"}]'
        with pytest.raises(NodeRefused, match="do not fit"):
            await rpc.ask(calls, lambda answers: [decode(answer, str) for answer in answers])


async def test_keys_never_show(node, caplog, monkeypatch):
    monkeypatch.setenv("LOCAL_RPC", f"{node.url}v2/{KEY}?apikey={KEY}")
    node.mangle = lambda method, result: refuse(
        f"key {KEY} at {node.url}v2/{KEY} is \x1b[31mnot\n welcome " + "x" * 999
    )
    for url in (f"{node.url}v2/{KEY}", "env:LOCAL_RPC", f"http://user:{KEY}@127.0.0.1:9/", f"http://[::/{KEY}"):
        async with client(url) as rpc:
            with pytest.raises(ChainUnreachable) as caught:
                await rpc.block_number()
            shown = [caught.value.message, caught.value.hint, caplog.text, repr(rpc.endpoints())]
            assert not any(KEY in text for text in shown)
            assert len(caught.value.message) < 400
            assert caught.value.message.isprintable()


def refuse(message: str) -> None:
    raise Refusal(-32000, message)


async def test_missing_variable_is_a_configuration_error(monkeypatch):
    monkeypatch.delenv("NO_SUCH_RPC", raising=False)
    async with RpcClient("local", 1, endpoints("env:NO_SUCH_RPC")) as rpc:
        with pytest.raises(ConfigError, match="NO_SUCH_RPC"):
            await rpc.check()
