"""Statements that move chain data: extend, revert, finalise. Each runs inside a transaction of the caller."""

# ruff: noqa: S608 - statements are put together from names in this file; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from monitor.errors import DeepReorg, LedgerError
from monitor.ledger.rows import Conflict
from monitor.model.chain import Header, RawTransfer
from monitor.model.span import Span

if TYPE_CHECKING:
    import polars as pl

__all__ = ["extend", "finalize", "put_chain", "revert"]

_LOG_COLUMNS = ("block_number", "log_index", "tx_index", "tx_hash", "address", "topics", "data")
_INSERT_LOG = "INSERT OR IGNORE INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_NATIVE = "INSERT OR IGNORE INTO native VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def put_chain(connection: sqlite3.Connection, chain_id: int, name: str) -> None:
    """Name a chain."""
    connection.execute(
        "INSERT INTO chains (chain_id, name) VALUES (?, ?) ON CONFLICT DO UPDATE SET name = excluded.name",
        (chain_id, name),
    )


def extend(
    connection: sqlite3.Connection,
    chain_id: int,
    headers: Sequence[Header],
    logs: pl.DataFrame | None,
    transfers: Sequence[RawTransfer],
    coverage: Mapping[str, Span],
) -> None:
    """Add headers, rows and the coverage they stand for; what is there already is left alone.

    `logs` has the schema LOG_ROWS (`monitor.model.schema`).
    Raises Conflict when a block or a row of the page differs from the ledger's, LedgerError when a row's block has no
    header in the page or the ledger.
    """
    connection.execute("INSERT OR IGNORE INTO chains (chain_id, name) VALUES (?, ?)", (chain_id, str(chain_id)))
    blocks = {(row.block_number, row.block_hash) for row in transfers}
    if logs is not None:
        blocks.update(logs.select("block_number", "block_hash").unique().rows())
    _check_blocks(connection, chain_id, headers, blocks)
    _insert_headers(connection, chain_id, headers, {number for number, _ in blocks})
    if logs is not None:
        _insert(connection, _INSERT_LOG, "logs", [(chain_id, *row) for row in logs.select(_LOG_COLUMNS).rows()])
    _insert(connection, _INSERT_NATIVE, "native", [_native_row(chain_id, item) for item in transfers])
    for fragment, span in coverage.items():
        _cover(connection, chain_id, fragment, span)
    if headers:
        connection.execute(
            "UPDATE chains SET head = max(coalesce(head, -1), ?) WHERE chain_id = ?",
            (max(header.number for header in headers), chain_id),
        )


def revert(connection: sqlite3.Connection, chain_id: int, to_number: int) -> None:
    """Forget every row above a block and re-open the coverage above it; raises DeepReorg below the finalised block."""
    row = connection.execute("SELECT finalized FROM chains WHERE chain_id = ?", (chain_id,)).fetchone()
    if row is not None and row[0] is not None and to_number < row[0]:
        message = f"chain {chain_id} would have to go back to block {to_number}, but block {row[0]} was final"
        raise DeepReorg(message, hint="check the endpoint; if the chain really changed, index into a new ledger")
    connection.execute("DELETE FROM headers WHERE chain_id = ? AND number > ?", (chain_id, to_number))
    for table in ("logs", "native", "quarantine"):
        connection.execute(f"DELETE FROM {table} WHERE chain_id = ? AND block_number > ?", (chain_id, to_number))
    connection.execute("DELETE FROM coverage WHERE chain_id = ? AND start > ?", (chain_id, to_number))
    connection.execute(
        "UPDATE coverage SET stop = ? WHERE chain_id = ? AND stop > ?", (to_number + 1, chain_id, to_number + 1)
    )
    connection.execute("UPDATE chains SET head = min(head, ?) WHERE chain_id = ?", (to_number, chain_id))


