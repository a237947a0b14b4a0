"""The JSON of an EVM node and its checked form: hex of exact length in, bytes and integers out.

Field meanings: https://ethereum.github.io/execution-apis/ (logs, blocks, receipts).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from monitor.model.chain import Header, RawLog, RawTransfer
from monitor.model.span import Span
from monitor.sync.fragment import LogFilter

__all__ = [
    "Block",
    "BlockAnswer",
    "Envelope",
    "ErrorBody",
    "HeaderAnswer",
    "LogAnswer",
    "Lying",
    "ReceiptAnswer",
    "block",
    "block_parameter",
    "data",
    "filter_parameter",
    "fixed",
    "header",
    "quantity",
    "raw_log",
    "transactions",
]

MAX_TOPICS = 4
_HASH = 32
_ADDRESS = 20
_BLOOM_CHARACTERS = 2 + 2 * 256
_QUANTITY_CHARACTERS = 2 + 16
_VALUE_CHARACTERS = 2 + 64


class Lying(Exception):
    """A node's answer contradicts the question or itself; the text says how."""


class ErrorBody(msgspec.Struct):
    """The `error` of a JSON-RPC response."""

    code: int | float | str | None = None
    message: str | None = None


class Envelope(msgspec.Struct):
    """One JSON-RPC response, its result still raw; `message` stands where a gateway answers in a form of its own."""

    id: int | str | float | None = None
    result: msgspec.Raw = msgspec.Raw(b"")
    error: ErrorBody | str | None = None
    message: str | None = None

    @property
    def failure(self) -> ErrorBody | None:
        """The error, None when there is a result."""
        if isinstance(self.error, str):
            return ErrorBody(message=self.error)
        if self.error is None and self.message is not None and not bytes(self.result):
            return ErrorBody(message=self.message)
        return self.error


class LogAnswer(msgspec.Struct, rename="camel"):
    """A log as nodes send it."""

    address: str
    topics: list[str]
    data: str
    block_number: str
    block_hash: str
    transaction_hash: str
    transaction_index: str
    log_index: str
    removed: bool = False
    block_timestamp: Any = None
    """Not every node sends it, and some send zero: what is no time counts as not sent."""


class HeaderAnswer(msgspec.Struct, rename="camel"):
    """The part of a block header that is kept."""

    number: str
    hash: str
    parent_hash: str
    timestamp: str
    logs_bloom: str | None = None


class TransactionAnswer(msgspec.Struct, rename="camel"):
    """The part of a transaction that is kept; `to` is null for a contract creation."""

    hash: str
    block_hash: str
    block_number: str
    transaction_index: str
    from_: str = msgspec.field(name="from")
    value: str
    nonce: str
    to: str | None = None


class BlockAnswer(HeaderAnswer, rename="camel", kw_only=True):
    """A block with its transactions in full."""

    transactions: list[TransactionAnswer]


class ReceiptAnswer(msgspec.Struct, rename="camel"):
    """The part of a receipt that is kept, or hashed into the root of a block's receipts."""

    transaction_hash: str
    block_hash: str
    logs: list[LogAnswer]
    status: str | None = None
    root: str | None = None
    type: str | None = None
    cumulative_gas_used: str | None = None
    logs_bloom: str | None = None
    deposit_nonce: str | None = None
    deposit_receipt_version: str | None = None


class Block(NamedTuple):
    """A checked block: its header and its transactions, each a RawTransfer."""

    header: Header
    transfers: tuple[RawTransfer, ...]


def fixed(text: str, size: int) -> bytes:
    """Read `0x` and exactly `size` bytes of hex; raises Lying on anything else."""
    try:
        value = bytes.fromhex(text[2:])
    except ValueError:
        value = b""
    if len(value) != size or len(text) != 2 + 2 * size or text[:2] != "0x":
        message = f"expected {size} bytes of hex, got {_quote(text)}"
        raise Lying(message)
    return value


def data(text: str) -> bytes:
    """Read `0x` and any even number of hex digits; raises Lying on anything else."""
    try:
        value = bytes.fromhex(text[2:])
    except ValueError:
        value = b""
    if 2 + 2 * len(value) != len(text) or text[:2] != "0x":
        message = f"expected bytes of hex, got {_quote(text)}"
        raise Lying(message)
    return value


