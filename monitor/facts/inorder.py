"""Frames in order, kept so: what changed is put in its places, and the rows between them are neither moved nor copied.

A frame is cut where rows go or come, and put together of the pieces; now and then small pieces are made one again. So a
change costs what it brings, however long the frame is.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["extended", "on_every_chain", "pieced", "places", "replaced", "runs", "under"]

_PLACE = "_place"
_Side = Literal["left", "right"]
_SIDES: tuple[_Side, _Side] = ("left", "right")
_Keys = Mapping[str, list[Any]]
"""Columns of sorted keys."""
Spans = NDArray[np.int64]
"""Rows from and up to, two columns."""

_MOST_PIECES = 64
_PIECE = 1 << 13
"""More pieces than these, and than one for so many rows: small ones that follow on each other are made one,"""
_LARGE = 8
"""which are less than an eighth of the frame."""
_MANY = 256
"""Keys from which a frame is copied, for so many pieces cost more."""
_FEW = 8
"""Keys up to which Python looks for each."""


def replaced(frame: pl.DataFrame, keys: pl.DataFrame, rows: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """Take `rows`, in any order, as all there is under the `keys` in a frame sorted by `order`.

    `keys` has the first columns of `order`; under null there is nothing. Where that changes nothing, the frame itself
    comes back.
    """
    sought = _inorder(keys)
    rows = rows.sort(order) if rows.height > 1 else rows
    went, came = (_spans(each, sought) for each in (frame, rows))
    if (went[:, 1] - went[:, 0]).sum() == rows.height and (rows.is_empty() or _picked(frame, went).equals(rows)):
        return frame
    if len(went) > _MANY:
        stand = np.delete(np.arange(frame.height), _spread(went))
        at = stand.searchsorted(went[:, 0]).repeat(came[:, 1] - came[:, 0])
        order_now = np.insert(stand, at, frame.height + np.arange(rows.height))
        return pl.concat([frame, rows], rechunk=True)[pl.Series(order_now)]
    pieces, last = [frame.clear()], 0
    for (first, stop), (begin, end) in zip(went.tolist(), came.tolist(), strict=True):
        if first < stop or begin < end:
            pieces += [frame.slice(last, first - last), rows.slice(begin, end - begin)]
            last = stop
    return pieced([*pieces, frame.slice(last)])


def under(frame: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Pick the rows under some `keys`, in order; `keys` as in `replaced`."""
    return _picked(frame, _spans(frame, _inorder(keys)))


def on_every_chain(wallets: pl.Series, *frames: pl.DataFrame, name: str = "address") -> pl.DataFrame:
    """Name the wallets on every chain that one of the frames, sorted by chain_id, speaks of: chain_id, `name`."""
    chains = {chain_id for frame in frames for chain_id, *_ in runs(frame.get_column("chain_id"))}
    named = pl.DataFrame({"chain_id": sorted(chains)}, {"chain_id": pl.Int64()})
    return named.join(wallets.alias(name).to_frame(), how="cross")


def places(frame: pl.DataFrame, rows: pl.DataFrame, order: Sequence[str]) -> NDArray[np.int64]:
    """Say where `rows` stand in a frame that has them, in ascending order; it is sorted by `order`, never null."""
    if rows.is_empty():
        return np.zeros(0, np.int64)
    near = _spread(_spans(frame, _inorder(rows.select(order))))
    found = frame[pl.Series(near)].with_columns(pl.Series(_PLACE, near))
    standing: NDArray[np.int64] = (
        found.join(rows, on=rows.columns, how="semi", nulls_equal=True).get_column(_PLACE).sort().to_numpy()
    )
    return standing


