"""A local EVM node made of lists, with faults that public nodes show."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor.sync.fragment import TRANSFER

Json = dict[str, Any]
CHAIN_ID = 31337


def word(*parts: object) -> str:
    return "0x" + hashlib.sha256(repr(parts).encode()).hexdigest()


class FakeChain:
    """Blocks with logs and transactions; `fork` replaces the newest ones by others."""

    def __init__(self, blocks: int = 0) -> None:
        self.blocks: list[Json] = []
        self.logs: list[list[Json]] = []
        self.branch = 0
        self.failed: set[str] = set()
        self.final = 0
        for _ in range(blocks):
            self.mine()

    def mine(self, *logs: tuple[bytes, list[bytes], bytes], txs: list[Json] | None = None) -> Json:
        number = len(self.blocks)
        block_hash = word("block", number, self.branch)
        parent = self.blocks[-1]["hash"] if self.blocks else word("before")
        where = {"blockHash": block_hash, "blockNumber": hex(number)}
        transactions = [
            {"hash": word("tx", number, place, self.branch), "transactionIndex": hex(place), "nonce": hex(place),
             "from": "0x" + "00" * 20, "to": None, "value": "0x0", **tx, **where}
            for place, tx in enumerate(txs or [])
        ]  # fmt: skip
        self.blocks.append({
            "number": hex(number), "hash": block_hash, "parentHash": parent, "timestamp": hex(1_000_000 + 12 * number),
            "logsBloom": "0x" + "00" * 256, "transactions": transactions, "extra": "ignored",
        })  # fmt: skip
        self.logs.append([
            {"address": "0x" + address.hex(), "topics": ["0x" + topic.hex() for topic in topics],
             "data": "0x" + data.hex(), "transactionHash": word("tx", number, place, self.branch),
             "transactionIndex": hex(place), "logIndex": hex(place), "removed": False, **where}
            for place, (address, topics, data) in enumerate(logs)
        ])  # fmt: skip
        return self.blocks[-1]

    def fork(self, depth: int, contents: list[list[tuple[bytes, list[bytes], bytes]]]) -> None:
        """Drop the newest `depth` blocks and mine one block per item of `contents` on another branch."""
        del self.blocks[len(self.blocks) - depth :], self.logs[len(self.logs) - depth :]
        self.branch += 1
        for logs in contents:
            self.mine(*logs)

    @property
    def head(self) -> int:
        return len(self.blocks) - 1


def transfer_log(token: bytes, sender: bytes, recipient: bytes, amount: int) -> tuple[bytes, list[bytes], bytes]:
    return token, [TRANSFER, sender.rjust(32, b"\0"), recipient.rjust(32, b"\0")], amount.to_bytes(32, "big")


class Refusal(Exception):
    """A JSON-RPC error to answer with."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class FakeNode:
    """Serves a chain over HTTP. Set the fields to make it fail."""

    def __init__(self, chain: FakeChain, chain_id: int = CHAIN_ID) -> None:
        self.chain = chain
        self.chain_id = chain_id
        self.url = ""
        self.requests = 0
        self.spans: list[tuple[int, int]] = []
        """Spans of eth_getLogs that were answered."""
        self.range_cap: tuple[int, int, str] | None = None
        """Blocks, code and text of the refusal."""
        self.result_cap: tuple[int, int, Callable[[int, int], str]] | None = None
        """Logs, code and text of the refusal, given the span asked for."""
        self.patience: tuple[int, int] | None = None
        """Logs that are served in time, and the HTTP status for more (0: no answer)."""
        self.statuses: Iterator[int] | None = None
        """HTTP statuses of the next requests, 200 to serve."""
        self.headers: dict[str, str] = {}
        self.raw: bytes | None = None
        self.delay = 0.0
        self.lag: Callable[[], int] = lambda: 0
        """Blocks this backend is behind, asked anew for every request."""
        self.mangle: Callable[[str, Any], Any] = lambda _method, result: result
        self.tags = {"finalized", "safe"}
        self.batches = True
        self.breaks_on_lists = 0
        """HTTP status for a batch, as of a server that does not expect one."""
        self.breaks_on: set[str] = set()
        """Methods whose handling breaks: HTTP 500."""
        self.text_ids = False
        self.most_calls = 10_000
        """Calls of one request that are answered: 429 for more."""
        self.methods_missing: set[str] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeNode]:
        app = web.Application()
        app.router.add_post("/{tail:.*}", self._serve)
        async with TestServer(app, host="127.0.0.1") as server:
            self.url = str(server.make_url("/"))
            yield self

    async def _serve(self, request: web.Request) -> web.Response:
        self.requests += 1
        body = json.loads(await request.read())
        if self.delay:
            await asyncio.sleep(self.delay)
        asked = {call["method"] for call in (body if isinstance(body, list) else [body])}
        status = next(self.statuses, 200) if self.statuses else 200
        if asked & self.breaks_on or (isinstance(body, list) and self.breaks_on_lists):
            status = self.breaks_on_lists or 500
        elif isinstance(body, list) and len(body) > self.most_calls:
            status = 429
        if status != 200:
            return web.Response(status=status, text="<html>bad day</html>", headers=self.headers)
        if self.raw is not None:
            return web.Response(body=self.raw, content_type="application/json")
        head = self.chain.head - self.lag()
        slow = await self._too_slow(body)
        if slow is not None:
            return slow
        if isinstance(body, list):
            if not self.batches:
                return web.json_response(
                    {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batch"}}
                )
            return web.json_response([self._answer(item, head) for item in reversed(body)])
        return web.json_response(self._answer(body, head))

    async def _too_slow(self, body: Any) -> web.Response | None:
        calls = body if isinstance(body, list) else [body]
        for call in calls:
            if self.patience and call["method"] == "eth_getLogs" and "fromBlock" in call["params"][0]:
                first, last = (int(call["params"][0][key], 16) for key in ("fromBlock", "toBlock"))
                if sum(map(len, self.chain.logs[first : last + 1])) > self.patience[0]:
                    if self.patience[1] == 0:
                        await asyncio.sleep(60)
                    return web.Response(status=self.patience[1] or 500, text="gateway timeout")
        return None

    def _answer(self, call: Json, head: int) -> Json:
        if self.text_ids:
            call = {**call, "id": str(call["id"])}
        try:
            result = self.mangle(call["method"], self._result(call["method"], call["params"], head))
        except Refusal as refusal:
            error = {"code": refusal.code, "message": refusal.message}
            return {"jsonrpc": "2.0", "id": call["id"], "error": error}
        return {"jsonrpc": "2.0", "id": call["id"], "result": result}

    def _result(self, method: str, params: list[Any], head: int) -> Any:
        if method in self.methods_missing:
            raise Refusal(-32601, f"the method {method} does not exist/is not available")
        served: dict[str, Callable[[], Any]] = {
            "eth_chainId": lambda: hex(self.chain_id),
            "eth_blockNumber": lambda: hex(head),
            "eth_getBlockByNumber": lambda: self._block(self._number(params[0], head), head, full=params[1]),
            "eth_getBlockByHash": lambda: self._block(self._by_hash(params[0], head), head, full=params[1]),
            "eth_getLogs": lambda: self._logs(params[0], head),
            "eth_getBlockReceipts": lambda: self._receipts(self._number(params[0], head)),
            "eth_getTransactionReceipt": lambda: self._receipt(params[0]),
            "eth_getCode": lambda: "0x6000" if params[0].lower().endswith("c0de") else "0x",
            "eth_call": lambda: "0x" + (6).to_bytes(32, "big").hex(),
        }
        if method not in served:
            raise Refusal(-32601, f"the method {method} does not exist/is not available")
        return served[method]()

    def _by_hash(self, block_hash: str, head: int) -> int:
        return next((n for n, block in enumerate(self.chain.blocks) if block["hash"] == block_hash), head + 1)

    def _number(self, text: str, head: int) -> int:
        if text == "latest":
            return head
        if text in {"finalized", "safe"}:
            if text not in self.tags:
                raise Refusal(-32602, "invalid block tag")
            return min(self.chain.final, head)
        return int(text, 16)

    def _block(self, number: int, head: int, *, full: bool) -> Json | None:
        if not 0 <= number <= head:
            return None
        block = self.chain.blocks[number]
        return block if full else {**block, "transactions": [tx["hash"] for tx in block["transactions"]]}

    def _logs(self, wanted: Json, head: int) -> list[Json]:
        if "blockHash" in wanted:
            first = last = self._by_hash(wanted["blockHash"], head)
            if first > head:
                raise Refusal(-32000, "unknown block")
        else:
            first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        if self.range_cap and last - first + 1 > self.range_cap[0]:
            raise Refusal(*self.range_cap[1:])
        found = [
            log
            for logs in self.chain.logs[first : min(last, head) + 1]
            for log in logs
            if log["address"] in wanted.get("address", [log["address"]])
            and _topics_match(log["topics"], wanted["topics"])
        ]
        if self.result_cap and len(found) > self.result_cap[0]:
            raise Refusal(self.result_cap[1], self.result_cap[2](first, last))
        self.spans.append((first, last))
        return found

    def _receipts(self, number: int) -> list[Json]:
        block = self.chain.blocks[number]
        logs = self.chain.logs[number]
        return [
            {"transactionHash": log["transactionHash"], "blockHash": block["hash"], "status": "0x1", "logs": [log]}
            for log in logs
        ]

    def _receipt(self, tx_hash: str) -> Json | None:
        for block in self.chain.blocks:
            for tx in block["transactions"]:
                if tx["hash"] == tx_hash:
                    status = "0x0" if tx_hash in self.chain.failed else "0x1"
                    return {"transactionHash": tx_hash, "blockHash": block["hash"], "status": status, "logs": []}
        return None


def _topics_match(topics: list[str], wanted: list[list[str] | None]) -> bool:
    return len(topics) >= len(wanted) and all(
        words is None or topics[place] in words for place, words in enumerate(wanted)
    )
