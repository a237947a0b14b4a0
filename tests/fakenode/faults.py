"""What public endpoints do wrong, each as a value that is put before a node; several go together."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from tests.fakenode.chain import Chain

__all__ = ["Asked", "Call", "Fault", "Refusal"]

Json = dict[str, Any]
Wording = Callable[[int, int, int, int], tuple[int, str]]
"""Code and text of a refusal, given the first and last block asked for, the cap, and a last block that would do."""


class Refusal(Exception):
    """A JSON-RPC error to answer with."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Call(NamedTuple):
    id: Any
    method: str
    params: list[Any]


class Asked(NamedTuple):
    """One request: its number from 1, its calls, whether they came as a batch, and the chain that is served."""

    number: int
    calls: Sequence[Call]
    batch: bool
    chain: Chain


class Fault(NamedTuple):
    """A fault as the steps it changes; a step that is None is done right.

    `when` picks the requests it befalls; `before` answers instead of the node; `chain` is what this backend knows;
    `result` changes one call's result or raises Refusal; `reply` sends the payload in its own way.
    """

    when: Callable[[Asked], bool] = lambda _: True
    before: Callable[[Asked], Awaitable[web.StreamResponse | None]] | None = None
    chain: Callable[[Chain], Chain] | None = None
    result: Callable[[Call, Any], Any] | None = None
    reply: Callable[[web.Request, bytes], Awaitable[web.StreamResponse | None]] | None = None


def sometimes(share: float, fault: Fault, seed: int = 0) -> Fault:
    """Befall a share of the requests, the same ones for the same seed."""
    return fault._replace(
        when=lambda asked: fault.when(asked) and random.Random(f"{seed}/{asked.number}").random() < share
    )


def between(first: int, last: int, fault: Fault) -> Fault:
    """Befall the requests with these numbers, counted from 1."""
    return fault._replace(when=lambda asked: fault.when(asked) and first <= asked.number <= last)


# What this backend knows.


def lag(blocks: int) -> Fault:
    """Know nothing of the newest blocks, and answer for the rest as if there were no more."""
    return Fault(chain=lambda chain: chain.upto(chain.head - blocks))


def stale(seen: Chain) -> Fault:
    """Serve what the chain was once (`Chain.upto`): a cache that was not told of a reorg."""
    return Fault(chain=lambda _: seen)


def claims(head: int, *tags: str) -> Fault:
    """Tell of a head far beyond what it has, and of `tags` as near to it."""

    def claimed(call: Call, result: Any) -> Any:
        if call.method == "eth_blockNumber":
            return hex(head)
        named = call.params[0] if call.method == "eth_getBlockByNumber" else ""
        if named not in {"latest", *tags}:
            return result
        later = int(result["timestamp"], 16) + 10**6
        return {**result, "number": hex(head - 9 * (named in tags)), "timestamp": hex(later)}

    return Fault(result=claimed)


def gaps(numbers: Collection[int]) -> Fault:
    """Have lost some blocks: null for each, and none of their logs."""
    return Fault(result=lambda call, result: _without_blocks(call, result, numbers))


def wrong_chain(chain_id: int) -> Fault:
    return Fault(result=lambda call, result: hex(chain_id) if call.method == "eth_chainId" else result)


def without_methods(*methods: str) -> Fault:
    def refuse(call: Call, result: Any) -> Any:
        if call.method in methods:
            raise Refusal(-32601, f"the method {call.method} does not exist/is not available")
        return result

    return Fault(result=refuse)


def without_tags() -> Fault:
    """Know neither `finalized` nor `safe`."""

    def refuse(call: Call, result: Any) -> Any:
        if call.method == "eth_getBlockByNumber" and call.params[0] in {"finalized", "safe"}:
            raise Refusal(-32602, "invalid block tag")
        return result

    return Fault(result=refuse)


# HTTP.


