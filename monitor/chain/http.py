"""JSON-RPC over HTTP: one bounded POST per request, and the responses in the order of the calls."""

from __future__ import annotations

import itertools
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import msgspec

from monitor.chain.aside import aside
from monitor.chain.call import Call
from monitor.chain.fault import Fault
from monitor.chain.wire import Envelope
from monitor.config.spec import Secret
from monitor.sync.pace import PAIR
from monitor.sync.sizing import Elsewhere, Later, classify

__all__ = ["Http", "envelopes", "faults", "number_of", "request"]

_LIST = re.compile(rb"\s*\[")
_LONG = 2**16
"""Bytes from which on a list is put aside; so near to the body's ends its own are looked for."""
_LIST_BEGIN = b'"result":[{'
_LIST_ENDS = (b"}]},{", b"}]}", b'}],"')
_STAND_IN = b'["aside"]'
_LEVELS = 1_000
"""Python's own recursion limit."""
_TEXT = 2_000
_OK, _TOO_LARGE, _TOO_MANY = 200, 413, 429
_TIMEOUTS = frozenset({408, 504, 524})
_REJECTED = frozenset({400, 403, 404, 405, 415, 422, 500, 501})
"""What servers answer to a request they cannot read, or whose handling breaks; gateways in trouble say others."""
_MAX_RETRY_AFTER = 300.0


class Http:
    """The HTTP transport of one endpoint; `limit` bounds the bytes of one answer; `received` adds them up."""

    def __init__(self, session: aiohttp.ClientSession, secret: Secret, limit: int) -> None:
        self._session = session
        self._secret = secret
        self._limit = limit
        self.received = 0
        self._ids = itertools.count(1)

    async def send(self, calls: Sequence[Call]) -> list[Envelope]:
        """Send calls as one request, a batch when there are several; raises Fault."""
        ids = [next(self._ids) for _ in calls]
        bodies = [request(number, call) for number, call in zip(ids, calls, strict=True)]
        body = msgspec.json.encode(bodies if len(bodies) > 1 else bodies[0])
        with faults():
            async with self._session.post(self._secret.reveal(), data=body, allow_redirects=False) as response:
                return await self._answers(response, ids)

    async def close(self) -> None:
        """Do nothing: the session belongs to the client."""

    async def _answers(self, response: aiohttp.ClientResponse, ids: Sequence[int]) -> list[Envelope]:
        payload = await self._read(response)
        pause = _retry_after(response.headers.get("retry-after", ""))
        if response.status == _TOO_MANY:
            message = f"HTTP 429, too many requests{_shown(payload)}"
            raise Fault(message, kind="limited", pause=pause, whole=True)
        answers = _around_list(payload, len(ids)) or await aside(len(payload), lambda: _whole(payload))
        # Some providers send a proper JSON-RPC error under HTTP 400 or 500.
        explained = answers is not None and any(answer.error is not None for answer in answers)
        if answers is None or (response.status != _OK and not explained):
            large = response.status == _TOO_LARGE
            raise Fault(
                _describe(response.status),
                kind="refused" if large else "down",
                pause=pause,
                too_large=large and len(ids) <= PAIR,
                slow=response.status in _TIMEOUTS,
                batch=large and len(ids) > PAIR,
                rejected=response.status in _REJECTED,
            )
        return in_order(answers, ids)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        parts: list[bytes] = []
        size = 0
        # As they came: larger pieces would be put together twice.
        async for part, _ in response.content.iter_chunks():
            size += len(part)
            self.received += len(part)
            if size > self._limit:
                message = f"an answer of more than {self._limit} bytes"
                raise Fault(message, kind="refused", too_large=True)
            parts.append(part)
        return b"".join(parts)


def request(number: int, call: Call) -> dict[str, Any]:
    """Write a call as a JSON-RPC request."""
    return {"jsonrpc": "2.0", "id": number, "method": call.method, "params": list(call.params)}


def envelopes(payload: bytes, calls: int = 1) -> list[Envelope] | None:
    """Read the responses to so many calls in a body, a lone one as a list of one; None when it is not JSON-RPC.

    A long list may come unread: whoever decodes it finds out whether it is one.
    """
    return _around_list(payload, calls) or _whole(payload)


