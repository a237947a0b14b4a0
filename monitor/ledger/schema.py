"""The tables, their version, and opening a file with both checked."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from monitor.errors import LedgerError, LedgerNewer
from monitor.ledger import reads

__all__ = [
    "SCHEMA_VERSION",
    "check_current",
    "copy_log",
    "open_reader",
    "open_writer",
    "segment_folder",
    "transaction",
    "translated",
]

SCHEMA_VERSION = 9
APPLICATION_ID = 0x434D_4D4C
"""`CMML`, in the SQLite header: tells a ledger from any other SQLite file."""

BUSY_SECONDS = 15.0
T = TypeVar("T")
WAL_BYTES = 64 * 2**20
WAL_PAGES = 8_000
"""Pages (32 MB) of the write-ahead log from which a commit copies them itself, where `copy_log` did not keep up."""

_REPORTS = """
CREATE TABLE reports (chain_id INTEGER PRIMARY KEY, body BLOB NOT NULL);
"""
_EPOCHS = """
CREATE TABLE upgrades (
  chain_id INTEGER NOT NULL, contract BLOB NOT NULL, block_number INTEGER NOT NULL, log_index INTEGER NOT NULL,
  block_time INTEGER NOT NULL, tx_hash BLOB NOT NULL, market TEXT NOT NULL, role TEXT NOT NULL, event TEXT NOT NULL,
  detail TEXT NOT NULL, verified TEXT NOT NULL, changed INTEGER NOT NULL, unseen INTEGER NOT NULL,
  PRIMARY KEY (chain_id, block_number, log_index, contract, market)
) WITHOUT ROWID;
"""
_SILENCES = """
CREATE TABLE silences (silence_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
"""
_SEGMENTS = """
CREATE TABLE segments (
  chain_id INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, name TEXT NOT NULL,
  first_time INTEGER NOT NULL, last_time INTEGER NOT NULL, rows INTEGER NOT NULL, size INTEGER NOT NULL,
  sha256 BLOB NOT NULL, PRIMARY KEY (chain_id, first, last, name)
) WITHOUT ROWID;
"""
# Rows refer to their block by number: hash and time stand once, in `headers`, so a row cannot contradict its block.
# Finalised logs in number stand in the files that `segments` names, hash and time with them; `chains.tail` counts the
# rows left in `logs`.
# `topics` is the topics one after another, 32 bytes each; `value` is decimal text, since SQLite's integers end at 2^63.
# What a contract moved inside a transaction stands beside it, told apart by `trace`, and has no nonce.
_NATIVE = """
CREATE TABLE native (
  chain_id INTEGER NOT NULL, block_number INTEGER NOT NULL, tx_index INTEGER NOT NULL, trace TEXT NOT NULL,
  tx_hash BLOB NOT NULL, sender BLOB NOT NULL, recipient BLOB NOT NULL, value TEXT NOT NULL, nonce INTEGER,
  PRIMARY KEY (chain_id, block_number, tx_index, trace)
) WITHOUT ROWID;
"""
DDL = (
    """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE chains (
  chain_id INTEGER PRIMARY KEY, name TEXT NOT NULL, head INTEGER, finalized INTEGER, tail INTEGER NOT NULL DEFAULT 0,
  native_way TEXT NOT NULL DEFAULT ''
);
CREATE TABLE headers (
  chain_id INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL, parent_hash BLOB NOT NULL,
  timestamp INTEGER NOT NULL, PRIMARY KEY (chain_id, number)
) WITHOUT ROWID;
CREATE TABLE logs (
  chain_id INTEGER NOT NULL, block_number INTEGER NOT NULL, log_index INTEGER NOT NULL, tx_index INTEGER NOT NULL,
  tx_hash BLOB NOT NULL, address BLOB NOT NULL, topics BLOB NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (chain_id, block_number, log_index)
) WITHOUT ROWID;
CREATE TABLE coverage (
  chain_id INTEGER NOT NULL, fragment TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
  PRIMARY KEY (chain_id, fragment, start)
) WITHOUT ROWID;
CREATE TABLE quarantine (
  chain_id INTEGER NOT NULL, block_number INTEGER NOT NULL, log_index INTEGER NOT NULL, market TEXT NOT NULL,
  role TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (chain_id, block_number, log_index, market, role)
) WITHOUT ROWID;
CREATE TABLE findings (finding_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE leads (lead_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE dispositions (
  entry INTEGER PRIMARY KEY AUTOINCREMENT, lead_id TEXT NOT NULL, disposition TEXT NOT NULL, reason TEXT NOT NULL,
  reviewer TEXT NOT NULL, at INTEGER NOT NULL
);
CREATE TABLE outbox (
  alert_id TEXT NOT NULL, sink TEXT NOT NULL, lead_id TEXT NOT NULL, kind TEXT NOT NULL, sequence INTEGER NOT NULL,
  payload BLOB NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, next_at REAL NOT NULL, first_at REAL,
  delivered_at REAL, last_error TEXT NOT NULL, PRIMARY KEY (alert_id, sink)
);
CREATE INDEX outbox_due ON outbox (state, next_at);
"""
    + _NATIVE
    + _SEGMENTS
    + reads.DDL
    + _REPORTS
    + _EPOCHS
    + _SILENCES
)

_COUNT_TAIL = """
ALTER TABLE chains ADD COLUMN tail INTEGER NOT NULL DEFAULT 0;
UPDATE chains SET tail = (SELECT count(*) FROM logs WHERE logs.chain_id = chains.chain_id);
"""
_BARE_NATIVE = "ALTER TABLE native RENAME TO bare;"
_FILL_NATIVE = """
INSERT INTO native SELECT chain_id, block_number, tx_index, '', tx_hash, sender, recipient, value, nonce FROM bare;
DROP TABLE bare;
"""
_UPGRADES = {
    1: _COUNT_TAIL + _SEGMENTS,
    2: reads.DDL,
    3: "DROP TABLE status; DROP TABLE endpoints;" + _REPORTS,
    4: _EPOCHS,
    5: _BARE_NATIVE + _NATIVE + _FILL_NATIVE,
    # Answers about fees that do not say whom the transaction called; they are asked for again.
    6: "DELETE FROM reads WHERE kind = 'fee' AND length(result) = 37",
    7: _SILENCES,
    8: "ALTER TABLE chains ADD COLUMN native_way TEXT NOT NULL DEFAULT ''",
}
"""What brings a ledger from each older version to the next."""


def segment_folder(ledger: Path) -> Path:
    """Name the folder that holds the segments of a ledger."""
    return ledger.with_name(ledger.name + ".segments")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors into a LedgerError of one line."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(path, error) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise _full(path) from error
        message = f"the ledger {path} cannot be used: {error.strerror or error}"
        raise LedgerError(message, hint="check the path, its folder and their permissions") from error


def open_writer(path: Path, *, upgrade: bool = True) -> sqlite3.Connection:
    """Open a ledger for writing, making its tables in a new file; raises LedgerError or LedgerNewer.

    An older ledger gets the tables of this version, unless a daemon that knows only the older ones may be at work.
    """
    _refuse_folder(path)
    with translated(path):
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            if not _is_empty(connection):
                _check(connection, path)
            for pragma in (
                "journal_mode=WAL",
                "synchronous=NORMAL",
                f"journal_size_limit={WAL_BYTES}",
                f"wal_autocheckpoint={WAL_PAGES}",
            ):
                connection.execute(f"PRAGMA {pragma}")
            _transact(connection, _create)
            if upgrade:
                _transact(connection, _upgrade)
        except BaseException:
            connection.close()
            raise
        return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a ledger read-only; raises LedgerError when there is none, LedgerNewer when it is too new."""
    if not path.exists():
        message = f"there is no ledger at {path}"
        raise LedgerError(message, hint="`monitor run` makes one, or name another with --ledger")
    _refuse_folder(path)
    with translated(path):
        for flags in ("mode=ro", "immutable=1"):
            connection = sqlite3.connect(
                f"file:{quote(str(path))}?{flags}",
                uri=True,
                timeout=BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                _check(connection, path)
                check_current(connection, path)
            except sqlite3.OperationalError:
                connection.close()
                # A read-only folder has no room for the WAL's index; without a writer the file itself is complete.
                if flags == "immutable=1" or path.with_name(path.name + "-wal").exists():
                    raise
            except BaseException:
                connection.close()
                raise
            else:
                return connection
    message = f"the ledger {path} cannot be opened"
    raise LedgerError(message, hint="check its permissions")


def copy_log(path: Path) -> None:
    """Copy what the write-ahead log holds into the file as far as no reader needs it there, while others go on.

    What fails here is left to a commit, which tries it again and says what is wrong.
    """
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=0)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def transaction(connection: sqlite3.Connection, path: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    """Do work in one transaction, whole or not at all; raises LedgerError for what goes wrong below."""
    with translated(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise
        return result


def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        message = f"{path} is a folder, not a ledger"
        raise LedgerError(message, hint="name the file in it: `ledger.path` or --ledger")


def _is_empty(connection: sqlite3.Connection) -> bool:
    return not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]


def _create(connection: sqlite3.Connection) -> None:
    if _is_empty(connection):
        for statement in filter(str.strip, DDL.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def _upgrade(connection: sqlite3.Connection) -> None:
    for version in range(_version(connection), SCHEMA_VERSION):
        for statement in filter(str.strip, _UPGRADES[version].split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={version + 1}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _transact(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], None]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        work(connection)
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _check(connection: sqlite3.Connection, path: Path) -> None:
    if _is_empty(connection):
        # A daemon makes the file before its tables: whoever looks in between finds nothing, not somebody else's file.
        message = f"there is nothing in the ledger {path} yet"
        raise LedgerError(message, hint="`monitor run` fills it; try again in a moment, or name another with --ledger")
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = _version(connection)
    if application != APPLICATION_ID:
        message = f"{path} is not a ledger of this program"
        raise LedgerError(message, hint="name another file with --ledger or `ledger.path`; `monitor run` makes one")
    if version > SCHEMA_VERSION:
        message = f"the ledger {path} has schema {version}, this program knows {SCHEMA_VERSION}"
        raise LedgerNewer(message, hint="upgrade compute-market-monitor")
    connection.execute("SELECT count(*) FROM chains").fetchone()


def check_current(connection: sqlite3.Connection, path: Path) -> None:
    """Raise LedgerError for a ledger of an older form."""
    version = _version(connection)
    if version < SCHEMA_VERSION:
        message = f"the ledger {path} has schema {version}, this program reads {SCHEMA_VERSION}"
        raise LedgerError(message, hint="`monitor run` or `monitor backfill` upgrades it; nothing is lost")


def _explained(path: Path, error: sqlite3.Error) -> LedgerError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return damaged(path, str(error))
    if code == sqlite3.SQLITE_FULL:
        return _full(path)
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        message = f"the ledger {path} cannot be opened: {error}"
        return LedgerError(message, hint="check the path, its folder and their permissions")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return LedgerError(f"the ledger {path} stays busy", hint="another program holds it; close it and try again")
    return LedgerError(f"the ledger {path} failed: {error}", hint="check the disk; `monitor run` resumes where it was")


def damaged(path: Path, what: str) -> LedgerError:
    """Word the error for a file in which SQLite finds something wrong."""
    message = f"the ledger {path} is damaged or no SQLite file: {what}"
    return LedgerError(message, hint="restore a copy, or move it away: `monitor run` indexes into a new one")


def _full(path: Path) -> LedgerError:
    return LedgerError(f"no space left for the ledger {path}", hint="free some space; nothing was lost")
