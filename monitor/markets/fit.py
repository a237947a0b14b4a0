"""Bring an expression's result to the type a unified column has, losing nothing silently."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import polars as pl
from eth_hash.auto import keccak

__all__ = ["fit", "fits", "key_text", "text_of"]

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


def fit(column: pl.Series, target: pl.DataType) -> tuple[pl.Series, pl.Series]:
    """Cast a column: (the cast one, a mask of rows whose value the type cannot hold).

    Bytes become text by `text_of`; seconds with places lose them.
    """
    if column.dtype == target:
        return column, pl.repeat(value=False, n=len(column), eager=True)
    if target == pl.String() and column.dtype == pl.Binary():
        return _spelled(column), pl.repeat(value=False, n=len(column), eager=True)
    cast = column.cast(target, strict=False)
    return cast, cast.is_null() & column.is_not_null()


def _spelled(column: pl.Series) -> pl.Series:
    """Spell a column of bytes as `text_of` does."""
    hexed = ("0x" + column.bin.encode("hex")).alias(column.name)
    address = column.bin.size() == _ADDRESS
    if not address.any():
        return hexed
    known = column.filter(address).unique()
    table = pl.DataFrame({"raw": known, "text": [_checksummed(raw) for raw in known.to_list()]})
    texts = column.alias("raw").to_frame().join(table, on="raw", how="left", maintain_order="left")["text"]
    return texts.fill_null(hexed).alias(column.name)


def key_text(frame: pl.DataFrame, parts: Sequence[str]) -> pl.Series:
    """Spell a key: the texts of its expressions over `frame` joined by `-`, null where one of them is."""
    raw = frame.select(frame["_row"], *(pl.sql_expr(sql).alias(f"part{place}") for place, sql in enumerate(parts)))
    texts = [fit(raw[f"part{place}"], pl.String())[0] for place in range(len(parts))]
    return pl.select(pl.concat_str(texts, separator="-").alias("key"))["key"]
