"""Evaluate one rule over a batch of decoded logs: steps, filter, key and unified columns."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import polars as pl

from monitor.markets.fit import compiled, fit, joined, text_of
from monitor.markets.load import Rule
from monitor.markets.reads import TRANSACTION, Known, with_transaction
from monitor.markets.steps import add_step, step_reads
from monitor.markets.stepspec import Lookup
from monitor.model.schema import UNIFIED

__all__ = ["Fault", "Outcome", "evaluate", "roots", "used_columns"]

MAX_REASON = 300
_NONE = {"_row": pl.Int64(), "lease_id": pl.String()}


class Fault(NamedTuple):
    """Why a log is put aside; `row` is its place in the input."""

    row: int
    reason: str


class Outcome(NamedTuple):
    """Rows of a rule and what could not be mapped.

    Columns: `_row`, the unified columns the rule sets, `lease_id` and `_gap` where it has a key, `_value` where it has
    one. `_gap` says why a row has no key although its rule gives one: what it looked up is not known.
    """

    rows: pl.DataFrame
    faults: list[Fault]
    wanted: list[pl.DataFrame]
    """Reads (`WANTED`) that would tell more."""


@cache
def roots(sql: str) -> frozenset[str]:
    """Name the columns an expression reads."""
    return frozenset(compiled(sql).meta.root_names())


def used_columns(rule: Rule) -> frozenset[str]:
    """Name every column the rule reads, its own steps' included."""
    texts = [sql for _, sql in rule.sets]
    texts += [*rule.key, *(sql for sql in (rule.where, rule.value) if sql)]
    texts += [sql for step in rule.steps for sql in step_reads(step)]
    return frozenset().union(*map(roots, texts)) if texts else frozenset()


def evaluate(frame: pl.DataFrame, rule: Rule, known: Known) -> Outcome:
    """Map a batch; a row polars refuses to compute (an overflow, a strict cast) is found by halving and put aside."""
    try:
        return _evaluate(frame, rule, known)
    except pl.exceptions.PolarsError as error:
        if frame.height <= 1:
            reason = "cannot be computed: " + str(error).strip().partition("\n")[0]
            faults = [Fault(row, reason[:MAX_REASON]) for row in frame["_row"].to_list()]
            return Outcome(pl.DataFrame(schema=_NONE), faults, [])
        half = frame.height // 2
        parts = [evaluate(part, rule, known) for part in (frame.head(half), frame.slice(half))]
        return Outcome(
            pl.concat([part.rows for part in parts], how="diagonal"),
            [fault for part in parts for fault in part.faults],
            [frame for part in parts for frame in part.wanted],
        )


def _evaluate(frame: pl.DataFrame, rule: Rule, known: Known) -> Outcome:
    reads: list[pl.DataFrame] = []
    if not used_columns(rule).isdisjoint(TRANSACTION):
        frame = with_transaction(frame, known, reads)
    for step in rule.steps:
        frame = add_step(frame, step, known, reads)
    if rule.where:
        frame = frame.filter(compiled(rule.where))
    wanted = dict(rule.sets) | ({"_value": rule.value} if rule.value else {})
    parts = {f"_key{place}": sql for place, sql in enumerate(rule.key)}
    raw = frame.select(pl.col("_row"), *(compiled(sql).alias(name) for name, sql in (wanted | parts).items()))
    columns = [raw["_row"]]
    wrong: dict[int, Fault] = {}
    for name in wanted:
        column, lost = fit(raw[name], UNIFIED.get(name, pl.String()))
        columns.append(column)
        for place in lost:
            row = raw["_row"][place]
            wrong.setdefault(row, Fault(row, f"{name} does not fit: {_shown(raw[name][place])}"[:MAX_REASON]))
    if parts:
        columns.append(joined([raw[name] for name in parts]).alias("lease_id"))
    rows = pl.DataFrame(columns)
    if parts and columns[-1].null_count():
        gap = pl.lit(f"{rule.verb} has no key: {_missing(rule)}")
        rows = rows.with_columns(pl.when(pl.col("lease_id").is_null()).then(gap).alias("_gap"))
    if wrong:
        rows = rows.filter(~pl.col("_row").is_in(list(wrong)))
    return Outcome(rows, list(wrong.values()), reads)


def _missing(rule: Rule) -> str:
    tables = [step.table for step in rule.steps if isinstance(step, Lookup)]
    return f"nothing known yet in {', '.join(tables)}" if tables else f"{', '.join(rule.key)} is null"


def _shown(value: object) -> str:
    return text_of(value) if isinstance(value, bytes) else str(value)
