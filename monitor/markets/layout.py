"""Decode the logs of one layout into the columns that its rules read, beside what every log has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from monitor.abi import EventDecl, Undecodable, compile_event
from monitor.abi.columnar import decode_columns, is_columnar
from monitor.markets.columns import CONTEXT, column_of, misfits, read_by, spellings
from monitor.markets.evaluate import used_columns
from monitor.markets.load import Bound, Rule

__all__ = ["Job", "decoded"]

_MANY = 200
"""Logs of one layout from which reading them as columns costs less than one by one."""


class Job(NamedTuple):
    """Logs of one layout at contracts that are read alike, with the rules that read it."""

    bound: Bound
    decl: EventDecl
    rules: list[Rule]
    logs: pl.DataFrame
    """As `decode_logs` numbered them, with `_count`, how many topics each has."""


def decoded(job: Job, faults: list[tuple[int, str, str, str]]) -> pl.DataFrame:
    """Make the columns a job's rules read: `_row`, the context, the arguments; many logs are read as columns.

    Logs that cannot be read, or hold a number no column holds, are put on `faults`: row, market, role, reason.
    """
    mapping = [rule for rule in job.rules if rule.verb != "ignore"]
    if not mapping:
        return job.logs.select("_row")
    used = frozenset().union(*map(used_columns, mapping))
    if job.logs.height < _MANY or not is_columnar(job.decl):
        return _by_log(job, job.logs, used, faults)
    places = range(job.logs["_count"][0] or 0)
    topics = job.logs.select(pl.col("topics").list.get(place).alias(str(place)) for place in places)
    read = decode_columns(job.decl, topics.get_columns(), job.logs["data"], read_by(job.decl, used))
    if not len(read.left):
        return _beside(job, job.logs, read.values, used)
    whole = _beside(job, job.logs[read.rows], read.values, used)
    return pl.concat([whole, _by_log(job, job.logs[read.left], used, faults)]).sort("_row")


def _by_log(
    job: Job, logs: pl.DataFrame, used: Collection[str], faults: list[tuple[int, str, str, str]]
) -> pl.DataFrame:
    """Decode logs one by one, and put aside what is undecodable or does not fit."""
    values, rows = [], []
    decode = compile_event(job.decl)
    for row, topics, data in zip(logs["_row"], logs["topics"].to_list(), logs["data"].to_list(), strict=True):
        try:
            values.append(decode(topics, data or b""))
            rows.append(row)
        except Undecodable as error:
            faults.append((row, job.bound.market, job.bound.role, f"{job.decl.name}: {error}"))
    columns: list[Sequence[Any]] = list(zip(*values, strict=True)) if values else [()] * len(job.decl.params)
    if wrong := misfits(job.decl, columns, used):
        faults += [
            (rows[place], job.bound.market, job.bound.role, f"{job.decl.name}: {reason}")
            for place, reason in wrong.items()
        ]
        rows = [row for place, row in enumerate(rows) if place not in wrong]
        columns = [[value for place, value in enumerate(column) if place not in wrong] for column in columns]
    kept = logs.filter(pl.col("_row").is_in(rows)) if len(rows) < logs.height else logs
    named = zip((param.name for param in job.decl.params), columns, strict=True)
    return _beside(job, kept, dict(named), used)


def _beside(
    job: Job, logs: pl.DataFrame, columns: Mapping[str, Sequence[Any] | pl.Series], used: Collection[str]
) -> pl.DataFrame:
    """Put the used arguments beside the context."""
    bound = job.bound
    constants = {
        "deployment_token": bound.token,
        "token_decimals": bound.token_decimals,
        "block_seconds": None if bound.block_seconds is None else Decimal(bound.block_seconds),
    }
    context = [
        logs[name].cast(kind)
        if name in logs.columns
        else pl.repeat(constants.get(name), logs.height, dtype=kind, eager=True).alias(name)
        for name, kind in CONTEXT.items()
        if name not in constants or name in used
    ]
    own = [
        column_of(param, columns[param.name])
        for param in job.decl.params
        if param.name in used and param.name not in CONTEXT
    ]
    return pl.DataFrame([logs["_row"], *context, *own, *spellings(job.decl, columns, used)])