def _whole(payload: bytes) -> list[Envelope] | None:
    if sys.getrecursionlimit() > _LEVELS:
        # msgspec recurses in C and stops at this limit, but libraries that web3 loads (py_ecc) raise it to 100,000,
        # where the stack ends first and takes the process with it.
        sys.setrecursionlimit(_LEVELS)
    try:
        if _LIST.match(payload):
            return msgspec.json.decode(payload, type=list[Envelope])
        return [msgspec.json.decode(payload, type=Envelope)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _around_list(payload: bytes, calls: int) -> list[Envelope] | None:
    """Read responses of which one has a long list of objects for a result, without going through that list.

    What is left of the body when the list is put aside has to be JSON-RPC by itself, and the list to be a list by
    itself, so nothing else is taken than by reading the whole. None where there is no such list.
    """
    begin = payload.find(_LIST_BEGIN, 0, _LONG) + len(_LIST_BEGIN) - 2 if len(payload) > _LONG else -1
    if begin < len(_LIST_BEGIN) - 1:
        return None
    for mark in _LIST_ENDS:
        end = payload.rfind(mark, max(begin, len(payload) - _LONG)) + 2
        rest = payload[:begin] + _STAND_IN + payload[end:] if end > begin else b""
        answers = _whole(rest) if rest.count(_STAND_IN) == 1 else None
        if answers is None or len(answers) != calls:
            # A response that is missed went aside with the list.
            continue
        for answer in answers:
            if bytes(answer.result) == _STAND_IN:
                answer.result = msgspec.Raw(memoryview(payload)[begin:end])
                return answers
    return None


def in_order(answers: Sequence[Envelope], ids: Sequence[int]) -> list[Envelope]:
    """Put responses in the order of the calls; raises Fault when they do not belong to them."""
    lone = len(answers) == 1 and answers[0].failure is not None
    if lone and len(ids) == 1:
        # An error before the request was read has no id.
        return list(answers)
    failure = answers[0].failure if lone else None
    if failure is not None and number_of(answers[0]) not in ids[1:]:
        # One error for the whole batch.
        text = failure.message or "a batch was refused"
        verdict = classify(text)
        if isinstance(verdict, Later):
            raise Fault(text, kind="limited", whole=True)
        if isinstance(verdict, Elsewhere) and verdict.passing:
            raise Fault(text)
        raise Fault(text, kind="refused", batch=True)
    by_id = {number_of(answer): answer for answer in answers}
    if len(answers) != len(ids) or set(by_id) != set(ids):
        message = f"{len(ids)} calls got {len(answers)} answers that do not fit"
        raise Fault(message, kind="lying")
    return [by_id[number] for number in ids]


def number_of(answer: Envelope) -> int | str | float | None:
    """Read which call a response is for; some gateways write the number as a text."""
    said = answer.id
    return int(said) if isinstance(said, str) and re.fullmatch(r"[0-9]{1,15}", said) else said


@contextmanager
def faults() -> Iterator[None]:
    """Raise what goes wrong on the way to a node as Fault, without the node's address."""
    try:
        yield
    except TimeoutError as error:
        message = "no answer in time"
        raise Fault(message, slow=True) from error
    except aiohttp.InvalidURL as error:
        message = "not a valid URL"
        raise Fault(message) from error
    except aiohttp.ClientConnectorError as error:
        why = error.strerror or type(error.os_error).__name__
        # what asyncio says ("Connect call failed ('127.0.0.1', 9)") leaves out why
        message = f"cannot connect: {os.strerror(error.errno or 0) if why.startswith('Connect call') else why}"
        raise Fault(message) from error
    except (aiohttp.ClientError, OSError) as error:
        message = f"{type(error).__name__}: {error}"
        raise Fault(message) from error


def _describe(status: int) -> str:
    return f"HTTP {status}" if status != _OK else "an answer that is not JSON-RPC"


def _shown(payload: bytes) -> str:
    answers = envelopes(payload) if len(payload) <= _TEXT else None
    failure = answers[0].failure if answers else None
    text = (failure.message if failure else None) or payload[:_TEXT].decode("utf-8", "replace")
    return "" if "<" in text else f": {text}"


def _retry_after(text: str) -> float:
    """Read seconds or an HTTP date (RFC 9110, 10.2.3); 0 for anything else."""
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        return min(_MAX_RETRY_AFTER, float(text))
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except ValueError:
        return 0.0
    return min(_MAX_RETRY_AFTER, max(0.0, seconds))
