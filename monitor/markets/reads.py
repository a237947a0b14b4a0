"""What an adapter needs of the chain beside logs: contract answers and transactions, joined as tables.

Pure: known reads (schema READS) come in, what is still to be had (WANTED) goes out, and what is neither known nor to be
had is null. The shell fetches (`monitor.chain.reads`) and keeps (`monitor.ledger.reads`) them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, reduce
from operator import add
from typing import Any, NamedTuple

import polars as pl

from monitor.abi import Elementary, EventDecl, Type, Undecodable, compile_event, parse_event
from monitor.abi.encoding import encode
from monitor.errors import MarketError
from monitor.markets.columns import AMOUNT, LIMIT, arguments, column_of
from monitor.markets.load import Market
from monitor.markets.stepspec import Call, Calldata
from monitor.model.schema import READS, WANTED

__all__ = [
    "TRANSACTION",
    "Known",
    "add_call",
    "add_calldata",
    "call_type",
    "calldata_type",
    "selectors",
    "with_transaction",
]

TRANSACTION = ("tx_from", "tx_to", "tx_value")
"""Columns of a log's transaction."""
_ADDRESS, _WORD, _SELECTOR = 20, 32, 4
_KEY = list(WANTED)


class Known(NamedTuple):
    """What one market's rules may use beside a log: its tables (TABLES by name), reads (READS), contracts by role."""

    tables: Mapping[str, pl.DataFrame]
    reads: pl.DataFrame
    contracts: Mapping[tuple[int, str], bytes]
    """(chain id, role) → address, where the role has one contract on that chain."""


class _Function(NamedTuple):
    """A contract function: its arguments as a declaration, whose topic begins with the selector, and its results."""

    takes: EventDecl
    returns: EventDecl


@cache
def _parsed(text: str) -> _Function:
    """Parse `name(arguments) returns (results)`; raises ValueError when it is none."""
    head, word, tail = text.partition(" returns ")
    try:
        takes = parse_event(head)
        # What comes back is encoded as the data of an event is: one decoder reads both.
        returns = parse_event(f"returns{tail.strip()}" if word else "returns()")
    except MarketError as error:
        raise ValueError(error.message) from error
    return _Function(takes, returns._replace(topic0=b""))


def _result_fields(function: _Function) -> dict[str, pl.DataType]:
    """Name the columns of what a function returns; a single tuple is opened."""
    fields = _without_digits(function.returns)
    (only,) = fields.values() if len(fields) == 1 else (None,)
    return {field.name: field.dtype for field in only.fields} if isinstance(only, pl.Struct) else fields  # type: ignore[misc]


def _without_digits(decl: EventDecl) -> dict[str, pl.DataType]:
    kinds = arguments(decl)
    return {param.name: kinds[param.name] for param in decl.params}


def _merged(texts: Sequence[str], layouts: Sequence[dict[str, pl.DataType]]) -> pl.Struct:
    """Put the layouts of a function together; raises ValueError where one name has two types."""
    fields: dict[str, pl.DataType] = {}
    for text, layout in zip(texts, layouts, strict=True):
        for name, kind in layout.items():
            if fields.setdefault(name, kind) != kind:
                message = f"{name} has two types: {fields[name]} and, in {text}, {kind}"
                raise ValueError(message)
    if not fields:
        message = f"{texts[0]} names nothing to read"
        raise ValueError(message)
    return pl.Struct(fields)


def call_type(step: Call) -> pl.Struct:
    """Say what a call adds; raises ValueError for a wrong declaration or number of arguments."""
    functions = [_parsed(text) for text in step.function]
    for text, function in zip(step.function, functions, strict=True):
        if len(function.takes.params) != len(step.args):
            message = f"{text} takes {len(function.takes.params)} arguments, {len(step.args)} are given"
            raise ValueError(message)
        if function.takes.topic0[:_SELECTOR] != functions[0].takes.topic0[:_SELECTOR]:
            message = f"{text} is another function than {step.function[0]}"
            raise ValueError(message)
    return _merged(step.function, [_result_fields(function) for function in functions])


def calldata_type(step: Calldata) -> pl.Struct:
    """Say what a read of call data adds; raises ValueError for a wrong declaration."""
    return _merged(step.function, [_without_digits(_parsed(text).takes) for text in step.function])


def selectors(market: Market) -> frozenset[bytes]:
    """List the selectors of the contract functions that a market's rules call."""
    steps = [step for rule in market.rules for step in rule.steps if isinstance(step, Call)]
    return frozenset(_parsed(text).takes.topic0[:_SELECTOR] for step in steps for text in step.function)


