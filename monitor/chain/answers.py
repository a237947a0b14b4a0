"""The logs of an eth_getLogs answer as columns, without an object for each.

Nodes write the logs of one answer alike: the same keys in the same order, values of a few lengths. So the text is cut
into its objects; the first of each length is read by the strict decoder and by a pattern that says where its values
stand; and all others of that length that equal it in every byte outside the values, and hold hex digits inside them,
are read together as columns. What does not fit a pattern is read by the strict decoder, whose verdict is final: any
answer is read, or refused, as if every log had been decoded by itself (`tests/laws/test_answers.py`).
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import polars as pl

from monitor.chain.check import checked
from monitor.chain.wire import LogAnswer, Lying, raw_log
from monitor.model.page import log_rows
from monitor.model.schema import LOG_ROWS
from monitor.model.span import Span
from monitor.sync.fragment import LogFilter

__all__ = ["read_logs", "read_rows"]

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Numbers = np.ndarray[Any, np.dtype[np.int64]]

_FEW = 4
"""Fewer objects of one shape are read one by one: a pattern would cost more than it saves."""
_SHAPES = 12
"""Shapes tried per length, before the rest is read one by one."""
_TOGETHER = 1024
"""Objects read in one go, and (below) bytes looked through: what fits the processor's cache."""
_PIECE = 2**18
_WORD = rb'"0x[0-9a-fA-F]{64}"'
_VALUE = rb'"0x[0-9a-fA-F]*"|\[(?:' + _WORD + rb"(?:," + _WORD + rb')*)?\]|"[\x20-\x21\x23-\x5b\x5d-\x7e]*"|[-\w.+]+'
_PAIR = re.compile(rb'"(\w+)":(' + _VALUE + rb")(?=[,}])")
_OBJECT = re.compile(rb'\{"\w+":(?:' + _VALUE + rb')(?:,"\w+":(?:' + _VALUE + rb"))*\}")
_HEX = re.compile(rb'0x[0-9a-fA-F]*(?=")')
_WIDE = {
    "blockHash": "block_hash",
    "transactionHash": "tx_hash",
    "address": "address",
    "topics": "topics",
    "data": "data",
}
_QUANTITIES = {
    "blockNumber": "block_number",
    "transactionIndex": "tx_index",
    "logIndex": "log_index",
    "blockTimestamp": "block_time",
}
_NUMBERS = frozenset(_QUANTITIES.values())
_COLUMNS = _WIDE | _QUANTITIES
_NUMBER = 8
_DIGITS = 15
"""Hex digits of a number that fits 63 bits whatever they are."""


def read_logs(raw: bytes | msgspec.Raw, wanted: LogFilter, span: Span) -> pl.DataFrame:
    """Read the result of eth_getLogs as sorted LOG_ROWS, checked against the question.

    Raises Lying for what cannot be an answer to it, msgspec.DecodeError for what is no list of logs.
    """
    return checked(read_rows(raw), wanted, span)


def read_rows(raw: bytes | msgspec.Raw) -> pl.DataFrame:
    """Read the result of eth_getLogs as LOG_ROWS in any order; raises as `read_logs` does."""
    text = memoryview(raw)
    cut = _objects(text)
    if cut is not None:
        try:
            return _in_columns(text, *cut)
        except (Lying, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # Refused by a part of it: the whole is read again, so that the reason is that of the strict decoder.
            pass
    try:
        return _strictly(msgspec.json.decode(text, type=list[LogAnswer]))
    except (UnicodeDecodeError, RecursionError) as error:
        message = "it is no JSON, or nested too deep"
        raise msgspec.DecodeError(message) from error


def _decode(text: memoryview) -> LogAnswer:
    return msgspec.json.decode(text, type=LogAnswer)


def _strictly(answers: Sequence[LogAnswer]) -> pl.DataFrame:
    return log_rows(map(raw_log, answers))


def _objects(text: memoryview) -> tuple[Numbers, Numbers] | None:
    """Cut a list of flat objects, written without spaces between them, into starts and stops; None for any other.

    Only where each part is an object by itself, which its reader finds out, is the list one of these objects.
    """
    letters = np.frombuffer(text, dtype=np.uint8)
    # Piece by piece: what is compared stays in the processor's cache.
    pieces = [np.flatnonzero(letters[at : at + _PIECE] == ord("{")) + at for at in range(0, len(letters), _PIECE)]
    starts = np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)
    if not len(starts) or starts[0] != 1 or bytes(text[:1]) != b"[" or bytes(text[-2:]) != b"}]":
        return None
    if (letters[starts[1:] - 1] != ord(",")).any() or (letters[starts[1:] - 2] != ord("}")).any():
        return None
    return starts, np.append(starts[1:] - 1, len(letters) - 1)


def _in_columns(text: memoryview, starts: Numbers, stops: Numbers) -> pl.DataFrame:
    lengths = stops - starts
    parts: dict[Layout, list[_Part]] = {}
    odd: list[Numbers] = []
    for length in np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(text, dtype=np.uint8), int(length))
        for layout, part in _same_length(windows, starts, places, odd):
            parts.setdefault(layout, []).append(part)
    frames = [_frame(layout, _joined(held, len(starts))) for layout, held in parts.items()]
    rest = np.concatenate([*odd, np.empty(0, dtype=np.int64)])
    if len(rest) or not frames:
        frames.append(_strictly([_decode(text[starts[place] : stops[place]]) for place in rest.tolist()]))
    return pl.concat(frames) if len(frames) > 1 else frames[0]


