"""JSON-RPC over several endpoints: fail-over, retry with back-off, and no answer taken before it is checked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from math import inf
from types import TracebackType
from typing import Any, Self, TypeVar

from monitor.chain.call import Answer, Call, decode, known_header
from monitor.chain.endpoint import Endpoint, EndpointState
from monitor.chain.fault import Fault, Lagging, Refusing, TooLarge
from monitor.chain.pool import Accept, Pool
from monitor.chain.race import Faults
from monitor.chain.wire import Lying, block_parameter, quantity
from monitor.config.spec import EndpointConfig
from monitor.errors import ChainUnreachable, NodeRefused, WrongChain
from monitor.model.chain import Header

__all__ = ["ATTEMPTS", "MAX_BODY", "RpcClient"]

MAX_BODY = 128 * 2**20
"""Bytes of one answer, decompressed: some providers' own limit is 150 MB; what is longer is asked for in parts."""
ATTEMPTS = 6
"""Tries of one question beyond the first at each endpoint: with back-off about a quarter of a minute."""

_FIRST_CONTACT = 3
"""Tries when nothing has answered yet: a wrong URL or a node that is down should be told within seconds."""
_FIRST_DELAY = 0.25
_MAX_DELAY = 8.0
_REFUSALS, _REFUSALS_OF_EXTRAS = 4, 2
"""Proper errors from each endpoint after which waiting will not change their minds."""
_CORE = frozenset({"eth_chainId", "eth_blockNumber", "eth_getBlockByNumber", "eth_getBlockByHash", "eth_getLogs"})
"""Methods without which nothing goes; all others are extras, which an endpoint may lack."""
_LIMITED_WEIGHT = 0.1
"""What a refusal for too many requests counts of a try: the rate is learned after a few."""

T = TypeVar("T")


