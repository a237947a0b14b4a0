"""An EVM node that serves a written chain over HTTP and WebSocket, with faults put before it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from tests.fakenode import traces
from tests.fakenode.chain import Block, Chain
from tests.fakenode.faults import Asked, Call, Fault, Refusal

__all__ = ["Node"]

Json = dict[str, Any]


class Node:
    """Serves `chain`; `faults` are asked in order for every request, HTTP or WebSocket frame, and may change any time.

    Counted: `requests`, `methods` (calls by method), `spans` (those of eth_getLogs that were answered with logs), and
    `struck`, the requests that each fault befell, by its place in `faults`.
    A `deaf` node takes subscriptions and announces nothing.
    """

    def __init__(self, chain: Chain, *faults: Fault) -> None:
        self.chain = chain
        self.faults = list(faults)
        self.url = self.ws_url = ""
        self.requests = 0
        self.methods: Counter[str] = Counter()
        self.spans: list[tuple[int, int]] = []
        self.struck: Counter[int] = Counter()
        self.deaf = False
        self.sockets: set[web.WebSocketResponse] = set()

    @asynccontextmanager
    async def running(self, port: int | None = None) -> AsyncIterator[Node]:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{tail:.*}", self._take)
        async with TestServer(app, host="127.0.0.1", port=port) as server:
            self.url = str(server.make_url("/"))
            self.ws_url = self.url.replace("http://", "ws://")
            try:
                yield self
            finally:
                await self.hang_up()

    async def hang_up(self) -> None:
        """Close every WebSocket, as a node that restarts."""
        for socket in list(self.sockets):
            await socket.close()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("upgrade", "").lower() == "websocket":
            return await self._talk(request)
        asked, active = self._asked(await request.read())
        for fault in active:
            if fault.before and (response := await fault.before(asked)) is not None:
                return response
        payload = self._payload(asked, active)
        for fault in active:
            if fault.reply and (response := await fault.reply(request, payload)) is not None:
                return response
        return web.Response(body=payload, content_type="application/json")

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        self.sockets.add(socket)
        mined: asyncio.Queue[Block] = asyncio.Queue()
        subscriptions: set[str] = set()
        self.chain.watchers.append(mined.put_nowait)
        announcing = asyncio.create_task(self._announce(socket, mined, subscriptions))
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    asked, active = self._asked(message.data.encode())
                    for call in asked.calls:
                        if call.method == "eth_subscribe" and call.params == ["newHeads"]:
                            subscriptions.add(hex(len(subscriptions) + 1))
                        elif call.method == "eth_unsubscribe":
                            subscriptions.discard(call.params[0])
                    await self._send(socket, asked, active)
        finally:
            announcing.cancel()
            self.chain.watchers.remove(mined.put_nowait)
            self.sockets.discard(socket)
        return socket

    async def _send(self, socket: web.WebSocketResponse, asked: Asked, active: Sequence[Fault]) -> None:
        for fault in active:
            # No HTTP status here: a fault that would answer by one hangs up instead.
            if fault.before and await fault.before(asked) is not None:
                await socket.close()
                return
        await socket.send_str(self._payload(asked, active).decode())

    async def _announce(
        self, socket: web.WebSocketResponse, mined: asyncio.Queue[Block], subscriptions: set[str]
    ) -> None:
        while True:
            block = await mined.get()
            for name in sorted(subscriptions) if not self.deaf else ():
                params = {"subscription": name, "result": block.header}
                await socket.send_json({"jsonrpc": "2.0", "method": "eth_subscription", "params": params})

    def _asked(self, body: bytes) -> tuple[Asked, list[Fault]]:
        self.requests += 1
        found = msgspec.json.decode(body)
        items = found if isinstance(found, list) else [found]
        calls = [Call(item["id"], item["method"], item.get("params", [])) for item in items]
        self.methods.update(call.method for call in calls)
        asked = Asked(self.requests, calls, isinstance(found, list), self.chain)
        active = [place for place, fault in enumerate(self.faults) if fault.when(asked)]
        self.struck.update(active)
        return asked, [self.faults[place] for place in active]

    def _payload(self, asked: Asked, active: Sequence[Fault]) -> bytes:
        chain = self.chain
        for fault in active:
            chain = fault.chain(chain) if fault.chain else chain
        answers = [self._answer(call, chain, active) for call in asked.calls]
        # A batch may be answered in any order.
        return msgspec.json.encode(answers[::-1] if asked.batch else answers[0])

    def _answer(self, call: Call, chain: Chain, active: Sequence[Fault]) -> Json:
        try:
            result = _served(chain, call)
            for fault in active:
                result = fault.result(call, result) if fault.result else result
        except Refusal as refusal:
            error = {"code": refusal.code, "message": refusal.message}
            return {"jsonrpc": "2.0", "id": call.id, "error": error}
        if call.method == "eth_getLogs" and "fromBlock" in call.params[0]:
            self.spans.append((int(call.params[0]["fromBlock"], 16), int(call.params[0]["toBlock"], 16)))
        return {"jsonrpc": "2.0", "id": call.id, "result": result}


def _served(chain: Chain, call: Call) -> Any:
    if call.method not in METHODS:
        raise Refusal(-32601, f"the method {call.method} does not exist/is not available")
    return METHODS[call.method](chain, *call.params)


def _answered_block(chain: Chain, which: str, full: bool) -> Json | None:  # noqa: FBT001 - as JSON-RPC has it
    block = _block(chain, which)
    return block and block.answer(full=full)


def _count(chain: Chain, which: str) -> str | None:
    block = _block(chain, which)
    return block and hex(len(block.transactions))


def _receipts(chain: Chain, which: str | Json) -> list[Json] | None:
    block = _block(chain, which)
    return block and block.receipts


def _receipt(chain: Chain, tx_hash: str) -> Json | None:
    block, place = _found(chain, tx_hash)
    return block and block.receipts[place]


def _transaction(chain: Chain, tx_hash: str) -> Json | None:
    block, place = _found(chain, tx_hash)
    return block and block.transactions[place]


def _code(chain: Chain, address: str, *_: str) -> str:
    # Whoever sent a transaction has no code; the others are the contracts of this chain.
    return "0x" if chain.nonce(address.lower(), chain.head) else "0x6000"


def _number(chain: Chain, which: str) -> int:
    tags = {"latest": chain.head, "pending": chain.head, "safe": chain.safe, "finalized": chain.final, "earliest": 0}
    return tags[which] if which in tags else int(which, 16)


def _block(chain: Chain, which: str | Json) -> Block | None:
    name = str(which.get("blockHash") or which["blockNumber"]) if isinstance(which, dict) else which
    if len(name) == 66:
        return chain.by_hash.get(name)
    number = _number(chain, name)
    return chain.blocks[number] if 0 <= number <= chain.head else None


def _found(chain: Chain, tx_hash: str) -> tuple[Block | None, int]:
    block, place = chain.by_tx.get(tx_hash, (None, 0))
    return (block if block and block.hash in chain.by_hash else None), place


def _logs(chain: Chain, wanted: Json) -> list[Json]:
    if "blockHash" in wanted:
        block = _block(chain, wanted["blockHash"])
        if block is None:
            raise Refusal(-32000, "unknown block")
        blocks: Sequence[Block] = [block]
    else:
        # A node that is behind answers for what it has and says nothing of the rest (go-ethereum #24078).
        first, last = _number(chain, wanted["fromBlock"]), _number(chain, wanted["toBlock"])
        blocks = chain.blocks[first : last + 1]
    addresses = wanted.get("address")
    among = {item.lower() for item in ([addresses] if isinstance(addresses, str) else addresses or ())}
    topics = [None if item is None else [item] if isinstance(item, str) else item for item in wanted.get("topics", [])]
    return [
        log
        for block in blocks
        for log in block.logs
        if (not among or log["address"] in among) and (not topics or _match(log["topics"], topics))
    ]


def _match(topics: Sequence[str], wanted: Sequence[Sequence[str] | None]) -> bool:
    return len(topics) >= len(wanted) and all(not words or topics[place] in words for place, words in enumerate(wanted))


METHODS: dict[str, Callable[..., Any]] = {
    "eth_chainId": lambda chain: hex(chain.chain_id),
    "net_version": lambda chain: str(chain.chain_id),
    "web3_clientVersion": lambda _: "fakenode/1",
    "eth_syncing": lambda _: False,
    "eth_blockNumber": lambda chain: hex(chain.head),
    "eth_getBlockByNumber": _answered_block,
    "eth_getBlockByHash": _answered_block,
    "eth_getBlockReceipts": _receipts,
    "eth_getBlockTransactionCountByHash": _count,
    "eth_getLogs": _logs,
    "eth_getTransactionReceipt": _receipt,
    "eth_getTransactionByHash": _transaction,
    "eth_getTransactionCount": lambda chain, sender, which: hex(chain.nonce(sender.lower(), _number(chain, which))),
    "eth_getCode": _code,
    "eth_call": lambda *_: f"0x{6:064x}",
    "eth_subscribe": lambda *_: "0x1",
    "eth_unsubscribe": lambda *_: True,
    **traces.METHODS,
}
