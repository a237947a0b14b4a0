"""Limits of belief: values beyond them are hostile or broken and become null, so that no sum can overflow.

Ten million rows at the amount limit still fit `Decimal(38, 0)`.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from monitor.model.schema import AMOUNT

__all__ = [
    "AMOUNT_LIMIT",
    "GPU_LIMIT",
    "MAX_HELD_SECONDS",
    "TIME_LIMIT",
    "believable_amount",
    "believable_count",
    "believable_span",
    "believable_time",
]

AMOUNT_LIMIT = 10**31
"""Base units: ten trillion whole tokens of 18 decimals."""
TIME_LIMIT = 253_402_300_800
"""Seconds: the first instant of the year 10000, which no date library shows."""
GPU_LIMIT = 1_000_000
"""Accelerators in one lease."""
MAX_HELD_SECONDS = 10 * 366 * 86_400
"""Seconds one lease can add to a wallet's hours."""


def _within(column: str, low: pl.Expr, high: pl.Expr) -> pl.Expr:
    value = pl.col(column)
    return pl.when((value >= low) & (value < high)).then(value)


def believable_amount(column: str) -> pl.Expr:
    """Keep base units from 0 up to the limit, null beyond."""
    return _within(column, pl.lit(Decimal(0), dtype=AMOUNT), pl.lit(Decimal(AMOUNT_LIMIT), dtype=AMOUNT))


def believable_time(column: str) -> pl.Expr:
    """Keep seconds since the epoch from 1 up to the year 9999, null beyond; 0 is how contracts say "none"."""
    return _within(column, pl.lit(1), pl.lit(TIME_LIMIT))


def believable_span(column: str) -> pl.Expr:
    """Keep lengths from 0 to ten years, null beyond; a longer promise is a way to say "no end"."""
    return _within(column, pl.lit(0), pl.lit(MAX_HELD_SECONDS + 1))


def believable_count(column: str) -> pl.Expr:
    """Keep accelerator counts from 1 to a million, null beyond."""
    return _within(column, pl.lit(1), pl.lit(GPU_LIMIT + 1))
