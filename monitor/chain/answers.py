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
_NUMBERS = tuple(_QUANTITIES.values())
_DIGITS = 15
"""Hex digits of a number that fits 63 bits whatever they are."""

_NIBBLES = np.full(256, 255, dtype=np.uint8)
for _digit in b"0123456789abcdefABCDEF":
    _NIBBLES[_digit] = int(chr(_digit), 16)


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
        except (Lying, msgspec.DecodeError):
            # Refused by a part of it: the whole is read again, so that the reason is that of the strict decoder.
            pass
    return _strictly(msgspec.json.decode(text, type=list[LogAnswer]))


def _decode(text: memoryview) -> LogAnswer:
    return msgspec.json.decode(text, type=LogAnswer)


def _strictly(answers: Sequence[LogAnswer]) -> pl.DataFrame:
    return log_rows(map(raw_log, answers))


def _objects(text: memoryview) -> tuple[Numbers, Numbers] | None:
    """Cut a list of flat objects, written without spaces between them, into starts and stops; None for any other.

    Only where each part is an object by itself, which its reader finds out, is the list one of these objects.
    """
    letters = np.frombuffer(text, dtype=np.uint8)
    starts = np.flatnonzero(letters == ord("{"))
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
    frames = [_frame(layout, held) for layout, held in parts.items()]
    rest = np.concatenate([*odd, np.empty(0, dtype=np.int64)])
    frames.append(_strictly([_decode(text[starts[place] : stops[place]]) for place in rest.tolist()]))
    return pl.concat(frames)


def _same_length(
    windows: Bytes, starts: Numbers, places: Numbers, odd: list[Numbers]
) -> Iterator[tuple[Layout, _Part]]:
    """Read objects of one length, shape by shape; the places of those that are left over go to `odd`."""
    for _ in range(_SHAPES):
        if len(places) < _FEW:
            break
        first = windows[starts[places[0]]].tobytes()
        shape = _shape(first)
        if shape is None:
            odd.append(places[:1])
            places = places[1:]
            continue
        objects = windows[starts[places]]
        alike = shape.alike(objects, first)
        whole = alike.all()
        values = shape.values(objects if whole else objects[alike])
        if values is None:
            odd.append(places[alike])
        else:
            yield shape.layout, _Part(places[alike], *values)
        places = places[:0] if whole else places[~alike]
    odd.append(places)


Layout = tuple[tuple[str, int, int], ...]
"""Column, first byte and bytes: where the columns stand in a row of decoded bytes."""


class _Part(NamedTuple):
    """Values of objects of one shape, by their places in the answer."""

    places: Numbers
    table: Bytes
    numbers: Numbers
    """One row per column of `_NUMBERS`."""


class _Shape(NamedTuple):
    """Where the values of an object stand: hex digits by column, and the bytes between that never change."""

    constant: Bytes
    """All ones where a byte never changes, 0 inside values."""
    hexes: list[slice]
    """Every stretch of hex digits that is no number, those nobody reads included."""
    layout: Layout
    numbers: dict[str, slice]

    def alike(self, objects: Bytes, first: bytes) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Tell which objects equal the first in all that is no value."""
        differing = objects ^ np.frombuffer(first, dtype=np.uint8)
        differing &= self.constant
        return np.logical_not(differing.any(axis=1))

    def values(self, objects: Bytes) -> tuple[Bytes, Numbers] | None:
        """Read the values: a row of decoded bytes per object, and the numbers; None when one is no hex."""
        try:
            packed = unhexlify(np.concatenate([objects[:, part] for part in self.hexes], axis=1).data)
        except ValueError:
            return None
        numbers = np.zeros((len(_NUMBERS), len(objects)), dtype=np.int64)
        for row, name in enumerate(_NUMBERS):
            if name in self.numbers and not _read_numbers(objects[:, self.numbers[name]], numbers[row]):
                return None
        return np.frombuffer(packed, dtype=np.uint8).reshape(len(objects), -1), numbers


def _frame(layout: Layout, parts: Sequence[_Part]) -> pl.DataFrame:
    """Join parts of one layout, by place."""
    order = np.argsort(np.concatenate([part.places for part in parts]))
    sorted_already = len(parts) == 1
    table = parts[0].table if sorted_already else np.concatenate([part.table for part in parts])[order]
    numbers = parts[0].numbers if sorted_already else np.concatenate([part.numbers for part in parts], axis=1)[:, order]
    found = {name: _binary(name, table[:, first : first + size]) for name, first, size in layout}
    found |= {name: pl.Series(name, numbers[row]) for row, name in enumerate(_NUMBERS)}
    # A log without a time has none; and some nodes send zero for a time they do not know.
    if not numbers[_NUMBERS.index("block_time")].all():
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
    shape = _Shape(np.full(len(first), 255, dtype=np.uint8), [], (), {})
    layout = {"topics": (0, 0), "data": (0, 0)}
    done = 0
    for key, pair in zip(keys, pairs, strict=True):
        words = [slice(pair.start(2) + at.start() + 2, pair.start(2) + at.end()) for at in _HEX.finditer(pair[2])]
        for part in words:
            shape.constant[part] = 0
        size = sum(part.stop - part.start for part in words)
        if key in _QUANTITIES:
            if words and not 0 < size <= _DIGITS:
                return None
            shape.numbers.update((_QUANTITIES[key], part) for part in words)
        elif size % 2:
            return None
        else:
            shape.hexes.extend(words)
            layout |= {_WIDE[key]: (done, size // 2)} if key in _WIDE else {}
            done += size // 2
    return shape._replace(layout=tuple((name, *place) for name, place in sorted(layout.items())))


def _read_numbers(digits: Bytes, found: Numbers) -> bool:
    nibbles = _NIBBLES[digits]
    for place in range(digits.shape[1]):
        found <<= 4
        found |= nibbles[:, place]
    return bool((nibbles < 16).all())  # noqa: PLR2004 - a hex digit


def _binary(name: str, table: Bytes) -> pl.Series:
    if table.shape[1] == 0:
        return pl.Series(name, [b""], dtype=pl.Binary).new_from_index(0, len(table))
    fixed = pl.Series(name, np.ascontiguousarray(table), dtype=pl.Array(pl.UInt8, table.shape[1]))
    return fixed.cast(pl.List(pl.UInt8)).cast(pl.Binary)
