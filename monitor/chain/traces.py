"""Native value with what contracts moved inside transactions, by the trace methods of a node.

`trace_filter` finds the blocks in which something happened to a wallet; nodes without it are asked for every block.
Nothing tells what it leaves out, so it is asked twice: elsewhere, or in other parts where nobody else has it. What any
answer names is looked at, for rows are made of blocks and whole transactions: a lie adds none.
A found block is read in full, as `monitor.chain.blocks` does, so both ways give the same transactions. What was moved
inside one is read from all its traces, for a call counts only if no call above it was undone, which the call itself
does not say. Fields: https://openethereum.github.io/JSONRPC-trace-module (Erigon, Nethermind, reth and anvil speak it).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from monitor.chain.blocks import BlockPage, checked_block, read_blocks, with_failures
from monitor.chain.call import Answer, Call, decode, known_header
from monitor.chain.fault import Fault, Lagging, TooLarge
from monitor.chain.inside import Moved, inside_rows
from monitor.chain.rpc import RpcClient
from monitor.chain.wire import Block, ErrorBody, Lying, fixed, quantity
from monitor.model.chain import Header
from monitor.model.span import Span
from monitor.sync.sizing import Narrow, classify

__all__ = ["fetch_by_filter", "fetch_by_trace", "takes_at_once"]

MAX_TRACES = 1_000
"""Traces in one answer of trace_filter: with more, a shorter span is asked for."""
BLOCKS_PER_REQUEST = 5
"""Blocks that travel with all their traces, some MB on a busy chain."""
TRANSACTIONS_PER_REQUEST = 20
_FILTER = "trace_filter"
_HASH, _ADDRESS, _VALUE_CHARACTERS = 32, 20, 2 + 64


class _Action(msgspec.Struct, rename="camel"):
    call_type: str | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    value: str | None = None
    address: str | None = None
    refund_address: str | None = None
    balance: str | None = None


class _Made(msgspec.Struct):
    address: str | None = None


class _TraceAnswer(msgspec.Struct, rename="camel"):
    """A trace as nodes send it; a block's reward is of no transaction."""

    action: _Action
    block_hash: str
    block_number: int
    trace_address: list[int]
    subtraces: int
    type: str
    transaction_hash: str | None = None
    error: str | None = None
    result: _Made | None = None


class _Trace(NamedTuple):
    """A checked trace: whom it went from and to, how much it moved unless it `failed`, and its place in `tx_hash`."""

    block_number: int
    block_hash: bytes
    tx_hash: bytes
    place: tuple[int, ...]
    children: int
    sender: bytes
    recipient: bytes
    value: int
    failed: bool


async def fetch_by_filter(
    rpc: RpcClient, span: Span, watched: Collection[bytes], known: Mapping[int, Header] | None = None
) -> BlockPage:
    """Find the blocks by trace_filter and read those; rows as `fetch_transfers`, and value moved inside transactions.

    Raises Lagging as `fetch_transfers` does, NodeRefused when even one block is too much for a node.
    """
    wallets, near = frozenset(watched), known or {}
    found = [item for side in ("fromAddress", "toAddress") for item in await _filtered(rpc, span, wallets, side, near)]
    hashes = {item.block_number: item.block_hash for item in found}
    inside = {item.tx_hash: item for item in found if item.place}
    blocks = [one async for one in read_blocks(rpc, sorted(hashes), near)]
    whole = {item.tx_hash for one in blocks for item in one.transfers}
    if any(hashes[one.header.number] != one.header.hash for one in blocks) or not inside.keys() <= whole:
        message = f"{rpc.name}: traces and blocks between {span.start} and {span.last} are of two branches"
        raise Lagging(message, hint="the chain changed, or two endpoints disagree; `monitor doctor` tests each")
    moved: list[_Trace] = []
    for first in range(0, len(inside), TRANSACTIONS_PER_REQUEST):
        moved += await _transactions(
            rpc, [inside[name] for name in sorted(inside)[first : first + TRANSACTIONS_PER_REQUEST]]
        )
    return await _page(rpc, blocks, moved, wallets)


async def takes_at_once(rpc: RpcClient, span: Span, nobody: bytes) -> bool:
    """Whether trace_filter answers for a whole span: who has no index refuses it (reth: 100 blocks) or takes too long.

    An endpoint that refuses it is not asked by trace_filter while another can be.
    `nobody` is a wallet without transactions. Raises as `fetch_by_filter` does.
    """
    answer, _ = await _asked(rpc, span, frozenset({nobody}), "fromAddress", {}, at_once=True)
    return answer is not None