def finalize(connection: sqlite3.Connection, chain_id: int, upto: int) -> None:
    """Move the finalised block up, and drop older headers that no row needs for its hash and time."""
    row = connection.execute("SELECT finalized FROM chains WHERE chain_id = ?", (chain_id,)).fetchone()
    before = row[0] if row is not None and row[0] is not None else -1
    if upto <= before:
        return
    connection.execute("UPDATE chains SET finalized = ? WHERE chain_id = ?", (upto, chain_id))
    connection.execute(
        """DELETE FROM headers WHERE chain_id = ?1 AND number >= ?2 AND number < ?3
           AND NOT EXISTS (SELECT 1 FROM logs WHERE logs.chain_id = ?1 AND logs.block_number = headers.number)
           AND NOT EXISTS (SELECT 1 FROM native WHERE native.chain_id = ?1 AND native.block_number = headers.number)""",
        (chain_id, before, upto),
    )


def _check_blocks(
    connection: sqlite3.Connection, chain_id: int, headers: Sequence[Header], blocks: Iterable[tuple[int, bytes]]
) -> None:
    hashes: dict[int, bytes] = {}
    for header in headers:
        if hashes.setdefault(header.number, header.hash) != header.hash:
            raise _conflict(chain_id, header.number)
    wanted = {*hashes, *(number for number, _ in blocks)}
    for number in wanted:
        row = connection.execute(
            "SELECT hash FROM headers WHERE chain_id = ? AND number = ?", (chain_id, number)
        ).fetchone()
        if row is not None and hashes.setdefault(number, row[0]) != row[0]:
            raise _conflict(chain_id, number)
    for number, block_hash in blocks:
        if number not in hashes:
            message = f"rows of block {number} of chain {chain_id} came without its header"
            raise LedgerError(message, hint="this is a fault of the program; nothing was written")
        if hashes[number] != block_hash:
            raise _conflict(chain_id, number)


def _insert_headers(connection: sqlite3.Connection, chain_id: int, headers: Sequence[Header], used: set[int]) -> None:
    row = connection.execute("SELECT finalized FROM chains WHERE chain_id = ?", (chain_id,)).fetchone()
    final = row[0] if row[0] is not None else -1
    connection.executemany(
        "INSERT OR IGNORE INTO headers VALUES (?, ?, ?, ?, ?)",
        [
            (chain_id, header.number, header.hash, header.parent_hash, header.timestamp)
            for header in headers
            if header.number >= final or header.number in used
        ],
    )


def _insert(connection: sqlite3.Connection, statement: str, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    if not rows:
        return
    added = connection.executemany(statement, rows).rowcount
    if added == len(rows):
        return
    # Some were there: a replay is fine, a different row under the same key is not.
    place = "log_index" if table == "logs" else "tx_index"
    query = f"SELECT * FROM {table} WHERE chain_id = ? AND block_number = ? AND {place} = ?"
    for row in rows:
        if connection.execute(query, row[:3]).fetchone() != row:
            message = f"row {row[2]} of block {row[1]} of chain {row[0]} differs from the one in the ledger"
            raise Conflict(message, hint="the chain changed, or an endpoint lies: `monitor doctor` tests each")


def _cover(connection: sqlite3.Connection, chain_id: int, fragment: str, span: Span) -> None:
    if span.blocks == 0:
        return
    start, stop = span
    touching = "chain_id = ? AND fragment = ? AND start <= ? AND stop >= ?"
    keys = (chain_id, fragment, stop, start)
    for low, high in connection.execute(f"SELECT start, stop FROM coverage WHERE {touching}", keys).fetchall():
        start, stop = min(start, low), max(stop, high)
    connection.execute(f"DELETE FROM coverage WHERE {touching}", keys)
    connection.execute("INSERT INTO coverage VALUES (?, ?, ?, ?)", (chain_id, fragment, start, stop))


def _native_row(chain_id: int, item: RawTransfer) -> tuple[object, ...]:
    return (
        chain_id,
        item.block_number,
        item.tx_index,
        item.tx_hash,
        item.sender,
        item.recipient,
        str(item.value),
        item.nonce,
    )


def _conflict(chain_id: int, number: int) -> Conflict:
    message = f"block {number} of chain {chain_id} is another one than in the ledger"
    return Conflict(message, hint="the chain changed: the next look at its head repairs this")
