"""JSON-RPC over WebSocket: one connection, any number of calls in flight, and news of the head."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence

import aiohttp
import msgspec

from monitor.chain.call import Call, decode
from monitor.chain.fault import Fault
from monitor.chain.http import faults, number_of, request
from monitor.chain.wire import Envelope, HeaderAnswer, Lying, header
from monitor.config.spec import Secret
from monitor.model.chain import Header
from monitor.model.nesting import too_deep

__all__ = ["Socket"]

_HEARTBEAT = 20.0
"""Seconds between pings: a connection that died without a word is found out within a few."""


class _Params(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"")


class _Message(Envelope):
    """A response, or a notification, which has `params` and no id."""

    params: _Params | None = None


class Socket:
    """The WebSocket transport of one endpoint; it connects when it is used, and again after it was cut.

    `received` adds up the bytes of its messages.
    """

    def __init__(self, session: aiohttp.ClientSession, secret: Secret, limit: int, timeout_seconds: float) -> None:
        self._session = session
        self._secret = secret
        self._limit = limit
        self.received = 0
        self._timeout = timeout_seconds
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Envelope]] = {}
        self._connecting = asyncio.Lock()
        self._connection: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._heard: Callable[[Header], None] | None = None

    async def send(self, calls: Sequence[Call]) -> list[Envelope]:
        """Send calls, each as a message of its own, and wait for all responses; raises Fault."""
        with faults():
            async with asyncio.timeout(self._timeout):
                connection = await self._connected()
                return await self._exchange(connection, calls)

    async def follow(self, heard: Callable[[Header], None]) -> None:
        """Hand every new head to `heard` until the connection ends, then raise Fault."""
        self._heard = heard
        (answer,) = await self.send([Call("eth_subscribe", ("newHeads",))])
        try:
            decode(answer.failure or answer.result, str)
        except (Lying, msgspec.DecodeError) as error:
            raise Fault(str(error), kind="lying") from error
        if self._reader is not None:
            await asyncio.wait([self._reader])
        message = "the connection was closed"
        raise Fault(message)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])

    async def _connected(self) -> aiohttp.ClientWebSocketResponse:
        async with self._connecting:
            if self._connection is None or self._connection.closed:
                self._connection = await self._session.ws_connect(
                    self._secret.reveal(), max_msg_size=self._limit, heartbeat=_HEARTBEAT
                )
                self._reader = asyncio.create_task(self._read(self._connection), name="socket")
            return self._connection

    async def _exchange(self, connection: aiohttp.ClientWebSocketResponse, calls: Sequence[Call]) -> list[Envelope]:
        ids = [next(self._ids) for _ in calls]
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in calls]
        self._waiting.update(zip(ids, futures, strict=True))
        try:
            for number, call in zip(ids, calls, strict=True):
                await connection.send_str(msgspec.json.encode(request(number, call)).decode())
            return list(await asyncio.gather(*futures))
        finally:
            for number in ids:
                self._waiting.pop(number, None)

    async def _read(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        why = Fault("the connection was closed")
        try:
            async for message in connection:
                if message.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                    self.received += len(message.data)
                    self._take(message.data)
            if connection.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
                why = Fault(f"an answer of more than {self._limit} bytes", kind="refused", too_large=True)
        except (Lying, msgspec.DecodeError, UnicodeDecodeError) as error:
            why = Fault(f"a message of the wrong shape: {error}", kind="lying")
            await connection.close()
        finally:
            waiting, self._waiting = self._waiting, {}
            for future in waiting.values():
                if not future.done():
                    future.set_exception(why)

    def _take(self, data: str | bytes) -> None:
        if too_deep(data):
            message = "it is nested too deep"
            raise Lying(message)
        found = msgspec.json.decode(data, type=_Message)
        if found.params is not None and found.id is None:
            if self._heard is not None:
                self._heard(header(msgspec.json.decode(found.params.result, type=HeaderAnswer)))
            return
        number = number_of(found)
        future = self._waiting.get(number) if isinstance(number, int) else None
        if future is not None and not future.done():
            future.set_result(found)