async def fetch_by_trace(
    rpc: RpcClient, span: Span, watched: Collection[bytes], known: Mapping[int, Header] | None = None
) -> BlockPage:
    """Read every block of a span with all its traces; rows and errors as `fetch_by_filter`."""
    wallets = frozenset(watched)
    blocks: list[Block] = []
    moved: list[_Trace] = []
    start, size = span.start, BLOCKS_PER_REQUEST
    while start < span.stop:
        numbers = range(start, min(span.stop, start + size))
        try:
            part = await _traced(rpc, numbers, known or {})
        except TooLarge:
            if size == 1:
                raise
            size //= 2
            continue
        for one, traces in part:
            paid = [item for item in _moved(traces) if wallets & {item.sender, item.recipient}]
            if paid or any(wallets & {item.sender, item.recipient} for item in one.transfers):
                blocks.append(one)
                moved += paid
        start = numbers.stop
    return await _page(rpc, blocks, moved, wallets)


async def _page(
    rpc: RpcClient, blocks: Sequence[Block], moved: Iterable[_Trace], wallets: frozenset[bytes]
) -> BlockPage:
    every = {item.tx_hash: item for one in blocks for item in one.transfers}
    mine = [item for item in every.values() if wallets & {item.sender, item.recipient}]
    transfers = await with_failures(rpc, mine, wallets)
    ours = [item for item in moved if wallets & {item.sender, item.recipient}]
    transfers += inside_rows(every, (Moved(item.tx_hash, item.sender, item.recipient, item.value) for item in ours))
    transfers.sort(key=lambda item: (item.block_number, item.tx_index, item.trace))
    numbers = {item.block_number for item in transfers}
    return BlockPage({one.header.number: one.header for one in blocks if one.header.number in numbers}, transfers)


async def _filtered(
    rpc: RpcClient, span: Span, wallets: frozenset[bytes], side: str, known: Mapping[int, Header]
) -> list[_Trace]:
    first, places = await _parted(rpc, [span], wallets, side, known, frozenset())
    (place, *_) = places
    alone = rpc.is_alone(place, _FILTER)
    middle = span.start + span.blocks // 2
    parts = [Span(span.start, middle), Span(middle, span.stop)] if alone and span.blocks > 1 else [span]
    second, _ = await _parted(rpc, parts, wallets, side, known, frozenset(places))
    return list(dict.fromkeys([*first, *second]))


async def _parted(
    rpc: RpcClient,
    parts: Sequence[Span],
    wallets: frozenset[bytes],
    side: str,
    known: Mapping[int, Header],
    avoid: frozenset[int],
) -> tuple[list[_Trace], set[int]]:
    """Ask for parts of a span, and for less where one is too much; also at which places those stand that answered."""
    found: list[_Trace] = []
    places: set[int] = set()
    work = list(reversed(parts))
    while work:
        part = work.pop()
        answer, place = await _asked(rpc, part, wallets, side, known, avoid=avoid)
        if answer is not None:
            found += answer
            places.add(place)
        else:
            middle = part.start + part.blocks // 2
            work += [Span(middle, part.stop), Span(part.start, middle)]
    return found, places


async def _asked(
    rpc: RpcClient,
    span: Span,
    wallets: frozenset[bytes],
    side: str,
    known: Mapping[int, Header],
    *,
    at_once: bool = False,
    avoid: frozenset[int] = frozenset(),
) -> tuple[list[_Trace] | None, int]:
    """Ask for the traces from or to wallets, those at places to `avoid` last; None where that is too much at once.

    Also tells the place of who answered. Where it has to be had `at_once`, an endpoint that wants less lacks the
    method, and another is asked.
    """
    several = span.blocks > 1

    def accept(answers: Sequence[Answer]) -> list[_Trace] | None:
        first = answers[0]
        if several and isinstance(first, ErrorBody):
            code = first.code if isinstance(first.code, int) else None
            if isinstance(classify(first.message or "", code), Narrow):
                if at_once:
                    raise Fault(first.message or "it wants fewer blocks", kind="refused", lacks=_FILTER)
                return None
        last = known_header(answers[1], span.last)
        if span.last in known and known[span.last].hash != last.hash:
            message = f"block {span.last} is on another branch"
            raise Fault(message, kind="lagging")
        told = decode(first, list[_TraceAnswer])
        if several and len(told) >= MAX_TRACES:
            return None
        return [_matching(item, span, wallets, side, last) for item in told if item.transaction_hash is not None]

    where: dict[str, object] = {"fromBlock": hex(span.start), "toBlock": hex(span.last)}
    where[side] = [f"0x{wallet.hex()}" for wallet in sorted(wallets)]
    if several:
        where["count"] = MAX_TRACES
    # The header rides in the same request: a node that is behind has no such block, and its "none" means nothing.
    calls = [Call(_FILTER, (where,)), Call("eth_getBlockByNumber", (hex(span.last), False))]
    try:
        return await rpc.ask_from(calls, accept, block=span.last, divisible=several, avoid=avoid)
    except TooLarge:
        return None, 0


