"""Binary columns made of arrays of bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

__all__ = ["binary"]


def binary(rows: np.ndarray[Any, np.dtype[np.uint8]]) -> pl.Series:
    """Make a Binary column of an array with a row of bytes for each value."""
    kind = pl.Array(pl.UInt8, rows.shape[1])
    return pl.Series(np.ascontiguousarray(rows), dtype=kind).cast(pl.List(pl.UInt8)).cast(pl.Binary)
