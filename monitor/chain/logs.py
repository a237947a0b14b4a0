"""Logs by eth_getLogs: split until the node answers, paired with the header of the last block, checked before taken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import polars as pl

from monitor.chain.answers import read_logs
from monitor.chain.call import Answer, Call, known_header, result
from monitor.chain.distrust import Distrust, Untrue
from monitor.chain.fault import Fault, Lagging, Refusing, TooLarge
from monitor.chain.receipts import block_logs
from monitor.chain.rpc import RpcClient
from monitor.chain.wire import (
    ErrorBody,
    Lying,
    filter_parameter,
)
from monitor.errors import NodeRefused
from monitor.model.chain import Header
from monitor.model.page import blocks_of, log_rows, sorted_rows
from monitor.model.span import Span
from monitor.sync.fragment import FragmentKind, LogFilter, filters, halves
from monitor.sync.plan import Job
from monitor.sync.sizing import Narrow, Sizing, classify, first_sizing, grown, narrowed

__all__ = ["LogPage", "Sizer", "fetch_logs"]

_PATIENCE = 5
"""Times one block is asked for again where nobody has receipts: words that few know may mean too many calls, or a bad
moment."""
_FIRST_PAUSE, _MAX_PAUSE = 0.25, 4.0
"""Seconds between these."""
MAX_LIES = 8
"""Untrue answers to one question in a row: beyond, nobody is left who tells the truth."""


class LogPage(NamedTuple):
    """Logs of a job, sorted and without doubles, and the headers that came with them (last block of each request).

    `logs` has the schema LOG_ROWS (`monitor.model.schema`).
    """

    logs: pl.DataFrame
    headers: dict[int, Header]


class Sizer:
    """Remembers, per kind of fragment, how many blocks the endpoints take in one request."""

    def __init__(self, max_span: int) -> None:
        self._first = first_sizing(max_span)
        self._sizing: dict[FragmentKind, Sizing] = {}
        self.splits = 0
        """Requests that were too much."""

    def size(self, kind: FragmentKind) -> int:
        """Blocks of the next request."""
        return self.sizing(kind).size

    @property
    def width(self) -> int:
        """Blocks of the next request for any kind that was asked for so far."""
        return min((sizing.size for sizing in self._sizing.values()), default=self._first.size)

    def sizing(self, kind: FragmentKind) -> Sizing:
        """Tell all that is remembered for a kind."""
        return self._sizing.get(kind, self._first)

    def took(self, kind: FragmentKind, asked: int, rows: int) -> None:
        """Note that a request of `asked` blocks was answered with `rows` logs."""
        self._sizing[kind] = grown(self.sizing(kind), asked, rows)

    def refused(self, kind: FragmentKind, asked: int, refusal: Narrow) -> None:
        """Note that a request of `asked` blocks was too much."""
        self.splits += 1
        self._sizing[kind] = narrowed(self.sizing(kind), asked, refusal)


async def fetch_logs(
    rpc: RpcClient,
    job: Job,
    sizer: Sizer,
    distrust: Distrust,
    known: Mapping[int, Header] | None = None,
    *,
    sure: bool = False,
) -> LogPage:
    """Fetch all logs of a job, in as many requests as the endpoints demand; each answer is tested by `distrust`.

    To be `sure` every answer is asked for again, elsewhere if anybody is, and no bloom is. Where `known` has a header
    (by number), blocks of that number must have its hash. Raises Lagging when nobody has those blocks (yet, or any
    more), and NodeRefused when a single block of a single address is still too much, or when what the endpoints send
    turns out untrue again and again.
    """
    known = known or {}
    found: list[pl.DataFrame] = []
    headers: dict[int, Header] = {}
    lies = 0
    for wanted in filters(job.fragments):
        work: list[tuple[LogFilter, Span]] = [(wanted, job.span)]
        while work:
            part, whole = work.pop()
            span = Span(whole.start, min(whole.stop, whole.start + sizer.size(job.kind)))
            if span.stop < whole.stop:
                work.append((part, Span(span.stop, whole.stop)))
            ask = partial(_tested, rpc, job, part, span, known, distrust, sure=sure)
            try:
                answer = await ask()
                if isinstance(answer, _Answered):
                    sizer.took(job.kind, span.blocks, answer.logs.height)
                elif span.blocks == 1 and halves(part) is None:
                    answer = await _insisted(rpc, part, span, known, answer, ask)
            except Untrue as untrue:
                rpc.accuse(untrue.place, untrue.reason)
                lies += 1
                if lies >= MAX_LIES:
                    message = f"{rpc.name}: {rpc.endpoints()[untrue.place].label} contradicts itself: {untrue.reason}"
                    raise NodeRefused(message, hint="add another endpoint to the chain's `rpc`") from untrue
                work.append((part, span))
                continue
            lies = 0
            if isinstance(answer, _Refusal):
                if span.blocks > 1:
                    sizer.refused(job.kind, span.blocks, answer.narrow)
                work += [(part, span)] if span.blocks > 1 else [(half, span) for half in halves(part) or ()]
                continue
            headers[answer.last.number] = answer.last
            found.append(answer.logs)
    return LogPage(found[0] if len(found) == 1 else sorted_rows(found), headers)


class _Refusal(NamedTuple):
    narrow: Narrow
    message: str


class _Answered(NamedTuple):
    logs: pl.DataFrame
    last: Header


_Ask = Callable[[], Awaitable[_Answered | _Refusal]]


async def _tested(
    rpc: RpcClient,
    job: Job,
    wanted: LogFilter,
    span: Span,
    known: Mapping[int, Header],
    distrust: Distrust,
    *,
    sure: bool = False,
) -> _Answered | _Refusal:
    answer, place = await _request(rpc, wanted, span, known)
    if isinstance(answer, _Answered):
        at_hand = {**known, answer.last.number: answer.last}
        await distrust.examine(wanted, span, answer.logs, at_hand, place, final=job.final, sure=sure)
    return answer


async def _request(
    rpc: RpcClient, wanted: LogFilter, span: Span, known: Mapping[int, Header]
) -> tuple[_Answered | _Refusal, int]:
    def accept(answers: Sequence[Answer]) -> _Answered | _Refusal:
        head, found = answers
        # What is refused together with a header is not refused for its size.
        if isinstance(found, ErrorBody) and not isinstance(head, ErrorBody):
            refusal = _refusal(found)
            if refusal is not None:
                return refusal
        last = known_header(head, span.last)
        logs = read_logs(result(found, ranged=True), wanted, span)
        _check_branch(logs, last, known)
        return _Answered(logs, last)

    # The header rides in the same request, ahead of the logs: a node that is behind has no such block, and its "no
    # logs" means nothing. The other way round the block could come between the two.
    block_hash = known[span.start].hash if span.blocks == 1 and span.start in known else b""
    calls = [
        Call("eth_getBlockByNumber", (hex(span.last), False)),
        Call("eth_getLogs", (filter_parameter(wanted, span, block_hash),)),
    ]
    try:
        return await rpc.ask_from(calls, accept, block=span.last, divisible=span.blocks > 1)
    except TooLarge as error:
        return _Refusal(Narrow(), error.message), 0
    except Refusing as error:
        # In words and by a code that nobody knows: it may be a limit.
        if span.blocks == 1 or error.lied or not rpc.offers("eth_getLogs"):
            raise
        return _Refusal(Narrow(), error.message), 0


async def _insisted(
    rpc: RpcClient, wanted: LogFilter, span: Span, known: Mapping[int, Header], refusal: _Refusal, ask: _Ask
) -> _Answered:
    """Read one block whose logs are refused from its receipts, or `ask` for it again and again."""
    tries = 0
    while True:
        try:
            return await _by_receipts(rpc, wanted, span, known, refusal)
        except Lagging:
            raise
        except NodeRefused:
            if tries >= _PATIENCE:
                raise
        await asyncio.sleep(min(_MAX_PAUSE, _FIRST_PAUSE * 2**tries))
        answer = await ask()
        if isinstance(answer, _Answered):
            return answer
        refusal, tries = answer, tries + 1


async def _by_receipts(
    rpc: RpcClient, wanted: LogFilter, span: Span, known: Mapping[int, Header], refusal: _Refusal
) -> _Answered:
    """Read one block's logs from its receipts: the way left when one address in one block is above a node's limit."""
    last = known.get(span.last) or (await rpc.headers([span.last]))[0]
    try:
        logs = await block_logs(rpc, wanted, last)
    except Lagging:
        raise
    except NodeRefused:
        logs = log_rows(())
    if logs.is_empty():
        # Too many to be sent cannot be none.
        message = f"{rpc.name}: the logs of block {span.last} are refused even one by one: {refusal.message}"
        raise NodeRefused(message, hint="add another endpoint to the chain's `rpc`")
    return _Answered(logs, last)


def _check_branch(logs: pl.DataFrame, last: Header, known: Mapping[int, Header]) -> None:
    if logs.height and logs["block_number"][-1] == last.number and logs["block_hash"][-1] != last.hash:
        message = f"block {last.number} has another hash in its logs than in its header"
        raise Lying(message)
    # What is known are the newest blocks: of a page of old ones nothing is looked at one by one.
    near = logs.filter(pl.col("block_number") >= min(known)) if known and last.number >= min(known) else logs.clear()
    for number, block_hash in [(last.number, last.hash), *blocks_of(near).select("block_number", "block_hash").rows()]:
        if number in known and known[number].hash != block_hash:
            message = f"block {number} is on another branch"
            raise Fault(message, kind="lagging")


def _refusal(error: ErrorBody) -> _Refusal | None:
    text = error.message or ""
    verdict = classify(text, error.code if isinstance(error.code, int) else None)
    return _Refusal(verdict, text[:200]) if isinstance(verdict, Narrow) else None
