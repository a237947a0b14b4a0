"""One block's logs from its receipts: proof against an answer of eth_getLogs, and the way left where that is too much.

eth_getBlockReceipts where an endpoint has it, else one eth_getTransactionReceipt per transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from monitor.chain.call import Answer, Call, decode_optional
from monitor.chain.check import check_order, fits
from monitor.chain.fault import Fault, Lagging
from monitor.chain.proof import receipts_root
from monitor.chain.rpc import RpcClient
from monitor.chain.wire import HeaderAnswer, Lying, ReceiptAnswer, header, raw_log
from monitor.errors import NodeRefused
from monitor.model.chain import Header
from monitor.model.page import PLACE, log_rows
from monitor.sync.fragment import LogFilter

__all__ = ["block_logs"]

_RECEIPTS_PER_REQUEST = 50
_NO_ROOT = f"0x{bytes(32).hex()}"
"""Nothing hashes to this: some chains leave the root out so."""


class _Listed(HeaderAnswer, rename="camel", kw_only=True):
    """A block with the hashes of its transactions."""

    receipts_root: str | None = None
    transactions: tuple[str, ...] = ()


async def block_logs(
    rpc: RpcClient, wanted: LogFilter, one: Header, *, avoid: frozenset[int] = frozenset(), proved: bool = False
) -> pl.DataFrame:
    """Read a block's wanted logs (LOG_ROWS, sorted) from its receipts, checked against the root in its header.

    Receipts of a type that cannot be hashed here are taken as they are, unless they have to be `proved`. Raises Lagging
    for a block nobody has (with this hash), NodeRefused where nobody gives receipts or what is to be proved cannot be.
    """
    if rpc.offers("eth_getBlockReceipts"):
        try:
            return (await _together(rpc, one, avoid, proved=proved)).filter(fits(wanted))
        except Lagging:
            raise
        except NodeRefused:
            if rpc.offers("eth_getBlockReceipts"):
                raise
    return (await _one_by_one(rpc, one, avoid, proved=proved)).filter(fits(wanted))


async def _together(rpc: RpcClient, one: Header, avoid: frozenset[int], *, proved: bool) -> pl.DataFrame:
    def accept(answers: Sequence[Answer]) -> pl.DataFrame:
        receipts = decode_optional(answers[0], list[ReceiptAnswer])
        if receipts is None:
            message = f"the receipts of block {one.number} are not known"
            raise Fault(message, kind="lagging")
        return _checked(receipts, _listed(answers[1], one).receipts_root, one, proved=proved)

    number = hex(one.number)
    calls = [Call("eth_getBlockReceipts", (number,)), Call("eth_getBlockByNumber", (number, False))]
    found, _ = await rpc.ask_from(calls, accept, block=one.number, avoid=avoid)
    return found


async def _one_by_one(rpc: RpcClient, one: Header, avoid: frozenset[int], *, proved: bool) -> pl.DataFrame:
    call = Call("eth_getBlockByNumber", (hex(one.number), False))
    head, _ = await rpc.ask_from([call], lambda answers: _listed(answers[0], one), block=one.number, avoid=avoid)
    receipts: list[ReceiptAnswer] = []
    for first in range(0, len(head.transactions), _RECEIPTS_PER_REQUEST):
        receipts += await _each(rpc, head.transactions[first : first + _RECEIPTS_PER_REQUEST], one, avoid)
    try:
        return _checked(receipts, head.receipts_root, one, proved=proved)
    except (Lying, Fault) as error:
        message = f"{rpc.name}: {error}"
        raise NodeRefused(message, hint="add another endpoint to the chain's `rpc`") from error


def _listed(answer: Answer, one: Header) -> _Listed:
    found = decode_optional(answer, _Listed)
    if found is None or header(found, one.number).hash != one.hash:
        message = f"block {one.number} is not known, or is on another branch"
        raise Fault(message, kind="lagging")
    return found


async def _each(rpc: RpcClient, transactions: Sequence[str], one: Header, avoid: frozenset[int]) -> list[ReceiptAnswer]:
    def accept(answers: Sequence[Answer]) -> list[ReceiptAnswer]:
        found = []
        for answer, wanted in zip(answers, transactions, strict=True):
            receipt = decode_optional(answer, ReceiptAnswer)
            if receipt is None or receipt.block_hash != f"0x{one.hash.hex()}":
                message = f"a receipt of block {one.number} is not known, or is on another branch"
                raise Fault(message, kind="lagging")
            if receipt.transaction_hash != wanted:
                message = "asked for the receipt of one transaction, got another one's"
                raise Lying(message)
            found.append(receipt)
        return found

    calls = [Call("eth_getTransactionReceipt", (item,)) for item in transactions]
    found, _ = await rpc.ask_from(calls, accept, block=one.number, avoid=avoid)
    return found


def _checked(receipts: Sequence[ReceiptAnswer], root: str | None, one: Header, *, proved: bool) -> pl.DataFrame:
    own = receipts_root(receipts) if root and root != _NO_ROOT else None
    if own is None and proved:
        message = f"the receipts of block {one.number} cannot be hashed: this chain has types of its own"
        raise Fault(message, kind="refused")
    if own is not None and f"0x{own.hex()}" != root:
        message = f"the receipts of block {one.number} have another root than its header says"
        raise Lying(message)
    logs = log_rows(raw_log(item) for receipt in receipts for item in receipt.logs).sort(PLACE)
    if logs.height and set(logs["block_hash"].unique()) != {one.hash}:
        message = f"the receipts of block {one.number} have logs of another block"
        raise Lying(message)
    check_order(logs)
    return logs
