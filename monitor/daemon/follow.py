"""One chain's loop: look at the head, write what changed, fetch what is wanted and not covered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from monitor.chain.source import ChainSource
from monitor.config import ChainConfig
from monitor.daemon.progress import Progress
from monitor.ledger.writer import Writer
from monitor.model.chain import Change, Extended, Finalized, Reverted
from monitor.model.page import Page
from monitor.model.span import Spans
from monitor.sync.fragment import Want
from monitor.sync.plan import Job, plan

__all__ = ["Follower"]

_BREATH = 0.5
"""Seconds at most between two looks at a chain that moves while it is read."""
_JOBS_AHEAD = 64
"""Jobs planned at once: enough to keep requests in flight, few enough that a reorg wastes little."""


class Follower:
    """Keeps one chain's ledger at the node's head for everything `wants` names; `covered` mirrors the ledger."""

    def __init__(
        self,
        chain: ChainConfig,
        source: ChainSource,
        writer: Writer,
        covered: Mapping[str, Spans],
        wants: Callable[[], Sequence[Want]],
        progress: Progress,
    ) -> None:
        self.chain = chain
        self.source = source
        self.writer = writer
        self.covered = dict(covered)
        self.wants = wants
        self.progress = progress
        self.reorgs = 0
        self.deepest_reorg = 0
        """Most blocks taken back at once."""
        self._head = source.head
        self.upto: int | None = None
        """Highest block to index, None for the head."""

    async def step(self) -> bool:
        """Look once and fill every gap; True when a row was written or taken back.

        Raises DeepReorg, ChainUnreachable, NodeRefused and LedgerError.
        """
        changed = await self._look()
        while jobs := self._plan():
            self.progress.planned(self.chain.id, self._missing(), self.source.head)
            for first in range(0, len(jobs), self.chain.concurrency):
                pages = await self._fetch(jobs[first : first + self.chain.concurrency])
                for page in pages:
                    if page is not None:
                        changed = await self._write(page) or changed
                if None in pages:
                    # The chain moved under the request: look again, then plan from what is covered now.
                    await asyncio.sleep(min(self.chain.poll_seconds, _BREATH))
                    changed = await self._look() or changed
                    break
        return changed

    async def _fetch(self, jobs: Sequence[Job]) -> list[Page | None]:
        tasks = [asyncio.create_task(self.source.fetch(job)) for job in jobs]
        try:
            return await asyncio.gather(*tasks)
        finally:
            # One failure ends the batch: the rest is cancelled here, and fetched again after the pause.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, page: Page) -> bool:
        await self.writer.extend(self.source.chain_id, page.headers, page.logs, page.transfers, page.coverage)
        for key, span in page.coverage.items():
            self.covered[key] = self.covered.get(key, Spans()) | Spans((span,))
        self.progress.wrote(self.chain.id, page)
        return bool(len(page.logs) or page.transfers)

    async def _look(self) -> bool:
        reverted = False
        for change in await self.source.poll():
            await self._apply(change)
            reverted = reverted or isinstance(change, Reverted)
        return reverted

    async def _apply(self, change: Change) -> None:
        match change:
            case Extended(chain_id, headers):
                await self.writer.extend(chain_id, headers)
                self._head = headers[-1].number
            case Reverted(chain_id, to):
                await self.writer.revert(chain_id, to.number)
                self.reorgs += 1
                self.deepest_reorg = max(self.deepest_reorg, self._head - to.number)
                keep = Spans.of(0, to.number + 1)
                self.covered = {key: spans & keep for key, spans in self.covered.items()}
                self.progress.reverted(chain_id, to.number)
            case Finalized(chain_id, upto):
                await self.writer.finalize(chain_id, upto)

    def _plan(self) -> list[Job]:
        head = self.source.head if self.upto is None else min(self.upto, self.source.head)
        return plan(self.wants(), self.covered, head, self.source.finalized, self.chain.max_span, limit=_JOBS_AHEAD)

    def _missing(self) -> int:
        """Count the blocks still to be read, over all fragments' union."""
        missing = Spans()
        for want in self.wants():
            stop = self.source.head + 1 if want.stop is None else min(want.stop, self.source.head + 1)
            missing |= Spans.of(want.start, stop) - self.covered.get(want.fragment.key, Spans())
        return missing.total
