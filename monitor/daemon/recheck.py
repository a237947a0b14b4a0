"""Hold an evidence pack against a node: logs against the receipts of their transactions, native ones, and blocks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from monitor.chain.call import Answer, Call, decode_optional
from monitor.chain.rpc import RpcClient
from monitor.chain.wire import (
    HeaderAnswer,
    LogAnswer,
    Lying,
    ReceiptAnswer,
    TransactionAnswer,
    fixed,
    header,
    quantity,
    raw_log,
)
from monitor.config import ChainConfig
from monitor.errors import InputError
from monitor.model.chain import RawLog, RawTransfer

__all__ = ["Recheck", "Said", "read_said", "recheck"]

_AT_ONCE = 50
_HASH, _ADDRESS = 32, 20
_PLACE = ("block_number", "block_hash", "tx_index")
_T = TypeVar("_T")


class Said(NamedTuple):
    """What a pack says of one chain: logs, native transactions, and per block number its hash and time (seconds)."""

    logs: tuple[RawLog, ...]
    transfers: tuple[RawTransfer, ...]
    blocks: Mapping[int, tuple[bytes, int]]


class Recheck(NamedTuple):
    """What was compared, and what differs, one line each."""

    logs: int
    transactions: int
    inside: int
    """Payments inside of transactions: of these the transaction is compared, not what was moved."""
    blocks: int
    differences: list[str]


class _Log(LogAnswer, rename="camel", kw_only=True):
    chain_id: str


class _Native(TransactionAnswer, rename="camel", kw_only=True):
    chain_id: str
    nonce: str | None  # type: ignore[assignment]  # a payment inside of a transaction has none
    trace: str


class _Header(msgspec.Struct, rename="camel"):
    chain_id: str
    number: str
    hash: str
    timestamp: str


def read_said(logs: bytes, transactions: bytes, headers: bytes, chain_id: int) -> Said:
    """Read the three files of a pack that a node can be asked about; raises InputError where one is no such thing."""
    try:
        mine = [item for item in msgspec.json.decode(logs, type=list[_Log]) if quantity(item.chain_id) == chain_id]
        native = msgspec.json.decode(transactions, type=list[_Native])
        transfers = tuple(_transfer(item) for item in native if quantity(item.chain_id) == chain_id)
        blocks = {
            quantity(item.number): (fixed(item.hash, _HASH), quantity(item.timestamp))
            for item in msgspec.json.decode(headers, type=list[_Header])
            if quantity(item.chain_id) == chain_id
        }
        return Said(tuple(raw_log(item)._replace(block_time=None) for item in mine), transfers, blocks)
    except (msgspec.DecodeError, UnicodeDecodeError, Lying) as error:
        message = f"logs.json, transactions.json or headers.json is not what a pack holds: {error}"
        raise InputError(message, hint="make the pack again: `monitor pack`") from error


async def recheck(name: str, chain: ChainConfig, said: Said) -> Recheck:
    """Ask a chain's endpoints for every transaction with its receipt and for every block, and compare.

    A transaction or block that no endpoint knows differs. Raises ChainUnreachable, NodeRefused, WrongChain.
    """
    by_transaction: dict[bytes, list[RawLog]] = defaultdict(list)
    for log in said.logs:
        by_transaction[log.tx_hash].append(log)
    differences: list[str] = []
    async with RpcClient(name, chain.id, chain.rpc, timeout_seconds=chain.timeout_seconds) as rpc:
        await rpc.check()
        for part in _parts(sorted(by_transaction)):
            for tx, found in zip(part, await _receipts(rpc, part), strict=True):
                differences += _compared(by_transaction[tx], found)
        for items in _parts(said.transfers):
            for item, sent in zip(items, await _sent(rpc, items), strict=True):
                differences += _differing(item, sent)
        for numbers in _parts(sorted(said.blocks)):
            for number, block in zip(numbers, await _blocks(rpc, numbers), strict=True):
                if block != said.blocks[number]:
                    what = "is not known to the node" if block is None else "has another hash or time at the node"
                    differences.append(f"block {number}: {what}")
    inside = sum(bool(item.trace) for item in said.transfers)
    return Recheck(len(said.logs), len(said.transfers) - inside, inside, len(said.blocks), differences)


def _parts(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[first : first + _AT_ONCE] for first in range(0, len(items), _AT_ONCE))


async def _receipts(rpc: RpcClient, hashes: Sequence[bytes]) -> list[dict[int, RawLog] | None]:
    def accept(answers: Sequence[Answer]) -> list[dict[int, RawLog] | None]:
        found: list[dict[int, RawLog] | None] = []
        for answer, wanted in zip(answers, hashes, strict=True):
            receipt = decode_optional(answer, ReceiptAnswer)
            if receipt is not None and fixed(receipt.transaction_hash, _HASH) != wanted:
                message = "asked for the receipt of one transaction, got another one's"
                raise Lying(message)
            logs = None if receipt is None else [raw_log(item)._replace(block_time=None) for item in receipt.logs]
            found.append(None if logs is None else {log.log_index: log for log in logs})
        return found

    return await rpc.ask([Call("eth_getTransactionReceipt", (f"0x{item.hex()}",)) for item in hashes], accept)


async def _sent(rpc: RpcClient, wanted: Sequence[RawTransfer]) -> list[RawTransfer | None]:
    """Ask for transactions as the ledger keeps them: of one that failed, which moved nothing, with value 0."""

    def accept(answers: Sequence[Answer]) -> list[RawTransfer | None]:
        found: list[RawTransfer | None] = []
        for item, answer, outcome in zip(wanted, answers[::2], answers[1::2], strict=True):
            told, receipt = decode_optional(answer, TransactionAnswer), decode_optional(outcome, ReceiptAnswer)
            sent = None if told is None or receipt is None else _transfer(told)
            if sent is not None and sent.tx_hash != item.tx_hash:
                message = "asked for one transaction, got another one"
                raise Lying(message)
            failed = receipt is not None and receipt.status is not None and not quantity(receipt.status)
            found.append(sent._replace(value=0) if sent is not None and failed else sent)
        return found

    methods = ("eth_getTransactionByHash", "eth_getTransactionReceipt")
    return await rpc.ask([Call(method, (f"0x{item.tx_hash.hex()}",)) for item in wanted for method in methods], accept)


def _transfer(told: TransactionAnswer) -> RawTransfer:
    return RawTransfer(
        quantity(told.block_number),
        fixed(told.block_hash, _HASH),
        fixed(told.hash, _HASH),
        quantity(told.transaction_index),
        fixed(told.from_, _ADDRESS),
        fixed(told.to, _ADDRESS) if told.to else b"",
        quantity(told.value, 2 + 2 * _HASH),
        quantity(told.nonce) if told.nonce else None,
        told.trace if isinstance(told, _Native) else "",
    )


def _differing(item: RawTransfer, sent: RawTransfer | None) -> Iterator[str]:
    where = f"block {item.block_number}, transaction 0x{item.tx_hash.hex()}"
    if sent is None:
        yield f"{where}: the node does not know the transaction"
        return
    # What was moved inside of it takes a node's traces; that it stands where it is said to does not.
    compared = _PLACE if item.trace else item._fields
    names = [name for name in compared if getattr(item, name) != getattr(sent, name)]
    if names:
        yield f"{where}: {', '.join(names)} differ at the node"


async def _blocks(rpc: RpcClient, numbers: Sequence[int]) -> list[tuple[bytes, int] | None]:
    def accept(answers: Sequence[Answer]) -> list[tuple[bytes, int] | None]:
        heads = [decode_optional(answer, HeaderAnswer) for answer in answers]
        pairs = zip(heads, numbers, strict=True)
        whole = [None if head is None else header(head, number) for head, number in pairs]
        return [None if one is None else (one.hash, one.timestamp) for one in whole]

    return await rpc.ask([Call("eth_getBlockByNumber", (hex(number), False)) for number in numbers], accept)


def _compared(logs: Sequence[RawLog], found: Mapping[int, RawLog] | None) -> Iterator[str]:
    for log in logs:
        where = f"block {log.block_number}, transaction 0x{log.tx_hash.hex()}, log {log.log_index}"
        if found is None:
            yield f"{where}: the node does not know the transaction"
        elif log.log_index not in found:
            yield f"{where}: the transaction has no such log at the node"
        elif found[log.log_index] != log:
            names = [name for name, a, b in zip(log._fields, log, found[log.log_index], strict=True) if a != b]
            yield f"{where}: {', '.join(names)} differ at the node"
