"""A JSON-RPC node that costs next to nothing: one process, answers cut from prepared text. Prints its own ceiling.

`python bench/canned.py` measures how many logs a second it can send; `--serve` prints its port and serves until its
standard input ends. Every log is `Transfer`-like: three topics, three words of data, 670 bytes of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import time
from typing import Any

import numpy as np
from paid import ADDRESS, CHAIN_ID, FIRST, TOPIC0

_VARIANTS = 64
_PREPARED = 2_000_000
"""Logs of a chain that is written before it is asked for: 1.5 GB. A longer one is written answer by answer."""
_START = 1_700_000_000


def log_text(dice: random.Random, place: int, tx: str) -> str:
    users = [dice.randbytes(20).hex().rjust(64, "0") for _ in range(2)]
    data = dice.randrange(10**21).to_bytes(32, "big") + (_START + dice.randrange(10**7)).to_bytes(32, "big")
    return json.dumps(
        {
            "address": ADDRESS, "topics": [TOPIC0, *(f"0x{user}" for user in users)],
            "data": f"0x{data.hex()}{'a1' * 20:0>64}", "blockHash": "0x" + "bb" * 32, "blockNumber": "0xnnnnnnn",
            "blockTimestamp": "0xtttttttt", "transactionHash": f"0x{tx}", "transactionIndex": hex(place // 4),
            "logIndex": hex(place), "removed": False,
        },
        separators=(",", ":"),
    )  # fmt: skip


class Chain:
    """Blocks of `per` logs, one block in `every`; block texts are made from a few prepared ones when asked for."""

    def __init__(self, blocks: int, per: int = 100, every: int = 1, *, times: bool = True) -> None:
        self.blocks, self.per, self.every, self.times = blocks, per, every, times
        self.head = FIRST + blocks - 1
        dice = random.Random(7)
        self._texts = [self._variant(dice) for _ in range(_VARIANTS)]
        self._whole = memoryview(b"")
        self._ends: list[int] = []
        if blocks // every * per <= _PREPARED:
            self._prepare()

    def _prepare(self) -> None:
        """Write the whole chain's logs one after another: every answer is then a part of it."""
        parts, end = [], 0
        for number in range(FIRST, self.head + 1):
            text = self.block(number)
            parts.append(text + b"," if text else b"")
            end += len(parts[-1])
            self._ends.append(end)
        self._whole = memoryview(b"".join(parts))

    def _variant(self, dice: random.Random) -> tuple[np.ndarray[Any, Any], dict[str, np.ndarray[Any, Any]]]:
        text = ",".join(log_text(dice, place, f"{place // 4:02x}" * 32) for place in range(self.per))
        if not self.times:
            text = text.replace('"blockTimestamp":"0xtttttttt",', "")
        places = {
            name: np.array([found.start(1) for found in re.finditer(pattern, text)], dtype=np.int64)
            for name, pattern in (
                ("number", "0x(nnnnnnn)"), ("time", "0x(tttttttt)"), ("block", '"0x(b{64})'),
                ("tx", 'nHash":"0x(.{64})"'),
            )
        }  # fmt: skip
        return np.frombuffer(text.encode(), dtype=np.uint8), places

    def block(self, number: int) -> bytes:
        if (number - FIRST) % self.every:
            return b""
        text, places = self._texts[number % _VARIANTS]
        text = text.copy()
        digits = f"{number:08x}"
        _put(text, places["number"], f"{number:07x}")
        _put(text, places["time"], f"{self.time(number):08x}")
        _put(text, places["block"], digits)
        _put(text, places["tx"], digits)
        return text.tobytes()

    def logs(self, first: int, last: int) -> memoryview:
        """Give the text of the logs between the brackets."""
        last = min(last, self.head)
        if last < max(first, FIRST):
            return memoryview(b"")
        if self._ends:
            start = self._ends[first - FIRST - 1] if first > FIRST else 0
            return self._whole[start : max(start, self._ends[last - FIRST] - 1)]
        begin = first + (FIRST - first) % self.every
        return memoryview(b",".join(self.block(number) for number in range(begin, last + 1, self.every)))

    def count(self, first: int, last: int) -> int:
        begin = first + (FIRST - first) % self.every
        return self.per * len(range(begin, min(last, self.head) + 1, self.every))

    def time(self, number: int) -> int:
        return _START + 12 * (number - FIRST)

    def hash(self, number: int) -> str:
        return f"0x{number:08x}" + "b" * 56

    def header(self, number: int) -> dict[str, Any] | None:
        if not FIRST - 1 <= number <= self.head:
            return None
        zero = "0x" + "00" * 32
        return {
            "number": hex(number), "hash": self.hash(number), "parentHash": self.hash(number - 1),
            "timestamp": hex(self.time(number)), "logsBloom": "0x" + "ff" * 256, "transactions": [], "uncles": [],
            "nonce": "0x0000000000000000", "sha3Uncles": zero, "transactionsRoot": zero, "stateRoot": zero,
            "receiptsRoot": zero, "miner": "0x" + "00" * 20, "difficulty": "0x0", "totalDifficulty": "0x0",
            "extraData": "0x", "size": "0x220", "gasLimit": "0x1c9c380", "gasUsed": "0x0", "mixHash": zero,
            "baseFeePerGas": "0x7",
        }  # fmt: skip


