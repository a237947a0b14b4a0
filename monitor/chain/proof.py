"""Hashes recomputed: a header's from its fields, and the root of a block's receipts.

RLP by `rlp`; the trie is Ethereum's hexary Patricia trie (yellow paper, appendix D), built once from a sorted list and
hashed, so that no store of nodes is needed. Fields of headers up to Prague (EIP-7685), receipts of types 0 to 4
(EIP-2718, 2930, 1559, 4844, 7702) and of the OP stack's deposits (0x7e). What a chain adds beyond these cannot be
recomputed here, and nobody is accused for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eth_hash.auto import keccak

from monitor.chain.wire import Lying, ReceiptAnswer, data, fixed, quantity

__all__ = ["header_hash", "receipts_root"]

_HEADER = (
    "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty",
    "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot",
    "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash",
)  # fmt: skip
"""In the order they are hashed; those of later forks are absent from earlier headers."""
_NUMBERS = frozenset(
    {"difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas"}
)
_NOT_HASHED = frozenset({"hash", "size", "totalDifficulty", "transactions", "uncles", "withdrawals"})
_DEPOSIT = 0x7E
_TYPES = frozenset({0, 1, 2, 3, 4, _DEPOSIT})
_SHORT = 32
_WORD_CHARACTERS = 2 + 64

Nibbles = tuple[int, ...]


def header_hash(answer: Mapping[str, Any]) -> bytes | None:
    """Hash a header as a node writes it; None when it has fields nobody here knows, so that it cannot be recomputed.

    Raises Lying for a field that is missing or no hex.
    """
    fields: list[bytes] = []
    for place, name in enumerate(_HEADER):
        text = answer.get(name)
        if text is None and place > _HEADER.index("extraData"):
            continue
        if not isinstance(text, str):
            message = f"a header without {name}"
            raise Lying(message)
        fields.append(_number(quantity(text, _WORD_CHARACTERS)) if name in _NUMBERS else data(text))
    found: bytes = keccak(_rlp(fields))
    if found != data(str(answer.get("hash"))) and set(answer) - set(_HEADER) - _NOT_HASHED:
        return None
    return found


def receipts_root(receipts: Sequence[ReceiptAnswer]) -> bytes | None:
    """Hash the receipts of a block, in order; None when one is of a type nobody here knows. Raises Lying."""
    encoded = [_receipt(receipt) for receipt in receipts]
    known = [item for item in encoded if item is not None]
    if len(known) < len(encoded):
        return None
    pairs = sorted((_nibbles(_rlp(_number(place))), item) for place, item in enumerate(known))
    found: bytes = keccak(_rlp(_node(pairs)))
    return found


def _receipt(answer: ReceiptAnswer) -> bytes | None:
    kind = quantity(answer.type or "0x0")
    if kind not in _TYPES or answer.cumulative_gas_used is None or answer.logs_bloom is None:
        return None
    outcome = fixed(answer.root, 32) if answer.root else _number(quantity(answer.status or "0x"))
    logs = [[fixed(log.address, 20), [fixed(topic, 32) for topic in log.topics], data(log.data)] for log in answer.logs]
    body: list[Any] = [outcome, _number(quantity(answer.cumulative_gas_used)), fixed(answer.logs_bloom, 256), logs]
    if kind == _DEPOSIT and answer.deposit_nonce is not None:
        body.append(_number(quantity(answer.deposit_nonce)))
        if answer.deposit_receipt_version is not None:
            body.append(_number(quantity(answer.deposit_receipt_version)))
    encoded = _rlp(body)
    return bytes([kind]) + encoded if kind else encoded


def _node(pairs: Sequence[tuple[Nibbles, bytes]]) -> Any:
    """Build the node over sorted (rest of the key, value) pairs."""
    if not pairs:
        return b""
    first, last = pairs[0][0], pairs[-1][0]
    if len(pairs) == 1:
        return [_hex_prefix(first, leaf=True), pairs[0][1]]
    shared = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    if shared:
        rest = [(key[shared:], value) for key, value in pairs]
        return [_hex_prefix(first[:shared], leaf=False), _reference(_node(rest))]
    children: list[list[tuple[Nibbles, bytes]]] = [[] for _ in range(16)]
    own = b""
    for key, value in pairs:
        if key:
            children[key[0]].append((key[1:], value))
        else:
            own = value
    return [*(_reference(_node(child)) for child in children), own]


def _reference(node: Any) -> Any:
    encoded = _rlp(node)
    return node if len(encoded) < _SHORT else keccak(encoded)


def _hex_prefix(nibbles: Nibbles, *, leaf: bool) -> bytes:
    odd = len(nibbles) % 2
    flag = 2 * leaf + odd
    padded = (flag, *nibbles) if odd else (flag, 0, *nibbles)
    return bytes(16 * high + low for high, low in zip(padded[::2], padded[1::2], strict=True))


def _nibbles(key: bytes) -> Nibbles:
    return tuple(nibble for byte in key for nibble in (byte >> 4, byte & 15))


def _rlp(item: Any) -> bytes:
    # Only proofs need it, and it loads eth_utils: 50 ms.
    import rlp  # type: ignore[import-untyped]  # it ships no types

    encoded: bytes = rlp.encode(item)
    return encoded


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
