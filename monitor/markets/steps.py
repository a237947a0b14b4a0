"""Named steps: what an adapter needs and SQL cannot say. Each adds columns to a frame of decoded events."""

from __future__ import annotations

from typing import Any, assert_never

import msgspec
import polars as pl
from eth_hash.auto import keccak

from monitor.abi.encoding import encode_packed
from monitor.markets.lists import add_explode, add_items, add_range, items_add
from monitor.markets.lookup import add_lookup, lookup_type
from monitor.markets.reads import Known, add_call, add_calldata, call_type, calldata_type
from monitor.markets.spheron import Resources, gpu_of, json_of, resources_of
from monitor.markets.stepspec import (
    AkashAttributes,
    Bits,
    Call,
    Calldata,
    Explode,
    Items,
    Json,
    KeccakPacked,
    Lookup,
    Range,
    SpheronSpec,
    Step,
)

__all__ = ["add_step", "step_adds", "step_reads"]

_WORD = 32
_SIZES = {"bytes32": _WORD, "address": 20}
_SPHERON: dict[str, pl.DataType] = {
    "spec_name": pl.String(),
    "gpu_model": pl.String(),
    "gpu_units": pl.Int64(),
    "replicas": pl.Int64(),
    "gpu_count": pl.Int64(),
    "region": pl.String(),
}


def step_reads(  # noqa: PLR0911 - one arm per step
    step: Step,
) -> tuple[str, ...]:
    """List the expressions or columns a step reads, as SQL."""
    match step:
        case Json() | SpheronSpec() | AkashAttributes():
            return (f'"{step.of}"',)
        case Items():
            return (step.of,)
        case Explode():
            return tuple(f'"{name}"' for name in step.of)
        case Bits():
            return (step.of,)
        case Range():
            return (step.first, step.count)
        case Call():
            return (*step.args, step.to or "address")
        case Calldata():
            return ("tx_to",)
        case KeccakPacked():
            return tuple(step.args)
        case Lookup():
            return tuple(step.key)
        case _:
            assert_never(step)


def step_adds(  # noqa: C901, PLR0911, PLR0912 - one arm per step
    step: Step, schema: dict[str, pl.DataType]
) -> dict[str, pl.DataType]:
    """Say which columns a step adds or changes; raises ValueError when it cannot read what it names."""
    match step:
        case Json():
            _demand(schema, step.of, pl.String, pl.Binary)
            return {name: pl.String() for name in step.paths}
        case SpheronSpec():
            _demand(schema, step.of, pl.String, pl.Binary)
            return _SPHERON
        case AkashAttributes():
            _demand(schema, step.of, pl.String, pl.List)
            return {"gpu_model": pl.String(), "region": pl.String()}
        case KeccakPacked():
            return {step.name: pl.Binary()}
        case Lookup():
            return {step.name: lookup_type(step)}
        case Bits():
            return dict.fromkeys(step.places, pl.Boolean())
        case Explode():
            for name in step.of:
                _demand(schema, name, pl.List)
            return dict(pl.LazyFrame(schema={name: schema[name] for name in step.of}).explode(step.of).collect_schema())
        case Items():
            return _planned_items(step, schema)
        case Range():
            return {step.name: pl.Int64()}
        case Call():
            return {step.name: call_type(step)}
        case Calldata():
            return {step.name: calldata_type(step)}
        case _:
            assert_never(step)


