"""Rows as they travel from a node to the ledger: logs in one frame of schema LOG_ROWS, all else in tuples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import polars as pl

from monitor.model.chain import Header, RawLog, RawTransfer
from monitor.model.schema import LOG_ROWS
from monitor.model.span import Span

__all__ = ["PLACE", "Page", "is_sorted", "log_rows", "sorted_rows"]

PLACE = ("block_number", "log_index")
"""What tells the logs of one chain apart."""


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


def is_sorted(rows: pl.DataFrame, *, once: bool = False) -> bool:
    """Whether rows stand by place on the chain (with `once`, each place once): much less work than sorting them."""
    block, log = (rows[name].to_numpy() for name in PLACE)
    later = log[1:] > log[:-1] if once else log[1:] >= log[:-1]
    return bool(((block[1:] > block[:-1]) | ((block[1:] == block[:-1]) & later)).all())


def sorted_rows(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Join LOG_ROWS frames to one, by place on the chain, each log once."""
    whole = pl.concat([pl.DataFrame(schema=LOG_ROWS), *frames])
    return whole.unique(PLACE, keep="first", maintain_order=True).sort(PLACE)
