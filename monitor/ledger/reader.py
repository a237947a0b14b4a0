"""Reading the ledger from any process: short read-only transactions beside the daemon, or without one."""

# ruff: noqa: S608 - statements are put together from names in this file; values are always bound

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from monitor.ledger import judgement, reads
from monitor.ledger.rows import (
    ChainRow,
    DispositionRow,
    EndpointRow,
    OutboxRow,
    QuarantineRow,
    Report,
    Status,
    UpgradeRow,
    Window,
)
from monitor.ledger.schema import damaged, open_reader, segment_folder, translated
from monitor.model.chain import Header
from monitor.model.lead import Finding, Lead
from monitor.model.silence import Silence
from monitor.model.span import Span, Spans

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Reader"]

_NATIVE_COLUMNS = "chain_id, block_number, tx_hash, tx_index, sender, recipient, value, nonce"
# The tail and every segment say how many they hold: counting costs nothing, however many there are.
_COUNT_LOGS = """SELECT chain_id, tail + (SELECT coalesce(sum(rows), 0) FROM segments
  WHERE segments.chain_id = chains.chain_id) FROM chains ORDER BY chain_id"""

_HASHES = 10_000
"""Values bound to one statement; SQLite takes 32,766."""
_REPORTED = ("node_head", "to_read", "reorgs", "deepest_reorg", "splits", "state")
_SILENCE = Report()


