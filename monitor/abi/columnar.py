"""Decode the logs of one event together, as columns: what is written as compilers write it, the rest is left over.

A log is read here when its words hold nothing but what their types allow and its texts stand one after another without
gaps, as every Solidity and Vyper contract writes them. Every other log, a malformed one included, is named as left
over, and is for the decoder of `compile_event`, which says what it holds or why it is refused (the law test compares
both).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from monitor.abi.declaration import Elementary, EventDecl, Param, Type

__all__ = ["Columns", "decode_columns", "is_columnar"]

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Numbers = np.ndarray[Any, np.dtype[np.int64]]

_WORD = 32
_HALF = 16
_SHORT = 32
"""Bits up to which an integer becomes Int64; wider ones become Int128."""
_LARGEST = 2**62
"""Wider integers are read here while their upper 64 of 128 bits stay below: up to 2^126, which has 38 digits."""
_TEXT = 2**31


class Columns(NamedTuple):
    """Decoded logs: their rows in the input, one series per argument, and the rows that are left over.

    address, bytes → Binary; bool → Boolean; string → String; integers → Int64 up to 32 bits, else Int128; an indexed
    string or bytes → its hash.
    """

    rows: Numbers
    values: list[pl.Series]
    left: Numbers


def is_columnar(decl: EventDecl) -> bool:
    """Whether logs of an event can be read as columns: arguments of one word, strings and bytes."""
    return all(
        isinstance(param.type, Elementary) and not param.type.places and param.type.base != "function"
        for param in decl.params
    )


def decode_columns(decl: EventDecl, topics: Sequence[pl.Series], data: pl.Series) -> Columns:
    """Decode logs given as one series per topic place (null where a log has no such topic) and one of data."""
    every = np.arange(len(data), dtype=np.int64)
    if not is_columnar(decl) or len(topics) < decl.topics():
        return Columns(every[:0], [], every)
    plain = [param for param in decl.params if not param.indexed]
    frame = pl.DataFrame([data.alias("data"), *(item.alias(f"topic{place}") for place, item in enumerate(topics))])
    head = _WORD * len(plain)
    dynamic = any(not param.type.words() for param in plain)
    size = pl.col("data").bin.size()
    fitting = (size >= head) if dynamic else (size == head)
    for place in range(len(topics)):
        word = pl.col(f"topic{place}")
        fitting &= (word.bin.size() == _WORD) if place < decl.topics() else word.is_null()
    fitting &= pl.col("topic0") == decl.topic0
    good = frame.select(fitting.fill_null(value=False)).to_series().to_numpy().copy()
    reader = _Reader(frame.filter(pl.Series(good)), len(plain))
    values = {param.name: reader.read(param) for param in decl.params}
    kept = reader.finish()
    good[good] = kept
    return Columns(every[good], [values[param.name].filter(pl.Series(kept)) for param in decl.params], every[~good])


class _Reader:
    """Reads argument after argument of logs whose sizes fit; `good` tells which logs held what they should."""

    def __init__(self, frame: pl.DataFrame, words: int) -> None:
        self.frame = frame
        self.head = _table(frame.select(pl.col("data").bin.slice(0, _WORD * words)).to_series(), _WORD * words)
        self.good: Mask = np.ones(frame.height, dtype=np.bool_)
        self.end: Numbers = np.full(frame.height, _WORD * words, dtype=np.int64)
        self.topic = self.place = 0

    def read(self, param: Param) -> pl.Series:
        """Read the next argument."""
        if param.indexed:
            self.topic += 1
            topic = self.frame[f"topic{self.topic}"]
            return self._word(param.type, _table(topic, _WORD)) if param.type.words() else topic
        word = self.head[:, _WORD * self.place : _WORD * (self.place + 1)]
        self.place += 1
        return self._word(param.type, word) if param.type.words() else self._tail(param.type, word)

    def finish(self) -> Mask:
        """Tell which logs hold what they should, and nothing after it."""
        self.good &= self.end == self.frame["data"].bin.size().to_numpy()
        return self.good

    def _word(self, kind: Any, word: Bytes) -> pl.Series:
        size = kind.bits // 8
        match kind.base:
            case "address":
                self._zero(word[:, : _WORD - 20])
                return _binary(word[:, _WORD - 20 :])
            case "bool":
                self._zero(word[:, : _WORD - 1])
                self.good &= word[:, -1] <= 1
                return pl.Series(word[:, -1] == 1)
            case "bytes":
                self._zero(word[:, size:])
                return _binary(word[:, :size])
            case "uint":
                self._zero(word[:, : _WORD - size])
            case _:
                sign = np.where(word[:, _WORD - size] >> 7, 255, 0).astype(np.uint8)
                self.good &= (word[:, : _WORD - size] == sign[:, None]).all(axis=1)
        return self._integer(kind, word)

    def _integer(self, kind: Elementary, word: Bytes) -> pl.Series:
        low = _big_endian(word[:, 24:], ">u8").astype(np.uint64)
        if kind.bits <= _SHORT:
            return pl.Series(_big_endian(word[:, 24:], ">i8").astype(np.int64))
        high = _big_endian(word[:, _HALF:24], ">i8").astype(np.int64)
        self.good &= (high < _LARGEST) & (high >= -_LARGEST)
        filled = np.where(high < 0, 255, 0).astype(np.uint8) if kind.base == "int" else np.zeros(len(word), np.uint8)
        self.good &= (word[:, :_HALF] == filled[:, None]).all(axis=1)
        halves = pl.DataFrame({"high": high, "low": low}).cast(pl.Int128)
        return halves.select(pl.col("high") * pl.lit(2**64, dtype=pl.Int128) + pl.col("low")).to_series()

    def _tail(self, kind: Type, pointer: Bytes) -> pl.Series:
        data = self.frame["data"]
        start = self._small(pointer)
        self.good &= start == self.end
        length = self._small(_table(_slices(data, start, np.full(len(start), _WORD)), _WORD, self.good))
        padded = -(-length // _WORD) * _WORD
        padding = _slices(data, start + _WORD + length, padded - length)
        # What is cut short ends elsewhere than the payload, which `finish` sees.
        self.good &= padding.bin.encode("hex").str.strip_chars("0").str.len_bytes().to_numpy() == 0
        self.end = start + _WORD + padded
        found = _slices(data, start + _WORD, length)
        if kind == Elementary("bytes"):
            return found
        try:
            return found.cast(pl.String)
        except pl.exceptions.ComputeError:
            # Some text is not UTF-8, and polars does not say which.
            texts = [value.decode("utf-8", "replace") for value in found]
            self.good &= [text.encode() == value for text, value in zip(texts, found, strict=True)]
            return pl.Series(texts, dtype=pl.String)

    def _small(self, word: Bytes) -> Numbers:
        self._zero(word[:, :24])
        number = _big_endian(word[:, 24:], ">u8")
        self.good &= number < _TEXT
        return np.where(number < _TEXT, number, 0).astype(np.int64)

    def _zero(self, padding: Bytes) -> None:
        if padding.any():
            self.good &= ~padding.any(axis=1)


def _table(words: pl.Series, size: int, good: Mask | None = None) -> Bytes:
    """Put values of one size side by side; one of another size reads as zeros and is no longer good."""
    if good is not None:
        short = (words.bin.size() != size).to_numpy()
        good &= ~short
        words = words.set(pl.Series(short), bytes(size)) if short.any() else words
    return np.frombuffer(b"".join(words.to_list()), dtype=np.uint8).reshape(len(words), size)


def _slices(data: pl.Series, start: Numbers, length: Numbers) -> pl.Series:
    frame = pl.DataFrame([data.alias("data"), pl.Series("start", start), pl.Series("length", length)])
    return frame.select(pl.col("data").bin.slice(pl.col("start"), pl.col("length"))).to_series()


def _big_endian(table: Bytes, kind: str) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(table).view(kind).reshape(-1)


def _binary(table: Bytes) -> pl.Series:
    fixed = pl.Series(np.ascontiguousarray(table), dtype=pl.Array(pl.UInt8, table.shape[1]))
    return fixed.cast(pl.List(pl.UInt8)).cast(pl.Binary)
