"""Bring an expression's result to the type a unified column has, losing nothing silently."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache

import polars as pl
from eth_hash.auto import keccak

__all__ = ["compiled", "fit", "fits", "joined", "key_text", "text_of"]

_ADDRESS = 20
_CACHED = 1 << 16


def text_of(raw: bytes) -> str:
    """Spell bytes as text: an address by EIP-55, anything else in lower-case hex."""
    return _checksummed(raw) if len(raw) == _ADDRESS else "0x" + raw.hex()


@lru_cache(maxsize=_CACHED)
def _checksummed(raw: bytes) -> str:
    # eth-utils takes three times as long, and the same wallets come again with every evaluation.
    digits = raw.hex()
    marks = keccak(digits.encode()).hex()
    return "0x" + "".join([digit.upper() if mark > "7" else digit for digit, mark in zip(digits, marks, strict=False)])


def fits(source: pl.DataType, target: pl.DataType) -> bool:
    """Say whether an expression of type `source` may set a column of type `target`."""
    if source == pl.Null():
        return True
    if target == pl.String():
        return source in {pl.String(), pl.Binary(), pl.Boolean()} or source.is_integer() or source.is_decimal()
    if target == pl.Binary():
        return source == pl.Binary()
    return source.is_integer() or (source.is_decimal() and (target == pl.Int64() or _places(source) == 0))


def _places(source: pl.DataType) -> int:
    return source.scale if isinstance(source, pl.Decimal) else 0


def fit(column: pl.Series, target: pl.DataType) -> tuple[pl.Series, list[int]]:
    """Cast a column: (the cast one, the places whose value the type cannot hold).

    Bytes become text by `text_of`; seconds with places lose them.
    """
    if column.dtype == target:
        return column, []
    if target == pl.String() and column.dtype == pl.Binary():
        return _spelled(column), []
    cast = column.cast(target, strict=False)
    if cast.null_count() == column.null_count():
        return cast, []
    return cast, (cast.is_null() & column.is_not_null()).arg_true().to_list()


def _spelled(column: pl.Series) -> pl.Series:
    """Spell a column of bytes as `text_of` does."""
    if (column.bin.size() == _ADDRESS).any():
        texts = [None if raw is None else text_of(raw) for raw in column.to_list()]
        return pl.Series(column.name, texts, dtype=pl.String)
    return ("0x" + column.bin.encode("hex")).alias(column.name)


def key_text(frame: pl.DataFrame, parts: Sequence[str]) -> pl.Series:
    """Spell a key: the texts of its expressions over `frame` joined by `-`, null where one of them is."""
    names = [f"part{place}" for place in range(len(parts))]
    raw = frame.select(frame["_row"], *(compiled(sql).alias(name) for sql, name in zip(parts, names, strict=True)))
    return joined([raw[name] for name in names])


def joined(parts: Sequence[pl.Series]) -> pl.Series:
    """Join the texts of columns by `-`, null where one of them is."""
    texts = [fit(part, pl.String())[0] for part in parts]
    return texts[0] if len(texts) == 1 else pl.select(pl.concat_str(texts, separator="-").alias("key"))["key"]


@cache
def compiled(sql: str) -> pl.Expr:
    """Parse SQL once."""
    return pl.sql_expr(sql)
