"""Decode the logs of one event together, as columns: what is written as compilers write it, the rest is left over.

A log is read here when its words hold nothing but what their types allow and its texts, arrays and tuples stand one
after another without gaps, as every Solidity and Vyper contract writes them. Every other log, a malformed one included,
is named as left over, and is for the decoder of `compile_event`, which says what it holds or why it is refused (the law
test compares both).

Method: indexed words and data make one payload. NumPy finds, for all logs at once, where each value stands, whether the
words allow it, and what they hold; polars cuts out what is longer than a word. An array's items are places of their
own, read the same way. Each place knows where it must end, and places do not overlap, so no payload unfolds into more
than it holds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache, reduce
from operator import add
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from monitor.abi.declaration import Array, Elementary, EventDecl, Param, Tuple, Type
from monitor.model.binary import binary

__all__ = ["Columns", "decode_columns", "is_columnar"]

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Numbers = np.ndarray[Any, np.dtype[np.int64]]

_WORD, _HALF, _SMALL = 32, 16, 8
_SHORT = 32
"""Bits up to which an integer becomes Int64; wider ones become Int128."""
_QUARTER = 0x40
"""Wider integers are read here while the first of their lower 16 bytes is below: up to 2^126, which has 38 digits."""
_TEXT = 2**31
_HASH = Elementary("bytes", 256)


class Columns(NamedTuple):
    """Decoded logs: their rows in the input, one series per wanted argument, and the rows that are left over.

    address, bytes → Binary; bool → Boolean; string → String; integers → Int64 up to 32 bits, else Int128; an indexed
    string, array or tuple → its hash; arrays → List, tuples → Struct.
    """

    rows: Numbers
    values: dict[str, pl.Series]
    left: Numbers


def is_columnar(decl: EventDecl) -> bool:
    """Whether logs of an event can be read as columns: all but fixed-point numbers and functions."""
    return all(_plain(param.type) for param in decl.params)


def decode_columns(
    decl: EventDecl, topics: Sequence[pl.Series], data: pl.Series, wanted: Collection[str] | None = None
) -> Columns:
    """Decode logs given as one series per topic place (null where a log has no such topic) and one of data.

    Of arguments that are not `wanted` (None: all are), only the words are checked.
    """
    every = np.arange(len(data), dtype=np.int64)
    if not is_columnar(decl) or len(topics) < decl.topics():
        return Columns(every[:0], {}, every)
    frame = pl.DataFrame([data.alias("data"), *(item.alias(f"topic{place}") for place, item in enumerate(topics))])
    fits = frame.select(_fitting(decl, len(topics))).to_series()
    indexed = [pl.col(f"topic{place}") for place in range(1, decl.topics())]
    kept = frame if fits.all() else frame.filter(fits)
    payload = kept.select(reduce(add, [*indexed, pl.col("data")]).alias("payload"))
    reader, good = _Reader(payload["payload"]), fits.to_numpy().copy()
    values = reader.event(decl, {param.name for param in decl.params} if wanted is None else wanted)
    good[good] = reader.good
    if not reader.good.all():
        read = pl.Series(reader.good)
        return Columns(every[good], {item.name: item.filter(read) for item in values}, every[~good])
    return Columns(every[good], {item.name: item for item in values}, every[~good])


@cache
def _fitting(decl: EventDecl, places: int) -> pl.Expr:
    """Say of logs whether they have the event's topics and data of whole words."""
    fitting = (pl.col("data").bin.size() % _WORD == 0) & (pl.col("topic0") == decl.topic0)
    for place in range(1, places):
        word = pl.col(f"topic{place}")
        fitting &= (word.bin.size() == _WORD) if place < decl.topics() else word.is_null()
    return fitting.fill_null(value=False)


def _plain(kind: Type) -> bool:
    match kind:
        case Array():
            return _plain(kind.item)
        case Tuple():
            return all(_plain(field.type) for field in kind.fields)
        case Elementary():
            return not kind.places and kind.base != "function"


class _Spot(NamedTuple):
    """Where values stand: in which payloads, how many words from their beginning, before which word they end."""

    log: Numbers
    at: Numbers | int
    end: Numbers
    wanted: bool

    def ahead(self, words: Numbers | int) -> _Spot:
        """Move on."""
        return self._replace(at=self.at + words)