def extended(frame: pl.DataFrame, block: str, since: Mapping[int, int], rows: pl.DataFrame) -> pl.DataFrame:
    """Put `rows` in the place of all that stands above the blocks of `since`; both sorted by chain_id and `block`."""
    pieces = [frame.clear()]
    stood, come = (
        {name: (first, stop) for name, first, stop in runs(each.get_column("chain_id"))} for each in (frame, rows)
    )
    for name in sorted(stood.keys() | come.keys()):
        (first, stop), (begin, end) = (each.get(name, (0, 0)) for each in (stood, come))
        blocks = frame.get_column(block).slice(first, stop - first)
        settled = bisect_right(blocks, since.get(name, -1))
        pieces += [frame.slice(first, settled), rows.slice(begin, end - begin)]
    return pieced(pieces)


def runs(column: pl.Series | list[Any]) -> Iterator[tuple[Any, int, int]]:
    """Give each value of a sorted column, where few differ, with its first row and the one after its last.

    To look at a value takes a hundredth of what a query does, which would also make one piece of many.
    """
    first = 0
    while first < len(column):
        value = column[first]
        # most often it is the last one too
        stop = len(column) if column[-1] == value else bisect_right(column, value, first)
        yield value, first, stop
        first = stop


def _inorder(keys: pl.DataFrame) -> _Keys:
    """Sort keys, each once, those with null left out; of few, Python does it before a query has begun."""
    if keys.height > _MANY:
        ordered = keys.drop_nulls().unique().sort(keys.columns)
        return {name: ordered.get_column(name).to_list() for name in keys.columns}
    rows = sorted({row for row in keys.iter_rows() if None not in row})
    return {name: [row[at] for row in rows] for at, name in enumerate(keys.columns)}


def _spans(frame: pl.DataFrame, keys: _Keys) -> Spans:
    """Say where the rows under each of the sorted keys stand in a frame sorted by their columns."""
    columns = [frame.get_column(name) for name in keys]
    return np.concatenate([np.zeros((0, 2), np.int64), *_among(columns, list(keys.values()), (0, frame.height))])


def _among(columns: Sequence[pl.Series], keys: Sequence[list[Any]], within: tuple[int, int]) -> Iterator[Spans]:
    """Look up the keys in a stretch of the columns."""
    (column, *rest), (wanted, *inner) = columns, keys
    if not rest and len(wanted) <= _FEW:
        # before a query has begun
        found = [(bisect_left(column, value, *within), bisect_right(column, value, *within)) for value in wanted]
        yield np.array(found, np.int64).reshape(-1, 2)
        return
    if not rest:
        first, stop = within
        named = pl.Series(wanted, dtype=column.dtype)
        sought = (pl.first().search_sorted(named, side).alias(side) for side in _SIDES)
        yield first + column.slice(first, stop - first).to_frame().select(sought).to_numpy().astype(np.int64)
        return
    for value, begin, end in runs(wanted):
        first, stop = within
        if first < stop and not column[first] == value == column[stop - 1]:
            first, stop = (bisect(column, value, *within) for bisect in (bisect_left, bisect_right))
        yield from _among(rest, [each[begin:end] for each in inner], (first, stop))


def _picked(frame: pl.DataFrame, spans: Spans) -> pl.DataFrame:
    """Pick the rows of spans."""
    rows = _spread(spans)
    return frame[pl.Series(rows)] if len(rows) else frame.clear()


def _spread(spans: Spans) -> NDArray[np.int64]:
    """List the rows of spans (first, and the one after the last)."""
    first, count = spans[:, 0], spans[:, 1] - spans[:, 0]
    rows: NDArray[np.int64] = np.arange(count.sum()) + (first - count.cumsum() + count).repeat(count)
    return rows


def pieced(pieces: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Put pieces together, of which the first says what columns there are."""
    frame = pl.concat([pieces[0], *(piece for piece in pieces[1:] if piece.height)])
    if frame.n_chunks() <= max(_MOST_PIECES, frame.height // _PIECE):
        return frame
    lengths = np.array(frame.to_series().chunk_lengths())
    ends = lengths.cumsum()
    large = lengths > frame.height // _LARGE
    cuts = np.unique([0, *ends[large], *(ends - lengths)[large], frame.height]).tolist()
    return pl.concat([frame.slice(at, end - at).rechunk() for at, end in pairwise(cuts)])
