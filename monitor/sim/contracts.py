"""Compiled contracts from `contracts/artifacts`: constructor and call data without a node."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from eth_abi.abi import encode
from eth_hash.auto import keccak

from monitor.config.resources import bundled
from monitor.errors import InputError

__all__ = ["Contract", "artifact", "create_address"]


class Contract(msgspec.Struct, frozen=True):
    """One compiled contract: `functions` maps a name to its input types, `bytecode` is its creation code."""

    name: str
    bytecode: bytes
    constructor: tuple[str, ...]
    functions: dict[str, tuple[str, ...]]
    events: dict[str, str]
    """Event name → canonical signature; of an overloaded name the last one."""
    layouts: dict[str, tuple[tuple[str, bool], ...]]
    """Event name → type and indexed flag of each argument."""

    def deploy(self, *args: Any) -> bytes:
        """Give the data of the transaction that creates the contract."""
        return self.bytecode + _encode(self.constructor, args)

    def call(self, function: str, *args: Any) -> bytes:
        """Give the data of a call; a `bytes` value may stand for a `string`, so that invalid UTF-8 can be sent."""
        types = self.functions[function]
        return keccak(f"{function}({','.join(types)})".encode())[:4] + _encode(types, args)

    def topic(self, event: str) -> bytes:
        """Give the first topic of an event."""
        return keccak(self.events[event].encode())


@cache
def artifact(name: str) -> Contract:
    """Load one compiled contract by name; raises InputError when it was never built."""
    path = bundled("contracts/artifacts") / f"{name}.json"
    try:
        raw = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError as error:
        message = f"there is no compiled contract {name} at {path}"
        raise InputError(message, hint="run `node build.mjs` in contracts/") from error
    types = {
        kind: {item.get("name", ""): tuple(i["type"] for i in item["inputs"]) for item in _of(raw["abi"], kind)}
        for kind in ("constructor", "function", "event")
    }
    return Contract(
        name=name,
        bytecode=bytes.fromhex(raw["bytecode"].removeprefix("0x")),
        constructor=types["constructor"].get("", ()),
        functions=types["function"],
        events={event: f"{event}({','.join(inputs)})" for event, inputs in types["event"].items()},
        layouts={
            item["name"]: tuple((i["type"], i["indexed"]) for i in item["inputs"]) for item in _of(raw["abi"], "event")
        },
    )


def create_address(sender: bytes, nonce: int) -> bytes:
    """Compute where the contract lands that `sender` creates with its `nonce` (keccak of the RLP pair)."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    if len(number) != 1 or number[0] >= 0x80:
        number = bytes([0x80 + len(number)]) + number
    body = bytes([0x80 + len(sender)]) + sender + number
    return keccak(bytes([0xC0 + len(body)]) + body)[12:]


def _of(abi: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [item for item in abi if item["type"] == kind]


def _encode(types: Sequence[str], args: Sequence[Any]) -> bytes:
    # The ABI encodes string and bytes alike; hostile text is not always text.
    loose = [
        "bytes" if kind == "string" and isinstance(arg, bytes) else kind for kind, arg in zip(types, args, strict=True)
    ]
    return encode(loose, args)
