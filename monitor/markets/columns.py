"""Decoded values as polars columns: which type each argument gets, and how a batch of logs becomes a frame."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from monitor.abi import Array, Elementary, EventDecl, Param, Tuple, Type
from monitor.model.schema import UNIFIED

__all__ = ["CONTEXT", "LIMIT", "arguments", "column_of", "misfits", "read_by", "spellings"]

AMOUNT = UNIFIED["amount"]
LIMIT = 10**38
"""The first integer that `Decimal(38, 0)` cannot hold."""
_ADDRESS = 20
_NARROW = 32
"""Integers of up to 32 bits become Int64: counts and times, which no arithmetic of an adapter can overflow."""

CONTEXT: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "block_number": pl.Int64(),
    "block_time": pl.Int64(),
    "tx_hash": pl.Binary(),
    "tx_from": pl.Binary(),
    "tx_to": pl.Binary(),
    "tx_value": AMOUNT,
    "log_index": pl.Int64(),
    "address": pl.Binary(),
    "deployment_token": pl.Binary(),
    "token_decimals": pl.Int64(),
    "block_seconds": pl.Decimal(38, 6),
}
"""What an expression sees beside the event's own arguments; null where it is not known.

`address` is the emitting contract; `deployment_token`, `token_decimals` and `block_seconds` are constants of the
deployment; times in seconds."""


def arguments(decl: EventDecl) -> dict[str, pl.DataType]:
    """Say which column each argument becomes: name → polars type; wide integers have other spellings beside them."""
    spelled = {
        f"{param.name}_{ending}": kind
        for param in decl.params
        if _dtype(param) == AMOUNT
        for ending, (kind, _) in _SPELLINGS.items()
    }
    return {**spelled, **{param.name: _dtype(param) for param in decl.params}}


def read_by(decl: EventDecl, used: Collection[str]) -> frozenset[str]:
    """Name the arguments that are read where these columns are used: as they are, or spelled otherwise."""
    return frozenset(
        param.name
        for param in decl.params
        if param.name in used
        or (_dtype(param) == AMOUNT and any(f"{param.name}_{ending}" in used for ending in _SPELLINGS))
    )


def spellings(
    decl: EventDecl, columns: Mapping[str, Sequence[Any] | pl.Series], used: Collection[str]
) -> list[pl.Series]:
    """Make the used columns that stand beside wide integers: `NAME_text`, `NAME_address`."""
    taken = {param.name for param in decl.params}
    return [
        pl.Series(name, [spell(value) for value in columns[param.name]], dtype=kind)
        for param in decl.params
        if _dtype(param) == AMOUNT
        for ending, (kind, spell) in _SPELLINGS.items()
        if (name := f"{param.name}_{ending}") in used and name not in taken
    ]


def _address_in(number: int) -> bytes | None:
    return number.to_bytes(_ADDRESS) if 0 <= number < 2 ** (8 * _ADDRESS) else None


_SPELLINGS: dict[str, tuple[pl.DataType, Callable[[int], Any]]] = {
    "text": (pl.String(), str),
    "address": (pl.Binary(), _address_in),
}
"""An identifier is often a hash, with more digits than a number may have, or an address kept as a number."""


def column_of(param: Param, values: Sequence[Any] | pl.Series) -> pl.Series:
    """Make the column of one argument; integers beyond `LIMIT` must have been taken out (see `misfits`)."""
    dtype = _dtype(param)
    if isinstance(values, pl.Series):
        return values.alias(param.name).cast(dtype)
    if dtype == AMOUNT:
        return pl.Series(param.name, values, dtype=pl.Int128).cast(AMOUNT)
    if not _hashed(param) and _needs_care(param.type):
        values = [_nested(param.type, value) for value in values]
    return pl.Series(param.name, values, dtype=dtype)


def misfits(decl: EventDecl, columns: Sequence[Sequence[Any]], used: Collection[str]) -> dict[int, str]:
    """Name, by place, the rows in which a used argument holds an integer beyond 38 digits, with its exact text."""
    found: dict[int, str] = {}
    for param, column in zip(decl.params, columns, strict=True):
        kind = _dtype(param)
        if param.name not in used or not column:
            continue
        if kind == AMOUNT and min(column) > -LIMIT and max(column) < LIMIT:
            continue
        if kind == AMOUNT or isinstance(kind, (pl.List, pl.Struct)):
            beyond = ((place, _beyond(value)) for place, value in enumerate(column))
            for place, number in beyond:
                if number is not None:
                    found.setdefault(place, f"{param.name} has more than 38 digits: {number}")
    return found


def _beyond(value: Any) -> int | None:
    if isinstance(value, int):
        return value if not -LIMIT < value < LIMIT else None
    if isinstance(value, (list, dict)):
        parts = value.values() if isinstance(value, dict) else value
        return next((found for part in parts if (found := _beyond(part)) is not None), None)
    return None


def _hashed(param: Param) -> bool:
    return param.indexed and not (isinstance(param.type, Elementary) and param.type.words())


def _dtype(param: Param) -> pl.DataType:
    return pl.Binary() if _hashed(param) else _typed(param.type)


def _typed(kind: Type) -> pl.DataType:
    match kind:
        case Array():
            return pl.List(_typed(kind.item))
        case Tuple():
            return pl.Struct({field.name: _typed(field.type) for field in kind.fields})
        case Elementary("uint" | "int", bits):
            return pl.Int64() if bits <= _NARROW else AMOUNT
        case Elementary("bool"):
            return pl.Boolean()
        case Elementary("string" | "fixed" | "ufixed"):
            return pl.String()
        case _:
            return pl.Binary()


def _needs_care(kind: Type) -> bool:
    return not isinstance(kind, Elementary) or kind.places > 0


def _nested(kind: Type, value: Any) -> Any:
    """Prepare a value inside a list or struct: polars takes wide integers there only as Decimal."""
    if value is None:
        return None
    match kind:
        case Array():
            return [_nested(kind.item, item) for item in value]
        case Tuple():
            return {field.name: _nested(field.type, value[field.name]) for field in kind.fields}
        case Elementary("fixed" | "ufixed"):
            return format(value, "f")
        case Elementary("uint" | "int", bits) if bits > _NARROW:
            return Decimal(value)
        case _:
            return value
