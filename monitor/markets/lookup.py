"""Tables of a market: what `table.put` events said, looked up as it stood at a log."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal, NamedTuple, assert_never

import polars as pl

from monitor.markets.fit import key_text
from monitor.markets.stepspec import Lookup
from monitor.model.schema import empty

__all__ = ["MAX_VALUES", "TABLES", "add_lookup", "address_of", "lookup_type"]

MAX_VALUES = 1000
"""Values one key may hold for `take = "all"`; beyond it nothing is found, so that no log fans out without end."""

TABLES: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "market": pl.String(),
    "table": pl.String(),
    "key": pl.String(),
    "value": pl.String(),
    "gone": pl.Boolean(),
    "block_number": pl.Int64(),
    "log_index": pl.Int64(),
    "tx_hash": pl.Binary(),
}
"""What `table.put` and `table.delete` (`gone`) events said; a deleted null value stands for all under the key."""

_TYPES = {"text": pl.String(), "address": pl.Binary(), "int": pl.Decimal(38, 0)}
_ADDRESS_TEXT = 42
_LIMIT = 10**38


def lookup_type(step: Lookup) -> pl.DataType:
    """Say which column a lookup adds."""
    match step.take:
        case "all":
            return pl.List(_TYPES[step.type])
        case "sum":
            return _TYPES["int"]
        case "last":
            return _TYPES[step.type]


def add_lookup(frame: pl.DataFrame, step: Lookup, puts: pl.DataFrame | None) -> pl.DataFrame:
    """Add the looked-up column, given what was put into its table; what no table says is null, the sum of nothing 0."""
    place = frame.select("chain_id", "block_number", "log_index", "tx_hash").with_row_index("_at")
    asked = place.with_columns(key_text(frame, step.key).alias("key"))
    puts = (empty(TABLES) if puts is None else puts).join(asked, on=["chain_id", "key"], how="semi")
    if puts.is_empty():
        nothing = pl.lit(0 if step.take == "sum" else None, dtype=lookup_type(step))
        return frame.with_columns(nothing.alias(step.name))
    if step.take == "last":
        kept = puts.with_columns(pl.when(~pl.col("gone")).then("value").alias("value"))
        found = _same_tx(asked, kept) if step.when == "same_tx" else _before(asked, kept)
        values = place.select("_at").join(found, on="_at", how="left", maintain_order="left")["value"]
        return frame.with_columns(_typed(values, step.type).alias(step.name))
    meant = asked.join(puts, on=["chain_id", "key"], how="semi")
    moments = _moments(meant, puts, same_tx=step.when == "same_tx")
    if step.take == "sum":
        return frame.with_columns(pl.Series(step.name, _sums(asked, moments), dtype=pl.Int128).cast(_TYPES["int"]))
    return frame.with_columns(_all(asked, moments, step))


def _same_tx(asked: pl.DataFrame, puts: pl.DataFrame) -> pl.DataFrame:
    last = puts.sort("block_number", "log_index", nulls_last=False, maintain_order=True).unique(
        ["chain_id", "tx_hash", "key"], keep="last", maintain_order=True
    )
    return asked.join(last, on=["chain_id", "tx_hash", "key"], how="inner").select("_at", "value")


def _before(asked: pl.DataFrame, puts: pl.DataFrame) -> pl.DataFrame:
    """Join the last put strictly before each log; logs without a position find nothing."""
    order = pl.col("block_number").cast(pl.Int128) * 2**64 + pl.col("log_index")
    left, right = (
        frame.with_columns(order.alias("_order")).drop_nulls("_order").sort("_order", maintain_order=True)
        for frame in (asked, puts)
    )
    return left.join_asof(
        right.select("_order", "chain_id", "key", "value"),
        on="_order",
        by=["chain_id", "key"],
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    ).select("_at", "value")


class _Moment(NamedTuple):
    """A put (`at` is -1) or a question (`at` is its row), within a scope: chain, transaction if that counts, key."""

    place: tuple[int, ...]
    at: int
    value: str
    gone: bool
    scope: tuple[object, ...]


def _moments(asked: pl.DataFrame, puts: pl.DataFrame, *, same_tx: bool) -> list[_Moment]:
    """Order puts and questions as they meet: a question sees the puts before it, or all of its transaction."""
    found = []
    names = ["chain_id", "block_number", "log_index", "tx_hash"]
    for chain, block, index, tx, key, value, gone in puts.select(*names, "key", "value", "gone").iter_rows():
        if block is not None and index is not None:
            place = (0, block, index) if same_tx else (block, index, 1)
            found.append(_Moment(place, -1, value or "", gone, (chain, tx if same_tx else None, key)))
    for at, chain, block, index, tx, key in asked.select("_at", *names, "key").iter_rows():
        if block is not None and index is not None:
            place = (1, block, index) if same_tx else (block, index, 0)
            found.append(_Moment(place, at, "", False, (chain, tx if same_tx else None, key)))
    return sorted(found, key=lambda moment: moment[:4])


def _all(asked: pl.DataFrame, moments: list[_Moment], step: Lookup) -> pl.Series:
    """List for every question the values that stand under its key, oldest first; null for none and for too many."""
    standing: dict[tuple[object, ...], list[str]] = defaultdict(list)
    found: list[list[str] | None] = [None] * asked.height
    for moment in moments:
        held = standing[moment.scope]
        if moment.at >= 0:
            found[moment.at] = list(held) if 0 < len(held) <= MAX_VALUES else None
        elif moment.gone:
            standing[moment.scope] = [other for other in held if moment.value not in {"", other}]
        elif moment.value:
            held.append(moment.value)
    lists = [values and _typed(pl.Series(values, dtype=pl.String), step.type).to_list() for values in found]
    return pl.Series(step.name, lists, dtype=lookup_type(step))


def _sums(asked: pl.DataFrame, moments: list[_Moment]) -> list[int | None]:
    """Add up for every question the whole numbers put under its key; null beyond 38 digits."""
    standing: dict[tuple[object, ...], int] = defaultdict(int)
    found: list[int | None] = [0] * asked.height
    for moment in moments:
        number = _number(moment.value) or 0
        if moment.at >= 0:
            total = standing[moment.scope]
            found[moment.at] = total if abs(total) < _LIMIT else None
        elif moment.gone:
            standing[moment.scope] -= number if moment.value else standing[moment.scope]
        else:
            standing[moment.scope] += number
    return found


def _typed(texts: pl.Series, kind: Literal["text", "address", "int"]) -> pl.Series:
    match kind:
        case "text":
            return texts
        case "address":
            spelled = texts.str.starts_with("0x") & (texts.str.len_bytes() == _ADDRESS_TEXT)
            return texts.str.slice(2).str.decode("hex", strict=False).set(~spelled, None)
        case "int":
            whole = texts.str.contains(r"^-?[0-9]+$") & (texts.str.len_bytes() <= len(str(_LIMIT)))
            return texts.set(~whole, None).cast(pl.Int128, strict=False).cast(_TYPES["int"], strict=False)
    assert_never(kind)


def _number(text: str) -> int | None:
    if not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > len(str(_LIMIT)):
        return None
    number = int(text)
    return number if -_LIMIT < number < _LIMIT else None


def address_of(text: str | None) -> bytes | None:
    """Read an address as keys and values spell it; None for anything else."""
    if text is None or len(text) != _ADDRESS_TEXT or not text.startswith("0x"):
        return None
    try:
        return bytes.fromhex(text[2:])
    except ValueError:
        return None
