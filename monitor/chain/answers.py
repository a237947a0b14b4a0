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
_FIXED = {"blockHash": ("block_hash", 32), "transactionHash": ("tx_hash", 32), "address": ("address", 20)}
_QUANTITIES = {
    "blockNumber": "block_number",
    "transactionIndex": "tx_index",
    "logIndex": "log_index",
    "blockTimestamp": "block_time",
}
_DIGITS = 15
"""Hex digits of a number that fits 63 bits whatever they are."""

_NIBBLES = np.full(256, 255, dtype=np.uint8)
for _digit in b"0123456789abcdefABCDEF":
    _NIBBLES[_digit] = int(chr(_digit), 16)


def read_logs(raw: bytes, wanted: LogFilter, span: Span) -> pl.DataFrame:
    """Read the result of eth_getLogs as sorted LOG_ROWS, checked against the question.

    Raises Lying for what cannot be an answer to it, msgspec.DecodeError for what is no list of logs.
    """
    return checked(read_rows(raw), wanted, span)


def read_rows(raw: bytes) -> pl.DataFrame:
    """Read the result of eth_getLogs as LOG_ROWS in any order; raises as `read_logs` does."""
    cut = _objects(raw)
    if cut is not None:
        try:
            return _in_columns(raw, *cut)
        except (Lying, msgspec.DecodeError):
            # Refused by a part of it: the whole is read again, so that the reason is that of the strict decoder.
            pass
    return _strictly(msgspec.json.decode(raw, type=list[LogAnswer]))


def _in_columns(raw: bytes, text: Bytes, starts: Numbers, lengths: Numbers) -> pl.DataFrame:
    frames: list[pl.DataFrame] = []
    odd: list[Numbers] = []
    for length in np.unique(lengths):
        frames += _same_length(text, starts[lengths == length], int(length), odd)
    if odd:
        stop = dict(zip(starts.tolist(), (starts + lengths).tolist(), strict=True))
        frames.append(_strictly([_decode(raw[start : stop[start]]) for start in np.concatenate(odd).tolist()]))
    return pl.concat(frames)


def _decode(raw: bytes) -> LogAnswer:
    return msgspec.json.decode(raw, type=LogAnswer)


def _strictly(answers: Sequence[LogAnswer]) -> pl.DataFrame:
    return log_rows(map(raw_log, answers))


def _objects(raw: bytes) -> tuple[Bytes, Numbers, Numbers] | None:
    """Cut a list of flat objects, written without spaces between them, into starts and lengths; None for any other."""
    text = np.frombuffer(raw, dtype=np.uint8)
    starts, ends = np.flatnonzero(text == ord("{")), np.flatnonzero(text == ord("}"))
    if not len(starts) or len(starts) != len(ends) or raw[:1] != b"[" or raw[-1:] != b"]":
        return None
    touching = (starts[1:] == ends[:-1] + 2).all() and (text[ends[:-1] + 1] == ord(",")).all()
    if starts[0] != 1 or ends[-1] != len(raw) - 2 or not touching or not (starts < ends).all():
        return None
    return text, starts, ends - starts + 1


def _same_length(text: Bytes, starts: Numbers, length: int, odd: list[Numbers]) -> Iterator[pl.DataFrame]:
    """Read objects of one length, shape by shape; what is left over goes to `odd`."""
    windows = np.lib.stride_tricks.sliding_window_view(text, length)
    for _ in range(_SHAPES):
        if len(starts) < _FEW:
            break
        first = windows[starts[0]].tobytes()
        shape = _shape(first)
        if shape is None:
            odd.append(starts[:1])
            starts = starts[1:]
            continue
        objects = windows[starts]
        alike = shape.alike(objects, first)
        frame = shape.columns(objects if alike.all() else objects[alike])
        if frame is None:
            odd.append(starts[alike])
        else:
            yield frame
        starts = starts[~alike]
    if len(starts):
        odd.append(starts)


