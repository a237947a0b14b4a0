"""One chain's work: look at the head, write what changed, keep requests in flight for what is not covered."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf

from monitor.chain.source import ChainSource
from monitor.config import ChainConfig
from monitor.daemon.progress import Progress
from monitor.daemon.young import Young
from monitor.ledger.writer import Writer
from monitor.model.chain import Change, Extended, Reverted
from monitor.model.page import Page
from monitor.model.span import Span, Spans
from monitor.sync.fragment import NATIVE_KINDS, Want
from monitor.sync.plan import Job, plan

__all__ = ["Follower"]

_BREATH = 0.5
"""Seconds at most between two looks at a chain that moves while it is read."""
_FIRST_PLACES = 4
"""Requests in flight while nothing is known of a chain's density: an endpoint's first window."""
_BATCH_ROWS = 50_000
"""Rows of final pages that are written together: a segment's worth, about 15 MB."""
_NOTHING = Spans()
_BATCH_SECONDS = 10.0
"""What a kill may cost: final pages wait so long for others to be written with."""


class Follower:
    """Keeps one chain's ledger at the node's head for everything `wants` names; `covered` mirrors the ledger.

    Pages are written in the order they come. Those of the head come first and at once; those of final blocks are
    gathered, so that many small answers become one transaction, and written while others are fetched. `wake` ends a
    step early; `heard` is told of each page, with the chain's id, before it is written.
    """

    def __init__(
        self,
        chain: ChainConfig,
        source: ChainSource,
        writer: Writer,
        covered: Mapping[str, Spans],
        wants: Callable[[], Sequence[Want]],
        progress: Progress,
        wake: asyncio.Event | None = None,
        heard: Callable[[int, Page], None] | None = None,
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
        self.behind = True
        """Whether the last step left something to fetch or to write."""
        self.lacking = 1
        """How many blocks of it are not merely wanted `later`."""
        self._stood: tuple[Sequence[Want] | None, tuple[int, int]] = (None, (-1, -1))
        """What was wanted, and up to which blocks, at the last step."""
        self._wake = wake or asyncio.Event()
        self._heard = heard
        self._planned: deque[Job] = deque()
        self._all_planned: Sequence[Want] | None = None
        """What was wanted when a plan held all that is missing of it: until the next look there is no other."""
        self._flying: dict[asyncio.Task[Page | None], Job] = {}
        self._waiting: list[Page] = []
        self._writing: Sequence[Page] = ()
        self._write_task: asyncio.Task[bool] | None = None
        self._rows = 0
        self._gathered_from = inf
        self._young = Young()
        self._places = min(_FIRST_PLACES, chain.concurrency)
        """Requests in flight at most: one more with each page, so that the first ones teach how wide the others are."""

    async def step(self) -> bool:
        """Look once, then fetch and write until nothing is missing or it is time to look again.

        Returns whether a row was written or taken back; requests may be left in flight for the next step. Raises
        DeepReorg, ChainUnreachable, NodeRefused and LedgerError.
        """
        loop = asyncio.get_running_loop()
        changed = await self._look()
        # Counted from here: a node that takes longer over its head than `poll_seconds` would leave no time to read.
        until = loop.time() + self.chain.poll_seconds
        wants, heights = self.wants(), (self.source.head, self.source.finalized)
        if not changed and not self.behind and wants is self._stood[0] and heights == self._stood[1]:
            return False
        moved = False
        nudge = loop.create_task(self._wake.wait())
        try:
            # Nothing is started on a chain that moved: it would be asked by what is known no more.
            while not moved and not nudge.done() and loop.time() < until and self._start():
                timeout = max(0.0, min(until - loop.time(), _BATCH_SECONDS))
                await asyncio.wait({*self._flying, nudge}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                for job, page in self._landed():
                    moved = moved or page is None
                    changed = await self._take(job, page) or changed
                if self._rows >= _BATCH_ROWS or loop.time() - self._gathered_from >= _BATCH_SECONDS:
                    if not moved:
                        self._start()  # so that nodes are at work while this waits for the ledger
                    changed = await self._flush() or changed
            changed = await self._written() or changed
        finally:
            nudge.cancel()
        moved = moved or self.source.missed
        self.behind = moved or bool(self._flying or self._more())
        held = dict(self.covered)
        _add(held, (page.coverage for page in self._waiting))
        self.lacking = max(moved, self._missing([want for want in self.wants() if not want.later], held))
        if not self.lacking:
            changed = await self._flush() or changed
            changed = await self._written() or changed
        self._stood = wants, heights
        if moved:
            await asyncio.sleep(min(self.chain.poll_seconds, _BREATH))
        elif not self.lacking:
            changed = await self._confirm() or changed
        return changed

    def has(self, wants: Sequence[Want]) -> bool:
        """Tell whether all of this that is not merely wanted `later` is written, up to the head."""
        return not self._missing([want for want in wants if not want.later], self.covered)

    async def close(self) -> None:
        """Stop what is in flight and write what is gathered."""
        await self._drop(list(self._flying))
        await self._flush()
        await self._written()

    def _start(self) -> bool:
        """Keep requests in flight, the head's first; False when there is nothing to wait for."""
        while len(self._flying) < self._places:
            if not self._more():
                break
            job = self._planned.popleft()
            self._flying[asyncio.create_task(self.source.fetch(job))] = job
        return bool(self._flying)

    def _more(self) -> bool:
        """Plan where nothing is planned; False when there is nothing to fetch that is not on its way."""
        if not self._planned and self.wants() is not self._all_planned:
            self._planned.extend(self._next())
        return bool(self._planned)

    def _landed(self) -> Iterable[tuple[Job, Page | None]]:
        for task in [task for task in self._flying if task.done()]:
            job = self._flying.pop(task)
            self._places = min(self.chain.concurrency, self._places + 1)
            yield job, task.result()

    async def _take(self, job: Job, page: Page | None) -> bool:
        """Write a page of the head at once, and gather one of final blocks."""
        if page is None:
            return False
        if not job.final:
            changed = await self._write([page])
            if job.kind not in NATIVE_KINDS:
                self._young.add(job, page.logs)
            return changed
        if not self._waiting:
            self._gathered_from = asyncio.get_running_loop().time()
        self._waiting.append(page)
        self._rows += len(page.logs)
        return False

    async def _flush(self) -> bool:
        """Begin to write what is gathered, once what was before it is written; whether that changed anything."""
        changed = await self._written()
        self._writing, self._waiting, self._rows, self._gathered_from = self._waiting, [], 0, inf
        if self._writing:
            self._write_task = asyncio.create_task(self._write(self._writing))
        return changed

    async def _written(self) -> bool:
        """Wait for what is being written; whether it changed anything."""
        task, self._write_task = self._write_task, None
        try:
            return await task if task is not None else False
        finally:
            self._writing = ()

    async def _write(self, pages: Sequence[Page]) -> bool:
        if self._heard is not None:
            for page in pages:
                self._heard(self.source.chain_id, page)
        await self.writer.put_pages(self.source.chain_id, pages)
        for page in pages:
            _add(self.covered, [page.coverage])
            self.progress.wrote(self.chain.id, page)
        return any(len(page.logs) or page.transfers for page in pages)

    async def _look(self) -> bool:
        reverted = False
        for change in await self.source.poll():
            await self._apply(change)
            reverted = reverted or isinstance(change, Reverted)
        # The head may have grown: what is planned now comes before what was left of the plan.
        self._planned.clear()
        self._all_planned = None
        return reverted

    async def _apply(self, change: Change) -> None:
        if isinstance(change, Reverted):
            # what is in flight was asked of the branch that went
            await self._drop([task for task, job in self._flying.items() if not job.final])
        await self.writer.apply(change)
        match change:
            case Extended(_, headers):
                self._head = headers[-1].number
            case Reverted(chain_id, to):
                self.reorgs += 1
                self.deepest_reorg = max(self.deepest_reorg, self._head - to.number)
                self._keep(to.number)
                self.progress.reverted(chain_id, to.number)

    async def _confirm(self) -> bool:
        """Ask once more for what was read before it was final; all from where it differs is read again.

        At the head only blooms are looked at, which tell nothing of one log among several. Returns whether it differed.
        """
        found = [await self.source.confirms(job, held) for job, held in self._young.settled(self.source.finalized)]
        wrong = min((number for number in found if number is not None), default=None)
        if wrong is None:
            return False
        chain_id, above = self.source.chain_id, wrong - 1
        self.progress.say(
            f"{self.source.name}: block {wrong} has other logs than were read; reading it again from there"
        )
        await self._drop(list(self._flying))
        await self._flush()
        await self._written()
        await self.writer.reopen(chain_id, above)
        for change in self.source.standing():
            await self.writer.apply(change)
        self._keep(above)
        self.behind, self.lacking = True, self._missing(self.wants(), self.covered)
        return True

    def _keep(self, upto: int) -> None:
        """Take nothing above a block for read."""
        keep = Spans.of(0, upto + 1)
        self.covered = {key: spans & keep for key, spans in self.covered.items()}
        self._young.cut(upto)
        self._planned.clear()
        self._all_planned = None

    async def _drop(self, tasks: Sequence[asyncio.Task[Page | None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            del self._flying[task]

    def _next(self) -> list[Job]:
        """List what to fetch next, as many jobs as can fly: how wide others will be depends on what these bring."""
        taken = dict(self.covered)
        _add(taken, ({fragment.key: job.span for fragment in job.fragments} for job in self._flying.values()))
        _add(taken, (page.coverage for page in (*self._waiting, *self._writing)))
        jobs = self._plan(taken, self.chain.concurrency)
        if len(jobs) < self.chain.concurrency:
            self._all_planned = self.wants()
        if jobs:
            self.progress.planned(self.chain.id, self._missing(self.wants(), self.covered), self.source.head)
        return jobs

    def _top(self) -> int:
        return self.source.head if self.upto is None else min(self.upto, self.source.head)

    def _plan(self, taken: Mapping[str, Spans], limit: int) -> list[Job]:
        """List the blocks that can still change, then the rest, oldest first, then what is wanted `later`."""
        head, final, width = self._top(), self.source.finalized, self.source.width
        # Most of what is wanted was read long ago.
        wants = [want for want, span in self._spans(self.wants()) if taken.get(want.fragment.key, _NOTHING).lacks(span)]
        now = [want for want in wants if not want.later]
        near = [want._replace(start=max(want.start, final + 1)) for want in now]
        jobs = plan(near, taken, head, final, width, limit=limit)
        for part in (now, [want for want in wants if want.later]):
            if len(jobs) < limit:
                jobs += plan(part, taken, min(head, final), final, width, limit=limit - len(jobs))
        return jobs

    def _spans(self, wants: Iterable[Want]) -> Iterator[tuple[Want, Span]]:
        """Say up to where each is to be read now."""
        head = self._top()
        tops = {False: head + 1, True: min(head, self.source.finalized) + 1}
        for want in wants:
            top = tops[want.later]
            yield want, Span(want.start, top if want.stop is None else min(want.stop, top))

    def _missing(self, wants: Iterable[Want], held: Mapping[str, Spans]) -> int:
        """Count the blocks still to be read, over all fragments' union."""
        missing: set[Span] = set()
        for want, span in self._spans(wants):
            missing.update(held.get(want.fragment.key, _NOTHING).lacks(span))
        return Spans(missing).total


def _add(covered: dict[str, Spans], more: Iterable[Mapping[str, Span]]) -> None:
    for coverage in more:
        alone = {span: Spans((span,)) for span in set(coverage.values())}
        for key, span in coverage.items():
            covered[key] = covered.get(key, _NOTHING) | alone[span]