def status(code: int, *, text: str = "<html>bad day</html>", kind: str = "text/html", **headers: str) -> Fault:
    """Answer with an HTTP status; `headers` are written with underscores."""

    async def before(_: Asked) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text=text, content_type=kind, headers=named)

    return Fault(before=before)


def rate_limit(per_second: float, *, retry_after: str = "") -> Fault:
    """Take so many requests a second, bursts of one second's worth, and 429 for the rest."""
    state = {"tokens": per_second, "at": time.monotonic()}
    limited = status(429, text="too many requests", **({"retry_after": retry_after} if retry_after else {}))

    async def before(asked: Asked) -> web.StreamResponse | None:
        now = time.monotonic()
        state["tokens"] = min(per_second, state["tokens"] + (now - state["at"]) * per_second)
        state["at"] = now
        if state["tokens"] < 1:
            assert limited.before is not None
            return await limited.before(asked)
        state["tokens"] -= 1
        return None

    return Fault(before=before)


def slow(seconds: float) -> Fault:
    async def before(_: Asked) -> None:
        await asyncio.sleep(seconds)

    return Fault(before=before)


def no_batches() -> Fault:
    """Answer a batch with one error."""

    async def before(asked: Asked) -> web.StreamResponse | None:
        error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batches are not allowed"}}
        return web.json_response(error) if asked.batch else None

    return Fault(before=before)


def breaks_on_lists() -> Fault:
    """Answer a batch with HTTP 500, as a server whose handler expects one call."""

    async def before(asked: Asked) -> web.StreamResponse | None:
        return web.Response(status=500, text="500 Internal Server Error") if asked.batch else None

    return Fault(before=before)


def breaks_on_others(*known: str) -> Fault:
    """Answer methods other than these with HTTP 500."""

    async def before(asked: Asked) -> web.StreamResponse | None:
        others = {call.method for call in asked.calls} - {*known}
        return web.Response(status=500, text="500 Internal Server Error") if others else None

    return Fault(before=before)


def envelope(code: int = -32603, message: str = "Internal error") -> Fault:
    """Answer HTTP 200 with an error that names no request."""

    async def before(_: Asked) -> web.StreamResponse:
        return web.json_response({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}})

    return Fault(before=before)


