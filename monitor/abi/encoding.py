"""Encode values as contracts do, by eth-abi, which is loaded when a value needs it: 0.2 s for its grammar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["encode", "encode_packed"]


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Encode values of these types, given by their canonical names; raises ValueError for what does not fit."""
    from eth_abi.abi import encode as by_eth_abi
    from eth_abi.exceptions import EncodingError

    try:
        return by_eth_abi(types, values)
    except EncodingError as error:
        raise ValueError(str(error)) from error


def encode_packed(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Encode values without padding (`abi.encodePacked`); raises ValueError for what does not fit."""
    from eth_abi.exceptions import EncodingError
    from eth_abi.packed import encode_packed as by_eth_abi

    try:
        return by_eth_abi(types, values)
    except EncodingError as error:
        raise ValueError(str(error)) from error
