"""Thousands of small queries: run where polars runs them.

A query that begins on any other thread is handed to a thread of polars' pool, and its beginner woken when it is done:
for a frame of fifty rows that costs as much again as the query, and wakes idle threads of the pool, which spin. What
runs on a thread of the pool asks its queries there at once, and large ones still use all the others. Measured in
`bench/alerts.py`: a look takes half the processor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import polars as pl

from monitor.errors import MonitorError

__all__ = ["on_the_pool"]

T = TypeVar("T")


def on_the_pool(work: Callable[[], T]) -> T:
    """Do work on a thread of polars' pool and wait for it; raises what it raises.

    Where the pool has a single thread, it stays free for others, who may have to wait on it.
    """
    if pl.thread_pool_size() == 1:
        return work()
    done: list[T | MonitorError] = []

    def run(column: pl.Series) -> pl.Series:
        try:
            done.append(work())
        except MonitorError as error:
            # polars would make another one of it, without its hint
            done.append(error)
        return column

    # only of several expressions polars puts one on its pool
    pl.select(pl.lit(0).map_batches(run, return_dtype=pl.Int32()).alias("work"), pl.lit(0).alias("beside"))
    [outcome] = done
    if isinstance(outcome, MonitorError):
        raise outcome
    return outcome
