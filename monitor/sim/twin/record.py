"""The twin's chain: what each block and transaction left behind, and who holds how much of each token."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from functools import cache
from typing import Any, NamedTuple

from eth_abi.abi import encode

from monitor.model.chain import Header, RawLog, RawTransfer
from monitor.sim.contracts import artifact

__all__ = ["Fee", "Record", "Refused", "refuse"]

_WORD = 32
_TRANSFER = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")


class _Layout(NamedTuple):
    """How an event is written: topic0, place and type of indexed and of plain arguments."""

    topic0: bytes
    indexed: tuple[tuple[int, str], ...]
    plain: tuple[tuple[int, str], ...]
    static: bool


class Refused(Exception):
    """What the Solidity would have reverted with."""


def refuse(why: str) -> Refused:
    """Word a refusal."""
    return Refused(why)


class Fee(NamedTuple):
    """What the sender of a transaction set, in wei per gas."""

    block_number: int
    tx_hash: bytes
    sender: bytes
    recipient: bytes
    tip: int


class Record:
    """Everything that happened so far; `now` and `number` are those of the block under way."""

    def __init__(self, chain_id: int, seed: int) -> None:
        self.chain_id = chain_id
        self.headers: list[Header] = []
        self.logs: list[RawLog] = []
        self.transfers: list[RawTransfer] = []
        self.fees: list[Fee] = []
        self.balances: dict[bytes, dict[bytes, int]] = defaultdict(lambda: defaultdict(int))
        self.coins: dict[bytes, int] = defaultdict(int)
        self.sender = b""
        self.now = 0
        self.number = 0
        self._salt = f"twin {chain_id} {seed} ".encode()
        self._block_hash = self._digest(b"block", 0)
        self._tx_hash = b""
        self._tx_index = 0
        self._log_index = 0
        self._nonces: dict[bytes, int] = defaultdict(int)

    def block(self, at: int) -> None:
        """Begin the next block at a second."""
        parent = self._block_hash
        self.number += 1
        self.now = at
        self._block_hash = self._digest(b"block", self.number)
        self._tx_index, self._log_index = -1, 0
        self.headers.append(Header(self.number, self._block_hash, parent, at))

    def transaction(self, sender: bytes, to: bytes, value: int, tip: int = 0) -> None:
        """Begin the next transaction of the block; raises Refused when the sender lacks the value."""
        if self.coins[sender] < value:
            why = f"0x{sender.hex()} holds {self.coins[sender]} wei, not {value}"
            raise refuse(why)
        self.coins[sender] -= value
        self.coins[to] += value
        self.sender = sender
        self._tx_index += 1
        self._tx_hash = self._digest(b"tx", self.number << 20 | self._tx_index)
        nonce = self._nonces[sender]
        self._nonces[sender] = nonce + 1
        self.transfers.append(
            RawTransfer(self.number, self._block_hash, self._tx_hash, self._tx_index, sender, to, value, nonce)
        )
        self.fees.append(Fee(self.number, self._tx_hash, sender, to, tip))

    def emit(self, contract: str, address: bytes, event: str, *args: Any) -> None:
        """Write a log of a compiled contract's event, arguments in declaration order."""
        layout = _layout(contract, event)
        topics = (layout.topic0, *(_word(kind, args[place]) for place, kind in layout.indexed))
        if layout.static:
            data = b"".join([_word(kind, args[place]) for place, kind in layout.plain])
        else:
            data = _dynamic([kind for _, kind in layout.plain], [args[place] for place, _ in layout.plain])
        self._log(address, topics, data)

    def move(self, token: bytes, source: bytes, target: bytes, amount: int) -> None:
        """Move tokens and write the Transfer; raises Refused when the source has too little."""
        held = self.balances[token]
        if held[source] < amount:
            why = f"0x{source.hex()} holds {held[source]} of 0x{token.hex()}, not {amount}"
            raise refuse(why)
        held[source] -= amount
        held[target] += amount
        self._transfer(token, source, target, amount)

    def mint(self, token: bytes, target: bytes, amount: int) -> None:
        """Create tokens."""
        self.balances[token][target] += amount
        self._transfer(token, bytes(20), target, amount)

    def _transfer(self, token: bytes, source: bytes, target: bytes, amount: int) -> None:
        topics = (_TRANSFER, source.rjust(_WORD, b"\0"), target.rjust(_WORD, b"\0"))
        self._log(token, topics, amount.to_bytes(_WORD, "big"))

    def _log(self, address: bytes, topics: tuple[bytes, ...], data: bytes) -> None:
        place = (self.number, self._block_hash, self._tx_hash, self._tx_index, self._log_index)
        self.logs.append(RawLog(*place, address, topics, data))
        self._log_index += 1

    def _digest(self, kind: bytes, number: int) -> bytes:
        return hashlib.sha256(self._salt + kind + number.to_bytes(12, "big")).digest()


@cache
def _layout(contract: str, event: str) -> _Layout:
    found = artifact(contract)
    kinds = found.layouts[event]
    indexed = tuple((place, kind) for place, (kind, flag) in enumerate(kinds) if flag)
    plain = tuple((place, kind) for place, (kind, flag) in enumerate(kinds) if not flag)
    static = not any(kind in {"string", "bytes"} or kind.endswith("]") for _, kind in plain)
    return _Layout(found.topic(event), indexed, plain, static)


def _word(kind: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value.rjust(_WORD, b"\0") if kind == "address" else value.ljust(_WORD, b"\0")
    return int(value).to_bytes(_WORD, "big")


def _dynamic(kinds: list[str], values: list[Any]) -> bytes:
    # Hostile text is not always text; the ABI writes string and bytes alike.
    loose = [
        "bytes" if kind == "string" and isinstance(value, bytes) else kind
        for kind, value in zip(kinds, values, strict=True)
    ]
    return encode(loose, values)
