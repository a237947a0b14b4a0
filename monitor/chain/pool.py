"""A chain's endpoints: who is asked next, over which transport, whether it serves the chain, and what it teaches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from math import inf
from typing import TypeVar

import aiohttp
import msgspec

from monitor.chain.aside import aside
from monitor.chain.call import Answer, Call, decode, is_missing, known_header
from monitor.chain.endpoint import Bell, Endpoint
from monitor.chain.fault import Fault
from monitor.chain.http import Http
from monitor.chain.race import Faults, race
from monitor.chain.socket import Socket
from monitor.chain.wire import ErrorBody, HeaderAnswer, Lying, header, quantity
from monitor.config.spec import EndpointConfig
from monitor.errors import ChainUnreachable, WrongChain
from monitor.model.chain import Header
from monitor.sync.choice import choose
from monitor.sync.heads import is_young, lags
from monitor.sync.pace import PAIR

__all__ = ["Accept", "Pool"]

_HEDGE_SHARE = 0.05
"""Share of questions that may go to a second endpoint when the first is late."""
_HEDGES_SAVED = 3.0
_PART_RETRIES = 4
_OFTEN, _SELDOM = 60.0, 960.0
"""Seconds between two comparisons of heads while one trails, and at most while none does."""
_PATIENCE = 5.0
"""Seconds for which a head is waited for that is only to be compared."""
_FIRST_RETRY, _MAX_RETRY = 1.0, 30.0
"""Seconds before a lost subscription is tried again: at first, and at most."""

log = logging.getLogger("monitor.chain")
T = TypeVar("T")
Accept = Callable[[Sequence[Answer]], T]


class Pool:
    """The endpoints of one chain and their connections; `open` before use, `close` after."""

    def __init__(
        self,
        name: str,
        chain_id: int,
        endpoints: Sequence[EndpointConfig],
        *,
        timeout_seconds: float,
        concurrency: int,
        max_body: int,
    ) -> None:
        self.name = name
        self.chain_id = chain_id
        self._bell = Bell()
        self.endpoints = [Endpoint(name, place, item, concurrency, self._bell) for place, item in enumerate(endpoints)]
        self._timeout = timeout_seconds
        self._max_body = max_body
        self._hedges = 1.0
        self.compared_at = -inf
        self._rest = _OFTEN
        self._session: aiohttp.ClientSession | None = None
        self._transports: dict[int, Http | Socket] = {}

    async def open(self) -> None:
        """Open the session; connections are made when they are used, and nobody is kept waiting for what was before."""
        for endpoint in self.endpoints:
            endpoint.forgive()
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            headers={"content-type": "application/json", "user-agent": "compute-market-monitor"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close every connection."""
        for transport in self._transports.values():
            await transport.close()
        self._transports.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def usable(self) -> list[Endpoint]:
        """List the endpoints that serve this chain, as far as is known."""
        return [endpoint for endpoint in self.endpoints if endpoint.health != "wrong"]

    async def next(
        self,
        calls: Sequence[Call],
        block: int | None,
        tried: Mapping[Endpoint, int],
        not_before: Mapping[Endpoint, float],
    ) -> Endpoint:
        """Wait for the endpoint that is to be asked and hold a place there for `ask`; raises WrongChain.

        `tried` counts this question's tries, `not_before` says when an endpoint may be tried again.
        """
        while True:
            usable = self.usable()
            if not usable:
                raise self.wrong_chain(self.endpoints[0])
            now = asyncio.get_running_loop().time()
            alone = all(endpoint.is_benched(now) for endpoint in usable)
            turn = choose(
                [
                    endpoint.standing(
                        calls, block, tried.get(endpoint, 0), not_before.get(endpoint, now) - now, now, alone=alone
                    )
                    for endpoint in usable
                ]
            )
            if turn.place is not None:
                self.endpoints[turn.place].take()
                return self.endpoints[turn.place]
            await self._bell.heard(turn.wait)

    async def ask(
        self, first: Endpoint, calls: Sequence[Call], accept: Accept[T], block: int | None, tried: Collection[Endpoint]
    ) -> tuple[T, Endpoint] | Faults:
        """Ask one endpoint, and a second one when the first is late; the answer and whose it is, or all faults."""

        async def put(endpoint: Endpoint) -> T:
            return await self._ask_one(endpoint, calls, accept)

        def second() -> Endpoint | None:
            if self._hedges < 1:
                return None
            other = self._spare(first, calls, block, tried)
            if other is not None:
                other.take()
                self._hedges -= 1
            return other

        self._hedges = min(_HEDGES_SAVED, self._hedges + _HEDGE_SHARE)
        late = first.hedge_after(calls) if len(self.endpoints) > 1 else inf
        return await race(put, first, late, second)

    async def verify(self, endpoint: Endpoint) -> None:
        """Ask an endpoint for its chain id; raises Fault, and WrongChain when no endpoint serves this chain."""
        (answer,) = await self._exchange(endpoint, [Call("eth_chainId")])
        try:
            found = quantity(decode(answer, str))
        except (Lying, msgspec.DecodeError) as error:
            message = f"eth_chainId: {error}"
            raise Fault(message, kind="lying") from error
        if found == self.chain_id:
            endpoint.verified = True
            return
        message = f"it serves chain {found}, not {self.chain_id}"
        if endpoint.health != "wrong":
            log.error("%s: endpoint %s is not used: %s", self.name, endpoint.label, message)
        endpoint.health, endpoint.error = "wrong", message
        if not self.usable():
            raise self.wrong_chain(endpoint)
        raise Fault(message, kind="refused")

    async def follow(self, heard: Callable[[Header], None]) -> None:
        """Hand new heads to `heard`, from the first endpoint that pushes them, for ever; returns when none can.

        A head is news, not truth: whoever hears it asks for what it stands for.
        """
        loop = asyncio.get_running_loop()
        pause = _FIRST_RETRY
        while sockets := [endpoint for endpoint in self.usable() if endpoint.config.pushes]:
            for endpoint in sockets:
                began = loop.time()
                await self._follow_one(endpoint, heard)
                pause = _FIRST_RETRY if loop.time() - began > _MAX_RETRY else min(_MAX_RETRY, 2 * pause)
                await asyncio.sleep(pause)

    async def compare_heads(self, known: Header | None) -> None:
        """Ask everybody who may be asked for the newest block, and note who trails; raises WrongChain.

        Nothing is asked while nobody trails and the newest block that is `known` is young, nor soon again.
        """
        now, usable = asyncio.get_running_loop().time(), self.usable()
        if known and is_young(known.timestamp, time.time()) and not any(endpoint.behind for endpoint in usable):
            self._rest = _OFTEN
            return
        if len(usable) < 2 or now - self.compared_at < self._rest:  # noqa: PLR2004 - one is not compared
            return
        asked = [endpoint for endpoint in usable if endpoint.is_free(now)]
        heads = await _all([self._head_of(endpoint) for endpoint in asked])
        found = {endpoint: head for endpoint, head in zip(asked, heads, strict=True) if head is not None}
        told = [*found.values(), *([known] if known else [])]
        for endpoint, blocks in zip(found, lags(told, time.time()), strict=False):
            endpoint.compared(blocks)
        self._rest = _OFTEN if any(endpoint.behind for endpoint in usable) else min(_SELDOM, 2 * self._rest)
        self.compared_at = now

    def hold_against(self, place: int, newest: Header, known: Header) -> None:
        """Note whether the newest block that the endpoint at `place` told of is far behind one that is known."""
        blocks, _ = lags([newest, known], time.time())
        if blocks and len(self.usable()) > 1:
            self.endpoints[place].compared(blocks)

    def wrong_chain(self, endpoint: Endpoint) -> WrongChain:
        """Word the error for an endpoint of another chain."""
        message = f"{self.name}: endpoint {endpoint.label}: {endpoint.error}"
        return WrongChain(message, hint="fix `rpc` or `id` of this chain in config.toml")

    async def _follow_one(self, endpoint: Endpoint, heard: Callable[[Header], None]) -> None:
        transport = self._transport(endpoint)
        try:
            await self._verified(endpoint)
            if isinstance(transport, Socket):
                await transport.follow(heard)
        except Fault as fault:
            endpoint.failed(fault, asyncio.get_running_loop().time())

    async def _head_of(self, endpoint: Endpoint) -> Header | None:
        call = Call("eth_getBlockByNumber", ("latest", False))
        endpoint.take()
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._ask_one(endpoint, [call], lambda answers: known_header(answers[0]))
        except Fault as fault:
            endpoint.failed(fault, asyncio.get_running_loop().time())
        except TimeoutError:
            # Whether it is slow is for questions to tell that need its answer.
            pass
        finally:
            endpoint.leave()
        return None

    async def _verified(self, endpoint: Endpoint) -> None:
        if not endpoint.verified:
            await self.verify(endpoint)

    async def _ask_one(self, endpoint: Endpoint, calls: Sequence[Call], accept: Accept[T]) -> T:
        await self._verified(endpoint)
        answers = await self._exchange(endpoint, calls)
        for call, answer in zip(calls, answers, strict=True):
            if is_missing(answer):
                endpoint.missing.add(call.method)
            elif not isinstance(answer, ErrorBody):
                endpoint.missing.discard(call.method)
        try:
            result = await aside(sum(map(_size, answers)), lambda: accept(answers))
            self._note_head(endpoint, calls, answers)
        except Lying as error:
            raise Fault(str(error), kind="lying") from error
        except msgspec.ValidationError as error:
            message = f"an answer of the wrong shape: {error}"
            raise Fault(message, kind="lying") from error
        except msgspec.DecodeError as error:
            # A long list is only now looked through (`http.envelopes`).
            message = "an answer that is not JSON-RPC"
            raise Fault(message) from error
        endpoint.answered(asyncio.get_running_loop().time())
        return result

    async def _exchange(self, endpoint: Endpoint, calls: Sequence[Call]) -> list[Answer]:
        size = endpoint.batch.size
        if len(calls) <= size:
            return await self._send(endpoint, calls)
        if len(calls) == PAIR:
            # What the second says counts as far as the first vouches for it: it is asked when that is answered.
            return [answer for call in calls for answer in await self._part(endpoint, [call])]
        parts = [self._part(endpoint, calls[first : first + size]) for first in range(0, len(calls), size)]
        return [answer for answers in await _all(parts) for answer in answers]

    async def _part(self, endpoint: Endpoint, calls: Sequence[Call]) -> list[Answer]:
        """Send one of many parts; a passing trouble of one is no reason to ask for all of them again."""
        loop = asyncio.get_running_loop()
        for _ in range(_PART_RETRIES):
            try:
                return await self._send(endpoint, calls)
            except Fault as fault:
                if fault.kind not in {"down", "limited"}:
                    raise
                endpoint.failed(fault, loop.time(), calls=len(calls))
        return await self._send(endpoint, calls)

    async def _send(self, endpoint: Endpoint, calls: Sequence[Call]) -> list[Answer]:
        loop = asyncio.get_running_loop()
        async with endpoint.turn(len(calls)):
            began = loop.time()
            transport = self._transport(endpoint)
            try:
                answers = await transport.send(calls)
            except Fault as fault:
                broken = fault.kind == "down" and not fault.slow and len(calls) > 1 and not endpoint.takes_batches
                if not fault.batch and not broken:
                    raise
                answers = None
            else:
                endpoint.timed(calls, loop.time() - began)
            finally:
                endpoint.received = transport.received
        if answers is None and broken:
            return await self._alone(endpoint, calls)
        if answers is None:
            endpoint.refused_batch(len(calls))
            return await self._exchange(endpoint, calls)
        return [answer.failure or answer.result for answer in answers]

    async def _alone(self, endpoint: Endpoint, calls: Sequence[Call]) -> list[Answer]:
        """Send each call of a failed batch alone, the first one first: it vouches for the others, or fails as well."""
        first = await self._send(endpoint, calls[:1])
        rest = await _all([self._part(endpoint, [call]) for call in calls[1:]])
        endpoint.doubted_batch()
        return [*first, *(answer for answers in rest for answer in answers)]

    def _note_head(self, endpoint: Endpoint, calls: Sequence[Call], answers: Sequence[Answer]) -> None:
        for call, answer in zip(calls, answers, strict=True):
            if call.method == "eth_blockNumber":
                number = quantity(decode(answer, str))
            elif call.method == "eth_getBlockByNumber" and call.params[0] == "latest":
                number = header(decode(answer, HeaderAnswer)).number
            else:
                continue
            endpoint.reported(number, asyncio.get_running_loop().time())

    def _spare(
        self, first: Endpoint, calls: Sequence[Call], block: int | None, tried: Collection[Endpoint]
    ) -> Endpoint | None:
        now = asyncio.get_running_loop().time()
        others = [one for one in self.usable() if one is not first and one not in tried and one.verified]
        standings = [one.standing(calls, block, 0, 0.0, now) for one in others]
        able = [one for one in standings if not (one.lacks or one.trails) and one.cost <= first.config.cost]
        place = choose(able).place if able else None
        return None if place is None else self.endpoints[place]

    def _transport(self, endpoint: Endpoint) -> Http | Socket:
        if self._session is None:
            message = f"the connection to {self.name} is not open"
            raise ChainUnreachable(message, hint="use `async with`")
        found = self._transports.get(endpoint.place)
        if found is None:
            url = endpoint.config.url
            found = (
                Socket(self._session, url, self._max_body, self._timeout)
                if endpoint.config.pushes
                else Http(self._session, url, self._max_body)
            )
            self._transports[endpoint.place] = found
        return found


def _size(answer: Answer) -> int:
    return len(memoryview(answer)) if isinstance(answer, msgspec.Raw) else 0


async def _all(parts: Sequence[Awaitable[T]]) -> list[T]:
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
