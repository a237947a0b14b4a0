"""The one writer: a thread of its own, a lock against a second daemon, one transaction per call."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, assert_never

import polars as pl

from monitor.errors import LedgerError
from monitor.ledger import judgement, reads
from monitor.ledger.lock import Lock
from monitor.ledger.rows import DispositionRow, OutboxRow, QuarantineRow, Report, UpgradeRow
from monitor.ledger.schema import check_current, copy_log, open_writer, segment_folder, transaction, translated
from monitor.ledger.store import Store
from monitor.model.chain import Change, Extended, Finalized, Header, RawTransfer, Reverted
from monitor.model.lead import Disposition, Finding, Lead
from monitor.model.page import Page, log_rows
from monitor.model.silence import Silence
from monitor.model.span import Span

__all__ = ["Writer", "record_disposition", "record_silence"]

_COPY_AFTER = 2_000
"""Changed rows after which the write-ahead log is copied into the file: a megabyte or two."""

T = TypeVar("T")


class Writer:
    """The daemon's hold on a ledger; use it as an async context manager.

    Every call is one transaction, done or not at all when it returns, in the order of the calls. Entering raises
    LedgerLocked when another daemon has the ledger, LedgerNewer or LedgerError when it cannot be opened; every call may
    raise LedgerError (disk full, damaged file).
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger-writer")
        self._copier = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger-copier")
        self._copying: Future[None] | None = None
        self._copied = 0
        self._lock: Lock | None = None
        self._connection: sqlite3.Connection | None = None

    async def __aenter__(self) -> Self:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._open)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def put_chain(self, chain_id: int, name: str) -> None:
        """Name a chain, before its first rows."""
        await self._store_write(lambda store: store.put_chain(chain_id, name))

    async def put_native_way(self, chain_id: int, way: str) -> None:
        """Note how native value is read on a chain: see `ChainRow.native_way`."""
        await self._store_write(lambda store: store.put_native_way(chain_id, way))

    async def apply(self, change: Change) -> None:
        """Write what happened to a chain; raises Conflict or DeepReorg when it does not fit the ledger."""
        match change:
            case Extended(chain_id, headers):
                await self.extend(chain_id, headers)
            case Reverted(chain_id, to):
                await self.revert(chain_id, to.number)
            case Finalized(chain_id, upto):
                await self.finalize(chain_id, upto)
            case _:
                assert_never(change)

    async def extend(
        self,
        chain_id: int,
        headers: Sequence[Header] = (),
        logs: pl.DataFrame | None = None,
        transfers: Sequence[RawTransfer] = (),
        coverage: Mapping[str, Span] | None = None,
    ) -> None:
        """Add a page: headers, rows, and the spans they cover by fragment key. A replayed page changes nothing.

        `logs` has the schema LOG_ROWS (`monitor.model.schema`).
        Raises Conflict when another block or row stands there: look at the head, then fetch again.
        """
        rows = log_rows(()) if logs is None else logs
        await self.put_pages(chain_id, [Page(tuple(headers), rows, tuple(transfers), coverage or {})])

    async def put_pages(self, chain_id: int, pages: Sequence[Page]) -> None:
        """Add pages in one transaction; many finalised logs go to a segment. Raises as `extend` does."""
        await self._store_write(lambda store: store.extend(chain_id, pages))

    async def revert(self, chain_id: int, to_number: int) -> None:
        """Forget rows and coverage above a block; raises DeepReorg below the finalised one."""
        await self._store_write(lambda store: store.revert(chain_id, to_number))

    async def reopen(self, chain_id: int, above: int) -> None:
        """Forget rows and coverage above a block, also where it was final: they turned out not to be what stands."""
        await self._store_write(lambda store: store.reopen(chain_id, above))

    async def finalize(self, chain_id: int, upto: int) -> None:
        """Note that blocks up to `upto` cannot change, and drop their headers that no row needs."""
        await self._store_write(lambda store: store.finalize(chain_id, upto))

    async def put_reads(self, rows: Sequence[Sequence[object]]) -> None:
        """Keep answers of the chain beside logs: rows with the columns of READS (`monitor.model.schema`)."""
        await self._write(lambda connection: reads.put_reads(connection, rows))

    async def forget_failures(self) -> None:
        """Forget what a node could not tell, so that it is asked again; what a contract refused stays."""
        await self._write(reads.forget_failures)

    async def put_judgement(
        self,
        findings: Iterable[Finding],
        leads: Iterable[Lead],
        outbox: Iterable[OutboxRow] = (),
        quarantine: Iterable[QuarantineRow] | None = None,
        upgrades: Iterable[UpgradeRow] | None = None,
    ) -> None:
        """Replace findings, leads and (unless None) quarantine and upgrades, and add new alerts, all at once.

        A finding or lead that is not handed in any more goes. An alert whose id and sink are known stays as it is.
        """
        await self._write(
            lambda connection: judgement.put_judgement(connection, findings, leads, outbox, quarantine, upgrades)
        )

    async def due(self, now: float, limit: int = 100) -> list[OutboxRow]:
        """Read pending alerts whose `next_at` has come, as the last write left them."""
        return await self._write(lambda connection: judgement.due_rows(connection, now, limit))

    async def update_delivery(self, rows: Iterable[OutboxRow]) -> None:
        """Write back what became of alerts, by id and sink."""
        await self._write(lambda connection: judgement.update_delivery(connection, rows))

    async def put_report(self, chain_id: int, report: Report) -> None:
        """Leave for other processes where a chain and its endpoints stand."""
        await self._write(lambda connection: judgement.put_report(connection, chain_id, report))

    async def put_meta(self, values: Mapping[str, str]) -> None:
        """Set values that surfaces may show: version, start time, last round."""
        await self._write(lambda connection: judgement.put_meta(connection, values))

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    async def _store_write(self, work: Callable[[Store], None]) -> None:
        await self._write(lambda connection: work(Store(connection, segment_folder(self.path))))

    def _open(self) -> None:
        self._lock = Lock(self.path)
        self._connection = open_writer(self.path)
        with translated(self.path):
            Store(self._connection, segment_folder(self.path)).clean()

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            message = f"the ledger {self.path} is not open"
            raise LedgerError(message, hint="use `async with Writer(path)`")
        result = transaction(self._connection, self.path, work)
        changed = self._connection.total_changes
        if changed - self._copied >= _COPY_AFTER and (self._copying is None or self._copying.done()):
            # Beside the writer: syncing the file inside a commit kept a block in fifty back by up to 50 ms.
            self._copied = changed
            self._copying = self._copier.submit(copy_log, self.path)
        return result

    def _close(self) -> None:
        if self._connection is not None:
            with translated(self.path):
                self._connection.close()
            self._connection = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def _stop(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        finally:
            self._thread.shutdown(wait=False)
            self._copier.shutdown(wait=False)


def record_disposition(path: Path, lead_id: str, disposition: Disposition, reason: str, reviewer: str, at: int) -> None:
    """Add a reviewer's decision from any process, also while a daemon writes: one short transaction.

    Raises InputError when there is no such lead and LedgerError when there is no ledger.
    """
    row = DispositionRow(lead_id=lead_id, disposition=disposition, reason=reason, reviewer=reviewer, at=at)
    _record(path, lambda opened: judgement.put_disposition(opened, row))


def record_silence(path: Path, silence: Silence) -> None:
    """Add a silence, or replace the one of its id, from any process.

    Raises LedgerError when there is no ledger, or one from before there were silences.
    """

    def work(opened: sqlite3.Connection) -> None:
        check_current(opened, path)
        judgement.put_silence(opened, silence)

    _record(path, work)


def _record(path: Path, work: Callable[[sqlite3.Connection], None]) -> None:
    path = path.expanduser().resolve()
    if not path.exists():
        message = f"there is no ledger at {path}"
        raise LedgerError(message, hint="`monitor run` makes one, or name another with --ledger")
    connection = open_writer(path, upgrade=False)
    try:
        transaction(connection, path, work)
    finally:
        connection.close()
