"""What consensus hashes (RLP, ordered tries, blooms, headers, transactions, receipts), written apart from the program.

Ethereum yellow paper, appendices B (RLP), C (hex prefix), D (trie) and section 4.3 (block).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Any

from eth_hash.auto import keccak

__all__ = ["EMPTY_ROOT", "bloom", "header_hash", "keccak", "ordered_root", "receipt", "rlp", "transaction"]

Rlp = bytes | list["Rlp"]

HEADER_FIELDS = [
    "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty",
    "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot",
    "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash",
]  # fmt: skip
"""In the order they are hashed; those of later forks are absent from earlier headers."""
NUMBERS = {"difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas"}


def rlp(item: Rlp) -> bytes:
    if isinstance(item, bytes):
        return item if len(item) == 1 and item[0] < 0x80 else _prefixed(0x80, item)
    return _prefixed(0xC0, b"".join(map(rlp, item)))


def number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def ordered_root(items: Sequence[bytes]) -> bytes:
    """Hash a list as the trie of its items under their RLP-encoded places."""
    pairs = sorted((_nibbles(rlp(number(place))), item) for place, item in enumerate(items))
    return keccak(rlp(_node(pairs)))


def bloom(logs: Iterable[tuple[bytes, Sequence[bytes]]]) -> bytes:
    """Set three bits for each address and topic."""
    bits = 0
    for address, topics in logs:
        for item in (address, *topics):
            bits |= _bits(item)
    return bits.to_bytes(256, "big")


def header_hash(header: dict[str, Any]) -> bytes:
    """Hash a header as nodes write it in JSON."""
    fields = [(name, header[name]) for name in HEADER_FIELDS if header.get(name) is not None]
    return keccak(rlp([number(int(text, 16)) if name in NUMBERS else data(text) for name, text in fields]))


def transaction(tx: dict[str, Any]) -> bytes:
    """Encode a legacy or EIP-1559 transaction from its JSON."""
    to = data(tx["to"]) if tx["to"] else b""
    body = [number(int(tx["gas"], 16)), to, number(int(tx["value"], 16)), data(tx["input"])]
    nonce, signature = number(int(tx["nonce"], 16)), [number(int(tx[name], 16)) for name in ("v", "r", "s")]
    if tx["type"] == "0x0":
        return rlp([nonce, number(int(tx["gasPrice"], 16)), *body, *signature])
    assert tx["type"] == "0x2", "only these two are mined here"
    fees = [number(int(tx[name], 16)) for name in ("maxPriorityFeePerGas", "maxFeePerGas")]
    return b"\x02" + rlp([number(int(tx["chainId"], 16)), nonce, *fees, *body, [], *signature])


def receipt(answer: dict[str, Any]) -> bytes:
    """Encode a receipt from its JSON."""
    logs: list[Rlp] = [
        [data(log["address"]), list(map(data, log["topics"])), data(log["data"])] for log in answer["logs"]
    ]
    status, gas = number(int(answer["status"], 16)), number(int(answer["cumulativeGasUsed"], 16))
    kind = int(answer["type"], 16)
    return (bytes([kind]) if kind else b"") + rlp([status, gas, data(answer["logsBloom"]), logs])


def data(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _prefixed(offset: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 56:
        return bytes([offset + size]) + payload
    length = number(size)
    return bytes([offset + 55 + len(length)]) + length + payload


def _node(pairs: Sequence[tuple[tuple[int, ...], bytes]]) -> Rlp:
    if not pairs:
        return b""
    key, value = pairs[0]
    if len(pairs) == 1:
        return [_hex_prefix(key, leaf=True), value]
    shared = sum(1 for _ in takewhile(lambda same: len(set(same)) == 1, zip(*(key for key, _ in pairs), strict=False)))
    if shared:
        rest = [(other[shared:], item) for other, item in pairs]
        return [_hex_prefix(key[:shared], leaf=False), _reference(_node(rest))]
    branch: list[Rlp] = [
        _reference(_node([(other[1:], item) for other, item in pairs if other and other[0] == nibble]))
        for nibble in range(16)
    ]
    return [*branch, next((item for other, item in pairs if not other), b"")]


def _reference(node: Rlp) -> Rlp:
    encoded = rlp(node)
    return node if len(encoded) < 32 else keccak(encoded)


def _hex_prefix(nibbles: tuple[int, ...], *, leaf: bool) -> bytes:
    flag = 2 * leaf
    padded = (flag + 1, *nibbles) if len(nibbles) % 2 else (flag, 0, *nibbles)
    return bytes(16 * high + low for high, low in zip(padded[::2], padded[1::2], strict=True))


def _nibbles(key: bytes) -> tuple[int, ...]:
    return tuple(nibble for byte in key for nibble in (byte >> 4, byte & 15))


@lru_cache(100_000)
def _bits(item: bytes) -> int:
    digest = keccak(item)
    bits = 0
    for place in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[place : place + 2], "big") & 2047)
    return bits


EMPTY_ROOT = ordered_root([])
