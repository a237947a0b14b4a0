"""Rows of SQLite as polars frames, built column by column, and logs in the form readers get."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from monitor.model.schema import LOG_ROWS

__all__ = ["TRANSACTIONS", "frame_of", "tail_rows", "transfers", "with_words"]

WORD = 32
MAX_TOPICS = 4
_MAX_DECIMAL_DIGITS = 38

_HEADERS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "number": pl.Int64(),
    "hash": pl.Binary(),
    "parent_hash": pl.Binary(),
    "timestamp": pl.Int64(),
}
_TAIL = """
SELECT {columns} FROM logs JOIN headers ON headers.chain_id = logs.chain_id AND number = block_number
WHERE {where} ORDER BY logs.chain_id, block_number, log_index
"""
_ELSEWHERE = {"chain_id": "logs.chain_id", "block_hash": "hash", "block_time": "timestamp"}
_NATIVE: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "block_number": pl.Int64(),
    "tx_hash": pl.Binary(),
    "tx_index": pl.Int64(),
    "sender": pl.Binary(),
    "recipient": pl.Binary(),
    "value": pl.String(),
    "nonce": pl.Int64(),
}
TRANSACTIONS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "block_number": pl.Int64(),
    "block_hash": pl.Binary(),
    "block_time": pl.Int64(),
    **_NATIVE,
    "trace": pl.String(),
}
"""Columns of `Reader.transactions`."""
_BLOCK = ("chain_id", "block_number", "block_time", "block_hash")


def tail_rows(
    connection: sqlite3.Connection, where: str, values: Sequence[object], schema: Mapping[str, pl.DataType] = LOG_ROWS
) -> pl.DataFrame:
    """Read logs of the tail, in chain order, as a frame of LOG_ROWS (or of those columns and `chain_id`)."""
    columns = ", ".join(_ELSEWHERE.get(name, name) for name in schema)
    query = _TAIL.format(columns=columns, where=where)
    return frame_of(connection.execute(query, values).fetchall(), schema)


def with_words(logs: pl.DataFrame) -> pl.DataFrame:
    """Give logs the columns readers get: where they stand, and the topics cut into words."""
    return logs.select(*_BLOCK, "tx_hash", "tx_index", "log_index", "address", _topics().alias("topics"), "data")


def transfers(rows: Sequence[tuple[Any, ...]], header_rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Make the frame of native transactions, each with its block's hash and time, in the order of the rows."""
    frame = _with_block(frame_of(rows, _NATIVE), header_rows)
    fits = pl.col("value").str.len_bytes() <= _MAX_DECIMAL_DIGITS
    return frame.select(
        *_BLOCK,
        *("tx_hash", "tx_index", "sender", "recipient"),
        pl.when(fits).then(pl.col("value")).cast(pl.Decimal(38, 0)).alias("value"),
        pl.col("value").alias("value_exact"),
        "nonce",
    )


def frame_of(rows: Sequence[tuple[Any, ...]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Make a frame of rows whose values are of the schema's types exactly."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    series = [
        pl.Series(name, values, dtype=kind, strict=True)
        for (name, kind), values in zip(schema.items(), columns, strict=True)
    ]
    return pl.DataFrame(series)


def _with_block(frame: pl.DataFrame, header_rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    blocks = frame_of(header_rows, _HEADERS).select(
        "chain_id",
        pl.col("number").alias("block_number"),
        pl.col("timestamp").alias("block_time"),
        pl.col("hash").alias("block_hash"),
    )
    return frame.join(blocks, on=["chain_id", "block_number"], how="left", maintain_order="left")


def _topics() -> pl.Expr:
    """Cut the topics, kept one after another, into words."""
    packed = pl.col("topics")
    words = [packed.bin.slice(WORD * place, WORD) for place in range(MAX_TOPICS)]
    empty = pl.lit([], dtype=pl.List(pl.Binary()))
    size = packed.bin.size()
    return (
        pl.when(size == 0)
        .then(empty)
        .when(size == WORD)
        .then(pl.concat_list(words[:1]))
        .when(size == 2 * WORD)
        .then(pl.concat_list(words[:2]))
        .when(size == 3 * WORD)
        .then(pl.concat_list(words[:3]))
        .otherwise(pl.concat_list(words))
    )
