"""Several endpoints at once: cheap before dear, late ones raced, limits learned, sockets, lies set aside."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor.chain.call import Call, decode
from monitor.chain.rpc import RpcClient
from monitor.config.spec import EndpointConfig
from monitor.errors import ChainUnreachable, NodeRefused
from tests.chain.conftest import client
from tests.chain.fake import CHAIN_ID, FakeChain, FakeNode, Refusal


@asynccontextmanager
async def pool(*tables: dict[str, Any], **options: Any) -> AsyncIterator[RpcClient]:
    found = [EndpointConfig.model_validate(table) for table in tables]
    async with RpcClient("local", CHAIN_ID, found, timeout_seconds=5.0, **options) as rpc:
        await rpc.check()
        yield rpc


async def test_a_dearer_endpoint_is_left_alone_while_a_cheaper_one_answers(node):
    async with (
        FakeNode(node.chain).running() as paid,
        pool({"url": paid.url, "cost": 5}, {"url": node.url}, concurrency=2) as rpc,
    ):
        before = paid.requests
        await asyncio.gather(*(rpc.block_number() for _ in range(20)))
        assert paid.requests == before
        node.statuses = itertools.repeat(502)
        assert await rpc.block_number() == 999
        assert paid.requests > before


async def test_the_load_spreads_over_endpoints_of_one_cost(node):
    async with (
        FakeNode(node.chain).running() as other,
        pool({"url": node.url}, {"url": other.url}, concurrency=1) as rpc,
    ):
        node.delay = other.delay = 0.02
        before = node.requests, other.requests
        await asyncio.gather(*(rpc.block_number() for _ in range(20)))
        assert node.requests - before[0] > 5
        assert other.requests - before[1] > 5


async def test_a_late_answer_is_asked_for_elsewhere(node):
    async with FakeNode(node.chain).running() as other, pool({"url": node.url}, {"url": other.url}) as rpc:
        for _ in range(30):
            await rpc.block_number()
        node.delay = 3.0
        before = other.requests
        assert await rpc.block_number() == 999
        assert other.requests == before + 1
        assert not rpc.endpoints()[0].faults, "it was not waited for"


async def test_a_budget_is_kept_and_shown(node):
    async with (
        FakeNode(node.chain).running() as other,
        pool({"url": node.url, "calls_per_day": 240}, {"url": other.url, "cost": 2}) as rpc,
    ):
        for _ in range(30):
            await rpc.block_number()
        spent, free = rpc.endpoints()
        assert spent.calls == 10
        assert (spent.health, free.health) == ("spent", "ok")
        assert "240 calls a day" in spent.error


async def test_a_limit_on_the_calls_of_a_batch_is_learned(node):
    served = node._answer
    sizes: list[int] = []

    async def serve(request: web.Request) -> web.Response:
        body = await request.json()
        calls = body if isinstance(body, list) else [body]
        sizes.append(len(calls))
        if len(calls) > 10:
            error = {"code": -32600, "message": "batch of more than 10 calls"}
            return web.json_response({"jsonrpc": "2.0", "id": None, "error": error})
        answers = [served(call, 999) for call in calls]
        return web.json_response(answers if isinstance(body, list) else answers[0])

    app = web.Application()
    app.router.add_post("/", serve)
    async with TestServer(app, host="127.0.0.1") as server, pool({"url": str(server.make_url("/"))}) as rpc:
        for _ in range(3):
            found = await rpc.headers(range(100))
            assert [header.number for header in found] == list(range(100))
        assert sum(size > 10 for size in sizes) < 15
        assert all(size <= 10 for size in sizes[-8:])


async def test_a_batch_that_is_always_too_many_calls_is_made_smaller(node, monkeypatch):
    monkeypatch.setattr("monitor.chain.endpoint._PAUSE_WHEN_LIMITED", 0.01)
    async with pool({"url": node.url}) as rpc:
        node.most_calls = 8
        assert [header.number for header in await rpc.headers(range(20))] == list(range(20))
        assert rpc.endpoints()[0].faults["limited"] < 20


async def test_a_method_an_endpoint_lacks_is_asked_for_elsewhere_at_once(node):
    async with FakeNode(node.chain).running() as bare, pool({"url": bare.url}, {"url": node.url}) as rpc:
        bare.methods_missing = {"eth_getBlockReceipts"}
        for _ in range(4):
            await rpc.call("eth_getBlockReceipts", ["0x1"], list[dict[str, Any]])
        assert rpc.offers("eth_getBlockReceipts")
        assert rpc.endpoints()[0].faults == {"refused": 1}
        async with pool({"url": bare.url}) as alone:
            with pytest.raises(NodeRefused):
                await alone.call("eth_getBlockReceipts", ["0x1"], list[dict[str, Any]])
            assert not alone.offers("eth_getBlockReceipts")


async def test_who_reported_an_older_head_is_not_asked_for_a_newer_block(node):
    async with FakeNode(node.chain).running() as behind, pool({"url": behind.url}, {"url": node.url}) as rpc:
        behind.lag = lambda: 50
        assert await rpc.block_number() == 949
        before = behind.requests
        assert (await rpc.headers([990]))[0].number == 990
        assert behind.requests == before
        assert (await rpc.headers([900]))[0].number == 900
        assert behind.requests == before + 1


async def test_a_liar_is_benched_while_another_is_there(node):
    async with FakeNode(node.chain).running() as liar, pool({"url": liar.url}, {"url": node.url}) as rpc:
        liar.mangle = lambda method, result: {**result, "number": "0x5"} if isinstance(result, dict) else result
        assert (await rpc.headers([7]))[0].number == 7
        assert rpc.endpoints()[0].health == "benched"
        assert "asked for block 7, got block 5" in rpc.endpoints()[0].error
        rpc.accuse(1, "its logs do not fit its receipts")
        assert rpc.endpoints()[1].error == "its logs do not fit its receipts"
        liar.mangle = lambda _, result: result
        assert (await rpc.headers([8]))[0].number == 8, "when all are benched the first back is asked"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"jsonrpc":"2.0","id":77,"result":"0x1"}',
        b'[{"jsonrpc":"2.0","id":1,"result":"0x1"},{"jsonrpc":"2.0","id":2,"result":"0x1"}]',
        b'{"error":"no such key"}',
        b'{"message":"forbidden"}',
        b"<html>",
        b'{"jsonrpc":"2.0","id":1}',
    ],
)
async def test_bodies_that_are_no_answer_are_held_against_one_endpoint_only(node, raw):
    async with FakeNode(node.chain).running() as odd, pool({"url": odd.url}, {"url": node.url}) as rpc:
        odd.raw = raw
        assert await rpc.block_number() == 999
        assert sum(rpc.endpoints()[0].faults.values()) == 1
        assert rpc.endpoints()[1].faults == {}


async def test_half_a_body_is_held_against_the_endpoint(node):
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"jsonrpc":"2.0","id":1,"resu')
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with pool({"url": url}, {"url": node.url}) as rpc:
            assert await rpc.block_number() == 999
            assert rpc.endpoints()[0].faults["down"] >= 1


class SocketNode:
    """Serves a chain over WebSocket and pushes its new heads."""

    def __init__(self, chain: FakeChain) -> None:
        self.node = FakeNode(chain)
        self.clients: list[web.WebSocketResponse] = []
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[SocketNode]:
        app = web.Application()
        app.router.add_get("/", self._serve)
        async with TestServer(app, host="127.0.0.1") as server:
            self.url = str(server.make_url("/")).replace("http", "ws", 1)
            yield self

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            call = message.json()
            if call["method"] == "eth_subscribe":
                self.clients.append(socket)
                answer: Any = {"jsonrpc": "2.0", "id": call["id"], "result": "0xfeed"}
            else:
                answer = self.node._answer(call, self.node.chain.head)
            await socket.send_json(answer)
        return socket

    async def push(self, block: dict[str, Any]) -> None:
        head = {key: value for key, value in block.items() if key != "transactions"}
        for socket in self.clients:
            await socket.send_json(
                {"jsonrpc": "2.0", "method": "eth_subscription", "params": {"subscription": "0xfeed", "result": head}}
            )

    async def cut(self) -> None:
        for socket in self.clients:
            await socket.close()
        self.clients.clear()


async def subscribed(node: SocketNode) -> None:
    for _ in range(500):
        if node.clients:
            return
        await asyncio.sleep(0.01)
    pytest.fail("nobody subscribed")


async def test_a_socket_answers_many_calls_at_once_and_pushes_heads(monkeypatch):
    monkeypatch.setattr("monitor.chain.pool._FIRST_RETRY", 0.01)
    chain = FakeChain(20)
    async with SocketNode(chain).running() as node, pool({"url": node.url}) as rpc:
        heads = await asyncio.gather(*(rpc.block_number() for _ in range(30)), rpc.headers([3, 4]))
        assert heads[:30] == [19] * 30
        heard: asyncio.Queue[Any] = asyncio.Queue()
        listening = asyncio.create_task(rpc.follow(heard.put_nowait))
        await subscribed(node)
        await node.push(chain.mine())
        assert (await asyncio.wait_for(heard.get(), 60)).number == 20
        await node.cut()
        assert await rpc.block_number() == 20, "it connects again"
        await subscribed(node)
        await node.push(chain.mine())
        assert (await asyncio.wait_for(heard.get(), 60)).number == 21
        listening.cancel()


async def test_without_a_socket_nothing_is_followed(node):
    async with client(node) as rpc:
        await asyncio.wait_for(rpc.follow(lambda _: None), 60)


async def test_a_socket_with_an_error_a_huge_message_and_a_cut(monkeypatch):
    chain = FakeChain(20)
    async with SocketNode(chain).running() as node:
        async with pool({"url": node.url}, attempts=0) as rpc:
            with pytest.raises(NodeRefused, match="does not exist"):
                await rpc.call("eth_nothing", [], str)

            def refuse(_method: str, _result: Any) -> Any:
                raise Refusal(-32005, "limit of 50/second")

            node.node.mangle = refuse
            with pytest.raises(ChainUnreachable, match="50/second"):
                await rpc.block_number()
            assert rpc.endpoints()[0].rate <= 50
        node.node.mangle = lambda _, result: "0x" + "00" * 5000
        found = [EndpointConfig.model_validate({"url": node.url})]
        async with RpcClient("local", CHAIN_ID, found, max_body=3000, attempts=0) as rpc:
            with pytest.raises((NodeRefused, ChainUnreachable)):
                await rpc.ask([Call("eth_blockNumber")], lambda answers: decode(answers[0], str))


async def test_a_socket_that_is_not_there():
    found = [EndpointConfig.model_validate({"url": "ws://127.0.0.1:9/"})]
    async with RpcClient("local", CHAIN_ID, found) as rpc:
        with pytest.raises(ChainUnreachable, match="no endpoint of local answers"):
            await rpc.check()


def test_the_exceptions_of_the_library_are_the_ones_that_are_caught():
    assert issubclass(aiohttp.WSServerHandshakeError, aiohttp.ClientError)
