"""Decode with eth-abi itself: the fallback for rare types, and what the compiled decoders are held against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_abi.codec import ABIDecoder
from eth_abi.decoding import StringDecoder
from eth_abi.exceptions import DecodingError
from eth_abi.registry import BaseEquals
from eth_abi.registry import registry as standard

from monitor.abi.declaration import Array, Elementary, EventDecl, Tuple, Type
from monitor.abi.refusal import Decoder, Undecodable

__all__ = ["reference_codec", "reference_decoder"]


def reference_codec() -> ABIDecoder:
    """Make eth-abi's strict decoder, with invalid UTF-8 replaced instead of refused."""
    registry = standard.copy()  # type: ignore[no-untyped-call]
    registry.unregister_decoder("string")
    text = StringDecoder(handle_string_errors="replace")  # type: ignore[no-untyped-call]
    registry.register_decoder(BaseEquals("string"), text, label="string")  # type: ignore[no-untyped-call]
    return ABIDecoder(registry)


def reference_decoder(decl: EventDecl) -> Decoder:
    """Make a decoder that calls eth-abi once per indexed argument and once for the rest.

    It unfolds arrays whose pointers share one tail without a bound, which the compiled decoders do not.
    """
    codec = reference_codec()
    heads = [(place, param.type) for place, param in enumerate(decl.params) if param.indexed]
    tails = [(place, param.type) for place, param in enumerate(decl.params) if not param.indexed]
    types = [_spelled(kind) for _, kind in tails]

    def decode(topics: Sequence[bytes], data: bytes) -> tuple[Any, ...]:
        if len(topics) != decl.topics():
            reason = f"{len(topics)} topics instead of {decl.topics()}"
            raise Undecodable(reason)
        if topics[0] != decl.topic0:
            reason = "the log is of another event"
            raise Undecodable(reason)
        values: list[Any] = [None] * len(decl.params)
        try:
            for (place, kind), topic in zip(heads, topics[1:], strict=True):
                values[place] = _topic(codec, kind, topic)
            for (place, kind), value in zip(tails, codec.decode(types, data) if types else (), strict=True):
                values[place] = _named(kind, value)
        except (DecodingError, OverflowError) as error:
            raise Undecodable(str(error)) from error
        return tuple(values)

    return decode


def _topic(codec: ABIDecoder, kind: Type, topic: bytes) -> Any:
    if len(topic) != 32:  # noqa: PLR2004 - a word
        reason = "a topic is not 32 bytes long"
        raise Undecodable(reason)
    if isinstance(kind, Elementary) and kind.words():
        return _named(kind, codec.decode([_spelled(kind)], topic)[0])
    return topic


def _spelled(kind: Type) -> str:
    return kind.canonical().replace("function", "bytes24")


def _named(kind: Type, value: Any) -> Any:
    """Turn eth-abi's values into ours: addresses as bytes, arrays as lists, tuples by name."""
    match kind:
        case Array():
            return [_named(kind.item, item) for item in value]
        case Tuple():
            return {field.name: _named(field.type, item) for field, item in zip(kind.fields, value, strict=True)}
        case Elementary(base="address"):
            return bytes.fromhex(value.removeprefix("0x"))
        case Elementary():
            return value
