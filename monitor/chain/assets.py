"""Native value by Alchemy's index of transfers (alchemy_getAssetTransfers), where an endpoint has it.

It is asked wallet by wallet and finds the blocks in which something happened; those are read in full, as
`monitor.chain.blocks` does. What contracts moved inside transactions is taken from the answers where the index has it
(not on every chain). What the index leaves out cannot be seen: this way rests on its word. Fields:
https://www.alchemy.com/docs/data/transfers-api
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from monitor.chain.blocks import BlockPage, read_blocks, with_failures
from monitor.chain.call import Answer, Call, decode, known_header
from monitor.chain.fault import Fault, Lagging, Refusing
from monitor.chain.inside import Moved, inside_rows
from monitor.chain.rpc import RpcClient
from monitor.chain.wire import Lying, fixed, quantity
from monitor.errors import NodeRefused
from monitor.model.chain import Header
from monitor.model.span import Span

__all__ = ["fetch_by_assets"]

PAGE = 1_000
"""Transfers in one answer: the most the index gives."""
MAX_PAGES = 1_000
MAX_PAGE_KEY = 200
_HASH, _ADDRESS, _VALUE_CHARACTERS = 32, 20, 2 + 64
_SIDES = ("fromAddress", "toAddress")
_INSIDE = "internal"


class _Raw(msgspec.Struct):
    value: str | None = None


class _Asset(msgspec.Struct, rename="camel"):
    block_num: str
    hash: str
    from_: str = msgspec.field(name="from")
    category: str
    raw_contract: _Raw
    to: str | None = None


class _Assets(msgspec.Struct, rename="camel"):
    transfers: list[_Asset]
    page_key: str | None = None


async def fetch_by_assets(
    rpc: RpcClient, span: Span, watched: Collection[bytes], known: Mapping[int, Header] | None = None
) -> BlockPage:
    """Find blocks by the index and read those; rows as `fetch_by_filter`, without failed transactions it leaves out.

    Raises Lagging as `fetch_transfers` does, NodeRefused when an answer never ends.
    """
    wallets, near = frozenset(watched), known or {}
    inside: list[tuple[int, Moved]] = []
    numbers: set[int] = set()
    for wallet in sorted(wallets):
        for side in _SIDES:
            for number, category, moved in await _listed(rpc, span, wallet, side, near):
                numbers.add(number)
                # Between two of the wallets it is told twice: the sender's list has it.
                if category == _INSIDE and moved.value and (side == "fromAddress" or moved.sender not in wallets):
                    inside.append((number, moved))
    blocks = [one async for one in read_blocks(rpc, sorted(numbers), near)]
    every = {item.tx_hash: item for one in blocks for item in one.transfers}
    if any(moved.tx_hash not in every or every[moved.tx_hash].block_number != number for number, moved in inside):
        message = f"{rpc.name}: transfers and blocks between {span.start} and {span.last} are of two branches"
        raise Lagging(message, hint="the chain changed, or the index is behind; `monitor doctor` tests each endpoint")
    mine = [item for item in every.values() if wallets & {item.sender, item.recipient}]
    transfers = [*await with_failures(rpc, mine, wallets), *inside_rows(every, [moved for _, moved in inside])]
    transfers.sort(key=lambda item: (item.block_number, item.tx_index, item.trace))
    held = {item.block_number for item in transfers}
    return BlockPage({one.header.number: one.header for one in blocks if one.header.number in held}, transfers)


async def _listed(
    rpc: RpcClient, span: Span, wallet: bytes, side: str, known: Mapping[int, Header]
) -> list[tuple[int, str, Moved]]:
    """List what the index has from (or to) a wallet: block, category, and what was moved."""
    wanted: dict[str, object] = {
        "fromBlock": hex(span.start), "toBlock": hex(span.last), side: f"0x{wallet.hex()}", "order": "asc",
        "category": ["external", _INSIDE], "excludeZeroValue": False, "maxCount": hex(PAGE),
    }  # fmt: skip
    found: list[tuple[int, str, Moved]] = []
    for _ in range(MAX_PAGES):
        try:
            page = await _page(rpc, span, wanted, wallet, side, known)
        except NodeRefused as error:
            # The index has what contracts moved on few chains only, and says so.
            if _INSIDE not in error.message.lower() or wanted["category"] == ["external"]:
                raise
            wanted["category"] = ["external"]
            continue
        found += [_told(item) for item in page.transfers]
        if not page.page_key:
            return found
        wanted["pageKey"] = page.page_key
    message = f"{rpc.name}: the transfers of one wallet do not end after {MAX_PAGES} pages"
    raise Refusing(message, hint='set native = "blocks" or "trace" under this chain in config.toml')


async def _page(
    rpc: RpcClient, span: Span, wanted: Mapping[str, object], wallet: bytes, side: str, known: Mapping[int, Header]
) -> _Assets:
    def accept(answers: Sequence[Answer]) -> _Assets:
        last = known_header(answers[1], span.last)
        if span.last in known and known[span.last].hash != last.hash:
            message = f"block {span.last} is on another branch"
            raise Fault(message, kind="lagging")
        page = decode(answers[0], _Assets)
        for item in page.transfers:
            number, _, moved = _told(item)
            if not span.start <= number < span.stop or item.category not in {"external", _INSIDE}:
                message = f"asked for native transfers of blocks {span.start} to {span.last}, got another"
                raise Lying(message)
            if (moved.sender if side == "fromAddress" else moved.recipient) != wallet:
                message = "a transfer is not of the wallet that was asked for"
                raise Lying(message)
        if len(page.transfers) > PAGE or (page.page_key and len(page.page_key) > MAX_PAGE_KEY):
            message = "a page is longer than was asked for"
            raise Lying(message)
        return page

    calls = [
        Call("alchemy_getAssetTransfers", (dict(wanted),)),
        Call("eth_getBlockByNumber", (hex(span.last), False)),
    ]
    return await rpc.ask(calls, accept, block=span.last)


def _told(item: _Asset) -> tuple[int, str, Moved]:
    recipient = fixed(item.to, _ADDRESS) if item.to else b""
    value = quantity(item.raw_contract.value or "0x0", _VALUE_CHARACTERS)
    moved = Moved(fixed(item.hash, _HASH), fixed(item.from_, _ADDRESS), recipient, value)
    return quantity(item.block_num), item.category, moved
