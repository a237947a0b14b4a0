"""A gate before a node: counts and remembers what is asked, and has the limits and moods of public endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp
import msgspec
from aiohttp import web

__all__ = ["Asked", "Gate", "Limit"]


class Asked(NamedTuple):
    """An eth_getLogs that was answered with logs: `words` are the topics beyond the first, `last` is included."""

    addresses: tuple[str, ...]
    words: tuple[str, ...]
    first: int
    last: int


class Limit(NamedTuple):
    """What eth_getLogs may ask for and bring; `text` and `code` are the refusal's."""

    text: str
    code: int
    blocks: int = 10**9
    results: int = 10**9
    size: int = 10**9


class Gate:
    """Listens on loopback and passes JSON-RPC on; use it as an async context manager.

    Each `trouble`-th request is answered by 502 or 429 in turn (0: none); `delay` is how many seconds each takes.
    `on_request` is awaited with the number of each request, counted from 1, before it is passed on.
    """

    def __init__(self, upstream: str, *, limit: Limit | None = None, trouble: int = 0, delay: float = 0.0) -> None:
        self.url = ""
        self.requests = 0
        self.refused = 0
        self.troubled = 0
        self.asked: list[Asked] = []
        self.on_request: Callable[[int], Awaitable[None]] | None = None
        self._upstream = upstream
        self._limit = limit
        self._trouble = trouble
        self.delay = delay
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/", self._take)
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _take(self, request: web.Request) -> web.Response:
        self.requests += 1
        if self.on_request is not None:
            await self.on_request(self.requests)
        body = await request.read()
        await asyncio.sleep(self.delay)
        if self._trouble and self.requests % self._trouble == 0:
            self.troubled += 1
            if self.troubled % 2:
                return web.Response(status=502, text="<html>bad gateway</html>")
            return web.Response(status=429, headers={"retry-after": "1"}, text="slow down")
        assert self._session is not None
        async with self._session.post(
            self._upstream, data=body, headers={"content-type": "application/json"}
        ) as response:
            answer = await response.read()
        return web.Response(body=self._judged(body, answer), content_type="application/json")

    def _judged(self, body: bytes, answer: bytes) -> bytes:
        """Replace what is above the limit by the refusal, and note what is not."""
        calls, answers = msgspec.json.decode(body), msgspec.json.decode(answer)
        if not isinstance(calls, list):
            return answer
        by_id = {item["id"]: item for item in answers}
        for call in calls:
            if call["method"] != "eth_getLogs" or "error" in by_id[call["id"]]:
                continue
            logs = by_id[call["id"]]["result"]
            asked = _asked(call["params"][0], calls, by_id)
            if self._limit is not None and self._above(self._limit, asked, logs):
                self.refused += 1
                error = {"code": self._limit.code, "message": self._limit.text}
                by_id[call["id"]] = {"jsonrpc": "2.0", "id": call["id"], "error": error}
            elif asked is not None:
                self.asked.append(asked)
        return msgspec.json.encode([by_id[call["id"]] for call in calls])

    def _above(self, limit: Limit, asked: Asked | None, logs: list[Any]) -> bool:
        blocks = 1 if asked is None else asked.last - asked.first + 1
        return blocks > limit.blocks or len(logs) > limit.results or len(msgspec.json.encode(logs)) > limit.size


def _asked(wanted: dict[str, Any], calls: list[dict[str, Any]], by_id: dict[int, dict[str, Any]]) -> Asked | None:
    if "blockHash" in wanted:
        # The header rides along in the same request.
        header = next(by_id[call["id"]] for call in calls if call["method"] == "eth_getBlockByNumber")
        if header.get("result") is None:
            return None
        first = last = int(header["result"]["number"], 16)
    else:
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
    addresses = wanted["address"] if isinstance(wanted["address"], list) else [wanted["address"]]
    words = [word for place in wanted.get("topics", [])[1:] if place for word in _list(place)]
    return Asked(tuple(item.lower() for item in addresses), tuple(words), first, last)


def _list(place: str | list[str]) -> list[str]:
    return place if isinstance(place, list) else [place]