def _same_length(
    windows: Bytes, starts: Numbers, places: Numbers, odd: list[Numbers]
) -> Iterator[tuple[Layout, _Part]]:
    """Read objects of one length, shape by shape; the places of those that are left over go to `odd`."""
    for _ in range(_SHAPES):
        if len(places) < _FEW:
            break
        first = windows[starts[places[0]]]
        shape = _shape(first.tobytes())
        if shape is None:
            odd.append(places[:1])
            places = places[1:]
            continue
        others: list[Numbers] = []
        for at in range(0, len(places), _TOGETHER):
            now = places[at : at + _TOGETHER]
            objects = windows[starts[now]]
            alike = shape.alike(objects, first)
            if alike is not None:
                others.append(now[~alike])
                now, objects = now[alike], objects[alike]
            table = shape.values(objects)
            if table is None:
                odd.append(now)
            else:
                yield shape.layout, _Part(now, table)
        places = np.concatenate(others) if others else places[:0]
    odd.append(places)


class _Field(NamedTuple):
    """A column in a row of decoded bytes."""

    name: str
    first: int
    size: int


Layout = tuple[_Field, ...]


class _Part(NamedTuple):
    """Objects of one shape by their places in the answer, and a row of decoded bytes for each."""

    places: Numbers
    table: Bytes


class _Shape(NamedTuple):
    """Where the values of an object stand: hex digits by column, and the bytes between that never change."""

    constant: Bytes
    """All ones where a byte never changes, 0 inside values."""
    moves: list[tuple[slice, slice]]
    """Every stretch of hex digits, those nobody reads included: where it stands, and where it goes in a row."""
    digits: Bytes
    """Rows to move them to; what no digit fills stays zero."""
    layout: Layout

    def alike(self, objects: Bytes, first: Bytes) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
        """Tell which objects equal the first in all that is no value; None when all do."""
        differing = objects ^ first
        differing &= self.constant
        found = differing.view(np.bool_)
        return np.logical_not(found.any(axis=1)) if found.any() else None

    def values(self, objects: Bytes) -> Bytes | None:
        """Read the values: a row of decoded bytes per object; None when one is no hex."""
        digits = self.digits[: len(objects)]
        for origin, target in self.moves:
            digits[:, target] = objects[:, origin]
        try:
            packed = unhexlify(digits.data)
        except ValueError:
            return None
        return np.frombuffer(packed, dtype=np.uint8).reshape(len(objects), -1)


def _joined(parts: Sequence[_Part], rows: int) -> Bytes:
    """Join parts of one layout, by place."""
    if len(parts) == 1:
        return parts[0].table
    taken = np.zeros(rows, dtype=bool)
    for part in parts:
        taken[part.places] = True
    rank = np.cumsum(taken) - 1
    table = np.empty((rank[-1] + 1, parts[0].table.shape[1]), dtype=np.uint8)
    for part in parts:
        table[rank[part.places]] = part.table
    return table


def _frame(layout: Layout, table: Bytes) -> pl.DataFrame:
    found = {"block_time": pl.Series("block_time", [None], dtype=pl.Int64).new_from_index(0, len(table))}
    for name, first, size in layout:
        part = np.ascontiguousarray(table[:, first : first + size])
        if name in _NUMBERS:
            found[name] = pl.Series(name, part.view(">i8").ravel().astype(np.int64))
        else:
            found[name] = _binary(name, part)
    # Some nodes send zero for a time they do not know.
    if (found["block_time"] == 0).any():
        found["block_time"] = found["block_time"].replace(0, None)
    return pl.DataFrame([found[name] for name in LOG_ROWS])


def _shape(first: bytes) -> _Shape | None:
    """Learn a shape from its first object; None when the pattern or the strict decoder does not take it."""
    if not _OBJECT.fullmatch(first):
        return None
    pairs = list(_PAIR.finditer(first))
    keys = [pair[1].decode() for pair in pairs]
    if len(set(keys)) < len(keys):
        return None
    try:
        raw_log(_decode(memoryview(first)))
    except (Lying, msgspec.DecodeError):
        return None
    constant = np.full(len(first), 255, dtype=np.uint8)
    moves: list[tuple[slice, slice]] = []
    layout = {"topics": _Field("topics", 0, 0), "data": _Field("data", 0, 0)}
    done = 0
    for key, pair in zip(keys, pairs, strict=True):
        words = [slice(pair.start(2) + at.start() + 2, pair.start(2) + at.end()) for at in _HEX.finditer(pair[2])]
        size = sum(part.stop - part.start for part in words)
        begun = done
        if key in _QUANTITIES:
            if words and not 0 < size <= _DIGITS:
                return None
            # Digits stand at the end of a number of eight bytes.
            done += 2 * _NUMBER - size if words else 0
        elif size % 2:
            return None
        for part in words:
            constant[part] = 0
            moves.append((part, slice(done, done + part.stop - part.start)))
            done += part.stop - part.start
        if key in _COLUMNS and (words or key in _WIDE):
            layout[_COLUMNS[key]] = _Field(_COLUMNS[key], begun // 2, (done - begun) // 2)
    digits = np.full((_TOGETHER, done), ord("0"), dtype=np.uint8)
    return _Shape(constant, moves, digits, tuple(layout[name] for name in sorted(layout)))


def _binary(name: str, table: Bytes) -> pl.Series:
    if table.shape[1] == 0:
        return pl.Series(name, [b""], dtype=pl.Binary).new_from_index(0, len(table))
    fixed = pl.Series(name, table, dtype=pl.Array(pl.UInt8, table.shape[1]))
    return fixed.cast(pl.List(pl.UInt8)).cast(pl.Binary)
