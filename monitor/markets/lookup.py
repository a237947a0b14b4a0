"""Tables of a market: what `table.put` events said, looked up as it stood at a log."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import polars as pl

from monitor.markets.fit import key_text
from monitor.markets.stepspec import Lookup

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


def add_lookup(frame: pl.DataFrame, step: Lookup, tables: pl.DataFrame, market: str) -> pl.DataFrame:
    """Add the looked-up column; what no table says is null, and the sum of nothing is 0."""
    key = key_text(frame, step.key).alias("_key")
    puts = tables.filter((pl.col("market") == market) & (pl.col("table") == step.table))
    asked = frame.select("chain_id", "block_number", "log_index", "tx_hash").with_columns(key).with_row_index("_at")
    if step.take == "last":
        kept = puts.with_columns(pl.when(~pl.col("gone")).then("value").alias("value"))
        found = _same_tx(asked, kept) if step.when == "same_tx" else _before(asked, kept)
        values = asked.join(found.select("_at", "value"), on="_at", how="left", maintain_order="left")["value"]
        return frame.with_columns(_typed(values.to_list(), step).alias(step.name))
    moments = _moments(asked, puts, same_tx=step.when == "same_tx")
    if step.take == "sum":
        return frame.with_columns(pl.Series(step.name, _sums(asked, moments), dtype=pl.Int128).cast(_TYPES["int"]))
    lists = [_typed(values, step).to_list() if values else None for values in _all(asked, moments)]
    return frame.with_columns(pl.Series(step.name, lists, dtype=lookup_type(step)))


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
    for at, chain, block, index, tx, key in asked.select("_at", *names, "_key").iter_rows():
        if block is not None and index is not None:
            place = (1, block, index) if same_tx else (block, index, 0)
            found.append(_Moment(place, at, "", False, (chain, tx if same_tx else None, key)))
    return sorted(found, key=lambda moment: moment[:4])


def _all(asked: pl.DataFrame, moments: list[_Moment]) -> list[list[str]]:
    """List for every question the values that stand under its key, oldest first, none where they are too many."""
    standing: dict[tuple[object, ...], list[str]] = defaultdict(list)
    found: list[list[str]] = [[] for _ in range(asked.height)]
    for moment in moments:
        held = standing[moment.scope]
        if moment.at >= 0:
            found[moment.at] = list(held) if len(held) <= MAX_VALUES else []
        elif moment.gone:
            standing[moment.scope] = [other for other in held if moment.value not in {"", other}]
        elif moment.value:
            held.append(moment.value)
    return found


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


def _typed(values: list[str | None] | list[str], step: Lookup) -> pl.Series:
    if step.type == "address":
        return pl.Series(step.name, [address_of(text) for text in values], dtype=pl.Binary)
    if step.type == "int":
        return pl.Series(step.name, [_number(text) for text in values], dtype=pl.Int128).cast(_TYPES["int"])
    return pl.Series(step.name, values, dtype=pl.String)


def _number(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > len(str(_LIMIT)):
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
