"""Logs by eth_getLogs: split until the node answers, paired with the header of the last block, checked before taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from monitor.chain.answers import read_logs
from monitor.chain.call import Answer, Call, decode, known_header, result
from monitor.chain.check import check_order, fits
from monitor.chain.fault import Fault, Lagging, TooLarge
from monitor.chain.rpc import RpcClient
from monitor.chain.wire import (
    ErrorBody,
    Lying,
    ReceiptAnswer,
    filter_parameter,
    raw_log,
)
from monitor.errors import NodeRefused
from monitor.model.chain import Header
from monitor.model.page import PLACE, log_rows, sorted_rows
from monitor.model.span import Span
from monitor.sync.fragment import FragmentKind, LogFilter, filters, halves
from monitor.sync.plan import Job
from monitor.sync.sizing import Narrow, Sizing, classify, grown, narrowed

__all__ = ["LogPage", "Sizer", "fetch_logs"]


class LogPage(NamedTuple):
    """Logs of a job, sorted and without doubles, and the headers that came with them (last block of each request).

    `logs` has the schema LOG_ROWS (`monitor.model.schema`).
    """

    logs: pl.DataFrame
    headers: dict[int, Header]


class Sizer:
    """Remembers, per kind of fragment, how many blocks the endpoints take in one request."""

    def __init__(self, max_span: int) -> None:
        self._max_span = max(1, max_span)
        self._sizing: dict[FragmentKind, Sizing] = {}
        self.splits = 0
        """Requests that were too much."""

    def size(self, kind: FragmentKind) -> int:
        """Blocks of the next request."""
        return self.sizing(kind).size

    def sizing(self, kind: FragmentKind) -> Sizing:
        """Tell all that is remembered for a kind."""
        return self._sizing.get(kind, Sizing(self._max_span, self._max_span))

    def took(self, kind: FragmentKind) -> None:
        """Note that a request was answered."""
        self._sizing[kind] = grown(self.sizing(kind))

    def refused(self, kind: FragmentKind, asked: int, refusal: Narrow) -> None:
        """Note that a request of `asked` blocks was too much."""
        self.splits += 1
        self._sizing[kind] = narrowed(self.sizing(kind), asked, refusal)


async def fetch_logs(rpc: RpcClient, job: Job, sizer: Sizer, known: Mapping[int, Header] | None = None) -> LogPage:
    """Fetch all logs of a job, in as many requests as the endpoints demand.

    Where `known` has a header (by number), blocks of that number must have its hash. Raises Lagging when nobody has
    those blocks (yet, or any more), and NodeRefused when a single block of a single address is still too much.
    """
    known = known or {}
    found: list[pl.DataFrame] = []
    headers: dict[int, Header] = {}
    for wanted in filters(job.fragments):
        work: list[tuple[LogFilter, Span]] = [(wanted, job.span)]
        while work:
            part, whole = work.pop()
            span = Span(whole.start, min(whole.stop, whole.start + sizer.size(job.kind)))
            if span.stop < whole.stop:
                work.append((part, Span(span.stop, whole.stop)))
            answer = await _request(rpc, part, span, known)
            if isinstance(answer, _Refusal):
                if span.blocks > 1:
                    sizer.refused(job.kind, span.blocks, answer.narrow)
                    work.append((part, span))
                    continue
                parts = halves(part)
                if parts is not None:
                    work += [(half, span) for half in parts]
                    continue
                answer = await _by_receipts(rpc, part, span, known, answer)
            sizer.took(job.kind)
            headers[answer.last.number] = answer.last
            found.append(answer.logs)
    return LogPage(found[0] if len(found) == 1 else sorted_rows(found), headers)


class _Refusal(NamedTuple):
    narrow: Narrow
    message: str


class _Answered(NamedTuple):
    logs: pl.DataFrame
    last: Header


async def _request(rpc: RpcClient, wanted: LogFilter, span: Span, known: Mapping[int, Header]) -> _Answered | _Refusal:
    def accept(answers: Sequence[Answer]) -> _Answered | _Refusal:
        if isinstance(answers[0], ErrorBody):
            refusal = _refusal(answers[0])
            if refusal is not None:
                return refusal
        last = known_header(answers[1], span.last)
        logs = read_logs(result(answers[0]), wanted, span)
        _check_branch(logs, last, known)
        return _Answered(logs, last)

    # The header rides in the same request: a node that is behind has no such block, and its "no logs" means nothing.
    block_hash = known[span.start].hash if span.blocks == 1 and span.start in known else b""
    calls = [
        Call("eth_getLogs", (filter_parameter(wanted, span, block_hash),)),
        Call("eth_getBlockByNumber", (hex(span.last), False)),
    ]
    try:
        return await rpc.ask(calls, accept, divisible=span.blocks > 1)
    except TooLarge as error:
        return _Refusal(Narrow(), error.message)


async def _by_receipts(
    rpc: RpcClient, wanted: LogFilter, span: Span, known: Mapping[int, Header], refusal: _Refusal
) -> _Answered:
    """Read one block's logs from its receipts: the way left when one address in one block is above a node's limit."""

    def accept(answers: Sequence[Answer]) -> _Answered:
        last = known_header(answers[1], span.last)
        receipts = decode(answers[0], list[ReceiptAnswer])
        logs = _all_logs(receipts, last).filter(fits(wanted))
        _check_branch(logs, last, known)
        return _Answered(logs, last)

    number = hex(span.last)
    calls = [Call("eth_getBlockReceipts", (number,)), Call("eth_getBlockByNumber", (number, False))]
    try:
        return await rpc.ask(calls, accept)
    except Lagging:
        raise
    except NodeRefused as error:
        message = f"{rpc.name}: the logs of block {span.last} are refused even one by one: {refusal.message}"
        raise NodeRefused(message, hint="add another endpoint to the chain's `rpc`") from error


def _all_logs(receipts: Sequence[ReceiptAnswer], last: Header) -> pl.DataFrame:
    logs = log_rows(raw_log(log) for receipt in receipts for log in receipt.logs).sort(PLACE)
    if (logs["block_number"] != last.number).any():
        message = f"the receipts of block {last.number} have logs of another block"
        raise Lying(message)
    check_order(logs)
    return logs


def _check_branch(logs: pl.DataFrame, last: Header, known: Mapping[int, Header]) -> None:
    if logs.height and logs["block_number"][-1] == last.number and logs["block_hash"][-1] != last.hash:
        message = f"block {last.number} has another hash in its logs than in its header"
        raise Lying(message)
    # What is known are the newest blocks: of a page of old ones nothing is looked at one by one.
    near = logs.filter(pl.col("block_number") >= min(known, default=last.number + 1))
    for number, block_hash in [(last.number, last.hash), *near.select("block_number", "block_hash").unique().rows()]:
        if number in known and known[number].hash != block_hash:
            message = f"block {number} is on another branch"
            raise Fault(message, kind="lagging")


def _refusal(error: ErrorBody) -> _Refusal | None:
    text = error.message or ""
    verdict = classify(text, error.code if isinstance(error.code, int) else None)
    return _Refusal(verdict, text[:200]) if isinstance(verdict, Narrow) else None