class _Reader:
    """Reads payloads of whole words; `good` tells which of them held what they should."""

    def __init__(self, payload: pl.Series) -> None:
        self.payload = payload
        self.sizes: Numbers = payload.bin.size().to_numpy().astype(np.int64) // _WORD
        self.first: Numbers = np.cumsum(self.sizes) - self.sizes
        # One word more: there is always one to look at, also behind a payload that ends too early.
        flat = payload.cast(pl.List(pl.UInt8)).explode(empty_as_null=False).to_numpy()
        self.words: Bytes = np.append(flat, np.zeros(_WORD, dtype=np.uint8)).reshape(-1, _WORD)
        self.good: Mask = np.ones(len(payload), dtype=np.bool_)
        self.every = np.arange(len(payload))
        self.width = int(self.sizes[0]) if len(payload) and (self.sizes == self.sizes[0]).all() else 0
        """Words of every payload, 0 where they differ."""

    def event(self, decl: EventDecl, wanted: Collection[str]) -> pl.DataFrame:
        """Read the wanted arguments, and demand that nothing stands behind the last one."""
        plain = [param for param in decl.params if not param.indexed]
        indexed = [param._replace(type=_topic(param.type)) for param in decl.params if param.indexed]
        start = _Spot(self.every, 0, self.sizes, wanted=True)
        values = {
            param.name: self._static(param.type, start._replace(at=place, wanted=param.name in wanted))
            for place, param in enumerate(indexed)
        }
        more, size = self._frame(plain, start.ahead(len(indexed)), wanted)
        self._demand(np.equal(size + len(indexed), self.sizes), start)
        values |= more
        return self.payload.to_frame().select(values[name].alias(name) for name in values if name in wanted)

    def _frame(
        self, fields: Sequence[Param], spot: _Spot, wanted: Collection[str] | None = None
    ) -> tuple[dict[str, pl.Expr], Numbers | int]:
        """Read a head and the tails behind it: the fields, and how many words they take."""
        size: Numbers | int = sum(field.type.words() or 1 for field in fields)
        self._demand(size <= spot.end - spot.at, spot)
        values, place = {}, 0
        for field in fields:
            here = spot.ahead(place)
            here = here if wanted is None else here._replace(wanted=field.name in wanted)
            if words := field.type.words():
                values[field.name] = self._static(field.type, here)
            else:
                self._demand(self._small(here) == _WORD * size, spot)
                values[field.name], taken = self._tail(field.type, here._replace(at=spot.at + size))
                size = size + taken
            place += words or 1
        return values, size

    def _static(self, kind: Type, spot: _Spot) -> pl.Expr:
        """Read a type whose words stand where it stands."""
        match kind:
            case Elementary():
                return self._word(kind, spot)
            case Tuple():
                return pl.struct(value.alias(name) for name, value in self._frame(kind.fields, spot)[0].items())
            case Array():
                return self._array(kind, spot)[0]

    def _tail(self, kind: Type, spot: _Spot) -> tuple[pl.Expr, Numbers]:
        """Read what a pointer led to: the value, and how many words it takes."""
        match kind:
            case Elementary():
                return self._text(kind, spot)
            case Tuple():
                values, size = self._frame(kind.fields, spot)
                return pl.struct(value.alias(name) for name, value in values.items()), np.asarray(size)
            case Array():
                return self._array(kind, spot)

    def _word(self, kind: Elementary, spot: _Spot) -> pl.Expr:
        word, size = self._look(spot), kind.bits // 8
        match kind.base:
            case "address":
                self._zero(word[:, : _WORD - 20], spot)
                return _column(word[:, _WORD - 20 :], spot)
            case "bool":
                self._zero(word[:, : _WORD - 1], spot)
                self._demand(word[:, -1] <= 1, spot)
                return pl.lit(pl.Series(word[:, -1] == 1))
            case "bytes":
                self._zero(word[:, size:], spot)
                return _column(word[:, :size], spot)
            case "uint":
                self._zero(word[:, : _WORD - size], spot)
            case _:
                sign = np.where(word[:, _WORD - size] >> 7, 255, 0).astype(np.uint8)
                self._zero(word[:, : _WORD - size] ^ sign[:, None], spot)
        if kind.bits <= _SHORT:
            return _column(word[:, -_SMALL:], spot, pl.Int64)
        if spot.wanted and kind.bits > _HALF * 8 - 2:
            above = np.where(word[:, 0] >> 7, 255, 0).astype(np.uint8) if kind.base == "int" else np.uint8(0)
            self._zero(word[:, :_HALF] ^ np.reshape(above, (-1, 1)), spot)
            self._demand((word[:, _HALF] ^ above) < _QUARTER, spot)
        return _column(word[:, _HALF:], spot, pl.Int128)

    def _text(self, kind: Elementary, spot: _Spot) -> tuple[pl.Expr, Numbers]:
        length = self._small(spot)
        fits = 1 - -length // _WORD <= spot.end - spot.at
        self._demand(fits, spot)
        length = np.where(fits, length, 0)
        size = 1 - -length // _WORD
        # In the last word, what stands behind the text is zero.
        last = np.where(np.arange(_WORD) < (length % _WORD)[:, None], 0, self._look(spot.ahead(size - 1)))
        self._demand((length % _WORD == 0) | ~last.any(axis=1), spot)
        begin = pl.Series(np.broadcast_to(_WORD * (spot.at + 1), length.shape))
        found = pl.col("payload").bin.slice(pl.lit(begin), pl.lit(pl.Series(length)))
        if kind.base == "bytes" or not spot.wanted:
            return found, size
        raw = self._values(found, spot)
        try:
            return pl.lit(raw.cast(pl.String)), size
        except pl.exceptions.ComputeError:
            # Some text is not UTF-8, and polars does not say which.
            texts = [value.decode("utf-8", "replace") for value in raw]
            self._demand(np.array([text.encode() == value for text, value in zip(texts, raw, strict=True)]), spot)
            return pl.lit(pl.Series(texts, dtype=pl.String)), size

    def _array(self, kind: Array, spot: _Spot) -> tuple[pl.Expr, Numbers]:
        counted = kind.size is None
        count = self._small(spot) if counted else np.full(len(spot.log), kind.size, dtype=np.int64)
        start, width = spot.ahead(int(counted)), kind.item.words() or 1
        fits = width * count <= spot.end - start.at
        self._demand(fits, spot)
        count = np.where(fits, count, 0)
        owner = np.repeat(np.arange(len(count)), count)
        place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        base = np.broadcast_to(start.at, count.shape)[owner]
        items = _Spot(spot.log[owner], base + width * place, spot.end[owner], spot.wanted)
        if kind.item.words():
            value, size = self._static(kind.item, items), width * count
        else:
            value, ends = self._items(kind.item, items, place, count[owner])
            last = place + 1 == count[owner]
            size = np.zeros_like(count)
            size[owner[last]] = np.maximum(ends - base, 0)[last]
        lists = _lists(self._values(value, items), owner, count) if spot.wanted else None
        return pl.lit(lists), size + counted

    def _items(self, kind: Type, heads: _Spot, place: Numbers, count: Numbers) -> tuple[pl.Expr, Numbers]:
        """Read items behind pointers: the first begins behind these, each other one where the one before it ends."""
        pointer, last = self._small(heads), place + 1 == count
        begin = heads.at - place + pointer // _WORD
        end = np.where(last, heads.end, np.roll(begin, -1))
        straight = (pointer % _WORD == 0) & (begin <= end) & (end <= heads.end)
        self._demand(straight & ((place > 0) | (pointer == _WORD * count)), heads)
        begin, end = np.where(straight, begin, 0), np.where(straight, end, 0)
        value, size = self._tail(kind, _Spot(heads.log, begin, end, heads.wanted))
        self._demand(last | (begin + size == end), heads)
        return value, begin + size

    def _small(self, spot: _Spot) -> Numbers:
        word = self._look(spot)
        number = np.ascontiguousarray(word[:, 24:]).view(">u8").reshape(-1)
        small = (number < _TEXT) & ~word[:, :24].any(axis=1)
        self._demand(small, spot)
        return np.where(small, number, 0).astype(np.int64)

    def _look(self, spot: _Spot) -> Bytes:
        if spot.log is self.every and isinstance(spot.at, int) and spot.at < self.width:
            return self.words[spot.at :: self.width][: len(self.every)]
        word: Bytes = self.words[np.clip(self.first[spot.log] + spot.at, 0, len(self.words) - 1)]
        return word

    def _zero(self, padding: Bytes, spot: _Spot) -> None:
        if padding.any():
            self._demand((padding == 0).all(axis=1), spot)

    def _demand(self, held: Mask, spot: _Spot) -> None:
        if not held.all():
            self.good[spot.log[~held]] = False

    def _values(self, value: pl.Expr, spot: _Spot) -> pl.Series:
        return self.payload.gather(spot.log).to_frame().select(value.alias("value"))["value"]


def _topic(kind: Type) -> Type:
    return kind if isinstance(kind, Elementary) and kind.words() else _HASH


def _column(found: Bytes, spot: _Spot, number: type[pl.DataType] | None = None) -> pl.Expr:
    """Make a column of bytes, or of the numbers they are."""
    if not spot.wanted:
        return pl.lit(None)
    column = binary(found)
    return pl.lit(column if number is None else column.bin.reinterpret(dtype=number, endianness="big"))


def _lists(items: pl.Series, owner: Numbers, count: Numbers) -> pl.Series:
    """Put items that belong together into one list each."""
    full = pl.DataFrame([pl.Series("owner", owner).set_sorted(), items.alias("item")])
    lists = full.group_by("owner", maintain_order=True).agg("item")["item"]
    # A join would fill the gaps with nulls, each of which hides a copy of the first list.
    none = pl.Series([[]], dtype=lists.dtype)
    return lists.append(none).gather(np.where(count > 0, np.cumsum(count > 0) - 1, -1))
