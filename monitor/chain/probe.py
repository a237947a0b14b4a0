"""What one endpoint can do, found out by asking: for `monitor doctor`."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec

from monitor.chain.call import Answer, Call, decode_optional
from monitor.chain.native import native_kind
from monitor.chain.rpc import RpcClient
from monitor.chain.wire import ErrorBody, HeaderAnswer, filter_parameter, header
from monitor.config.spec import NativeWay
from monitor.errors import NodeRefused
from monitor.model.span import Span
from monitor.sync.fragment import FragmentKind, LogFilter
from monitor.sync.sizing import Narrow, classify

__all__ = ["Abilities", "probe"]

_RANGES = (100_000, 10_000, 2_000, 500, 100, 10)
_NOBODY = b"\xfe" * 20
"""An address without logs: what is asked is how many blocks are taken, not what is in them."""
_BATCH = 10
_NEWS_SECONDS = 15.0
"""Longer than the slowest chains take over a block."""


class Abilities(NamedTuple):
    """What an endpoint has.

    `span` is the widest range of blocks it took for eth_getLogs, `lag` how many blocks the finalised tag is behind the
    head (None without the tag), `news` whether it pushed a head in time (None where it is no WebSocket), `native` how
    it would be asked for native value.
    """

    batches: bool
    receipts: bool
    archive: bool
    span: int
    lag: int | None
    news: bool | None
    native: FragmentKind | None


async def probe(rpc: RpcClient, head: int, way: NativeWay, *, indexed: bool, pushes: bool) -> Abilities:
    """Ask an endpoint, the only one of `rpc`, for all it may have; raises ChainUnreachable when it stops answering.

    `way` is how native value is to be read, by an index alone where it must be `indexed`.
    """
    await rpc.headers(range(max(0, head - _BATCH + 1), head + 1))
    return Abilities(
        batches=rpc.endpoints()[0].batch > 1,
        receipts=await _has(rpc, "eth_getBlockReceipts", [hex(head)]),
        archive=await _has(rpc, "eth_getCode", [f"0x{_NOBODY.hex()}", hex(min(1, head))]),
        span=await _span(rpc, head),
        lag=await _lag(rpc, head),
        news=await _news(rpc) if pushes else None,
        native=await native_kind(rpc, way, indexed=indexed),
    )


async def _has(rpc: RpcClient, method: str, params: list[str]) -> bool:
    try:
        await rpc.call(method, params, msgspec.Raw)
    except NodeRefused:
        return False
    return True


async def _span(rpc: RpcClient, head: int) -> int:
    widths = sorted({min(width, head + 1) for width in _RANGES}, reverse=True)
    while widths:
        width = widths.pop(0)
        told = await _takes(rpc, Span(head + 1 - width, head + 1))
        if told is None:
            return width
        if 0 < told < width:
            widths = [told]
    return 0


async def _takes(rpc: RpcClient, span: Span) -> int | None:
    """Ask for logs over a span: None when it is taken, else the range it is told to ask for (0: untold)."""

    def accept(answers: list[Answer]) -> int | None:
        if not isinstance(answers[0], ErrorBody):
            return None
        verdict = classify(answers[0].message or "")
        return (verdict.blocks or 0) if isinstance(verdict, Narrow) else 0

    call = Call("eth_getLogs", (filter_parameter(LogFilter((_NOBODY,)), span),))
    return await rpc.ask([call], lambda answers: accept(list(answers)))


async def _lag(rpc: RpcClient, head: int) -> int | None:
    call = Call("eth_getBlockByNumber", ("finalized", False))
    try:
        found = await rpc.ask([call], lambda answers: decode_optional(answers[0], HeaderAnswer))
    except NodeRefused:
        return None
    return None if found is None else max(0, head - header(found).number)


async def _news(rpc: RpcClient) -> bool:
    heard = asyncio.Event()
    following = asyncio.create_task(rpc.follow(lambda _: heard.set()))
    try:
        await asyncio.wait_for(heard.wait(), _NEWS_SECONDS)
    except TimeoutError:
        return False
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    return True
