"""A chain as the daemon sees it: what changed, and the page of rows for a job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from math import inf
from types import TracebackType
from typing import Self

import polars as pl

from monitor.chain.blocks import fetch_headers
from monitor.chain.check import differences
from monitor.chain.distrust import Distrust
from monitor.chain.endpoint import EndpointState
from monitor.chain.fault import Lagging
from monitor.chain.head import NEAR, Finality, HeadState, advance
from monitor.chain.logs import Sizer, fetch_logs
from monitor.chain.native import fetch_native, native_kind
from monitor.chain.rpc import RpcClient
from monitor.config.spec import ChainConfig
from monitor.errors import ChainUnreachable, NodeRefused
from monitor.model.chain import Change, Extended, Finalized, Header, RawTransfer
from monitor.model.page import Page, blocks_of, log_rows
from monitor.sync.fork import is_linked
from monitor.sync.fragment import NATIVE_KINDS, FragmentKind
from monitor.sync.plan import Job

__all__ = ["ChainSource"]

_LOOKS = 10
"""Looks at a head that moved while it was read before that counts as an error."""


class ChainSource:
    """One chain's endpoints and the head seen through them; use it as an async context manager.

    `known` and `finalized` are where the ledger stands (`Reader.window`). A `patient` source waits for ever while no
    endpoint answers; others raise ChainUnreachable. Where an endpoint is a WebSocket, new heads are heard as they come,
    and `announce` is called for each: the next `poll` takes it without asking. Silence changes nothing: who polls every
    `poll_seconds` looks by itself. With the `rpc` of a source that is closed, what was learned of the endpoints stays.
    Ways of reading native value that are `lost` (`WayLost`) are not taken again.
    """

    def __init__(
        self,
        name: str,
        chain: ChainConfig,
        *,
        known: Sequence[Header] = (),
        finalized: int = -1,
        patient: bool = False,
        announce: Callable[[], None] | None = None,
        rpc: RpcClient | None = None,
        lost: Collection[FragmentKind] = (),
    ) -> None:
        self.name = name
        self.chain_id = chain.id
        self.rpc = rpc or RpcClient(
            name,
            chain.id,
            chain.rpc,
            timeout_seconds=chain.timeout_seconds,
            concurrency=chain.concurrency,
            patient=patient,
        )
        self.native: FragmentKind | None = None
        """How native value can be read as the configuration has it, found out when the session opens; None: not."""
        self._chain = chain
        self._lost = lost
        self._poll_seconds = chain.poll_seconds
        self._finality = Finality(chain.finality, chain.finality_depth)
        self._sizer = Sizer(chain.max_span)
        self._distrust = Distrust(self.rpc, chain.distrust, chain.distrust_ranges)
        self._state = HeadState(_newest_run(known), finalized)
        self._looks = 0
        self._announce = announce
        self._announced: Header | None = None
        self._looked_at = -inf
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Open the session and check every endpoint's chain id; raises WrongChain or ChainUnreachable."""
        await self.rpc.__aenter__()
        try:
            await self.rpc.check()
            await self.rpc.compare_heads()
            self.native = await self._native_kind()
        except BaseException:
            await self.close()
            raise
        self._listening = asyncio.create_task(self._listen(), name=f"heads {self.name}")

    async def _native_kind(self) -> FragmentKind | None:
        chain = self._chain
        if chain.native_lookback_blocks == 0:
            return None
        # Where it is configured, how long the chain is decides nothing.
        head = await self.rpc.block_number() if chain.native_lookback_blocks is None else 0
        return await native_kind(self.rpc, chain.native, indexed=chain.index_only(head), lost=self._lost)

    async def close(self) -> None:
        """Close the session."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
        await self.rpc.__aexit__(None, None, None)

    @property
    def head(self) -> int:
        """The newest block reported by `poll`, -1 before the first look."""
        return self._state.known[-1].number if self._state.known else -1

    @property
    def missed(self) -> bool:
        """Whether the last `poll` saw no head that holds together, so that there may be more than is known."""
        return self._looks > 0

    @property
    def width(self) -> int:
        """Blocks that one job should span, after what the answers so far held and what the endpoints took."""
        return self._sizer.width

    @property
    def finalized(self) -> int:
        """The newest block that can no longer change, -1 before the first look."""
        return self._state.finalized

    @property
    def splits(self) -> int:
        """Requests for logs that had to be asked again in parts."""
        return self._sizer.splits

    def endpoints(self) -> list[EndpointState]:
        """Tell how each endpoint does."""
        return self.rpc.endpoints()

    async def poll(self) -> tuple[Change, ...]:
        """Look at the head once; raises DeepReorg, ChainUnreachable, NodeRefused."""
        now = asyncio.get_running_loop().time()
        announced, self._announced = self._announced, None
        if now - self._looked_at > self._poll_seconds or not _is_next(self._state, announced):
            # What was announced is news of somebody; now and then, and where it does not follow, the head is asked for.
            announced, self._looked_at = None, now
            await self.rpc.compare_heads(self._state.known[-1] if self._state.known else None)
        try:
            changes, self._state = await advance(
                self.rpc, self._state, self._finality, self.chain_id, announced, again=self.missed
            )
        except Lagging as error:
            self._looks += 1
            if self._looks >= _LOOKS:
                message = f"{self.name}: {error.message}"
                raise NodeRefused(message, hint=error.hint) from error
            return ()
        self._looks = 0
        return changes

    async def _listen(self) -> None:
        def heard(header: Header) -> None:
            self._announced = header
            if self._announce is not None:
                self._announce()

        with suppress(ChainUnreachable):
            await self.rpc.follow(heard)

    async def changes(self) -> AsyncIterator[Change]:
        """Follow the head for ever, one look per `poll_seconds`; raises as `poll` does.

        Each change is to be written before the next is asked for.
        """
        while True:
            for change in await self.poll():
                yield change
            await asyncio.sleep(self._poll_seconds)

    async def fetch(self, job: Job) -> Page | None:
        """Fetch a job's page; None when the chain moved under it: look at the head, then plan again.

        Every row stands in a block of the page's headers, or is final and brings its time; the headers agree with those
        `poll` reported. Raises NodeRefused when no endpoint gives usable answers, WayLost when it is for good and about
        native value, ChainUnreachable when none answers.
        """
        known = {header.number: header for header in self._state.known}
        if not job.final and job.span.last not in known:
            return None
        try:
            return await (self._transfers(job, known) if job.kind in NATIVE_KINDS else self._logs(job, known))
        except Lagging as error:
            if job.final:
                raise NodeRefused(error.message, hint=error.hint) from error
            return None

    async def confirms(self, job: Job, held: pl.DataFrame) -> int | None:
        """Ask more than once, elsewhere if anybody is, for logs (LOG_ROWS) that were read before they were final.

        Gives the first block in which `held` is not what stands; None where it is, where nobody can tell now, and where
        `distrust` is not "bloom": the other levels tested it at the head, or believe.
        """
        if self._distrust.level(job.span) != "bloom":
            return None
        try:
            page = await fetch_logs(self.rpc, job, self._sizer, self._distrust, sure=True)
        except NodeRefused:
            return None
        return min(differences(held, page.logs), default=None)

    def standing(self) -> tuple[Change, ...]:
        """Tell what `poll` told of the blocks from the newest final one up, as if nothing of them was known."""
        return Extended(self.chain_id, self._state.known), Finalized(self.chain_id, self._state.finalized)

    async def _logs(self, job: Job, known: Mapping[int, Header]) -> Page:
        page = await fetch_logs(self.rpc, job, self._sizer, self._distrust, known)
        blocks = blocks_of(page.logs).rows()
        headers = {number: found for number, *_ in blocks if (found := known.get(number) or page.headers.get(number))}
        # A final log that brings its block's time needs no header.
        needed = {number for number, _, time in blocks if time is None or not job.final}
        headers |= await fetch_headers(self.rpc, needed - headers.keys())
        for number, block_hash, time in blocks:
            head = headers.get(number)
            if head is not None and (block_hash != head.hash or time not in {None, head.timestamp}):
                message = f"{self.name}: the endpoints disagree on the hash or time of block {number}"
                raise Lagging(message, hint="one of them is on another branch, or lies; `monitor doctor` tests each")
        return _page(job, headers, page.logs, (), known)

    async def _transfers(self, job: Job, known: Mapping[int, Header]) -> Page:
        page = await fetch_native(self.rpc, job, known)
        return _page(job, page.headers, log_rows(()), page.transfers, known)


def _page(
    job: Job,
    headers: Mapping[int, Header],
    logs: pl.DataFrame,
    transfers: Sequence[RawTransfer],
    known: Mapping[int, Header],
) -> Page:
    coverage = {fragment.key: job.span for fragment in job.fragments}
    # The last header goes along although no row may stand in it: should the chain move before the page is written, the
    # ledger sees another block there and refuses the page, even when it is empty.
    anchor = {} if job.final else {job.span.last: known[job.span.last]}
    found = {**headers, **anchor}
    return Page(tuple(found[number] for number in sorted(found)), logs, tuple(transfers), coverage)


def _is_next(state: HeadState, announced: Header | None) -> bool:
    """Whether an announced head is near enough to be followed by its parents from what is known."""
    return announced is not None and bool(state.known) and 0 < announced.number - state.known[-1].number <= NEAR


def _newest_run(known: Sequence[Header]) -> tuple[Header, ...]:
    # A stop between a jump of the head and its finality leaves a gap below the newest headers: those above it count.
    for first in range(len(known) - 1, 0, -1):
        if not is_linked(known[first - 1 : first + 1]):
            return tuple(known[first:])
    return tuple(known)