class RpcClient:
    """A chain's endpoints behind one session; use it as an async context manager.

    `patient` clients wait for ever while nothing answers (the daemon shows `endpoints()`); others raise
    ChainUnreachable after bounded tries. Answers that are refused or cannot be true are retried elsewhere a bounded
    number of times in both cases, then NodeRefused is raised. Each endpoint gets at most `concurrency` requests at
    once.
    """

    def __init__(
        self,
        name: str,
        chain_id: int,
        endpoints: Sequence[EndpointConfig],
        *,
        timeout_seconds: float = 20.0,
        concurrency: int = 16,
        attempts: int = ATTEMPTS,
        patient: bool = False,
        max_body: int = MAX_BODY,
    ) -> None:
        self.name = name
        self.chain_id = chain_id
        self._pool = Pool(
            name, chain_id, endpoints, timeout_seconds=timeout_seconds, concurrency=concurrency, max_body=max_body
        )
        self._attempts = attempts + len(endpoints)
        self._patient = patient

    async def __aenter__(self) -> Self:
        await self._pool.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.close()

    def endpoints(self) -> list[EndpointState]:
        """Tell how each endpoint does, in the order of the configuration."""
        return [endpoint.state for endpoint in self._pool.endpoints]

    def offers(self, method: str) -> bool:
        """Whether some endpoint may have a method: not all in use said they lack it."""
        return any(method not in endpoint.missing for endpoint in self._pool.usable())

    def is_alone(self, place: int, method: str = "") -> bool:
        """Whether nobody else serves this chain (and has a method) than the endpoint at `place`."""
        return all(endpoint.place == place or method in endpoint.missing for endpoint in self._pool.usable())

    def accuse(self, place: int, reason: str) -> None:
        """Bench the endpoint at `place`: its answer, taken before, turned out to be untrue."""
        self._pool.endpoints[place].failed(Fault(reason, kind="lying"), asyncio.get_running_loop().time())

    def disbelieve(self, place: int, reason: str) -> None:
        """Bench the endpoint at `place`, unless it is alone: the head it told of cannot be; heads are compared anew."""
        if not self.is_alone(place):
            self.accuse(place, reason)
            self._pool.compared_at = -inf

    async def compare_heads(self, known: Header | None = None) -> None:
        """Find out who trails, if the newest block that is `known` is old; raises WrongChain."""
        await self._pool.compare_heads(known)

    def hold_against(self, place: int, newest: Header, known: Header) -> None:
        """Note whether the newest block that the endpoint at `place` told of is far behind one that is known."""
        self._pool.hold_against(place, newest, known)

    async def follow(self, heard: Callable[[Header], None]) -> None:
        """Hand new heads to `heard` for ever, while an endpoint pushes them; returns at once where none does."""
        await self._pool.follow(heard)

    async def check(self) -> None:
        """Ask every endpoint for its chain id once; raises WrongChain if any serves another chain.

        Endpoints that do not answer are tolerated while one does; ChainUnreachable when none does after retries.
        """
        results = await asyncio.gather(*map(self._try_verify, self._pool.endpoints))
        wrong = [endpoint for endpoint in self._pool.endpoints if endpoint.health == "wrong"]
        if wrong:
            raise self._pool.wrong_chain(wrong[0])
        if not any(results):
            question = [Call("eth_chainId")]
            await self.ask(question, lambda found: decode(found[0], str), attempts=_FIRST_CONTACT)

    async def call(self, method: str, params: Sequence[Any], kind: type[T]) -> T:
        """Call one method and decode its result as `kind`."""
        return await self.ask([Call(method, params)], lambda answers: decode(answers[0], kind))

    async def has_code(self, address: bytes) -> bool:
        """Tell whether a contract stands at an address at the head; raises NodeRefused where no endpoint says so."""
        return bool((await self.call("eth_getCode", [f"0x{address.hex()}", "latest"], str)).strip("0x"))

    async def block_number(self) -> int:
        """Ask for the number of the newest block."""
        return await self.ask([Call("eth_blockNumber")], lambda answers: quantity(decode(answers[0], str)))

    async def headers(self, numbers: Sequence[int]) -> list[Header]:
        """Fetch headers by number, in one batch, in the order asked for; raises Lagging for a block nobody knows."""

        def accept(answers: Sequence[Answer]) -> list[Header]:
            return [known_header(answer, number) for answer, number in zip(answers, numbers, strict=True)]

        calls = [Call("eth_getBlockByNumber", (block_parameter(number), False)) for number in numbers]
        return await self.ask(calls, accept, block=max(numbers)) if calls else []

    async def header_by_hash(self, block_hash: bytes, number: int) -> Header:
        """Fetch the header of block `number` by its hash; raises Lagging for a block nobody knows."""

        def accept(answers: Sequence[Answer]) -> Header:
            found = known_header(answers[0], number)
            if found.hash != block_hash:
                message = "asked for a block by hash, got another one"
                raise Lying(message)
            return found

        return await self.ask([Call("eth_getBlockByHash", (f"0x{block_hash.hex()}", False))], accept, block=number)

    async def ask(
        self,
        calls: Sequence[Call],
        accept: Accept[T],
        *,
        block: int | None = None,
        divisible: bool = False,
        attempts: int | None = None,
    ) -> T:
        """Put calls to one endpoint and hand the answers, in order, to `accept`, elsewhere again until it takes them.

        `accept` may raise Lying, Fault or msgspec's ValidationError to refuse an answer, and may be called again with
        another's; anything else it raises goes to the caller. `block` is the newest block the question is about: an
        endpoint known to be behind it is left out. `attempts` replaces the number of tries. A `divisible` question ends
        in TooLarge when its answer is too large, or when every endpoint takes too long over it. Raises
        ChainUnreachable, NodeRefused, Lagging, TooLarge or WrongChain.
        """
        found, _ = await self.ask_from(calls, accept, block=block, divisible=divisible, attempts=attempts)
        return found

    async def ask_from(
        self,
        calls: Sequence[Call],
        accept: Accept[T],
        *,
        block: int | None = None,
        divisible: bool = False,
        attempts: int | None = None,
        avoid: frozenset[int] = frozenset(),
    ) -> tuple[T, int]:
        """Do as `ask` does and tell at which place the endpoint stands that answered; those in `avoid` come last."""
        tried = {endpoint: 1 for endpoint in self._pool.endpoints if endpoint.place in avoid}
        not_before: dict[Endpoint, float] = {}
        faults: Faults = []
        counted = 0.0
        # Who lacked a method before this question has been asked often enough: once more tells whether it has it now.
        lacking = {endpoint for endpoint in self._pool.endpoints if _extras(calls) & endpoint.missing}
        while True:
            endpoint = await self._pool.next(calls, block, tried, not_before)
            found = await self._pool.ask(endpoint, calls, accept, block, tried)
            if isinstance(found, tuple):
                return found[0], found[1].place
            now = asyncio.get_running_loop().time()
            for asked, fault in found:
                if await self._lacks(asked, calls, fault, tried.get(asked, 0)):
                    fault.kind = "refused"
                tried[asked] = tried.get(asked, 0) + 1
                not_before[asked] = now + min(_MAX_DELAY, _FIRST_DELAY * 2 ** (tried[asked] - 1))
                asked.failed(fault, now, calls=len(calls), block=block)
                faults.append((asked, fault))
                if divisible and (fault.too_large or self._all_slow(faults)):
                    message = f"{self.name}: {asked.label}: {fault.message}"
                    raise TooLarge(message, hint="add another endpoint to the chain's `rpc`") from fault
                if fault.kind == "limited":
                    not_before[asked] = now
                if not (self._patient and fault.kind in {"down", "limited"}):
                    counted += _LIMITED_WEIGHT if fault.kind == "limited" else 1
                if counted >= (attempts or self._attempts) or self._hopeless(faults, calls, lacking):
                    raise self._given_up(faults, calls) from fault

    async def _try_verify(self, endpoint: Endpoint) -> bool:
        loop = asyncio.get_running_loop()
        try:
            await self._pool.verify(endpoint)
        except Fault as fault:
            if endpoint.health != "wrong":
                endpoint.failed(fault, loop.time())
            return False
        except WrongChain:
            return False
        endpoint.answered(loop.time())
        return True

    def _all_slow(self, faults: Faults) -> bool:
        slow = {endpoint for endpoint, fault in faults if fault.slow}
        return all(endpoint in slow for endpoint in self._pool.usable())

    def _hopeless(self, faults: Faults, calls: Sequence[Call], lacking: Collection[Endpoint]) -> bool:
        refusals = [endpoint for endpoint, fault in faults if fault.kind == "refused"]
        most = _REFUSALS_OF_EXTRAS if _extras(calls) else _REFUSALS
        return all(refusals.count(one) >= (1 if one in lacking else most) for one in self._pool.usable())

    async def _lacks(self, endpoint: Endpoint, calls: Sequence[Call], fault: Fault, tried: int) -> bool:
        """Whether an endpoint that breaks on a question again, and answers others, does not have the method.

        Simple servers answer so to what they do not know.
        """
        extras = _extras(calls)
        if not fault.rejected or not extras or not (tried or extras & endpoint.missing):
            return False
        try:
            await self._pool.verify(endpoint)
        except Fault:
            return False
        endpoint.missing |= extras
        endpoint.answered(asyncio.get_running_loop().time())
        return True

    def _given_up(self, faults: Faults, calls: Sequence[Call]) -> ChainUnreachable:
        answered = [pair for pair in faults if pair[1].kind not in {"down", "limited"}]
        endpoint, fault = (answered or faults)[-1]
        if not answered:
            message = f"no endpoint of {self.name} answers; {endpoint.label}: {fault.message}"
            return ChainUnreachable(message, hint="check the URL, the network and the key; `monitor doctor` tests each")
        message = f"{self.name}: {endpoint.label} refused {calls[-1].method}: {fault.message}"
        if fault.kind == "lagging":
            return Lagging(message, hint="the endpoint is behind; wait, or add another one to the chain's `rpc`")
        hint = "add another endpoint to the chain's `rpc`, or see what this one supports"
        kinds = {fault.kind for _, fault in faults}
        if kinds <= {"refused", "lying"}:
            return Refusing(message, hint=hint, lied="lying" in kinds)
        return NodeRefused(message, hint=hint)


def _extras(calls: Sequence[Call]) -> set[str]:
    return {call.method for call in calls} - _CORE
