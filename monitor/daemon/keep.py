"""One chain kept going: followed, asked, reported on, and taken up again after it failed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from operator import is_

import msgspec

from monitor.chain.endpoint import EndpointState
from monitor.chain.native import WayLost
from monitor.chain.reads import ChainReads
from monitor.chain.rpc import RpcClient
from monitor.chain.source import ChainSource
from monitor.config import ChainConfig
from monitor.daemon.agenda import Agenda
from monitor.daemon.bell import Bell
from monitor.daemon.fill import fill
from monitor.daemon.follow import Follower
from monitor.daemon.judge import Judge
from monitor.daemon.progress import Traffic
from monitor.daemon.setup import Setup
from monitor.daemon.watch import wants
from monitor.errors import ChainUnreachable, ConfigError, DeepReorg, NodeRefused, WrongChain
from monitor.ledger.rows import FOLLOWING, UNSERVED, Conflict, EndpointRow, Report
from monitor.sync.fragment import METHOD, FragmentKind, Want
from monitor.views.format import address
from monitor.views.native import told

__all__ = ["Keeper"]

_NEAR = 64
"""Blocks a followed chain may be behind for a moment."""
_LEISURE = 5.0
"""Seconds after which answers that no lead waits for are looked at, if nothing else was to be looked at before."""
_AGEING = 60.0
"""Seconds after which blocks that brought nothing are looked at: time alone ends leases, and silence is a sign too."""
_COUNTERS_SECONDS = 5.0
"""Counters that grow while nothing else changes are written down this seldom."""


class Keeper:
    """Keeps one chain's ledger at what the agenda asks for, and says when there is something to judge."""

    def __init__(self, name: str, chain: ChainConfig, setup: Setup, agenda: Agenda, judge: Judge, bell: Bell) -> None:
        self.name = name
        self.chain = chain
        self.setup = setup
        self.agenda = agenda
        self.judge = judge
        self.bell = bell
        self.wake = asyncio.Event()
        """Ends a pause: there is more to read."""
        self._rpc: RpcClient | None = None
        self._reads: ChainReads | None = None
        self._listed: tuple[tuple[object, ...], list[Want]] | None = None
        self._checked: set[bytes] = set()
        self._said = False
        """Whether it was said that the chain fails."""
        self._said_unserved = False
        self._lost: set[FragmentKind] = set()
        """Ways of reading native value that were refused for good."""
        self._reported = (0.0, Report())

    @property
    def askable(self) -> bool:
        """Whether the chain may be asked something beside its logs today."""
        return self._reads is not None and self._reads.left > 0

    async def run(self) -> None:
        """Follow the chain until cancelled, or until a fork below finality.

        Raises ConfigError for a configured contract without code, and what the chain fails with where that is for good.
        """
        setup, chain = self.setup, self.chain
        while True:
            # A source made anew takes its bearings from the ledger; what was learned of the endpoints stays.
            stands, heard = setup.reader.window(chain.id), self.wake.set
            source = ChainSource(
                self.name,
                chain,
                known=stands.known,
                finalized=stands.finalized,
                announce=heard,
                rpc=self._rpc,
                lost=self._lost,
            )
            self._rpc = source.rpc
            try:
                async with source:
                    self.agenda.met = True
                    await self._check_contracts(source)
                    await self._keep_up(source)
            except Conflict:
                await self._pause()
            except WayLost as error:
                self._lost.add(error.kind)
                setup.progress.say(f"{error.message}; native value is not read by {METHOD[error.kind]} any more")
            except ChainUnreachable as error:
                await self._ill(error)
                await self._pause()
            except DeepReorg as error:
                # What the ledger holds and what the node says exclude each other: a person decides.
                await self._ill(error)
                return

    async def _check_contracts(self, source: ChainSource) -> None:
        """Look once for code at every contract: none at a configured one ends the run, at a built-in one is said."""
        for item in self.setup.bundle.bound:
            if item.chain_id != self.chain.id or not item.address or item.address in self._checked:
                continue
            try:
                has_code = await source.rpc.has_code(item.address)
            except NodeRefused as error:
                self._checked.update(other.address for other in self.setup.bundle.bound)
                self.setup.progress.say(
                    f"{error.message}; whether contracts have code is not looked at, all else goes on"
                )
                return
            self._checked.add(item.address)
            if has_code:
                continue
            there = address(item.address)
            message = f"{self.name}: there is no code at {there}, the {item.role} contract of {item.market}"
            own = self.setup.config.markets.get(item.market)
            if own and self.name in own.deployments:
                hint = f"check markets.{item.market}.deployments.{self.name} and the chain's id"
                raise ConfigError(message, hint=hint)
            self.setup.progress.say(f"{message}; nothing is read from it until there is")

    async def _keep_up(self, source: ChainSource) -> None:
        setup, chain = self.setup, self.chain
        covered = setup.reader.coverage(chain.id)
        await self._settle_native(source.native)
        follower = Follower(
            chain, source, setup.writer, covered, self._wants, setup.progress, self.wake, self.judge.heard
        )
        follower.upto = setup.mode.last
        setup.progress.follow(chain.id, lambda: _traffic(source))
        reads = self._reads = ChainReads(source.rpc, chain.max_reads)
        try:
            await self._steps(follower, reads)
        finally:
            # Told to stop, or hindered: what has come is kept.
            await follower.close()

    async def _settle_native(self, way: FragmentKind | None) -> None:
        """Write down how native value is read from now on: what facts take for read hangs on no live endpoint.

        An index that was met once is expected ever after; what else is read goes on without it. A chain that was short
        may be so no more.
        """
        setup, chain = self.setup, self.chain
        (row,) = [item for item in setup.reader.chains() if item.chain_id == chain.id]
        wanted = way is not None or chain.native_blocks(indexed=row.indexed)
        found = (way or UNSERVED) if wanted else row.native_way if row.indexed else ""
        self.judge.native[chain.id] = way
        if found != row.native_way:
            await setup.writer.put_native_way(chain.id, found)
        if found == UNSERVED and wanted and not self._said_unserved:
            text, hint = told(chain, msgspec.structs.replace(row, native_way=found))
            setup.progress.say(f"{self.name}: native value {text}; all else is. hint: {hint}")
        self._said_unserved = found == UNSERVED

    async def _steps(self, follower: Follower, reads: ChainReads) -> None:
        chain_id, agenda, changed, head = self.chain.id, self.agenda, False, -1
        while True:
            version = agenda.version
            changed = await follower.step() or changed
            # New wallets' transfers may take longer than a block; what is new otherwise is judged without them.
            enough = not follower.lacking or (agenda.caught_up and follower.has(self._list(without=agenda.unread)))
            if enough:
                changed = await self._fill(follower, reads) or changed
                changed = agenda.answer(chain_id, version) or changed
            await self._well(follower)
            if follower.lacking or (follower.behind and self.setup.mode.until_head):
                self.wake.clear()
                if enough and changed and agenda.caught_up:
                    changed = False
                    self.bell.ring()
                continue
            if agenda.settle(chain_id, version) or changed:
                self.bell.ring()
            elif follower.source.head != head:
                self.bell.ring_within(_AGEING)
            changed, head = False, follower.source.head
            if follower.behind:
                self.wake.clear()
                continue
            await self._pause()

    async def _fill(self, follower: Follower, reads: ChainReads) -> bool:
        """Ask what was wanted beside logs, what leads need first; whether leads have news of it."""
        questions, awaited = self.agenda.questions(self.chain.id)
        if not questions:
            return False
        filled = await fill(reads, follower, self.setup.writer, self.setup.progress, questions)
        if filled.answered and not awaited and not self.setup.mode.until_head:
            # No lead waits for these: whoever looks next sees them.
            self.bell.ring_within(_LEISURE)
            return filled.changed
        return filled.answered or filled.changed

    async def _well(self, follower: Follower) -> None:
        self.agenda.recovers(self.chain.id)
        if self._said:
            self._said = False
            self.setup.progress.say(f"{self.name}: works again")
        await self._report(follower)

    async def _report(self, follower: Follower) -> None:
        """Leave for other processes where the chain and its endpoints stand; mere counters only now and then."""
        at, before = self._reported
        # A chain that is followed stays so while its newest blocks are on the way.
        near = before.state == FOLLOWING and follower.lacking <= _NEAR
        report = Report(
            node_head=max(follower.source.head, 0),
            to_read=self.setup.progress.missing(self.chain.id) if follower.behind else 0,
            reorgs=follower.reorgs,
            deepest_reorg=follower.deepest_reorg,
            splits=follower.source.splits,
            state=FOLLOWING if near or not follower.lacking else "reading",
            endpoints=self._endpoints(),
        )
        now = time.monotonic()
        if report.essence() != before.essence() or (report != before and now - at > _COUNTERS_SECONDS):
            self._reported = (now, report)
            await self.setup.writer.put_report(self.chain.id, report)

    def _endpoints(self) -> tuple[EndpointRow, ...]:
        return tuple(_endpoint_row(self.chain.id, item) for item in self._rpc.endpoints()) if self._rpc else ()

    async def _ill(self, error: ChainUnreachable | DeepReorg) -> None:
        """Say once that the chain fails, so that the others go on.

        A wrong chain id, the first contact with every chain, work that is to end at the head, and a fork below finality
        where no other chain is well fail for good.
        """
        self.agenda.fails(self.chain.id)
        deep = isinstance(error, DeepReorg)
        hopeless = (deep or not self.agenda.met) and not self.agenda.well
        fatal = isinstance(error, WrongChain) or hopeless or self.setup.mode.until_head
        if not self._said or deep or fatal:
            self._said = True
            await self._report_ill(error.message, for_good=deep or fatal)
            if not fatal:
                others = sum(chain.enabled for chain in self.setup.config.chains.values()) > 1
                now = ", ".join(["it is stopped" if deep else "trying again", *["the others go on"][:others]])
                self.setup.progress.say(f"{error.message}; {now}. hint: {error.hint}")
        if fatal:
            raise error
        self.bell.ring()

    async def _report_ill(self, why: str, *, for_good: bool) -> None:
        state = f"{'stopped' if for_good else 'failing'}: {why}"
        report = msgspec.structs.replace(self._reported[1], state=state, endpoints=self._endpoints())
        self._reported = (0.0, Report())
        await self.setup.writer.put_report(self.chain.id, report)

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self.wake.wait(), self.chain.poll_seconds)
        except TimeoutError:
            return
        self.wake.clear()

    def _wants(self) -> list[Want]:
        """List what the chain's ledger must hold; asked often, so what it was made of is remembered."""
        made_of = (self.agenda.watched, self.agenda.children, self.judge.native[self.chain.id])
        if self._listed is None or not all(map(is_, self._listed[0], made_of)):
            self._listed = (made_of, self._list())
        return self._listed[1]

    def _list(self, without: Collection[tuple[int, bytes]] = ()) -> list[Want]:
        bundle, chain_id, first = self.setup.bundle, self.chain.id, self.setup.mode.first
        watched = [item for item in self.agenda.watched if (item.chain_id, item.address) not in without]
        bound = [*bundle.bound, *self.agenda.children]
        wanted = wants(chain_id, bound, bundle.money(chain_id), watched, self.judge.native[chain_id])
        return wanted if first is None else [want._replace(start=max(want.start, first)) for want in wanted]


def _endpoint_row(chain_id: int, item: EndpointState) -> EndpointRow:
    return EndpointRow(
        chain_id=chain_id,
        label=item.label,
        health=item.health,
        error=item.error,
        latency_seconds=item.latency_seconds,
        calls=item.calls,
        faults=dict(item.faults),
        received=item.received,
    )


def _traffic(source: ChainSource) -> Traffic:
    endpoints = source.endpoints()
    calls, received = sum(item.calls for item in endpoints), sum(item.received for item in endpoints)
    return Traffic(calls, source.splits, received)
