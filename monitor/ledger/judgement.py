"""Statements for what was concluded and sent: findings, leads, quarantine, dispositions, outbox, reports of state."""

# ruff: noqa: S608 - statements are put together from names in this file; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from monitor.errors import InputError
from monitor.ledger.rows import DispositionRow, OutboxRow, QuarantineRow, Report, UpgradeRow
from monitor.model.lead import Finding, Lead
from monitor.model.silence import Silence

__all__ = [
    "disposition_rows",
    "due_rows",
    "outbox_rows",
    "put_disposition",
    "put_judgement",
    "put_meta",
    "put_report",
    "put_silence",
    "silences",
    "update_delivery",
]

_OUTBOX = (
    "alert_id, sink, lead_id, kind, sequence, payload, state, attempts, next_at, first_at, delivered_at, last_error"
)


def put_judgement(
    connection: sqlite3.Connection,
    findings: Iterable[Finding],
    leads: Iterable[Lead],
    outbox: Iterable[OutboxRow],
    quarantine: Iterable[QuarantineRow] | None,
    upgrades: Iterable[UpgradeRow] | None,
) -> None:
    """Replace findings, leads and (unless None) quarantine and upgrades, and add alerts not yet in the outbox.

    What is not given any more goes: a caller that wants a retracted finding or lead kept hands it in as such. Rows that
    stay the same are not touched. Dispositions live apart and survive.
    """
    bodies = {finding.finding_id: msgspec.json.encode(finding) for finding in findings}
    _replace(connection, "findings", "finding_id", bodies)
    _replace(connection, "leads", "lead_id", {lead.lead_id: msgspec.json.encode(_undecided(lead)) for lead in leads})
    if quarantine is not None:
        _replace_rows(connection, "quarantine", QuarantineRow, quarantine)
    if upgrades is not None:
        _replace_rows(connection, "upgrades", UpgradeRow, upgrades)
    connection.executemany(
        f"INSERT OR IGNORE INTO outbox ({_OUTBOX}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [tuple(getattr(row, name) for name in _OUTBOX.split(", ")) for row in outbox],
    )


def put_disposition(connection: sqlite3.Connection, row: DispositionRow) -> None:
    """Add a reviewer's decision to a lead's history; raises InputError when there is no such lead."""
    found = connection.execute("SELECT 1 FROM leads WHERE lead_id = ?", (row.lead_id,)).fetchone()
    if found is None:
        message = f"there is no lead {row.lead_id}"
        raise InputError(message, hint="`monitor leads list` shows them")
    connection.execute(
        "INSERT INTO dispositions (lead_id, disposition, reason, reviewer, at) VALUES (?, ?, ?, ?, ?)",
        msgspec.structs.astuple(row),
    )


def put_silence(connection: sqlite3.Connection, silence: Silence) -> None:
    """Add a silence, or replace the one of its id."""
    body = msgspec.json.encode(silence)
    connection.execute("INSERT OR REPLACE INTO silences VALUES (?, ?)", (silence.silence_id, body))


def silences(connection: sqlite3.Connection) -> list[Silence]:
    """Read every silence there ever was, oldest first."""
    rows = connection.execute("SELECT body FROM silences").fetchall()
    found = (msgspec.json.decode(body, type=Silence) for (body,) in rows)
    return sorted(found, key=lambda silence: (silence.at, silence.silence_id))


def update_delivery(connection: sqlite3.Connection, rows: Iterable[OutboxRow]) -> None:
    """Write back what became of alerts: state, attempts, times and last error; never the payload."""
    connection.executemany(
        """UPDATE outbox SET state = ?, attempts = ?, next_at = ?, first_at = ?, delivered_at = ?, last_error = ?
           WHERE alert_id = ? AND sink = ?""",
        [
            (
                row.state,
                row.attempts,
                row.next_at,
                row.first_at,
                row.delivered_at,
                row.last_error,
                row.alert_id,
                row.sink,
            )
            for row in rows
        ],
    )


def put_report(connection: sqlite3.Connection, chain_id: int, report: Report) -> None:
    """Replace what was reported of a chain."""
    connection.execute("INSERT OR REPLACE INTO reports VALUES (?, ?)", (chain_id, msgspec.json.encode(report)))


def put_meta(connection: sqlite3.Connection, values: Mapping[str, str]) -> None:
    """Set keys of the meta table."""
    connection.executemany(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", list(values.items())
    )


def outbox_rows(connection: sqlite3.Connection) -> list[OutboxRow]:
    """Read the whole outbox, by alert and sink."""
    rows = connection.execute(f"SELECT {_OUTBOX} FROM outbox ORDER BY alert_id, sink").fetchall()
    return [_outbox_row(row) for row in rows]


def due_rows(connection: sqlite3.Connection, now: float, limit: int) -> list[OutboxRow]:
    """Read pending alerts whose time has come, the longest waiting first, a lead's in sequence."""
    rows = connection.execute(
        f"""SELECT {_OUTBOX} FROM outbox WHERE state = 'pending' AND next_at <= ?
            ORDER BY next_at, lead_id, sequence, sink LIMIT ?""",
        (now, limit),
    ).fetchall()
    return [_outbox_row(row) for row in rows]


def disposition_rows(connection: sqlite3.Connection) -> list[DispositionRow]:
    """Read the history of dispositions, oldest first."""
    rows = connection.execute("SELECT lead_id, disposition, reason, reviewer, at FROM dispositions ORDER BY entry")
    return [DispositionRow(lead_id=a, disposition=b, reason=c, reviewer=d, at=e) for a, b, c, d, e in rows.fetchall()]


def _undecided(lead: Lead) -> Lead:
    # A lead's disposition is the newest row of its history, never a copy that could grow old.
    return msgspec.structs.replace(lead, disposition="", reason="", reviewer="")


def _replace(connection: sqlite3.Connection, table: str, key: str, bodies: Mapping[str, bytes]) -> None:
    before = dict(connection.execute(f"SELECT {key}, body FROM {table}").fetchall())
    gone = [(name,) for name in before if name not in bodies]
    changed = [(name, body) for name, body in bodies.items() if before.get(name) != body]
    connection.executemany(f"DELETE FROM {table} WHERE {key} = ?", gone)
    connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", changed)


def _replace_rows(
    connection: sqlite3.Connection, table: str, kind: type[msgspec.Struct], rows: Iterable[msgspec.Struct]
) -> None:
    wanted = {msgspec.structs.astuple(row) for row in rows}
    names = kind.__struct_fields__
    before = set(connection.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall())
    where = " AND ".join(f"{name} = ?" for name in names)
    connection.executemany(f"DELETE FROM {table} WHERE {where}", sorted(before - wanted))
    connection.executemany(
        f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
        sorted(wanted - before),
    )


def _outbox_row(row: Sequence[object]) -> OutboxRow:
    return msgspec.convert(dict(zip(_OUTBOX.split(", "), row, strict=True)), OutboxRow)
