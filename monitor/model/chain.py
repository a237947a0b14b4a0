"""Chain values: positions, headers, logs and the three things that happen to a chain.

An address is 20 raw bytes, a hash 32; EIP-55 text exists on surfaces only.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "BlockRef",
    "Change",
    "Extended",
    "Finalized",
    "Header",
    "Position",
    "RawLog",
    "RawTransfer",
    "Reverted",
    "Topics",
]

Topics = tuple[tuple[bytes, ...] | None, ...]
"""What a log's topics must be: per place any of these words, or any word for None; more topics may follow."""


class BlockRef(NamedTuple):
    """A block by number and hash."""

    number: int
    hash: bytes


class Header(NamedTuple):
    """What is kept of a block header; `timestamp` in seconds since the epoch, `bloom` is 256 bytes or empty."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    bloom: bytes = b""


class Position(NamedTuple):
    """Where a fact stands on chain; `log_index` is -1 for a native transfer (the transaction itself)."""

    chain_id: int
    block_number: int
    tx_hash: bytes
    log_index: int

    def text(self) -> str:
        """Render as `chain:block:0xtx:log`, the form used in exports and evidence."""
        return f"{self.chain_id}:{self.block_number}:0x{self.tx_hash.hex()}:{self.log_index}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read the form written by `text`; raises ValueError on anything else."""
        chain, block, tx, index = text.split(":")
        return cls(int(chain), int(block), bytes.fromhex(tx.removeprefix("0x")), int(index))


class RawLog(NamedTuple):
    """A log exactly as consensus has it; `topics` are 0 to 4 words of 32 bytes.

    `block_time` (seconds) is there when the node said it with the log.
    """

    block_number: int
    block_hash: bytes
    tx_hash: bytes
    tx_index: int
    log_index: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block_time: int | None = None


class RawTransfer(NamedTuple):
    """A transaction that moved native value or was sent by a watched wallet; `value` in wei.

    Value that a contract moved inside a transaction stands in a row of its own, with a name in `trace`
    (`monitor.chain.inside`) and no nonce.
    """

    block_number: int
    block_hash: bytes
    tx_hash: bytes
    tx_index: int
    sender: bytes
    recipient: bytes
    """Empty for a contract creation."""
    value: int
    nonce: int | None
    trace: str = ""


class Extended(NamedTuple):
    """The chain grew: `headers` (ascending, parent-linked) are new."""

    chain_id: int
    headers: tuple[Header, ...]


class Reverted(NamedTuple):
    """Blocks above `to` are no longer part of the chain."""

    chain_id: int
    to: BlockRef


class Finalized(NamedTuple):
    """Blocks up to `upto` can no longer change."""

    chain_id: int
    upto: int


Change = Extended | Reverted | Finalized