class Reader:
    """A read-only connection; use it as a context manager. Safe to share between threads.

    Raises LedgerError when there is no ledger or it is damaged, LedgerNewer when a newer program wrote it. `upto` and
    `above` limit frames per chain id: blocks `above < number <= upto`; a chain that is not named is not limited.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self._guard = threading.RLock()
        self._connection = open_reader(self.path)
        self._folder = segment_folder(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        with self._guard:
            self._connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[Self]:
        """Make every read inside see the same moment, also in nested calls.

        Keep it short: a long one keeps the WAL from shrinking.
        """
        with self._guard:
            if self._connection.in_transaction:
                yield self
                return
            self._rows("BEGIN")
            try:
                yield self
            finally:
                self._connection.rollback()

    def copy_to(self, target: sqlite3.Connection) -> None:
        """Copy all tables as they are at one moment; segments are files of their own."""
        with self._guard, translated(self.path):
            self._connection.backup(target)

    def data_version(self) -> int:
        """Count that changes when another process commits."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def prove(self) -> int:
        """Read every page and every segment, and count these; raises LedgerError for the first that is damaged.

        Takes as long as reading all of it from the disk.
        """
        from monitor.ledger import scan, segments

        (found,) = self._rows("PRAGMA quick_check(1)")[0]
        if found != "ok":
            raise damaged(self.path, found.splitlines()[-1])
        with self._guard, translated(self.path):
            held = scan.named(self._connection, scan.Limits())
            for segment in held:
                segments.check(self._folder, segment)
        return len(held)

    def chains(self) -> list[ChainRow]:
        """List chains by id."""
        rows = self._rows(
            """SELECT chains.chain_id, name, head, hash, timestamp, finalized, native_way
               FROM chains LEFT JOIN headers ON headers.chain_id = chains.chain_id AND headers.number = head
               ORDER BY chains.chain_id"""
        )
        reports = self._reports()
        return [
            ChainRow(
                chain_id=chain_id,
                name=name,
                head=head,
                head_hash=head_hash or b"",
                head_time=head_time,
                finalized=finalized,
                native_way=native_way,
                **{field: getattr(reports.get(chain_id, _SILENCE), field) for field in _REPORTED},
            )
            for chain_id, name, head, head_hash, head_time, finalized, native_way in rows
        ]

    def window(self, chain_id: int) -> Window:
        """Tell a source where the ledger stands: headers from the finalised block up."""
        with self.snapshot():
            found = self._rows("SELECT finalized FROM chains WHERE chain_id = ?", (chain_id,))
            finalized = found[0][0] if found and found[0][0] is not None else -1
            rows = self._rows(
                """SELECT number, hash, parent_hash, timestamp FROM headers WHERE chain_id = ? AND number >= ?
                   ORDER BY number""",
                (chain_id, finalized),
            )
        return Window(tuple(Header(*row) for row in rows), finalized)

    def coverage(self, chain_id: int) -> dict[str, Spans]:
        """Tell which blocks are covered, by fragment key."""
        spans: dict[str, list[Span]] = {}
        query = "SELECT fragment, start, stop FROM coverage WHERE chain_id = ? ORDER BY fragment, start"
        for fragment, start, stop in self._rows(query, (chain_id,)):
            spans.setdefault(fragment, []).append(Span(start, stop))
        return {fragment: Spans(found) for fragment, found in spans.items()}

    def blocks_at(self, time: int) -> dict[int, int]:
        """Find, per chain, the newest block the ledger knows not later than `time` (seconds); -1 where there is none.

        The result fits `upto`: blocks without rows have no header in final history, and no rows to leave out.
        """
        with self.snapshot():
            found = {chain.chain_id: self._newest(chain.chain_id, time, by_time=True) for chain in self.chains()}
        return {chain_id: -1 if block is None else block[0] for chain_id, block in found.items()}

    def heads(self, upto: Mapping[int, int]) -> dict[int, tuple[int, bytes, int]]:
        """Find the newest block the ledger knows not above `upto`, per chain: number, hash and time (seconds)."""
        with self.snapshot():
            found = {chain_id: self._newest(chain_id, number) for chain_id, number in upto.items()}
        return {chain_id: block for chain_id, block in found.items() if block is not None}

    def scan(
        self,
        columns: Sequence[str],
        predicate: pl.Expr | None = None,
        *,
        chain_id: int | None = None,
        upto: Mapping[int, int] | None = None,
        above: Mapping[int, int] | None = None,
    ) -> pl.DataFrame:
        """Read columns of logs in chain order, wherever they stand; only what is asked for is read from segments.

        Columns are `chain_id` and those of LOG_ROWS (`monitor.model.schema`); `predicate` is an expression on them.
        """
        # polars takes a while to import, and `status` needs none of it.
        from monitor.ledger import scan

        with self.snapshot(), translated(self.path):
            limits = scan.Limits(chain_id, upto or {}, above or {})
            return scan.logs(self._connection, self._folder, limits, columns, predicate)

    def logs_frame(
        self,
        *,
        upto: Mapping[int, int] | None = None,
        above: Mapping[int, int] | None = None,
        addresses: Collection[bytes] | None = None,
        topic0: Collection[bytes] | None = None,
        anywhere: Collection[bytes] = (),
    ) -> pl.DataFrame:
        """Read logs in chain order: of `addresses` with `topic0`, and those of any address with a topic0 of `anywhere`.

        Columns: chain_id, block_number, block_time (seconds), block_hash, tx_hash, tx_index, log_index, address,
        topics (list of 32-byte words), data.
        """
        import polars as pl

        from monitor.ledger.frames import with_words
        from monitor.model.schema import LOG_ROWS

        wanted = pl.lit(value=True)
        if addresses is not None:
            wanted &= pl.col("address").is_in(sorted(addresses))
        first = pl.col("topics").bin.slice(0, 32)
        if topic0 is not None:
            wanted &= first.is_in(sorted(topic0))
        if anywhere:
            wanted |= first.is_in(sorted(anywhere))
        return with_words(self.scan(["chain_id", *LOG_ROWS], wanted, upto=upto, above=above))

    def transfers_frame(
        self, *, upto: Mapping[int, int] | None = None, above: Mapping[int, int] | None = None
    ) -> pl.DataFrame:
        """Read native transactions, and what contracts moved inside them, in chain order.

        Columns: chain_id, block_number, block_time, block_hash, tx_hash, tx_index, sender, recipient (empty for a
        creation), value (wei, Decimal(38, 0), null where it does not fit), value_exact (decimal text), nonce (null
        inside a transaction).
        """
        from monitor.ledger import frames, scan

        limits = scan.Limits(upto=upto or {}, above=above or {})
        with self.snapshot():
            where, values = limits.where("block_number", "block_number")
            rows = self._rows(f"SELECT {_NATIVE_COLUMNS} FROM native WHERE {where} ORDER BY 1, 2, 4, trace", values)
            where, values = limits.where("number", "number")
            query = f"""SELECT chain_id, number, hash, parent_hash, timestamp FROM headers WHERE {where}
                AND EXISTS (SELECT 1 FROM native WHERE native.chain_id = headers.chain_id AND block_number = number)"""
            return frames.transfers(rows, self._rows(query, values))

    def transactions(self, hashes: Collection[bytes]) -> pl.DataFrame:
        """Read native transactions by hash, and what contracts paid out inside them, in chain order.

        Columns: chain_id, block_number, block_hash, block_time (seconds), tx_hash, tx_index, sender, recipient (empty
        for a creation), value (wei, decimal text), nonce (null inside a transaction), trace (empty outside of one).
        """
        from monitor.ledger import frames

        wanted, rows = sorted(hashes), list[tuple[Any, ...]]()
        with self.snapshot():
            for first in range(0, len(wanted), _HASHES):
                part = wanted[first : first + _HASHES]
                query = f"""SELECT native.chain_id, block_number, hash, timestamp, tx_hash, tx_index, sender, recipient,
                    value, nonce, trace FROM native JOIN headers ON headers.chain_id = native.chain_id AND
                    number = block_number WHERE tx_hash IN ({", ".join("?" * len(part))})"""
                rows += self._rows(query, part)
        return frames.frame_of(rows, frames.TRANSACTIONS).sort("chain_id", "block_number", "tx_index", "trace")

    def parents(self, blocks: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """Read parent hashes by chain and block number, of those blocks whose header is still kept."""
        query = "SELECT chain_id, number, parent_hash FROM headers WHERE chain_id = ? AND number = ?"
        with self.snapshot():
            rows = [row for block in blocks for row in self._rows(query, block)]
        return {(chain_id, number): parent for chain_id, number, parent in rows}

    def reads_frame(
        self, upto: Mapping[int, int] | None = None, above: Mapping[int, int] | None = None
    ) -> pl.DataFrame:
        """Read answers of the chain beside logs, in a fixed order: the columns of READS (`monitor.model.schema`)."""
        from monitor.ledger import scan

        where, values = scan.Limits(upto=upto or {}, above=above or {}).where("block_number", "block_number")
        return reads.frame(self._rows(f"{reads.SELECT} WHERE {where} ORDER BY 1, 2, 3, 4, 5", values))

    def read_counts(self, upto: Mapping[int, int]) -> tuple[int, int]:
        """Count what was asked beside logs, and how much of it was answered, up to a block per chain."""
        from monitor.ledger import scan

        where, values = scan.Limits(upto=upto).where("block_number", "block_number")
        asked, answered = self._rows(f"SELECT count(*), count(result) FROM reads WHERE {where}", values)[0]
        return asked, answered

    def row_counts(self) -> tuple[int, int]:
        """Count logs and native transactions, wherever they stand."""
        with self.snapshot():
            return sum(count for _, count in self._rows(_COUNT_LOGS)), self._rows("SELECT count(*) FROM native")[0][0]

    def findings(self) -> list[Finding]:
        """List findings by id."""
        rows = self._rows("SELECT body FROM findings ORDER BY finding_id")
        return [msgspec.json.decode(body, type=Finding) for (body,) in rows]

    def leads(self) -> list[Lead]:
        """List leads by id, each with its newest disposition."""
        with self.snapshot():
            rows = self._rows("SELECT body FROM leads ORDER BY lead_id")
            newest = {row.lead_id: row for row in self.dispositions()}
        found = [msgspec.json.decode(body, type=Lead) for (body,) in rows]
        return [_decided(lead, newest.get(lead.lead_id)) for lead in found]

    def dispositions(self) -> list[DispositionRow]:
        """List every decision of a reviewer, oldest first."""
        with self._guard, translated(self.path):
            return judgement.disposition_rows(self._connection)

    def silences(self) -> list[Silence]:
        """List every silence there ever was, oldest first."""
        with self._guard, translated(self.path):
            return judgement.silences(self._connection)

    def outbox(self) -> list[OutboxRow]:
        """List alerts by id and sink."""
        with self._guard, translated(self.path):
            return judgement.outbox_rows(self._connection)

    def quarantine(self) -> list[QuarantineRow]:
        """List logs that could not be read, in chain order."""
        names = ("chain_id", "block_number", "log_index", "market", "role", "reason")
        rows = self._rows(f"SELECT {', '.join(names)} FROM quarantine ORDER BY 1, 2, 3, 4, 5")
        return [QuarantineRow(**dict(zip(names, row, strict=True))) for row in rows]

    def upgrades(self) -> list[UpgradeRow]:
        """List the epochs of contracts as the last judgement saw them, in chain order."""
        names = UpgradeRow.__struct_fields__
        rows = self._rows(f"SELECT {', '.join(names)} FROM upgrades ORDER BY chain_id, block_number, log_index, market")
        return [msgspec.convert(dict(zip(names, row, strict=True)), UpgradeRow, strict=False) for row in rows]

    def endpoints(self) -> list[EndpointRow]:
        """List endpoints as the daemon last reported them."""
        return [endpoint for _, report in sorted(self._reports().items()) for endpoint in report.endpoints]

    def meta(self) -> dict[str, str]:
        """Read what the daemon left for surfaces."""
        return dict(self._rows("SELECT key, value FROM meta"))

    def status(self) -> Status:
        """Count what there is, at one moment."""
        with self.snapshot():
            gaps = self._rows(
                "SELECT chain_id, max(stop) - min(start) - sum(stop - start) FROM coverage GROUP BY chain_id, fragment"
            )
            missing: dict[int, int] = {}
            for chain_id, blocks in gaps:
                missing[chain_id] = missing.get(chain_id, 0) + blocks
            return Status(
                chains=tuple(self.chains()),
                endpoints=tuple(self.endpoints()),
                logs={chain_id: count for chain_id, count in self._rows(_COUNT_LOGS) if count},
                transfers=dict(self._rows("SELECT chain_id, count(*) FROM native GROUP BY chain_id")),
                missing=missing,
                findings=self._rows("SELECT count(*) FROM findings")[0][0],
                leads=self._rows("SELECT count(*) FROM leads")[0][0],
                alerts=dict(self._rows("SELECT state, count(*) FROM outbox GROUP BY state")),
                silences=tuple(self.silences()),
                quarantine=self._rows("SELECT count(*) FROM quarantine")[0][0],
                upgrades=tuple(row for row in self.upgrades() if row.changed and row.unseen),
                meta=self.meta(),
                size=_size(self.path) + self._rows("SELECT coalesce(sum(size), 0) FROM segments")[0][0],
                wal_size=_size(self.path.with_name(self.path.name + "-wal")),
            )

    def _reports(self) -> dict[int, Report]:
        rows = self._rows("SELECT chain_id, body FROM reports")
        return {chain_id: msgspec.json.decode(body, type=Report) for chain_id, body in rows}

    def _newest(self, chain_id: int, limit: int, *, by_time: bool = False) -> tuple[int, bytes, int] | None:
        column = "timestamp" if by_time else "number"
        query = f"""SELECT number, hash, timestamp FROM headers WHERE chain_id = ? AND {column} <= ?
            ORDER BY number DESC LIMIT 1"""
        found = self._rows(query, (chain_id, limit))
        if self._rows("SELECT 1 FROM segments WHERE chain_id = ? LIMIT 1", (chain_id,)):
            from monitor.ledger import scan

            with translated(self.path):
                place = "block_time" if by_time else "block_number"
                sealed = scan.newest(self._connection, self._folder, chain_id, place, limit)
            found += [sealed] if sealed is not None else []
        return max(found, default=None)

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._guard, translated(self.path):
            return self._connection.execute(query, values).fetchall()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _decided(lead: Lead, row: DispositionRow | None) -> Lead:
    if row is None:
        return lead
    return msgspec.structs.replace(lead, disposition=row.disposition, reason=row.reason, reviewer=row.reviewer)