class _Shape(NamedTuple):
    """Where the values of an object stand: hex digits by column name, and the bytes between that never change."""

    constant: list[slice]
    hexes: list[slice]
    """Every stretch of hex digits, those nobody reads included."""
    wide: dict[str, tuple[int, int]]
    """Column → first byte and bytes in the decoded stretches one after another."""
    numbers: dict[str, slice]

    def alike(self, objects: Bytes, first: bytes) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Tell which objects equal the first in all that is no value."""
        pattern = np.frombuffer(first, dtype=np.uint8)
        found = np.ones(len(objects), dtype=np.bool_)
        for part in self.constant:
            found &= (objects[:, part] == pattern[part]).all(axis=1)
        return found

    def columns(self, objects: Bytes) -> pl.DataFrame | None:
        """Read the values; None when one is not what its place demands."""
        try:
            packed = unhexlify(np.concatenate([objects[:, part] for part in self.hexes], axis=1).tobytes())
        except ValueError:
            return None
        table = np.frombuffer(packed, dtype=np.uint8).reshape(len(objects), -1)
        found: dict[str, pl.Series] = {}
        for name, part in self.numbers.items():
            numbers = _integers(objects[:, part])
            if numbers is None:
                return None
            found[name] = pl.Series(name, numbers)
        for name, (first, size) in self.wide.items():
            found[name] = _binary(name, table[:, first : first + size])
        time = found.get("block_time", pl.lit(None, dtype=pl.Int64).alias("block_time"))
        rows = pl.DataFrame(list(found.values())).with_columns(time)
        # Some nodes send zero for a time they do not know.
        return rows.select(*LOG_ROWS).with_columns(pl.col("block_time").replace(0, None))


def _shape(first: bytes) -> _Shape | None:
    """Learn a shape from its first object; None when the pattern or the strict decoder does not take it."""
    if not _OBJECT.fullmatch(first):
        return None
    pairs = list(_PAIR.finditer(first))
    keys = [pair[1].decode() for pair in pairs]
    if len(set(keys)) < len(keys):
        return None
    try:
        raw_log(_decode(first))
    except (Lying, msgspec.DecodeError):
        return None
    shape = _Shape([], [], {"topics": (0, 0), "data": (0, 0)}, {})
    done = end = 0
    for key, pair in zip(keys, pairs, strict=True):
        words = [slice(pair.start(2) + at.start() + 2, pair.start(2) + at.end()) for at in _HEX.finditer(pair[2])]
        if key in _QUANTITIES and words and not 0 < words[0].stop - words[0].start <= _DIGITS:
            return None
        for part in words:
            shape.constant.append(slice(end, part.start))
            end = part.stop
        if key in _QUANTITIES and words:
            shape.numbers[_QUANTITIES[key]] = words[0]
            continue
        size = sum(part.stop - part.start for part in words)
        if size % 2:
            return None
        name = _FIXED[key][0] if key in _FIXED else key
        if key in _FIXED or key in {"topics", "data"}:
            shape.wide[name] = (done, size // 2)
        shape.hexes.extend(words)
        done += size // 2
    shape.constant.append(slice(end, len(first)))
    return shape


_HEX = re.compile(rb'0x[0-9a-fA-F]*(?=")')


def _integers(digits: Bytes) -> Numbers | None:
    nibbles = _NIBBLES[digits]
    if (nibbles > 15).any():  # noqa: PLR2004 - a hex digit
        return None
    found = np.zeros(len(digits), dtype=np.int64)
    for place in range(digits.shape[1]):
        found = (found << 4) | nibbles[:, place]
    return found


def _binary(name: str, table: Bytes) -> pl.Series:
    if table.shape[1] == 0:
        return pl.Series(name, [b""], dtype=pl.Binary).new_from_index(0, len(table))
    fixed = pl.Series(name, np.ascontiguousarray(table), dtype=pl.Array(pl.UInt8, table.shape[1]))
    return fixed.cast(pl.List(pl.UInt8)).cast(pl.Binary)
