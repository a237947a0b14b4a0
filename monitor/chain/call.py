"""One JSON-RPC call and its answer: an error says what is the matter with the endpoint, a result is decoded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from monitor.chain.fault import Fault
from monitor.chain.wire import ErrorBody, HeaderAnswer, Lying, header
from monitor.model.chain import Header
from monitor.sync.sizing import Elsewhere, Later, classify, is_bare

__all__ = ["Answer", "Call", "decode", "decode_optional", "is_missing", "known_header", "result"]

_METHOD_NOT_FOUND = -32601
_MISSING = re.compile(
    r"method .{0,80}(?:not (?:found|exist|supported|available|allowed|whitelisted|enabled)|unsupported)"
    r"|(?:unsupported|unknown|no such) (?:rpc )?method"
)

T = TypeVar("T")

Answer = msgspec.Raw | ErrorBody


class Call(NamedTuple):
    """A JSON-RPC method with its parameters."""

    method: str
    params: Sequence[Any] = ()


def decode(answer: Answer, kind: type[T]) -> T:
    """Decode a result; raises Fault for a JSON-RPC error or for null, and ValidationError for another shape."""
    told = result(answer)
    if bytes(memoryview(told)[:5]) == b"null":
        # What some answer to a method they do not have.
        message = "it answers null"
        raise Fault(message, kind="refused")
    return msgspec.json.decode(told, type=kind)


def result(answer: Answer, *, ranged: bool = False) -> msgspec.Raw:
    """Take the text of a result; raises Fault for a JSON-RPC error and Lying where there is none.

    A limit that is not named is one of calls, unless the question is about a range of logs.
    """
    if isinstance(answer, ErrorBody):
        text = answer.message or f"error {answer.code}"
        code = answer.code if isinstance(answer.code, int) else None
        verdict = classify(text, code)
        if isinstance(verdict, Later) or (not ranged and is_bare(answer.message or "", code)):
            raise Fault(text, kind="limited")
        if isinstance(verdict, Elsewhere) and verdict.passing:
            raise Fault(text)
        lagging = isinstance(verdict, Elsewhere) and verdict.lagging
        raise Fault(text, kind="lagging" if lagging else "refused")
    if not memoryview(answer):
        message = "an answer without a result"
        raise Lying(message)
    return answer


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


def is_missing(answer: Answer) -> bool:
    """Whether an answer says that the endpoint does not have the method."""
    if not isinstance(answer, ErrorBody):
        return False
    return answer.code == _METHOD_NOT_FOUND or _MISSING.search((answer.message or "")[:500].lower()) is not None
