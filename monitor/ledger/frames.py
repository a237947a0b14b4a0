"""Rows of the ledger as polars frames, built column by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

__all__ = ["headers", "logs", "transfers"]

WORD = 32
MAX_TOPICS = 4
_MAX_DECIMAL_DIGITS = 38

HEADERS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "number": pl.Int64(),
    "hash": pl.Binary(),
    "parent_hash": pl.Binary(),
    "timestamp": pl.Int64(),
}
_LOGS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "block_number": pl.Int64(),
    "tx_hash": pl.Binary(),
    "tx_index": pl.Int64(),
    "log_index": pl.Int64(),
    "address": pl.Binary(),
    "topics": pl.Binary(),
    "data": pl.Binary(),
}
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
_BLOCK = ("chain_id", "block_number", "block_time", "block_hash")


def headers(rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Make the frame of headers."""
    return _frame(rows, HEADERS)


def logs(rows: Sequence[tuple[Any, ...]], header_rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Make the frame of logs, each with its block's hash and time, in the order of the rows."""
    frame = _with_block(_frame(rows, _LOGS), header_rows)
    return frame.select(*_BLOCK, "tx_hash", "tx_index", "log_index", "address", _topics().alias("topics"), "data")


def transfers(rows: Sequence[tuple[Any, ...]], header_rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Make the frame of native transactions, each with its block's hash and time, in the order of the rows."""
    frame = _with_block(_frame(rows, _NATIVE), header_rows)
    fits = pl.col("value").str.len_bytes() <= _MAX_DECIMAL_DIGITS
    return frame.select(
        *_BLOCK,
        *("tx_hash", "tx_index", "sender", "recipient"),
        pl.when(fits).then(pl.col("value")).cast(pl.Decimal(38, 0)).alias("value"),
        pl.col("value").alias("value_exact"),
        "nonce",
    )


def _frame(rows: Sequence[tuple[Any, ...]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    series = [
        pl.Series(name, values, dtype=kind, strict=True)
        for (name, kind), values in zip(schema.items(), columns, strict=True)
    ]
    return pl.DataFrame(series)


def _with_block(frame: pl.DataFrame, header_rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    blocks = headers(header_rows).select(
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
