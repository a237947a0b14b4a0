"""The logs of an eth_getLogs answer as columns, without an object for each.

Nodes write the logs of one answer alike: the same keys in the same order, values of a few lengths. So the text is cut
into its objects; the first of each length is read by the strict decoder and by a pattern that says where its values
stand; and all others of that length that equal it in every byte outside the values, and hold hex digits inside them,
are read together as columns: of the values, only the digits that differ between objects. What does not fit a pattern is
read by the strict decoder, whose verdict is final: any answer is read, or refused, as if every log had been decoded by
itself (`tests/laws/test_answers.py`).
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
from monitor.model.binary import binary
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
_NEAR = 16
"""Bytes up to which what is the same in all objects is read nevertheless, between what is not."""
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
    # Rows of one layout may end differently, in what nobody reads.
    parts: dict[tuple[Layout, int], list[_Part]] = {}
    odd: list[Numbers] = []
    for length in np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(text, dtype=np.uint8), int(length))
        for layout, part in _same_length(windows, starts, places, odd):
            parts.setdefault((layout, part.table.shape[1]), []).append(part)
    frames = [_frame(layout, _joined(held, len(starts))) for (layout, _), held in parts.items()]
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
            differing = objects ^ first
            varying = np.bitwise_or.reduce(differing, axis=0)
            if (varying & shape.constant).any():
                alike = ~(differing & shape.constant).any(axis=1)
                others.append(now[~alike])
                now, objects = now[alike], objects[alike]
            table = shape.values(objects, varying)
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
    """What objects written alike have in common: where their values stand, and what the first one's are."""

    constant: Bytes
    """All ones where a byte never changes, 0 inside values."""
    source: Numbers
    """Per hex digit of a row, of values that nobody reads too: where it stands; 0 (a brace) for a zero not written."""
    value: Numbers
    """Per byte of a row: which value it is of."""
    row: Bytes
    """The decoded values of the first object."""
    layout: Layout

    def values(self, objects: Bytes, varying: Bytes) -> Bytes | None:
        """Read the values: a row of decoded bytes per object; None when one is no hex.

        `varying` is 0 in the columns in which all objects equal the first: what stands there is known.
        """
        stretches = self._stretches(varying)
        size = sum(stop - start for start, stop in stretches)
        digits, done = np.empty((len(objects), 2 * size), dtype=np.uint8), 0
        for start, stop in stretches:
            columns = self.source[2 * start : 2 * stop]
            if columns[0] == 0:
                digits[:, done] = ord("0")
                columns, done = columns[1:], done + 1
            digits[:, done : done + len(columns)] = objects[:, columns[0] : columns[-1] + 1]
            done += len(columns)
        try:
            packed = np.frombuffer(unhexlify(digits.data), dtype=np.uint8).reshape(len(objects), size)
        except ValueError:
            return None
        table, done = np.empty((len(objects), len(self.row)), dtype=np.uint8), 0
        table[:] = self.row
        for start, stop in stretches:
            table[:, start:stop] = packed[:, done : done + stop - start]
            done += stop - start
        return table

    def _stretches(self, varying: Bytes) -> list[tuple[int, int]]:
        """Find the bytes of a row that are to be read, in stretches within one value."""
        digits = varying[self.source]
        found = np.flatnonzero(digits[::2] | digits[1::2])
        apart = (np.diff(found) > _NEAR) | (np.diff(self.value[found]) > 0)
        firsts, lasts = found[np.append(True, apart)[: len(found)]], found[np.append(apart, True)[: len(found)]]
        return list(zip(firsts.tolist(), (lasts + 1).tolist(), strict=True))


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
    found = {"block_time": pl.Series([None], dtype=pl.Int64).new_from_index(0, len(table))}
    for name, first, size in layout:
        part = table[:, first : first + size]
        found[name] = _numbers(part) if name in _NUMBERS else binary(part)
    # Some nodes send zero for a time they do not know.
    if (found["block_time"] == 0).any():
        found["block_time"] = found["block_time"].replace(0, None)
    return pl.DataFrame([found[name].alias(name) for name in LOG_ROWS])


def _numbers(part: Bytes) -> pl.Series:
    return pl.Series(np.ascontiguousarray(part).view(">i8").ravel().astype(np.int64))


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
    letters = np.frombuffer(first, dtype=np.uint8)
    columns: list[Numbers] = []
    values: list[int] = []
    layout = {"topics": _Field("topics", 0, 0), "data": _Field("data", 0, 0)}
    done = 0
    for key, pair in zip(keys, pairs, strict=True):
        words = [np.arange(pair.start(2) + at.start() + 2, pair.start(2) + at.end()) for at in _HEX.finditer(pair[2])]
        if key in _QUANTITIES and words:
            if not 0 < len(words[0]) <= _DIGITS:
                return None
            # Digits stand at the end of a number of eight bytes.
            words = [np.append(np.zeros(2 * _NUMBER - len(words[0]), dtype=np.int64), words[0])]
        if any(len(word) % 2 for word in words):
            return None
        size = sum(len(word) // 2 for word in words)
        if key in _COLUMNS and (words or key in _WIDE):
            layout[_COLUMNS[key]] = _Field(_COLUMNS[key], done, size)
        columns += words
        values += [len(word) // 2 for word in words]
        done += size
    source = np.concatenate([np.empty(0, dtype=np.int64), *columns])
    constant = np.full(len(first), 255, dtype=np.uint8)
    constant[source[source > 0]] = 0
    digits = np.where(source > 0, letters[source], np.uint8(ord("0")))
    row = np.frombuffer(unhexlify(digits.data), dtype=np.uint8)
    value = np.repeat(np.arange(len(values)), values)
    return _Shape(constant, source, value, row, tuple(layout[name] for name in sorted(layout)))