def _put(text: np.ndarray[Any, Any], places: np.ndarray[Any, Any], digits: str) -> None:
    if len(places):
        text[places[:, None] + np.arange(len(digits))] = np.frombuffer(digits.encode(), dtype=np.uint8)


class Node(asyncio.Protocol):
    """One HTTP connection: requests in order, each answered after `latency` seconds."""

    def __init__(self, chain: Chain, latency: float, cap: int, calls: dict[str, int]) -> None:
        self.chain, self.latency, self.cap, self.calls = chain, latency, cap, calls
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            found = re.search(rb"content-length: *(\d+)", self._buffer[:end], re.IGNORECASE)
            stop = end + 4 + (int(found[1]) if found else 0)
            if len(self._buffer) < stop:
                return
            body, self._buffer = self._buffer[end + 4 : stop], self._buffer[stop:]
            parts = self._answers(body)
            size = sum(map(len, parts))
            parts.insert(0, b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % size)
            if self.latency:
                asyncio.get_running_loop().call_later(self.latency, self._send, parts)
            else:
                self._send(parts)

    def _send(self, parts: list[bytes | memoryview]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            for part in parts:
                self._transport.write(part)

    def _answers(self, body: bytes) -> list[bytes | memoryview]:
        asked = json.loads(body)
        if isinstance(asked, dict):
            return self._answer(asked)
        parts: list[bytes | memoryview] = [b"["]
        for call in asked:
            parts += [*self._answer(call), b","]
        return [*parts[:-1], b"]"]

    def _answer(self, call: dict[str, Any]) -> list[bytes | memoryview]:
        self.calls[call["method"]] = self.calls.get(call["method"], 0) + 1
        head = b'{"jsonrpc":"2.0","id":%s,' % json.dumps(call["id"]).encode()
        if call["method"] == "eth_getLogs":
            wanted = call["params"][0]
            first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
            if self.cap and self.chain.count(first, last) > self.cap:
                text = f"query returned more than {self.cap} results"
                return [head + b'"error":' + json.dumps({"code": -32005, "message": text}).encode() + b"}"]
            return [head + b'"result":[', self.chain.logs(first, last), b"]}"]
        result = self._result(call["method"], call.get("params") or [])
        return [head + b'"result":' + json.dumps(result).encode() + b"}"]

    def _result(self, method: str, params: list[Any]) -> Any:
        match method:
            case "eth_chainId":
                return hex(CHAIN_ID)
            case "net_version":
                return str(CHAIN_ID)
            case "eth_blockNumber":
                return hex(self.chain.head)
            case "eth_getBlockByNumber":
                name = params[0]
                return self.chain.header(int(name, 16) if name.startswith("0x") else self.chain.head)
            case "bench_calls":
                return self.calls
            case _:
                return None


async def serve(chain: Chain, latency: float, cap: int) -> None:
    calls: dict[str, int] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Node(chain, latency, cap, calls), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)


async def _ceiling() -> tuple[float, float]:
    """Measure how many logs a second reach a reader that throws them away, and how many bytes each has."""
    chain, calls = Chain(1_000), dict[str, int]()
    server = await asyncio.get_running_loop().create_server(lambda: Node(chain, 0, 0, calls), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=2**24)
    began, size, turns = time.perf_counter(), 0, 40
    for turn in range(turns):
        first = FIRST + 100 * (turn % 10)
        span = {"fromBlock": hex(first), "toBlock": hex(first + 99)}
        body = json.dumps({"jsonrpc": "2.0", "id": turn, "method": "eth_getLogs", "params": [span]}).encode()
        writer.write(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        head = await reader.readuntil(b"\r\n\r\n")
        size += int(head.rsplit(b" ", 1)[1])
        await reader.readexactly(int(head.rsplit(b" ", 1)[1]))
    seconds = time.perf_counter() - began
    writer.close()
    server.close()
    return turns * 10_000 / seconds, size / turns / 10_000


def main() -> None:
    """Serve, or print the ceiling."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--blocks", type=int, default=5_034)
    parser.add_argument("--per", type=int, default=100)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--cap", type=int, default=0, help="logs an answer may have")
    parser.add_argument("--no-times", action="store_true", help="logs without blockTimestamp")
    options = parser.parse_args()
    if options.serve:
        chain = Chain(options.blocks, options.per, options.every, times=not options.no_times)
        asyncio.run(serve(chain, options.latency, options.cap))
    else:
        rate, size = asyncio.run(_ceiling())
        print(f"canned node: at most {rate:,.0f} logs/s to one reader in its own process, {size:.0f} bytes each")


if __name__ == "__main__":
    main()
