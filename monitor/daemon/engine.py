"""The daemon: one follower per chain, one judge, one deliverer, until told to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from operator import is_
from typing import NamedTuple

import msgspec

from monitor.alerts.deliver import Deliverer
from monitor.chain.endpoint import EndpointState
from monitor.chain.reads import ChainReads
from monitor.chain.source import ChainSource
from monitor.config import ChainConfig, Config
from monitor.daemon.agenda import Agenda
from monitor.daemon.fill import fill
from monitor.daemon.follow import Follower
from monitor.daemon.judge import Judge, Look, Survey
from monitor.daemon.progress import Progress, Traffic
from monitor.daemon.watch import wants
from monitor.errors import ChainUnreachable, ConfigError, DeepReorg, MonitorError, WrongChain
from monitor.ledger.reader import Reader
from monitor.ledger.rows import FOLLOWING, Conflict, EndpointRow, Report
from monitor.ledger.writer import Writer
from monitor.sync.fragment import Want
from monitor.views.bundle import Bundle
from monitor.views.format import address

__all__ = ["Engine", "Mode", "rest_after"]

_DRAIN_SECONDS = 60
_NEAR = 64
"""Blocks a followed chain may be behind for a moment."""
_COUNTERS_SECONDS = 5.0
"""Counters that grow while nothing else changes are written down this seldom."""
_CALM = 5
"""The judge rests this many times as long as a long judgement kept the processor: it takes a sixth of it at most."""
_LONG_SECONDS = 10.0
"""A shorter judgement earns a rest that is shorter by the cube: a small ledger is judged at once."""
_MOMENT = 0.5
"""Seconds at most for which what is new waits for the transfers of newcomers, before it is judged without them."""
_LEISURE = 5.0
"""Seconds after which answers that no lead waits for are looked at, if nothing else was to be looked at before."""


class Mode(NamedTuple):
    """How far to go: for ever, or to the head once; `first` and `last` bound the blocks of a backfill."""

    until_head: bool = False
    first: int | None = None
    last: int | None = None
    deliver: bool = True


class Engine:
    """Everything that runs while the daemon runs; made inside an open `Writer`."""

    def __init__(
        self, config: Config, bundle: Bundle, writer: Writer, reader: Reader, progress: Progress, mode: Mode
    ) -> None:
        self.config = config
        self.bundle = bundle
        self.writer = writer
        self.reader = reader
        self.progress = progress
        self.mode = mode
        self.stop = asyncio.Event()
        self.dirty = asyncio.Event()
        self.judge = Judge(config, bundle, writer, reader, mode.first or 0, mode.last)
        self.deliverer: Deliverer | None = None
        self.agenda = Agenda()
        self.reads: dict[int, ChainReads] = {}
        self.settling = asyncio.Event()
        """Set whenever a chain has read all that is to be read."""
        self._leisure: asyncio.TimerHandle | None = None
        self._listed: dict[int, tuple[tuple[object, ...], list[Want]]] = {}
        self.started: set[int] = set()
        self.checked: set[tuple[int, bytes]] = set()
        self.broken: set[int] = set()
        self.said: set[int] = set()
        self.wake: dict[int, asyncio.Event] = {}
        self._reported: dict[int, tuple[float, Report]] = {}

    async def run(self) -> None:
        """Work until `stop` is set, or until the head is reached and judged.

        Raises ConfigError when no chain is enabled, DeepReorg, LedgerError, and (until the head) ChainUnreachable.
        """
        chains = {name: chain for name, chain in self.config.chains.items() if chain.enabled}
        if not chains:
            message = "no chain is enabled"
            raise ConfigError(message, hint="set enabled = true in a [chains.…] table of config.toml")
        for name, chain in chains.items():
            await self.writer.put_chain(chain.id, name)
            self.wake[chain.id] = asyncio.Event()
        await self.writer.forget_failures()
        deliverer = self.deliverer = self._deliverer()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._follow(name, chain), name=f"follow {name}")
                    for name, chain in chains.items()
                ]
                tasks.append(group.create_task(self._judge(), name="judge"))
                if deliverer and not self.mode.until_head:
                    # Not cancelled: it ends by itself after `stop`, giving attempts under way a few seconds.
                    group.create_task(deliverer.run(self.stop), name="deliver")
                await self.stop.wait()
                for task in tasks:
                    task.cancel()
        except* MonitorError as failures:
            raise _first(failures) from None
        finally:
            self.progress.close()
        if deliverer and self.mode.until_head:
            await deliverer.drain(_DRAIN_SECONDS)

    def _deliverer(self) -> Deliverer | None:
        sinks = self.config.alerts.sinks
        return Deliverer(self.writer, sinks) if sinks and self.mode.deliver else None

    async def _follow(self, name: str, chain: ChainConfig) -> None:
        while True:
            window = self.reader.window(chain.id)
            wake = self.wake[chain.id]
            source = ChainSource(name, chain, known=window.known, finalized=window.finalized, announce=wake.set)
            try:
                async with source:
                    self.started.add(chain.id)
                    await self._check_contracts(name, chain, source)
                    await self._keep_up(chain, source)
            except (ChainUnreachable, Conflict) as error:
                # A source made anew takes its bearings from the ledger.
                await self._ill(chain, error)
                await self._pause(chain)
            except DeepReorg as error:
                # What the ledger holds and what the node says exclude each other: a person decides.
                await self._ill(chain, error)
                return

    async def _check_contracts(self, name: str, chain: ChainConfig, source: ChainSource) -> None:
        """Look once for code at every contract: none at a configured one ends the run, at a built-in one is said."""
        for item in self.bundle.bound:
            if item.chain_id != chain.id or not item.address or (chain.id, item.address) in self.checked:
                continue
            code = await source.rpc.call("eth_getCode", [f"0x{item.address.hex()}", "latest"], str)
            self.checked.add((chain.id, item.address))
            if code.strip("0x"):
                continue
            message = f"{name}: there is no code at {address(item.address)}, the {item.role} contract of {item.market}"
            own = self.config.markets.get(item.market)
            if own and name in own.deployments:
                raise ConfigError(message, hint=f"check markets.{item.market}.deployments.{name} and the chain's id")
            self.progress.say(f"{message}; nothing is read from it until there is")

    async def _keep_up(self, chain: ChainConfig, source: ChainSource) -> None:
        covered = self.reader.coverage(chain.id)
        self.judge.native[chain.id] = source.native
        wake = self.wake[chain.id]
        follower = Follower(
            chain, source, self.writer, covered, lambda: self._wants(chain), self.progress, wake, self.judge.heard
        )
        follower.upto = self.mode.last
        self.progress.follow(chain.id, lambda: _traffic(source))
        reads = self.reads[chain.id] = ChainReads(source.rpc, chain.max_reads)
        try:
            await self._steps(chain, follower, reads)
        finally:
            # Told to stop, or hindered: what has come is kept.
            await follower.close()

    async def _steps(self, chain: ChainConfig, follower: Follower, reads: ChainReads) -> None:
        changed = False
        while True:
            version = self.agenda.version
            changed = await follower.step() or changed
            # New wallets' transfers may take longer than a block; what is new otherwise is judged without them.
            enough = not follower.lacking or (
                self.agenda.caught_up and follower.has(self._wants(chain, without=self.agenda.unread))
            )
            if enough:
                changed = await self._fill(chain, follower, reads) or changed
                changed = self.agenda.answer(chain.id, version) or changed
            await self._well(chain, follower)
            if follower.lacking or (follower.behind and self.mode.until_head):
                self.wake[chain.id].clear()
                if enough and changed and self.agenda.caught_up:
                    changed = False
                    self.dirty.set()
                continue
            if self.agenda.settle(chain.id, version) or changed:
                self.settling.set()
                self.dirty.set()
            changed = False
            if follower.behind:
                self.wake[chain.id].clear()
                continue
            await self._pause(chain)

    async def _fill(self, chain: ChainConfig, follower: Follower, reads: ChainReads) -> bool:
        """Ask a chain what was wanted beside its logs, what leads need first; whether leads have news of it."""
        questions, awaited = self.agenda.questions(chain.id)
        if not questions:
            return False
        filled = await fill(reads, follower, self.writer, self.progress, questions)
        if filled.answered and not awaited and not self.mode.until_head:
            # No lead waits for these: whoever looks next sees them, and nobody has to at once.
            if self._leisure is None:
                self._leisure = asyncio.get_running_loop().call_later(_LEISURE, self.dirty.set)
            return filled.changed
        return filled.answered or filled.changed

    async def _well(self, chain: ChainConfig, follower: Follower) -> None:
        self.broken.discard(chain.id)
        if chain.id in self.said:
            self.said.discard(chain.id)
            self.progress.say(f"{self.config.chain_name(chain.id)}: works again")
        await self._report(chain, follower)

    async def _report(self, chain: ChainConfig, follower: Follower) -> None:
        """Leave for other processes where the chain and its endpoints stand; mere counters only now and then."""
        at, before = self._reported.get(chain.id, (0.0, Report()))
        to_read = self.progress.missing(chain.id) if follower.behind else 0
        # A chain that is followed stays so while its newest blocks are on the way.
        near = before.state == FOLLOWING and follower.lacking <= _NEAR
        report = Report(
            node_head=max(follower.source.head, 0),
            to_read=to_read,
            reorgs=follower.reorgs,
            deepest_reorg=follower.deepest_reorg,
            splits=follower.source.splits,
            state=FOLLOWING if near or not follower.lacking else "reading",
            endpoints=tuple(_endpoint_row(chain.id, item) for item in follower.source.endpoints()),
        )
        now = time.monotonic()
        if report.essence() != before.essence() or (report != before and now - at > _COUNTERS_SECONDS):
            self._reported[chain.id] = (now, report)
            await self.writer.put_report(chain.id, report)

    async def _ill(self, chain: ChainConfig, error: ChainUnreachable | Conflict | DeepReorg) -> None:
        """Say once that a chain fails and go on with the others.

        A wrong chain id, the first contact with every chain, work that is to end at the head, and a fork below finality
        where no other chain is well fail for good.
        """
        if isinstance(error, Conflict):
            return
        self.broken.add(chain.id)
        self.agenda.fails(chain.id)
        deep = isinstance(error, DeepReorg)
        hopeless = (deep or not self.started) and len(self.broken) == len(self.wake)
        if isinstance(error, WrongChain) or hopeless or self.mode.until_head:
            raise error
        if chain.id not in self.said:
            self.said.add(chain.id)
            now = "it is stopped, the others go on" if deep else "going on with the others, trying again"
            self.progress.say(f"{error.message}; {now}. hint: {error.hint}")
            before = self._reported.pop(chain.id, (0.0, Report()))[1]
            await self.writer.put_report(
                chain.id, msgspec.structs.replace(before, state=f"{'stopped' if deep else 'failing'}: {error.message}")
            )
        self.dirty.set()

    async def _pause(self, chain: ChainConfig) -> None:
        wake = self.wake[chain.id]
        try:
            await asyncio.wait_for(wake.wait(), chain.poll_seconds)
        except TimeoutError:
            return
        wake.clear()

    def _wants(self, chain: ChainConfig, without: Collection[tuple[int, bytes]] = ()) -> list[Want]:
        """List what a chain's ledger must hold; asked often, so what it was made of is remembered."""
        made_of = (self.agenda.watched, self.agenda.children, self.judge.native[chain.id])
        before = self._listed.get(chain.id)
        if not without and before is not None and all(map(is_, before[0], made_of)):
            return before[1]
        wanted = self._list(chain, without)
        if not without:
            self._listed[chain.id] = (made_of, wanted)
        return wanted

    def _list(self, chain: ChainConfig, without: Collection[tuple[int, bytes]]) -> list[Want]:
        money = [token for chain_id, token in self.bundle.tokens if chain_id == chain.id]
        watched = [item for item in self.agenda.watched if (item.chain_id, item.address) not in without]
        wanted = wants(
            chain.id, [*self.bundle.bound, *self.agenda.children], money, watched, self.judge.native[chain.id]
        )
        if self.mode.first is None:
            return wanted
        return [want._replace(start=max(want.start, self.mode.first)) for want in wanted]

    async def _judge(self) -> None:
        while True:
            await self.dirty.wait()
            self.dirty.clear()
            if not self.agenda.may_judge(self._well_chains()):
                continue
            survey = await self._survey()
            if not self.agenda.may_judge(self._well_chains()):
                continue
            began = time.process_time()
            look = await self.judge.look(survey)
            self.agenda.forget_questions()
            if self._takes_over(look) and not self.agenda.caught_up:
                continue
            await self.judge.commit(self.agenda.unread)
            self.agenda.caught_up = True
            if self.mode.until_head:
                self.stop.set()
                return
            if self.deliverer is not None:
                self.deliverer.nudge()
            await asyncio.sleep(rest_after(time.process_time() - began))

    def _well_chains(self) -> set[int]:
        return {chain.id for chain in self.config.chains.values() if chain.enabled} - self.broken

    async def _survey(self) -> Survey:
        """Read the ledger, and whatever newcomers bring if that is had in a moment: one look does then, not two."""
        until = asyncio.get_running_loop().time() + _MOMENT
        while True:
            self.dirty.clear()
            if self._leisure is not None:
                self._leisure.cancel()
                self._leisure = None
            self.agenda.forget_read()
            survey = await self.judge.survey()
            if not self.agenda.caught_up:
                return survey
            if not self._takes_over(await self.judge.newcomers(survey, self.agenda.watched)):
                return survey
            try:
                async with asyncio.timeout_at(until):
                    while not self.agenda.all_read(self._well_chains()):
                        self.settling.clear()
                        await self.settling.wait()
            except TimeoutError:
                return survey

    def _takes_over(self, look: Look) -> bool:
        """Have read what an evaluation asks for; whether leads wait for any of it. On the way to the head, for all."""
        askable = {chain_id for chain_id in self._well_chains() & self.reads.keys() if self.reads[chain_id].left}
        new, awaited = self.agenda.take_over(look, askable, all_matters=self.mode.until_head)
        if new:
            for wake in self.wake.values():
                wake.set()
        return awaited


def rest_after(seconds: float) -> float:
    """Say how long the judge rests after a judgement that took some seconds of the processor, busy machine or not."""
    return _CALM * seconds * min(1.0, seconds / _LONG_SECONDS) ** 2


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


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first: BaseException = failures.exceptions[0]
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
