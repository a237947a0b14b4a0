"""Steps over list columns: a row per element, or what the elements add up to."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from monitor.markets.stepspec import Explode, Items, Range

__all__ = ["MAX_RANGE", "add_explode", "add_items", "add_range", "element_schema", "items_add"]

MAX_RANGE = 10_000
"""Rows one log may become; a longer range becomes one row without a number."""


def element_schema(kind: pl.DataType) -> dict[str, pl.DataType]:
    """Name the columns an element of a list has: its tuple's fields, or `item`."""
    inner = kind.inner if isinstance(kind, pl.List) else kind
    if isinstance(inner, pl.Struct):
        return {field.name: _instance(field.dtype) for field in inner.fields}
    return {"item": _instance(inner)}


def _instance(kind: object) -> pl.DataType:
    return kind() if isinstance(kind, type) and issubclass(kind, pl.DataType) else kind  # type: ignore[return-value]


def items_add(step: Items, kind: pl.DataType) -> dict[str, pl.DataType]:
    """Say which columns `items` adds over a list of this type; raises polars' errors for a wrong expression."""
    element = pl.LazyFrame(schema=element_schema(kind))
    if step.where:
        element = element.filter(pl.sql_expr(step.where))
    first = element.select(pl.sql_expr(sql).alias(name) for name, sql in step.first.items()).collect_schema()
    total = element.select(pl.sql_expr(sql).sum().alias(name) for name, sql in step.total.items()).collect_schema()
    count: dict[str, pl.DataType] = {step.count: pl.Int64()} if step.count else {}
    return {**dict(first), **dict(total), **count}


def add_items(frame: pl.DataFrame, step: Items) -> pl.DataFrame:
    """Add the first values, sums and count of a list's elements that pass `where`; null for a null list."""
    lists = frame.select(pl.sql_expr(step.of).alias("_list")).with_row_index("_at")
    kind = lists.schema["_list"]
    added = items_add(step, kind)
    flat = lists.explode("_list", empty_as_null=True, keep_nulls=True).drop_nulls("_list")
    fields = element_schema(kind)
    element = flat["_list"]
    columns = [element.struct.field(name) for name in fields] if element.dtype == pl.Struct else [element.alias("item")]
    elements = pl.DataFrame([flat["_at"], *columns])
    if step.where:
        elements = elements.filter(pl.sql_expr(step.where))
    found = elements.group_by("_at", maintain_order=True).agg(
        *(pl.sql_expr(sql).first().alias(name) for name, sql in step.first.items()),
        *(pl.sql_expr(sql).sum().alias(name) for name, sql in step.total.items()),
        *([pl.len().alias(step.count)] if step.count else []),
    )
    joined = lists.select("_at").join(found, on="_at", how="left", maintain_order="left")
    summed = {*step.total, *([step.count] if step.count else [])}
    known = lists["_list"].is_not_null()
    return frame.with_columns(
        pl.select(pl.when(known & column.is_null()).then(_zero(kind)).otherwise(column).cast(kind).alias(name))[name]
        if name in summed
        else column
        for name, kind in added.items()
        for column in [joined[name].cast(kind)]
    )


def _zero(kind: pl.DataType) -> pl.Expr:
    return pl.lit(Decimal(0) if kind.is_decimal() else 0, dtype=kind)


def add_explode(frame: pl.DataFrame, step: Explode) -> pl.DataFrame:
    """Make one row per element; lists side by side must be of one length, else polars refuses the log."""
    return frame.explode(step.of, empty_as_null=True, keep_nulls=True)


def add_range(frame: pl.DataFrame, step: Range) -> pl.DataFrame:
    """Make one row per number; where there are none, or too many, one row without a number."""
    ends = frame.select(
        frame["_row"],
        pl.sql_expr(step.first).cast(pl.Int64, strict=False).alias("first"),
        pl.sql_expr(step.count).cast(pl.Int64, strict=False).alias("count"),
    )
    whole = pl.col("count").is_between(1, MAX_RANGE) & pl.col("first").is_between(0, 2**62)
    ranges = ends.select(
        pl.when(whole).then(pl.int_ranges(pl.col("first"), pl.col("first") + pl.col("count"))).alias(step.name)
    )
    return frame.with_columns(ranges[step.name]).explode(step.name, empty_as_null=True, keep_nulls=True)