def add_step(  # noqa: C901, PLR0911 - one arm per step
    frame: pl.DataFrame, step: Step, known: Known, wanted: list[pl.DataFrame]
) -> pl.DataFrame:
    """Run one step; what cannot be read becomes null, and what must be read first is put on `wanted`."""
    match step:
        case Json():
            return _json(frame, step)
        case SpheronSpec():
            found = [Resources() if text is None else resources_of(text) for text in _texts(frame[step.of])]
            rows = [(x.name, x.gpu_model, x.gpu_units, x.replicas, x.gpu_count, x.region) for x in found]
            return frame.with_columns(pl.DataFrame(rows, schema=_SPHERON, orient="row").get_columns())
        case AkashAttributes():
            pairs = [gpu_of(json_of(x) or () if isinstance(x, str) else x or ()) for x in frame[step.of].to_list()]
            schema = {"gpu_model": pl.String(), "region": pl.String()}
            return frame.with_columns(pl.DataFrame(pairs, schema=schema, orient="row").get_columns())
        case KeccakPacked():
            return _keccak(frame, step)
        case Lookup():
            return add_lookup(frame, step, known.tables.get(step.table))
        case Bits():
            return _bits(frame, step)
        case Explode():
            return add_explode(frame, step)
        case Items():
            return add_items(frame, step)
        case Range():
            return add_range(frame, step)
        case Call():
            return add_call(frame, step, known, wanted)
        case Calldata():
            return add_calldata(frame, step, known)
        case _:
            assert_never(step)


def _demand(schema: dict[str, pl.DataType], name: str, *wanted: type[pl.DataType]) -> None:
    if not isinstance(schema.get(name), wanted):
        message = f"{name} is {schema.get(name, 'no column')}, wanted {' or '.join(kind.__name__ for kind in wanted)}"
        raise ValueError(message)  # noqa: TRY004 - a fault of the adapter, not of the caller


def _planned_items(step: Items, schema: dict[str, pl.DataType]) -> dict[str, pl.DataType]:
    try:
        kind = pl.LazyFrame(schema=schema).select(pl.sql_expr(step.of).alias("_list")).collect_schema()
        _demand(dict(kind), "_list", pl.List)
        return items_add(step, kind["_list"])
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error).strip().partition("\n")[0]) from error


def _texts(column: pl.Series) -> list[str | None]:
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in column.to_list()]


def _json(frame: pl.DataFrame, step: Json) -> pl.DataFrame:
    parsed = [None if text is None else json_of(text) for text in _texts(frame[step.of])]
    columns = []
    for name, path in step.paths.items():
        values = [_scalar(value, path.split(".")) for value in parsed]
        columns.append(pl.Series(name, values, dtype=pl.String))
    return frame.with_columns(columns)


def _scalar(value: Any, path: list[str]) -> str | None:
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    if value is None or isinstance(value, (dict, list)):
        return None
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _keccak(frame: pl.DataFrame, step: KeccakPacked) -> pl.DataFrame:
    arguments = frame.select(frame["_row"], *(pl.sql_expr(sql).alias(f"a{i}") for i, sql in enumerate(step.args)))
    hashes: list[bytes | None] = []
    for _, *values in arguments.iter_rows():
        try:
            hashes.append(keccak(b"".join(map(_packed, step.types, values))))
        except (TypeError, ValueError, OverflowError):
            hashes.append(None)
    return frame.with_columns(pl.Series(step.name, hashes, dtype=pl.Binary))


def _packed(kind: str, value: Any) -> bytes:
    """Encode what most arguments are; eth-abi, which knows all types, takes ten times as long."""
    match kind:
        case "uint256":
            return int(value).to_bytes(_WORD)
        case "bytes32" | "address" if len(value) == _SIZES[kind]:
            return bytes(value)
        case "string":
            return str.encode(value)
        case _:
            return encode_packed([kind], [int(value) if kind.startswith(("uint", "int")) else value])


def _bits(frame: pl.DataFrame, step: Bits) -> pl.DataFrame:
    words = frame.select(frame["_row"], pl.sql_expr(step.of).alias("word"))["word"].to_list()
    numbers = [
        int.from_bytes(word) if isinstance(word, bytes) else None if word is None else int(word) for word in words
    ]
    return frame.with_columns(
        pl.Series(name, [None if number is None else bool(number >> place & 1) for number in numbers], dtype=pl.Boolean)
        for name, place in step.places.items()
    )