def add_call(frame: pl.DataFrame, step: Call, known: Known, wanted: list[pl.DataFrame]) -> pl.DataFrame:
    """Add the struct of what the contract returned; what is not known yet is put on `wanted`."""
    functions = [_parsed(text) for text in step.function]
    given = frame.select(
        frame["_row"],
        _place(step, known).alias("target"),
        *(pl.sql_expr(sql).alias(f"a{place}") for place, sql in enumerate(step.args)),
    )
    payload = _payloads(functions[0].takes, given.get_columns()[2:], frame.height)
    asked = frame.select("chain_id", pl.col("block_number") - (step.at == "before")).with_columns(
        pl.lit("call").alias("kind"), given["target"], payload.alias("payload")
    )
    kind = call_type(step)
    results = (_constants if step.at == "any" else _answers)(asked, known.reads, wanted)
    found = {raw: _returned(functions, raw, kind) for raw in set(results) if raw is not None}
    values = [None if raw is None else found[raw] for raw in results]
    return frame.with_columns(pl.Series(step.name, values, dtype=kind))


def _place(step: Call | Calldata, known: Known) -> pl.Expr:
    if isinstance(step, Call) and step.to:
        return pl.sql_expr(step.to)
    if step.role is None:
        return pl.col("address")
    at = {chain: address for (chain, role), address in known.contracts.items() if role == step.role}
    if not at:
        return pl.lit(None, dtype=pl.Binary)
    return pl.col("chain_id").replace_strict(list(at), list(at.values()), default=None, return_dtype=pl.Binary)


def _payloads(takes: EventDecl, columns: Sequence[pl.Series], height: int) -> pl.Series:
    """Write call data for rows of arguments: in columns, or, where one is no plain word, once per set of arguments."""
    words = [_words(param.type, column) for param, column in zip(takes.params, columns, strict=True)]
    plain = [word for word in words if word is not None]
    if len(plain) == len(words):
        selector = pl.repeat(takes.topic0[:_SELECTOR], height, dtype=pl.Binary, eager=True)
        return reduce(add, plain, selector)
    rows = list(zip(*(column.to_list() for column in columns), strict=True))
    encoded = {values: _encoded(takes, values) for values in set(rows)}
    return pl.Series([encoded[values] for values in rows], dtype=pl.Binary)