def _time(said: object) -> int | None:
    try:
        return (quantity(said) or None) if isinstance(said, str) else None
    except Lying:
        return None


def quantity(text: str, characters: int = _QUANTITY_CHARACTERS) -> int:
    """Read a hex number of at most 64 bits (or as many characters as given); raises Lying on anything else."""
    if text[:2] == "0x" and len(text) <= characters and text.isalnum() and text.isascii():
        try:
            value = int(text, 16)
        except ValueError:
            value = -1
        if value >= 0 and (characters != _QUANTITY_CHARACTERS or value < 2**63):
            return value
    message = f"expected a hex number, got {_quote(text)}"
    raise Lying(message)


def header(answer: HeaderAnswer, number: int | None = None) -> Header:
    """Check a header; raises Lying when it is not block `number`."""
    bloom = answer.logs_bloom or ""
    found = Header(
        quantity(answer.number),
        fixed(answer.hash, _HASH),
        fixed(answer.parent_hash, _HASH),
        quantity(answer.timestamp),
        fixed(bloom, 256) if len(bloom) == _BLOOM_CHARACTERS else b"",
    )
    if number is not None and found.number != number:
        message = f"asked for block {number}, got block {found.number}"
        raise Lying(message)
    return found


def block(answer: BlockAnswer, number: int) -> Block:
    """Check a block with its transactions; raises Lying when they do not belong to it."""
    head = header(answer, number)
    return Block(head, tuple(transactions(answer.transactions, head)))


def transactions(answers: Iterable[TransactionAnswer], head: Header) -> Iterable[RawTransfer]:
    """Check the transactions of one block; raises Lying when one is of another block or out of its place."""
    for place, answer in enumerate(answers):
        transfer = RawTransfer(
            quantity(answer.block_number),
            fixed(answer.block_hash, _HASH),
            fixed(answer.hash, _HASH),
            quantity(answer.transaction_index),
            fixed(answer.from_, _ADDRESS),
            fixed(answer.to, _ADDRESS) if answer.to else b"",
            quantity(answer.value, _VALUE_CHARACTERS),
            quantity(answer.nonce),
        )
        if (transfer.block_number, transfer.block_hash, transfer.tx_index) != (head.number, head.hash, place):
            message = f"transaction {place} of block {head.number} says it stands elsewhere"
            raise Lying(message)
        yield transfer


def raw_log(answer: LogAnswer) -> RawLog:
    """Check one log's fields; raises Lying."""
    if answer.removed:
        message = "a log is marked as removed"
        raise Lying(message)
    if len(answer.topics) > MAX_TOPICS:
        message = f"a log has {len(answer.topics)} topics"
        raise Lying(message)
    return RawLog(
        quantity(answer.block_number),
        fixed(answer.block_hash, _HASH),
        fixed(answer.transaction_hash, _HASH),
        quantity(answer.transaction_index),
        quantity(answer.log_index),
        fixed(answer.address, _ADDRESS),
        tuple([fixed(topic, _HASH) for topic in answer.topics]),
        data(answer.data),
        _time(answer.block_timestamp),
    )


def block_parameter(number: int | str) -> str:
    """Write a block number, or a tag as it is, the way nodes read it."""
    return number if isinstance(number, str) else hex(number)


def filter_parameter(wanted: LogFilter, span: Span, block_hash: bytes = b"") -> dict[str, object]:
    """Write the filter object of eth_getLogs, by block hash (EIP-234) where one is given."""
    topics = [None if words is None else [f"0x{word.hex()}" for word in words] for words in wanted.topics]
    where: dict[str, object] = (
        {"blockHash": f"0x{block_hash.hex()}"}
        if block_hash
        else {"fromBlock": hex(span.start), "toBlock": hex(span.last)}
    )
    # Without addresses any contract is meant: an empty list means that to some nodes, and nothing to others.
    by = {"address": [f"0x{address.hex()}" for address in wanted.addresses]} if wanted.addresses else {}
    return {**where, **by, "topics": topics}


def _quote(text: str) -> str:
    return repr(text[:40]) + ("…" if len(text) > 40 else "")  # noqa: PLR2004 - enough to recognise it