def half_written() -> Fault:
    """Promise the whole body, send half of it and hang up."""

    async def reply(request: web.Request, payload: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json", "content-length": str(len(payload))})
        await response.prepare(request)
        await response.write(payload[: len(payload) // 2])
        if request.transport is not None:
            request.transport.close()
        return response

    return Fault(reply=reply)


def cut_short() -> Fault:
    """Send half of the body as if it were the whole."""

    async def reply(_: web.Request, payload: bytes) -> web.StreamResponse:
        return web.Response(body=payload[: len(payload) // 2], content_type="application/json")

    return Fault(reply=reply)


def refusing(code: int, message: str) -> Fault:
    """Answer every call with an error of its own."""

    def refuse(_: Call, __: Any) -> Any:
        raise Refusal(code, message)

    return Fault(result=refuse)


def huge(size: int) -> Fault:
    """Send blanks without end before the answer."""

    async def reply(request: web.Request, payload: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        for _ in range(size // 2**20):
            await response.write(b" " * 2**20)
        await response.write(payload)
        return response

    return Fault(reply=reply)


def wrong_ids() -> Fault:
    """Answer with the ids of another request."""

    async def reply(_: web.Request, payload: bytes) -> web.StreamResponse:
        found = msgspec.json.decode(payload)
        for item in found if isinstance(found, list) else [found]:
            item["id"] = 7_000_000
        return web.json_response(found)

    return Fault(reply=reply)


# Logs.


def logs(change: Callable[[list[Json]], Any]) -> Fault:
    """Change what eth_getLogs answers."""
    return Fault(result=lambda call, result: change(result) if call.method == "eth_getLogs" else result)


def everywhere(change: Callable[[list[Json]], Any]) -> Fault:
    """Change the logs of every answer that has some, receipts too."""

    def changed(call: Call, result: Any) -> Any:
        if call.method == "eth_getLogs":
            return change(result)
        if call.method == "eth_getBlockReceipts" and result is not None:
            return [{**item, "logs": change(item["logs"])} for item in result]
        if call.method == "eth_getTransactionReceipt" and result is not None:
            return {**result, "logs": change(result["logs"])}
        return result

    return Fault(result=changed)


def last_block_missing(found: list[Json]) -> list[Json]:
    """Leave out the logs of the last block that has some."""
    return [log for log in found if log["blockNumber"] != found[-1]["blockNumber"]]


def a_block_missing(found: list[Json]) -> list[Json]:
    """Leave out the logs of a block in the middle."""
    return [log for log in found if log["blockNumber"] != found[len(found) // 2]["blockNumber"]] if found else found


def some_missing(found: list[Json]) -> list[Json]:
    """Leave out every seventh log."""
    return [log for place, log in enumerate(found) if place % 7 != 3]


def truncated(found: list[Json]) -> list[Json]:
    """Leave out all after the half."""
    return found[: len(found) // 2]


def doubled(found: list[Json]) -> list[Json]:
    return [*found, *found[:3]]


def backwards(found: list[Json]) -> list[Json]:
    return found[::-1]


def without_timestamps(found: list[Json]) -> list[Json]:
    return [{name: value for name, value in log.items() if name != "blockTimestamp"} for log in found]


# Limits.


def range_cap(blocks: int, code: int, text: str) -> Fault:
    """Refuse eth_getLogs over more blocks."""

    def capped(call: Call, result: Any) -> Any:
        span = _span(call)
        if span and span[1] - span[0] + 1 > blocks:
            raise Refusal(code, text)
        return result

    return Fault(result=capped)


def result_cap(cap: int, wording: Wording) -> Fault:
    """Refuse eth_getLogs that finds more logs."""

    def capped(call: Call, result: Any) -> Any:
        if call.method != "eth_getLogs" or len(result) <= cap:
            return result
        first, last = _span(call) or (int(result[0]["blockNumber"], 16),) * 2
        fits = int(result[cap]["blockNumber"], 16) - 1
        raise Refusal(*wording(first, last, cap, max(first, fits)))

    return Fault(result=capped)


def alchemy(first: int, _: int, __: int, fits: int) -> tuple[int, str]:
    return -32602, (
        "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the "
        "response size, or you can request any block range with a cap of 10K logs in the response. Based on your "
        f"parameters and the response size limit, this block range should work: [{first:#x}, {fits:#x}]"
    )


def infura(first: int, _: int, cap: int, fits: int) -> tuple[int, str]:
    return -32005, f"query returned more than {cap} results. Try with this block range [{first:#x}, {fits:#x}]."


def bare(_: int, __: int, ___: int, ____: int) -> tuple[int, str]:
    return -32005, "limit exceeded"


def other_words(_: int, __: int, cap: int, ____: int) -> tuple[int, str]:
    return -32000, f"logs matched by query exceeds limit of {cap}"


def reth_same_range(first: int, last: int, cap: int, _: int) -> tuple[int, str]:
    """Suggest the very range that was refused (reth #23810)."""
    return -32602, f"query exceeds max results {cap}, retry with the range {first}-{last}"


def _span(call: Call) -> tuple[int, int] | None:
    if call.method != "eth_getLogs" or "fromBlock" not in call.params[0]:
        return None
    return int(call.params[0]["fromBlock"], 16), int(call.params[0]["toBlock"], 16)


def _without_blocks(call: Call, result: Any, numbers: Collection[int]) -> Any:
    if call.method == "eth_getLogs":
        return [log for log in result if int(log["blockNumber"], 16) not in numbers]
    if call.method in {"eth_getBlockByNumber", "eth_getBlockByHash"} and result is not None:
        return None if int(result["number"], 16) in numbers else result
    if call.method == "eth_getBlockReceipts" and result:
        return None if int(result[0]["blockNumber"], 16) in numbers else result
    return result
