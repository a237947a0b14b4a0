"""Rows as they travel from a node to the ledger: logs in one frame of schema LOG_ROWS, all else in tuples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from monitor.model.chain import Header, RawLog, RawTransfer
from monitor.model.schema import LOG_ROWS
from monitor.model.span import Span

__all__ = ["BLOCKS", "PLACE", "Page", "blocks_of", "changes", "is_sorted", "log_rows", "sorted_rows"]

PLACE = ("block_number", "log_index")
"""What tells the logs of one chain apart."""

BLOCKS: dict[str, pl.DataType] = {"block_number": pl.Int64(), "block_hash": pl.Binary(), "block_time": pl.Int64()}
"""A block by number: its hash, and its time (seconds) or null."""


class Page(NamedTuple):
    """What one job brought: rows, headers of their blocks, and the coverage they stand for, by fragment key.

    `logs` has the schema LOG_ROWS; a log that carries its block's time needs no header here.
    """

    headers: tuple[Header, ...]
    logs: pl.DataFrame
    transfers: tuple[RawTransfer, ...] = ()
    coverage: Mapping[str, Span] = {}


def log_rows(logs: Iterable[RawLog]) -> pl.DataFrame:
    """Make a LOG_ROWS frame of logs, in their order."""
    rows = [(*log[:6], b"".join(log.topics), log.data, log.block_time) for log in logs]
    return pl.DataFrame(rows, schema=LOG_ROWS, orient="row")


def is_sorted(rows: pl.DataFrame, by: Sequence[str] = PLACE, *, once: bool = False) -> bool:
    """Whether rows stand in order (with `once`, each key once): much less work than sorting them."""
    *more, last = (rows[name].to_numpy() for name in by)
    found = last[1:] > last[:-1] if once else last[1:] >= last[:-1]
    for column in reversed(more):
        found = (column[1:] > column[:-1]) | ((column[1:] == column[:-1]) & found)
    return bool(found.all())


def changes(column: pl.Series) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell for each value but the first whether it differs from the one before it; no value equals no value.

    Numbers are not below zero.
    """
    whole = column.fill_null(-1) if column.null_count() else column
    found: np.ndarray[Any, np.dtype[np.bool_]] = (whole.slice(1) != whole.head(-1)).to_numpy()
    return found


def blocks_of(rows: pl.DataFrame) -> pl.DataFrame:
    """List what sorted LOG_ROWS say about blocks, as BLOCKS: one row for each block, more where they contradict."""
    blocks = rows[list(BLOCKS)]
    new = np.logical_or.reduce([changes(blocks[name]) for name in BLOCKS])
    return blocks[np.flatnonzero(np.append(True, new))] if rows.height else blocks


def sorted_rows(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Join LOG_ROWS frames to one, by place on the chain, each log once."""
    whole = pl.concat([pl.DataFrame(schema=LOG_ROWS), *frames])
    return whole.unique(PLACE, keep="first", maintain_order=True).sort(PLACE)
