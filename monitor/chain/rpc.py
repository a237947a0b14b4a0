"""JSON-RPC over several endpoints: fail-over, retry with back-off, and no answer taken before it is checked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import aiohttp
import msgspec

from monitor.chain.endpoint import MAX_BODY, Endpoint, EndpointState, Fault
from monitor.chain.wire import Envelope, ErrorBody, HeaderAnswer, Lying, block_parameter, header, quantity
from monitor.config.spec import Secret
from monitor.errors import ChainUnreachable, NodeRefused, WrongChain
from monitor.model.chain import Header
from monitor.sync.sizing import Elsewhere, Later, classify

__all__ = ["Answer", "Call", "Lagging", "RpcClient", "TooLarge", "decode", "decode_optional", "known_header", "result"]

ATTEMPTS = 6
"""Tries of one question beyond the first at each endpoint: with back-off about a quarter of a minute."""

_FIRST_CONTACT = 3
"""Tries when nothing has answered yet: a wrong URL or a node that is down should be told within seconds."""
_FIRST_DELAY = 0.25
_MAX_DELAY = 8.0
_PAUSE_WHEN_LIMITED = 1.0

log = logging.getLogger("monitor.chain")
T = TypeVar("T")

Answer = msgspec.Raw | ErrorBody


class Call(NamedTuple):
    """A JSON-RPC method with its parameters."""

    method: str
    params: Sequence[Any] = ()


class Lagging(NodeRefused):
    """Every endpoint says it does not know the block, or has another one there."""


class TooLarge(NodeRefused):
    """An endpoint's answer would be, or is, too large: ask for less."""


