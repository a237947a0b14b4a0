"""Reading logs wherever they stand: segments and tail as one, inside a transaction of the caller."""

# ruff: noqa: S608 - statements are put together from names in this file; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from monitor.ledger.frames import tail_rows
from monitor.ledger.segments import STORED, Segment, collected, scan
from monitor.model.page import is_sorted

__all__ = ["Limits", "logs", "named", "newest"]


class Limits(NamedTuple):
    """Which blocks: of one chain or all; per chain id `above < number <= upto`, unlimited for a chain not named."""

    chain_id: int | None = None
    upto: Mapping[int, int] = {}
    above: Mapping[int, int] = {}

    def where(self, first: str, last: str, chain: str = "chain_id") -> tuple[str, list[object]]:
        """Write the condition on the lowest and highest block of a row, and its values."""
        parts, values = ["1"], list[object]()
        if self.chain_id is not None:
            parts.append(f"{chain} = ?")
            values.append(self.chain_id)
        for limits, column, sign in ((self.upto, first, "<="), (self.above, last, ">")):
            for chain_id, number in sorted(limits.items()):
                if self.chain_id is None:
                    parts.append(f"({chain} <> ? OR {column} {sign} ?)")
                    values += (chain_id, number)
                elif self.chain_id == chain_id:
                    # Alone, the primary key finds the range without reading the rest.
                    parts.append(f"{column} {sign} ?")
                    values.append(number)
        return " AND ".join(parts), values

    def predicate(self) -> pl.Expr:
        """Say the same of a frame's `chain_id` and `block_number`."""
        chain, number = pl.col("chain_id"), pl.col("block_number")
        found = pl.lit(value=True) if self.chain_id is None else chain == self.chain_id
        for chain_id, limit in sorted(self.upto.items()):
            found &= (chain != chain_id) | (number <= limit)
        for chain_id, limit in sorted(self.above.items()):
            found &= (chain != chain_id) | (number > limit)
        return found


def logs(
    connection: sqlite3.Connection,
    folder: Path,
    limits: Limits,
    columns: Sequence[str] = tuple(STORED),
    predicate: pl.Expr | None = None,
) -> pl.DataFrame:
    """Read columns of the logs that fit, in chain order; of segments only what the predicate needs is read.

    Columns are `chain_id` and those of LOG_ROWS; raises LedgerError when a segment is missing or altered.
    """
    wanted = limits.predicate() if predicate is None else limits.predicate() & predicate
    held = named(connection, limits)
    where, values = limits.where("block_number", "block_number", "logs.chain_id")
    tail = tail_rows(connection, where, values, STORED)
    parts = [part.filter(wanted) for part in (scan(folder, held), tail.lazy())]
    order = ["chain_id", "block_number", "log_index"]
    found = collected(folder, pl.concat(parts).select(*dict.fromkeys([*order, *columns])))
    # Segments follow on each other, and the tail on them, but for what was read of older blocks later.
    return (found if is_sorted(found, order) else found.sort(order)).select(columns)


def named(connection: sqlite3.Connection, limits: Limits) -> list[Segment]:
    """List the segments with blocks within the limits, in chain order."""
    where, values = limits.where("first", "last")
    query = f"SELECT {', '.join(Segment._fields)} FROM segments WHERE {where} ORDER BY chain_id, first, last, name"
    return [Segment(*row) for row in connection.execute(query, values).fetchall()]


def newest(
    connection: sqlite3.Connection, folder: Path, chain_id: int, column: str, limit: int
) -> tuple[int, bytes, int] | None:
    """Find the newest block with rows in a segment whose `block_number` or `block_time` is not above a limit.

    Returns its number, hash and time (seconds).
    """
    first, last = {"block_number": ("first", "last"), "block_time": ("first_time", "last_time")}[column]
    query = f"""SELECT {", ".join(Segment._fields)} FROM segments WHERE chain_id = ? AND {first} <= ?
        AND ({last} > ? OR last = (SELECT max(last) FROM segments WHERE chain_id = ? AND {last} <= ?))"""
    rows = connection.execute(query, (chain_id, limit, limit, chain_id, limit)).fetchall()
    lazy = scan(folder, [Segment(*row) for row in rows]).filter(pl.col(column) <= limit)
    found = collected(
        folder, lazy.select("block_number", "block_hash", "block_time").sort("block_number").tail(1)
    ).rows()
    return found[0] if found else None
