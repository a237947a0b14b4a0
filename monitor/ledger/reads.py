"""Answers of the chain beside logs: kept by block, target and call data, and forgotten with their block."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


__all__ = ["DDL", "SELECT", "forget_failures", "frame", "put_reads", "revert"]

DDL = """
CREATE TABLE reads (
  chain_id INTEGER NOT NULL, block_number INTEGER NOT NULL, kind TEXT NOT NULL, target BLOB NOT NULL,
  payload BLOB NOT NULL, result BLOB, failure TEXT, PRIMARY KEY (chain_id, block_number, kind, target, payload)
) WITHOUT ROWID;
"""
SELECT = "SELECT chain_id, block_number, kind, target, payload, result, failure FROM reads"


def put_reads(connection: sqlite3.Connection, rows: Iterable[Sequence[object]]) -> None:
    """Keep answers (columns of READS); what is there already stays, but an answer replaces a failure."""
    connection.executemany(
        """INSERT INTO reads VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
           SET result = excluded.result, failure = excluded.failure WHERE reads.result IS NULL""",
        rows,
    )


def forget_failures(connection: sqlite3.Connection) -> None:
    """Forget failures, except a contract's own refusal, which is as lasting as an answer."""
    connection.execute("DELETE FROM reads WHERE result IS NULL AND failure NOT LIKE '%revert%'")


def revert(connection: sqlite3.Connection, chain_id: int, to_number: int) -> None:
    """Forget answers as of blocks above `to_number`."""
    connection.execute("DELETE FROM reads WHERE chain_id = ? AND block_number > ?", (chain_id, to_number))


def frame(rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Make the frame of READS."""
    import polars as pl

    from monitor.model.schema import READS

    return pl.DataFrame(rows, schema=READS, orient="row")