class RpcClient:
    """A chain's endpoints behind one HTTP session; use it as an async context manager.

    The first endpoint that is well and not pausing is asked. `patient` clients wait for ever while nothing answers (the
    daemon shows `endpoints()`); others raise ChainUnreachable after bounded tries. Answers that are refused or cannot
    be true are retried elsewhere a bounded number of times in both cases, then NodeRefused is raised.
    """

    def __init__(
        self,
        name: str,
        chain_id: int,
        endpoints: Sequence[Secret],
        *,
        timeout_seconds: float = 20.0,
        concurrency: int = 4,
        attempts: int = ATTEMPTS,
        patient: bool = False,
        max_body: int = MAX_BODY,
    ) -> None:
        self.name = name
        self.chain_id = chain_id
        self._endpoints = [Endpoint(name, secret) for secret in endpoints]
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._slots = asyncio.Semaphore(concurrency)
        self._attempts = attempts + len(self._endpoints)
        self._patient = patient
        self._max_body = max_body
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        headers = {"content-type": "application/json", "user-agent": "compute-market-monitor"}
        self._session = aiohttp.ClientSession(
            timeout=self._timeout, headers=headers, cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def endpoints(self) -> list[EndpointState]:
        """Tell how each endpoint does, in the order of the configuration."""
        return [endpoint.state for endpoint in self._endpoints]

    async def check(self) -> None:
        """Ask every endpoint for its chain id once; raises WrongChain if any serves another chain.

        Endpoints that do not answer are tolerated while one does; ChainUnreachable when none does after retries.
        """
        results = await asyncio.gather(*map(self._try_verify, self._endpoints))
        wrong = [endpoint for endpoint in self._endpoints if endpoint.health == "wrong"]
        if wrong:
            raise self._wrong_chain(wrong[0])
        if not any(results):
            question = [Call("eth_chainId")]
            await self.ask(question, lambda found: decode(found[0], str), attempts=_FIRST_CONTACT)

    async def call(self, method: str, params: Sequence[Any], kind: type[T]) -> T:
        """Call one method and decode its result as `kind`."""
        return await self.ask([Call(method, params)], lambda answers: decode(answers[0], kind))

    async def block_number(self) -> int:
        """Ask for the number of the newest block."""
        return await self.ask([Call("eth_blockNumber")], lambda answers: quantity(decode(answers[0], str)))

    async def headers(self, numbers: Sequence[int]) -> list[Header]:
        """Fetch headers by number, in one batch, in the order asked for; raises Lagging for a block nobody knows."""

        def accept(answers: Sequence[Answer]) -> list[Header]:
            return [known_header(answer, number) for answer, number in zip(answers, numbers, strict=True)]

        calls = [Call("eth_getBlockByNumber", (block_parameter(number), False)) for number in numbers]
        return await self.ask(calls, accept) if calls else []

    async def header_by_hash(self, block_hash: bytes, number: int) -> Header:
        """Fetch the header of block `number` by its hash; raises Lagging for a block nobody knows."""

        def accept(answers: Sequence[Answer]) -> Header:
            found = known_header(answers[0], number)
            if found.hash != block_hash:
                message = "asked for a block by hash, got another one"
                raise Lying(message)
            return found

        return await self.ask([Call("eth_getBlockByHash", (f"0x{block_hash.hex()}", False))], accept)

    async def ask(
        self,
        calls: Sequence[Call],
        accept: Callable[[Sequence[Answer]], T],
        *,
        divisible: bool = False,
        attempts: int | None = None,
    ) -> T:
        """Send calls to one endpoint and hand the answers, in order, to `accept`, elsewhere again until it takes them.

        `accept` may raise Lying, Fault or msgspec's ValidationError to refuse an answer; anything else it raises goes
        to the caller. `attempts` replaces the number of tries. A `divisible` question also ends in TooLarge when every
        endpoint takes too long over it. Raises ChainUnreachable, NodeRefused, Lagging, TooLarge or WrongChain.
        """
        tries: dict[Endpoint, int] = {}
        faults: list[tuple[Endpoint, Fault]] = []
        counted = 0
        while True:
            endpoint = await self._choose(tries)
            tries[endpoint] = tries.get(endpoint, 0) + 1
            try:
                return await self._ask_one(endpoint, calls, accept)
            except Fault as fault:
                endpoint.failed(fault, asyncio.get_running_loop().time())
                faults.append((endpoint, fault))
                if fault.too_large or (divisible and self._all_slow(faults)):
                    message = f"{self.name}: {endpoint.label}: {fault.message}"
                    raise TooLarge(message, hint="add another endpoint to the chain's `rpc`") from fault
                counted += not (self._patient and fault.kind == "down")
                if counted >= (attempts or self._attempts) or self._hopeless(faults, calls):
                    raise self._given_up(faults, calls) from fault

    async def _ask_one(self, endpoint: Endpoint, calls: Sequence[Call], accept: Callable[[Sequence[Answer]], T]) -> T:
        loop = asyncio.get_running_loop()
        async with self._slots:
            if not endpoint.verified:
                await self._verify(endpoint)
            started = loop.time()
            answers = await self._exchange(endpoint, calls)
            seconds = loop.time() - started
        try:
            result = accept(answers)
        except Lying as error:
            raise Fault(str(error), kind="lying") from error
        except msgspec.DecodeError as error:
            message = f"an answer of the wrong shape: {error}"
            raise Fault(message, kind="lying") from error
        endpoint.answered(seconds)
        return result

    async def _exchange(self, endpoint: Endpoint, calls: Sequence[Call]) -> list[Answer]:
        if len(calls) == 1 or not endpoint.batches:
            return [await self._single(endpoint, call) for call in calls]
        answers = await self._post(endpoint, [_request(place, call) for place, call in enumerate(calls)])
        if len(answers) == 1 and answers[0].error is not None and answers[0].id is None:
            if isinstance(classify(answers[0].error.message or ""), Later):
                raise Fault(answers[0].error.message or "too many requests", pause=_PAUSE_WHEN_LIMITED)
            # One error for the whole batch: this endpoint takes no batches; its calls go one by one from now on.
            endpoint.batches = False
            return [await self._single(endpoint, call) for call in calls]
        by_id = {answer.id: answer for answer in answers}
        if len(answers) != len(calls) or set(by_id) != set(range(len(calls))):
            message = f"a batch of {len(calls)} calls got {len(answers)} answers that do not fit"
            raise Fault(message, kind="lying")
        return [_answer(by_id[place]) for place in range(len(calls))]

    async def _single(self, endpoint: Endpoint, call: Call) -> Answer:
        answers = await self._post(endpoint, _request(0, call))
        if len(answers) != 1:
            message = f"{call.method} got {len(answers)} answers"
            raise Fault(message, kind="lying")
        return _answer(answers[0])

    async def _post(self, endpoint: Endpoint, request: Any) -> list[Envelope]:
        if self._session is None:
            message = f"the connection to {self.name} is not open"
            raise ChainUnreachable(message, hint="use `async with`")
        return await endpoint.post(self._session, msgspec.json.encode(request), limit=self._max_body)

    async def _verify(self, endpoint: Endpoint) -> None:
        answer = await self._single(endpoint, Call("eth_chainId"))
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
        if all(other.health == "wrong" for other in self._endpoints):
            raise self._wrong_chain(endpoint)
        raise Fault(message, kind="refused")

    async def _try_verify(self, endpoint: Endpoint) -> bool:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await self._verify(endpoint)
        except Fault as fault:
            if endpoint.health != "wrong":
                endpoint.failed(fault, loop.time())
            return False
        except WrongChain:
            return False
        endpoint.answered(loop.time() - started)
        return True

    async def _choose(self, tries: dict[Endpoint, int]) -> Endpoint:
        now = asyncio.get_running_loop().time()
        usable = [endpoint for endpoint in self._endpoints if endpoint.health != "wrong"]
        if not usable:
            raise self._wrong_chain(self._endpoints[0])

        def wait(endpoint: Endpoint) -> float:
            tried = tries.get(endpoint, 0)
            delay = min(_MAX_DELAY, _FIRST_DELAY * 2 ** (tried - 1)) if tried else 0.0
            return max(0.0, endpoint.available_at - now, delay)

        chosen = min(usable, key=lambda endpoint: (wait(endpoint), tries.get(endpoint, 0)))
        await asyncio.sleep(wait(chosen))
        return chosen

    def _all_slow(self, faults: Sequence[tuple[Endpoint, Fault]]) -> bool:
        slow = {endpoint for endpoint, fault in faults if fault.slow}
        return all(endpoint in slow for endpoint in self._endpoints if endpoint.health != "wrong")

    def _hopeless(self, faults: Sequence[tuple[Endpoint, Fault]], calls: Sequence[Call]) -> bool:
        # A proper error from every endpoint, twice each: waiting will not change their minds.
        refusals = [endpoint for endpoint, fault in faults if fault.kind == "refused"]
        usable = [endpoint for endpoint in self._endpoints if endpoint.health != "wrong"]
        return bool(calls) and all(refusals.count(endpoint) > 1 for endpoint in usable)

    def _given_up(self, faults: Sequence[tuple[Endpoint, Fault]], calls: Sequence[Call]) -> ChainUnreachable:
        method = calls[-1].method if calls else "a call"
        answered = [pair for pair in faults if pair[1].kind != "down"]
        endpoint, fault = (answered or faults)[-1]
        if not answered:
            message = f"no endpoint of {self.name} answers; {endpoint.label}: {fault.message}"
            return ChainUnreachable(message, hint="check the URL, the network and the key; `monitor doctor` tests each")
        message = f"{self.name}: {endpoint.label} refused {method}: {fault.message}"
        if fault.kind == "lagging":
            return Lagging(message, hint="the endpoint is behind; wait, or add another one to the chain's `rpc`")
        return NodeRefused(message, hint="add another endpoint to the chain's `rpc`, or see what this one supports")

    def _wrong_chain(self, endpoint: Endpoint) -> WrongChain:
        message = f"{self.name}: endpoint {endpoint.label}: {endpoint.error}"
        return WrongChain(message, hint="fix `rpc` or `id` of this chain in config.toml")


def decode(answer: Answer, kind: type[T]) -> T:
    """Decode a result; raises Fault for a JSON-RPC error and ValidationError for another shape."""
    return msgspec.json.decode(result(answer), type=kind)


def result(answer: Answer) -> bytes:
    """Take the text of a result; raises Fault for a JSON-RPC error and Lying where there is none."""
    if isinstance(answer, ErrorBody):
        text = answer.message or f"error {answer.code}"
        verdict = classify(text, answer.code if isinstance(answer.code, int) else None)
        if isinstance(verdict, Later):
            raise Fault(text, pause=_PAUSE_WHEN_LIMITED)
        lagging = isinstance(verdict, Elsewhere) and verdict.lagging
        raise Fault(text, kind="lagging" if lagging else "refused")
    if not bytes(answer):
        message = "an answer without a result"
        raise Lying(message)
    return bytes(answer)


def decode_optional(answer: Answer, kind: type[T]) -> T | None:
    """Decode a result that may be null; raises as `decode` does."""
    if isinstance(answer, msgspec.Raw) and bytes(answer).strip() == b"null":
        return None
    return decode(answer, kind)


def known_header(answer: Answer, number: int | None = None) -> Header:
    """Decode a header; raises Fault (lagging) for a block the node does not have."""
    found = decode_optional(answer, HeaderAnswer)
    if found is None:
        message = f"block {number} is not known" if number is not None else "the block is not known"
        raise Fault(message, kind="lagging")
    return header(found, number)


def _request(place: int, call: Call) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": place, "method": call.method, "params": list(call.params)}


def _answer(envelope: Envelope) -> Answer:
    return envelope.error if envelope.error is not None else envelope.result
