"""Reading the ledger from any process: short read-only transactions beside the daemon, or without one."""

# ruff: noqa: S608 - statements are put together from names in this file; values are always bound

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from monitor.ledger import judgement
from monitor.ledger.rows import ChainRow, DispositionRow, EndpointRow, OutboxRow, QuarantineRow, Status, Window
from monitor.ledger.schema import open_reader, translated
from monitor.model.chain import Header
from monitor.model.lead import Finding, Lead
from monitor.model.span import Span, Spans

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Reader"]

_LOG_COLUMNS = "chain_id, block_number, tx_hash, tx_index, log_index, address, topics, data"
_NATIVE_COLUMNS = "chain_id, block_number, tx_hash, tx_index, sender, recipient, value, nonce"


class Reader:
    """A read-only connection; use it as a context manager. Safe to share between threads.

    Raises LedgerError when there is no ledger or it is damaged, LedgerNewer when a newer program wrote it. `upto` and
    `above` limit frames per chain id: blocks `above < number <= upto`; a chain that is not named is not limited.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self._guard = threading.RLock()
        self._connection = open_reader(self.path)

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

    def data_version(self) -> int:
        """Count that changes when another process commits."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def chains(self) -> list[ChainRow]:
        """List chains by id."""
        rows = self._rows(
            """SELECT chains.chain_id, name, head, hash, timestamp, finalized, node_head, reorgs, state
               FROM chains LEFT JOIN headers ON headers.chain_id = chains.chain_id AND headers.number = head
               LEFT JOIN status ON status.chain_id = chains.chain_id ORDER BY chains.chain_id"""
        )
        return [
            ChainRow(
                chain_id=chain_id,
                name=name,
                head=head,
                head_hash=head_hash or b"",
                head_time=head_time,
                finalized=finalized,
                node_head=node_head,
                reorgs=reorgs or 0,
                state=state or "",
            )
            for chain_id, name, head, head_hash, head_time, finalized, node_head, reorgs, state in rows
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
        rows = self._rows(
            """SELECT chains.chain_id, coalesce(max(number), -1) FROM chains
               LEFT JOIN headers ON headers.chain_id = chains.chain_id AND timestamp <= ? GROUP BY chains.chain_id""",
            (time,),
        )
        return dict(rows)

    def logs_frame(
        self,
        chain_id: int | None = None,
        upto: Mapping[int, int] | None = None,
        *,
        above: Mapping[int, int] | None = None,
        addresses: Collection[bytes] | None = None,
        topic0: Collection[bytes] | None = None,
    ) -> pl.DataFrame:
        """Read logs in chain order.

        Columns: chain_id, block_number, block_time (seconds), block_hash, tx_hash, tx_index, log_index, address,
        topics (list of 32-byte words), data.
        """
        # polars takes a while to import, and `status` needs none of it.
        from monitor.ledger import frames

        where, values = _limits("block_number", chain_id, upto, above)
        if addresses is not None:
            where.append(f"address IN ({_marks(addresses)})")
            values += sorted(addresses)
        if topic0 is not None:
            where.append(f"length(topics) > 0 AND substr(topics, 1, 32) IN ({_marks(topic0)})")
            values += sorted(topic0)
        with self.snapshot():
            query = f"SELECT {_LOG_COLUMNS} FROM logs WHERE {' AND '.join(where)} ORDER BY 1, 2, 5"
            return frames.logs(self._rows(query, values), self._headers(chain_id, upto, above))

    def transfers_frame(
        self,
        chain_id: int | None = None,
        upto: Mapping[int, int] | None = None,
        *,
        above: Mapping[int, int] | None = None,
    ) -> pl.DataFrame:
        """Read native transactions in chain order.

        Columns: chain_id, block_number, block_time, block_hash, tx_hash, tx_index, sender, recipient (empty for a
        creation), value (wei, Decimal(38, 0), null where it does not fit), value_exact (decimal text), nonce.
        """
        from monitor.ledger import frames

        where, values = _limits("block_number", chain_id, upto, above)
        with self.snapshot():
            query = f"SELECT {_NATIVE_COLUMNS} FROM native WHERE {' AND '.join(where)} ORDER BY 1, 2, 4"
            return frames.transfers(self._rows(query, values), self._headers(chain_id, upto, above))

    def headers_frame(self, chain_id: int | None = None, upto: Mapping[int, int] | None = None) -> pl.DataFrame:
        """Read headers in chain order: chain_id, number, hash, parent_hash, timestamp (seconds)."""
        from monitor.ledger import frames

        return frames.headers(self._headers(chain_id, upto, None))

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

    def outbox(self) -> list[OutboxRow]:
        """List alerts by id and sink."""
        with self._guard, translated(self.path):
            return judgement.outbox_rows(self._connection)

    def quarantine(self) -> list[QuarantineRow]:
        """List logs that could not be read, in chain order."""
        names = ("chain_id", "block_number", "log_index", "market", "role", "reason")
        rows = self._rows(f"SELECT {', '.join(names)} FROM quarantine ORDER BY 1, 2, 3, 4, 5")
        return [QuarantineRow(**dict(zip(names, row, strict=True))) for row in rows]

    def endpoints(self) -> list[EndpointRow]:
        """List endpoints as the daemon last reported them."""
        query = "SELECT chain_id, label, health, error, latency_seconds FROM endpoints ORDER BY chain_id, place"
        return [
            EndpointRow(chain_id=chain_id, label=label, health=health, error=error, latency_seconds=latency)
            for chain_id, label, health, error, latency in self._rows(query)
        ]

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
                logs=dict(self._rows("SELECT chain_id, count(*) FROM logs GROUP BY chain_id")),
                transfers=dict(self._rows("SELECT chain_id, count(*) FROM native GROUP BY chain_id")),
                missing=missing,
                findings=self._rows("SELECT count(*) FROM findings")[0][0],
                leads=self._rows("SELECT count(*) FROM leads")[0][0],
                alerts=dict(self._rows("SELECT state, count(*) FROM outbox GROUP BY state")),
                quarantine=self._rows("SELECT count(*) FROM quarantine")[0][0],
                meta=self.meta(),
            )

    def _headers(
        self, chain_id: int | None, upto: Mapping[int, int] | None, above: Mapping[int, int] | None
    ) -> list[tuple[Any, ...]]:
        where, values = _limits("number", chain_id, upto, above)
        names = "chain_id, number, hash, parent_hash, timestamp"
        return self._rows(f"SELECT {names} FROM headers WHERE {' AND '.join(where)} ORDER BY 1, 2", values)

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._guard, translated(self.path):
            return self._connection.execute(query, values).fetchall()


def _limits(
    column: str, chain_id: int | None, upto: Mapping[int, int] | None, above: Mapping[int, int] | None
) -> tuple[list[str], list[object]]:
    where, values = ["1"], list[object]()
    if chain_id is not None:
        where.append("chain_id = ?")
        values.append(chain_id)
    for limits, sign in ((upto, "<="), (above, ">")):
        if limits and chain_id is not None and chain_id in limits:
            # Alone, the primary key finds the range without reading the rest.
            where.append(f"{column} {sign} ?")
            values.append(limits[chain_id])
        elif limits and chain_id is None:
            for chain, number in sorted(limits.items()):
                where.append(f"(chain_id <> ? OR {column} {sign} ?)")
                values += (chain, number)
    return where, values


def _marks(items: Collection[bytes]) -> str:
    return ", ".join("?" * len(items))


def _decided(lead: Lead, row: DispositionRow | None) -> Lead:
    if row is None:
        return lead
    return msgspec.structs.replace(lead, disposition=row.disposition, reason=row.reason, reviewer=row.reviewer)
