"""Frames in order, kept so: what changed is put in its places, and the rows between them are neither moved nor copied.

A frame is cut where rows go or come, and put together of the pieces; now and then it is made one piece again. So a
change costs what it brings, however long the frame is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["extended", "replaced", "under"]

_MOST_PIECES = 64
"""Pieces from which a frame is made one again."""
_MANY = 2_000
"""Keys from which sorting everything costs less than cutting."""


def replaced(frame: pl.DataFrame, keys: pl.DataFrame, rows: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """Take `rows`, in any order, as all there is under the `keys` in a frame sorted by `order`.

    `keys` has the first columns of `order`, none of them null.
    """
    keys = keys.unique()
    if keys.height > _MANY:
        stand = frame.join(keys, on=keys.columns, how="anti", maintain_order="left")
        return pl.concat([stand, rows]).sort(order)
    keys, rows = keys.sort(keys.columns), rows.sort(order)
    went, came = (np.stack([_places(each, keys, side) for side in _SIDES]).T for each in (frame, rows))
    pieces, last = [frame.clear()], 0
    for (first, stop), (begin, end) in zip(went.tolist(), came.tolist(), strict=True):
        pieces += [frame.slice(last, first - last), rows.slice(begin, end - begin)]
        last = stop
    return _whole([*pieces, frame.slice(last)])


def under(frame: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Pick the rows under some `keys`, in order; `keys` as in `replaced`."""
    keys = keys.unique().sort(keys.columns)
    if keys.height > _MANY:
        return frame.join(keys, on=keys.columns, how="semi", maintain_order="left")
    first, stop = (_places(frame, keys, side) for side in _SIDES)
    count = stop - first
    rows = np.arange(count.sum()) + (first - count.cumsum() + count).repeat(count)
    return frame[pl.Series(rows)]


def extended(frame: pl.DataFrame, block: str, since: Mapping[int, int], rows: pl.DataFrame) -> pl.DataFrame:
    """Put `rows` in the place of all that stands above the blocks of `since`; both sorted by chain_id and `block`."""
    pieces = [frame.clear()]
    chains = [each.get_column("chain_id") for each in (frame, rows)]
    for name in sorted({*chains[0].unique(), *chains[1].unique()}):
        (first, stop), (begin, end) = ([int(chain.search_sorted(name, side)) for side in _SIDES] for chain in chains)
        blocks = frame.get_column(block).slice(first, stop - first)
        settled = int(blocks.search_sorted(since.get(name, -1), "right"))
        pieces += [frame.slice(first, settled), rows.slice(begin, end - begin)]
    return _whole(pieces)


_Side = Literal["left", "right"]
_SIDES: tuple[_Side, _Side] = ("left", "right")


def _places(frame: pl.DataFrame, keys: pl.DataFrame, side: _Side) -> NDArray[np.int64]:
    """Say where each of the sorted keys begins (left) or ends in a frame sorted by their columns."""
    name, *rest = keys.columns
    column = frame.get_column(name)
    if not rest:
        return column.search_sorted(keys.get_column(name), side).to_numpy().astype(np.int64)
    found = [np.zeros(0, np.int64)]
    for value in keys.get_column(name).unique(maintain_order=True):
        first, stop = (int(column.search_sorted(value, each)) for each in _SIDES)
        inner = keys.filter(pl.col(name) == value).select(rest)
        found.append(first + _places(frame.slice(first, stop - first), inner, side))
    return np.concatenate(found)


def _whole(pieces: Sequence[pl.DataFrame]) -> pl.DataFrame:
    frame = pl.concat([pieces[0], *(piece for piece in pieces[1:] if piece.height)])
    return frame.rechunk() if frame.n_chunks() > _MOST_PIECES else frame