def _matching(answer: _TraceAnswer, span: Span, wallets: frozenset[bytes], side: str, last: Header) -> _Trace:
    trace = _checked(answer)
    if not span.start <= trace.block_number < span.stop:
        message = f"asked for traces of blocks {span.start} to {span.last}, got one of {trace.block_number}"
        raise Lying(message)
    if trace.block_number == last.number and trace.block_hash != last.hash:
        message = f"block {last.number} has another hash in its traces than in its header"
        raise Lying(message)
    if (trace.sender if side == "fromAddress" else trace.recipient) not in wallets:
        message = "a trace is not of the wallets that were asked for"
        raise Lying(message)
    return trace


async def _transactions(rpc: RpcClient, wanted: Sequence[_Trace]) -> list[_Trace]:
    def accept(answers: Sequence[Answer]) -> list[_Trace]:
        found: list[_Trace] = []
        for item, answer in zip(wanted, answers, strict=True):
            traces = [_checked(told) for told in decode(answer, list[_TraceAnswer])]
            if {(one.tx_hash, one.block_hash) for one in traces} != {(item.tx_hash, item.block_hash)}:
                message = f"the traces of a transaction of block {item.block_number} are not known, or are another's"
                raise Fault(message, kind="lagging")
            found += _moved(traces)
        return found

    return await rpc.ask([Call("trace_transaction", (f"0x{item.tx_hash.hex()}",)) for item in wanted], accept)


async def _traced(
    rpc: RpcClient, numbers: Sequence[int], known: Mapping[int, Header]
) -> list[tuple[Block, list[_Trace]]]:
    def accept(answers: Sequence[Answer]) -> list[tuple[Block, list[_Trace]]]:
        found = []
        for number, whole, told in zip(numbers, answers[::2], answers[1::2], strict=True):
            one = checked_block(whole, number, known.get(number))
            answered = decode(told, list[_TraceAnswer])
            traces = [_checked(item) for item in answered if item.transaction_hash is not None]
            if any(item.block_hash != one.header.hash for item in traces):
                message = f"block {number} has another hash in its traces than in its header"
                raise Lying(message)
            if {item.tx_hash for item in traces} != {item.tx_hash for item in one.transfers}:
                message = f"the traces of block {number} are not those of its transactions"
                raise Lying(message)
            found.append((one, traces))
        return found

    calls = [
        call
        for number in numbers
        for call in (Call("eth_getBlockByNumber", (hex(number), True)), Call("trace_block", (hex(number),)))
    ]
    return await rpc.ask(calls, accept, block=numbers[-1], divisible=len(numbers) > 1)


def _moved(traces: Sequence[_Trace]) -> Iterator[_Trace]:
    """Pick what moved value inside whole transactions; raises Lying where traces are missing or twice."""
    placed = {(item.tx_hash, item.place): item for item in traces}
    children = Counter((item.tx_hash, item.place[:-1]) for item in placed.values() if item.place)
    told = {key: item.children for key, item in placed.items() if item.children}
    roots = {item.tx_hash for item in traces if not item.place}
    if len(placed) != len(traces) or children != told or roots != {item.tx_hash for item in traces}:
        message = "traces of a transaction are missing or twice"
        raise Lying(message)
    for item in traces:
        above = (placed[item.tx_hash, item.place[:depth]] for depth in range(len(item.place) + 1))
        if item.place and item.value and not any(one.failed for one in above):
            yield item


def _checked(answer: _TraceAnswer) -> _Trace:
    action = answer.action
    value, sender, recipient = action.value or "0x0", action.from_, action.to
    if answer.type == "create":
        recipient = answer.result.address if answer.result else None
    elif answer.type in {"suicide", "selfdestruct"}:
        value, sender, recipient = action.balance or "0x0", action.address, action.refund_address
    elif answer.type != "call" or action.call_type not in {None, "call"}:
        value = "0x0"  # a library's code, or code that may change nothing: it runs with its caller's money
    return _Trace(
        answer.block_number,
        fixed(answer.block_hash, _HASH),
        fixed(answer.transaction_hash or "", _HASH),
        tuple(answer.trace_address),
        answer.subtraces,
        fixed(sender, _ADDRESS) if sender else b"",
        fixed(recipient, _ADDRESS) if recipient else b"",
        quantity(value, _VALUE_CHARACTERS),
        answer.error is not None,
    )
