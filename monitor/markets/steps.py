"""Named steps: what an adapter needs and SQL cannot say. Each adds columns to a frame of decoded events."""

from __future__ import annotations

from typing import Any, assert_never

import msgspec
import polars as pl
from eth_abi.exceptions import EncodingError
from eth_abi.packed import encode_packed
from eth_hash.auto import keccak

from monitor.markets.fit import key_text
from monitor.markets.spec import AkashAttributes, Call, Explode, Json, KeccakPacked, Lookup, SpheronSpec, Step
from monitor.markets.spheron import Resources, gpu_of, json_of, resources_of

__all__ = ["TABLES", "add_step", "step_adds", "step_reads"]

TABLES: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "market": pl.String(),
    "table": pl.String(),
    "key": pl.String(),
    "value": pl.String(),
    "block_number": pl.Int64(),
    "log_index": pl.Int64(),
    "tx_hash": pl.Binary(),
}
"""What `table.put` events said, one row each; a null `value` is a `table.delete`."""

_SPHERON: dict[str, pl.DataType] = {
    "spec_name": pl.String(),
    "gpu_model": pl.String(),
    "gpu_units": pl.Int64(),
    "replicas": pl.Int64(),
    "gpu_count": pl.Int64(),
    "region": pl.String(),
}
_LOOKUP_TYPES = {"text": pl.String(), "address": pl.Binary(), "int": pl.Decimal(38, 0)}
_ADDRESS_TEXT = 42
_LONGEST_NUMBER = 38


def step_reads(step: Step) -> tuple[str, ...]:
    """List the expressions or columns a step reads, as SQL."""
    match step:
        case Json() | SpheronSpec() | AkashAttributes() | Explode():
            return (f'"{step.of}"',)
        case KeccakPacked():
            return tuple(step.args)
        case Lookup():
            return tuple(step.key)
        case Call():
            return ()
        case _:
            assert_never(step)


def step_adds(step: Step, schema: dict[str, pl.DataType]) -> dict[str, pl.DataType]:
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
            return {step.name: _LOOKUP_TYPES[step.type]}
        case Explode():
            _demand(schema, step.of, pl.List)
            return dict(pl.LazyFrame(schema={step.of: schema[step.of]}).explode(step.of).collect_schema())
        case Call():
            message = f"the step `{step.do}` needs a node, which this version does not ask; use an event"
            raise ValueError(message)
        case _:
            assert_never(step)


def add_step(  # noqa: PLR0911 - one per step
    frame: pl.DataFrame, step: Step, tables: pl.DataFrame, market: str
) -> pl.DataFrame:
    """Run one step; what cannot be read becomes null."""
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
            return _lookup(frame, step, tables, market)
        case Explode():
            return frame.explode(step.of, empty_as_null=True, keep_nulls=True)
        case Call():
            return frame
        case _:
            assert_never(step)


def _demand(schema: dict[str, pl.DataType], name: str, *wanted: type[pl.DataType]) -> None:
    if not isinstance(schema.get(name), wanted):
        message = f"{name} is {schema.get(name, 'no column')}, wanted {' or '.join(kind.__name__ for kind in wanted)}"
        raise ValueError(message)  # noqa: TRY004 - a fault of the adapter, not of the caller


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
            packed = encode_packed(step.types, [_packable(kind, x) for kind, x in zip(step.types, values, strict=True)])
            hashes.append(keccak(packed))
        except (EncodingError, TypeError, ValueError, OverflowError):
            hashes.append(None)
    return frame.with_columns(pl.Series(step.name, hashes, dtype=pl.Binary))


def _packable(kind: str, value: Any) -> Any:
    return int(value) if kind.startswith(("uint", "int")) else value


def _lookup(frame: pl.DataFrame, step: Lookup, tables: pl.DataFrame, market: str) -> pl.DataFrame:
    key = key_text(frame, step.key).alias("_key")
    puts = tables.filter((pl.col("market") == market) & (pl.col("table") == step.table))
    asked = frame.select("chain_id", "block_number", "log_index", "tx_hash").with_columns(key).with_row_index("_at")
    found = _same_tx(asked, puts) if step.when == "same_tx" else _before(asked, puts)
    values = asked.join(found.select("_at", "value"), on="_at", how="left", maintain_order="left")["value"]
    return frame.with_columns(_converted(values, step).alias(step.name))


def _same_tx(asked: pl.DataFrame, puts: pl.DataFrame) -> pl.DataFrame:
    last = (
        puts.sort("block_number", "log_index", nulls_last=False)
        .unique(["chain_id", "tx_hash", "key"], keep="last", maintain_order=True)
        .select("chain_id", "tx_hash", pl.col("key").alias("_key"), "value")
    )
    return asked.join(last, on=["chain_id", "tx_hash", "_key"], how="inner")


def _before(asked: pl.DataFrame, puts: pl.DataFrame) -> pl.DataFrame:
    """Join the last put strictly before each log; logs without a position find nothing."""
    place = ["block_number", "log_index"]
    held = [frame.select(place).drop_nulls() for frame in (asked, puts)]
    order = pl.concat(held).unique().sort(place).with_row_index("_order")
    left = asked.join(order, on=place, how="inner").sort("_order")
    right = puts.join(order, on=place, how="inner").sort("_order").rename({"key": "_key"})
    return left.join_asof(
        right.select("_order", "chain_id", "_key", "value"),
        on="_order",
        by=["chain_id", "_key"],
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    )


def _converted(values: pl.Series, step: Lookup) -> pl.Series:
    if step.type == "address":
        return pl.Series(step.name, [_address(text) for text in values.to_list()], dtype=pl.Binary)
    if step.type == "int":
        short = pl.when(pl.col("value").str.len_bytes() <= _LONGEST_NUMBER).then(pl.col("value"))
        return values.to_frame("value").select(short.cast(pl.Int128, strict=False).cast(pl.Decimal(38, 0)))["value"]
    return values


def _address(text: str | None) -> bytes | None:
    if text is None or len(text) != _ADDRESS_TEXT or not text.startswith("0x"):
        return None
    try:
        return bytes.fromhex(text[2:])
    except ValueError:
        return None
