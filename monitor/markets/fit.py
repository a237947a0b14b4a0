"""Bring an expression's result to the type a unified column has, losing nothing silently."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from eth_utils.address import to_checksum_address

__all__ = ["fit", "fits", "key_text", "text_of"]

_ADDRESS = 20


def text_of(raw: bytes) -> str:
    """Spell bytes as text: an address by EIP-55, anything else in lower-case hex."""
    return to_checksum_address(raw) if len(raw) == _ADDRESS else "0x" + raw.hex()


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
        texts = {raw: text_of(raw) for raw in column.unique().to_list() if raw is not None}
        spelled = [None if raw is None else texts[raw] for raw in column.to_list()]
        return pl.Series(column.name, spelled, dtype=pl.String), pl.repeat(value=False, n=len(column), eager=True)
    cast = column.cast(target, strict=False)
    return cast, cast.is_null() & column.is_not_null()


def key_text(frame: pl.DataFrame, parts: Sequence[str]) -> pl.Series:
    """Spell a key: the texts of its expressions over `frame` joined by `-`, null where one of them is."""
    raw = frame.select(frame["_row"], *(pl.sql_expr(sql).alias(f"part{place}") for place, sql in enumerate(parts)))
    texts = [fit(raw[f"part{place}"], pl.String())[0] for place in range(len(parts))]
    return pl.select(pl.concat_str(texts, separator="-").alias("key"))["key"]