def _words(kind: Type, column: pl.Series) -> pl.Series | None:
    """Encode a column as words, null where a value does not fit; None where its type is no plain word."""
    match kind:
        case Elementary("uint", bits) if column.dtype.is_integer() or column.dtype.is_decimal():
            numbers = column.cast(pl.Int128).to_list()
            words = [None if n is None or n < 0 or n >> bits else n.to_bytes(_WORD) for n in numbers]
            return pl.Series(words, dtype=pl.Binary)
        case Elementary("address") if column.dtype == pl.Binary:
            return pl.Series([bytes(_WORD - _ADDRESS)], dtype=pl.Binary) + _sized(column, _ADDRESS)
        case Elementary("bytes", bits) if bits and column.dtype == pl.Binary:
            return _sized(column, bits // 8) + pl.Series([bytes(_WORD - bits // 8)], dtype=pl.Binary)
        case _:
            return None


def _sized(column: pl.Series, size: int) -> pl.Series:
    return column.set((column.bin.size() != size).fill_null(value=True), None)


def _encoded(takes: EventDecl, values: Sequence[Any]) -> bytes | None:
    """Write call data; None where an argument is not known or does not fit its type."""
    types = [param.type for param in takes.params]
    try:
        parts = [_part(kind, value) for kind, value in zip(types, values, strict=True)]
        laid = _laid_out(types, parts)
        return takes.topic0[:_SELECTOR] + (
            encode([kind.canonical() for kind in types], values) if laid is None else laid
        )
    except (TypeError, ValueError, OverflowError):
        return None


def _part(kind: Type, value: Any) -> bytes | None:
    """Encode what most arguments are, words and texts (length, padded bytes); eth-abi takes a hundred times as long."""
    match kind:
        case Elementary("uint", bits):
            return int(value).to_bytes(bits // 8).rjust(_WORD, b"\0")
        case Elementary("address") if len(value) == _ADDRESS:
            return bytes(value).rjust(_WORD, b"\0")
        case Elementary("bytes", bits) if bits and bits == 8 * len(value):
            return bytes(value).ljust(_WORD, b"\0")
        case Elementary("string") if isinstance(value, str):
            raw = value.encode()
            return len(raw).to_bytes(_WORD) + raw.ljust(-(-len(raw) // _WORD) * _WORD, b"\0")
        case _:
            return None


def _laid_out(types: Sequence[Type], parts: Sequence[bytes | None]) -> bytes | None:
    """Put parts together as the ABI does, words in the head and texts behind it; None where a part is missing."""
    head, tail = b"", b""
    for kind, part in zip(types, parts, strict=True):
        if part is None:
            return None
        head += part if kind.words() else (_WORD * len(parts) + len(tail)).to_bytes(_WORD)
        tail += b"" if kind.words() else part
    return head + tail


def _returned(functions: Sequence[_Function], raw: bytes, kind: pl.Struct) -> dict[str, Any] | None:
    """Decode an answer by the first layout that fits it."""
    for function in functions:
        if len(functions) > 1 and not _canonical(function.returns, raw):
            continue
        if (values := _decoded(function.returns, raw)) is None:
            continue
        first = next(iter(values.values()), None)
        opened = first if len(values) == 1 and isinstance(first, dict) else values
        return {field.name: opened.get(field.name) for field in kind.fields}
    return None


def _canonical(decl: EventDecl, raw: bytes) -> bool:
    """Tell layouts apart: only the right one encodes to the very answer; others may read a length as an address."""
    try:
        values = compile_event(decl)([decl.topic0], raw)
        return encode([param.type.canonical() for param in decl.params], [_plain(value) for value in values]) == raw
    except (Undecodable, ValueError):
        return False


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(_plain(part) for part in value.values())
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _decoded(decl: EventDecl, raw: bytes) -> dict[str, Any] | None:
    """Decode data by name, as polars takes it; None when it does not fit."""
    try:
        values = compile_event(decl)([decl.topic0], raw)
    except Undecodable:
        return None
    return {
        param.name: column_of(param, [_believed(value)])[0] for param, value in zip(decl.params, values, strict=True)
    }


def _believed(value: Any) -> Any:
    """Leave out integers beyond 38 digits, which no column holds."""
    if isinstance(value, dict):
        return {name: _believed(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_believed(part) for part in value]
    return None if isinstance(value, int) and not -LIMIT < value < LIMIT else value


def _answers(asked: pl.DataFrame, reads: pl.DataFrame, wanted: list[pl.DataFrame]) -> list[bytes | None]:
    """Join what is known, and want what is not: each question once."""
    asked = asked.select(pl.col(name).cast(kind) for name, kind in WANTED.items())
    joined = asked.join(reads.select(list(READS)), on=_KEY, how="left", maintain_order="left")
    open_ones = joined.filter(pl.col("result").is_null() & pl.col("failure").is_null()).select(_KEY).drop_nulls()
    if open_ones.height:
        wanted.append(open_ones.unique())
    return joined["result"].to_list()


def _constants(asked: pl.DataFrame, reads: pl.DataFrame, wanted: list[pl.DataFrame]) -> list[bytes | None]:
    """Join what any block answered; what none did is wanted once, as of the newest block, which every node has."""
    timeless = [name for name in _KEY if name != "block_number"]
    asked = asked.select(pl.col(name).cast(kind) for name, kind in WANTED.items())
    answered = reads.filter(pl.col("result").is_not_null()).sort("block_number").unique(timeless, keep="first")
    joined = asked.join(answered.select(*timeless, "result"), on=timeless, how="left", maintain_order="left")
    open_ones = joined.filter(pl.col("result").is_null()).select(_KEY).drop_nulls()
    fresh = open_ones.group_by(timeless).agg(pl.col("block_number").max()).join(reads, on=timeless, how="anti")
    if fresh.height:
        wanted.append(fresh.select(_KEY))
    return joined["result"].to_list()


def with_transaction(frame: pl.DataFrame, known: Known, wanted: list[pl.DataFrame]) -> pl.DataFrame:
    """Fill `tx_from`, `tx_to` and `tx_value` where the logs' rows did not say them, and add `_input`, the call data."""
    asked = frame.select("chain_id", "block_number").with_columns(
        pl.lit("transaction").alias("kind"), pl.lit(b"").alias("target"), frame["tx_hash"].alias("payload")
    )
    found = [_transaction(raw) for raw in _answers(asked, known.reads, wanted)]
    names = [*TRANSACTION, "_input"]
    read = pl.DataFrame(
        found, schema=dict(zip(names, (pl.Binary, pl.Binary, pl.Int128, pl.Binary), strict=True)), orient="row"
    )
    return frame.with_columns(
        pl.coalesce(frame["tx_from"], read["tx_from"]).alias("tx_from"),
        read["tx_to"],
        read["tx_value"].cast(AMOUNT),
        read["_input"],
    )


def _transaction(raw: bytes | None) -> tuple[bytes | None, bytes | None, int | None, bytes | None]:
    if raw is None or len(raw) < 2 * _ADDRESS + _WORD:
        return None, None, None, None
    sender, recipient, rest = raw[:_ADDRESS], raw[_ADDRESS : 2 * _ADDRESS], raw[2 * _ADDRESS :]
    value = int.from_bytes(rest[:_WORD])
    return sender, recipient if any(recipient) else None, value if value < LIMIT else None, rest[_WORD:]


def add_calldata(frame: pl.DataFrame, step: Calldata, known: Known) -> pl.DataFrame:
    """Add the struct of a transaction's arguments; `with_transaction` must have run."""
    functions = {function.takes.topic0[:_SELECTOR]: function.takes for function in map(_parsed, step.function)}
    kind = calldata_type(step)
    called = frame.select(pl.col("tx_to") == _place(step, known))["tx_to"].to_list()
    values: list[dict[str, Any] | None] = []
    for mine, data in zip(called, frame["_input"].to_list(), strict=True):
        takes = functions.get(data[:_SELECTOR]) if mine and data else None
        found = _decoded(takes._replace(topic0=b""), data[_SELECTOR:]) if takes else None
        values.append(found and {field.name: found.get(field.name) for field in kind.fields})
    return frame.with_columns(pl.Series(step.name, values, dtype=kind))
