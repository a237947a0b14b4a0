"""Whole blocks: native transfers around watched wallets, and the headers that give logs their time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import NamedTuple

from monitor.chain.call import Answer, Call, decode, decode_optional
from monitor.chain.fault import Fault, TooLarge
from monitor.chain.rpc import RpcClient
from monitor.chain.wire import Block, BlockAnswer, Lying, ReceiptAnswer, block, fixed, quantity
from monitor.errors import NodeRefused
from monitor.model.chain import Header, RawTransfer
from monitor.model.span import Span

__all__ = ["BlockPage", "checked_block", "fetch_headers", "fetch_transfers", "read_blocks", "with_failures"]

HEADERS_PER_REQUEST = 100
BLOCKS_PER_REQUEST = 10
"""Full blocks in one batch: about 1 MB on a busy chain."""
RECEIPTS_PER_REQUEST = 50
MAX_LIES = 8
"""Times the same blocks come without some of their transactions: beyond, nobody is left who tells the truth."""
_COUNT = "eth_getBlockTransactionCountByHash"


class BlockPage(NamedTuple):
    """Native transfers of a span and the headers of their blocks."""

    headers: dict[int, Header]
    transfers: list[RawTransfer]


async def fetch_headers(rpc: RpcClient, numbers: Collection[int]) -> dict[int, Header]:
    """Fetch headers by number; raises Lagging for a block nobody knows."""
    # How long a range is may be somebody's claim: it is not written out.
    wanted = numbers if isinstance(numbers, range) else sorted(numbers)
    found: dict[int, Header] = {}
    for first in range(0, len(wanted), HEADERS_PER_REQUEST):
        part = wanted[first : first + HEADERS_PER_REQUEST]
        found.update(zip(part, await rpc.headers(part), strict=True))
    return found


async def fetch_transfers(
    rpc: RpcClient, span: Span, watched: Collection[bytes], known: Mapping[int, Header] | None = None
) -> BlockPage:
    """Read every block of a span in full and keep what a watched wallet sent, and the value it received.

    A transaction that failed moved nothing: it is kept with value 0 for a watched sender and dropped for a watched
    recipient. Raises Lagging for a block nobody knows or, where `known` has its header, that has another hash.
    """
    wallets = frozenset(watched)
    headers: dict[int, Header] = {}
    found: list[RawTransfer] = []
    async for one in read_blocks(rpc, range(*span), known or {}):
        mine = [item for item in one.transfers if item.sender in wallets or item.recipient in wallets]
        if mine:
            headers[one.header.number] = one.header
            found += mine
    transfers = await with_failures(rpc, found, wallets)
    numbers = {item.block_number for item in transfers}
    return BlockPage({number: head for number, head in headers.items() if number in numbers}, transfers)


async def with_failures(rpc: RpcClient, found: Sequence[RawTransfer], wallets: Collection[bytes]) -> list[RawTransfer]:
    """Set the value of failed transactions to 0, and keep those alone that a wallet sent, or that brought it value."""
    failed = await _failed(rpc, [item for item in found if item.value])
    kept = [item._replace(value=0) if item.tx_hash in failed else item for item in found]
    return [item for item in kept if item.sender in wallets or item.value]


async def read_blocks(rpc: RpcClient, numbers: Sequence[int], known: Mapping[int, Header]) -> AsyncIterator[Block]:
    """Read blocks in full, in the order of `numbers`; raises Lagging as `fetch_transfers` does."""
    done, size = 0, BLOCKS_PER_REQUEST
    while done < len(numbers):
        part = numbers[done : done + size]
        try:
            blocks = await _batch(rpc, part, known)
        except TooLarge:
            if size == 1:
                raise
            size //= 2
            continue
        for one in blocks:
            yield one
        done += len(part)


async def _batch(rpc: RpcClient, numbers: Sequence[int], known: Mapping[int, Header]) -> list[Block]:
    def accept(answers: Sequence[Answer]) -> list[Block]:
        return [
            checked_block(answer, number, known.get(number)) for answer, number in zip(answers, numbers, strict=True)
        ]

    calls = [Call("eth_getBlockByNumber", (hex(number), True)) for number in numbers]
    lies = 0
    while True:
        blocks, place = await rpc.ask_from(calls, accept, block=numbers[-1], divisible=len(numbers) > 1)
        lack = await _lack(rpc, blocks, place)
        if lack is None:
            return blocks
        rpc.accuse(place, lack)
        lies += 1
        if lies >= MAX_LIES:
            message = f"{rpc.name}: {lack}"
            raise NodeRefused(message, hint="add another endpoint to the chain's `rpc`")


async def _lack(rpc: RpcClient, blocks: Sequence[Block], place: int) -> str | None:
    """Say which block came without its last transactions, by what others than the endpoint at `place` count.

    Nothing in a block tells; an endpoint that is alone is asked itself, and where nobody counts blocks are believed.
    """

    def accept(answers: Sequence[Answer]) -> list[int]:
        return [quantity(decode(answer, str)) for answer in answers]

    if not rpc.offers(_COUNT):
        return None
    calls = [Call(_COUNT, (f"0x{one.header.hash.hex()}",)) for one in blocks]
    try:
        counts, _ = await rpc.ask_from(calls, accept, block=blocks[-1].header.number, avoid=frozenset({place}))
    except NodeRefused:
        return None
    for one, count in zip(blocks, counts, strict=True):
        if len(one.transfers) < count:
            return f"block {one.header.number} has {count} transactions, it sent {len(one.transfers)}"
    return None


def checked_block(answer: Answer, number: int, known: Header | None) -> Block:
    """Check a block with its transactions; raises Fault (lagging) for one that is not known or not the `known` one."""
    found = decode_optional(answer, BlockAnswer)
    if found is None:
        message = f"block {number} is not known"
        raise Fault(message, kind="lagging")
    checked = block(found, number)
    if known is not None and known.hash != checked.header.hash:
        message = f"block {number} is on another branch"
        raise Fault(message, kind="lagging")
    return checked


async def _failed(rpc: RpcClient, transfers: Sequence[RawTransfer]) -> set[bytes]:
    failed: set[bytes] = set()
    for first in range(0, len(transfers), RECEIPTS_PER_REQUEST):
        part = transfers[first : first + RECEIPTS_PER_REQUEST]

        def accept(answers: Sequence[Answer], part: Sequence[RawTransfer] = part) -> set[bytes]:
            return {item.tx_hash for item, answer in zip(part, answers, strict=True) if _has_failed(item, answer)}

        calls = [Call("eth_getTransactionReceipt", (f"0x{item.tx_hash.hex()}",)) for item in part]
        failed |= await rpc.ask(calls, accept)
    return failed


def _has_failed(transfer: RawTransfer, answer: Answer) -> bool:
    receipt = decode_optional(answer, ReceiptAnswer)
    if receipt is None or fixed(receipt.block_hash, 32) != transfer.block_hash:
        message = f"a receipt of block {transfer.block_number} is not known, or is on another branch"
        raise Fault(message, kind="lagging")
    if fixed(receipt.transaction_hash, 32) != transfer.tx_hash:
        message = "asked for the receipt of one transaction, got another one's"
        raise Lying(message)
    # Chains from before Byzantium have no status: their failed transactions cannot be told and count as done.
    return receipt.status is not None and quantity(receipt.status) == 0
