"""Logs as they travel from a node to the ledger: one frame of schema LOG_ROWS, one row per log."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from monitor.model.chain import RawLog
from monitor.model.schema import LOG_ROWS

__all__ = ["log_rows", "sorted_rows"]


def log_rows(logs: Iterable[RawLog]) -> pl.DataFrame:
    """Make a LOG_ROWS frame of logs, in their order."""
    rows = [
        (*log[:6], b"".join(log.topics), log.data, log.block_time)
        for log in logs
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=LOG_ROWS, orient="row")


def sorted_rows(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Join LOG_ROWS frames to one, by place on the chain, each log once."""
    whole = pl.concat([pl.DataFrame(schema=LOG_ROWS), *frames])
    place = ["block_number", "log_index"]
    return whole.unique(place, keep="first", maintain_order=True).sort(place)
