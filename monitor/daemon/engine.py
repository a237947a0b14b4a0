"""The daemon: a keeper per chain, one judge, one deliverer, until told to stop."""

from __future__ import annotations

import asyncio
import time

from monitor.alerts.deliver import Deliverer
from monitor.daemon.agenda import Agenda
from monitor.daemon.bell import Bell
from monitor.daemon.judge import Judge, Look, Survey
from monitor.daemon.keep import Keeper
from monitor.daemon.setup import Setup
from monitor.errors import ConfigError, MonitorError

__all__ = ["Engine", "rest_after"]

_DRAIN_SECONDS = 60
_CALM = 5
"""The judge rests this many times as long as a long judgement kept the processor: it takes a sixth of it at most."""
_LONG_SECONDS = 10.0
"""A shorter judgement earns a rest that is shorter by the cube: a small ledger is judged at once."""
_MOMENT = 0.5
"""Seconds at most for which what is new waits for the transfers of newcomers, before it is judged without them."""


class Engine:
    """Everything that runs while the daemon runs; made inside an open `Writer`."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.stop = asyncio.Event()
        mode, chains = setup.mode, {name: chain for name, chain in setup.config.chains.items() if chain.enabled}
        self._judge = Judge(setup.config, setup.bundle, setup.writer, setup.reader, mode.first or 0, mode.last)
        self._agenda = Agenda((chain.id for chain in chains.values()), all_matters=mode.until_head)
        self._bell = Bell()
        self._keepers = [
            Keeper(name, chain, setup, self._agenda, self._judge, self._bell) for name, chain in chains.items()
        ]
        sinks = setup.config.alerts.sinks
        self._deliverer = Deliverer(setup.writer, sinks) if sinks and mode.deliver else None

    async def run(self) -> None:
        """Work until `stop` is set, or until the head is reached and judged.

        Raises ConfigError when no chain is enabled, DeepReorg, LedgerError, and (until the head) ChainUnreachable.
        """
        if not self._keepers:
            message = "no chain is enabled"
            raise ConfigError(message, hint="set enabled = true in a [chains.…] table of config.toml")
        writer, deliverer, until_head = self.setup.writer, self._deliverer, self.setup.mode.until_head
        for keeper in self._keepers:
            await writer.put_chain(keeper.chain.id, keeper.name)
        await writer.forget_failures()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(keeper.run(), name=f"keep {keeper.name}") for keeper in self._keepers]
                tasks.append(group.create_task(self._judging(), name="judge"))
                if deliverer and not until_head:
                    # Not cancelled: it ends by itself after `stop`, giving attempts under way a few seconds.
                    group.create_task(deliverer.run(self.stop), name="deliver")
                await self.stop.wait()
                for task in tasks:
                    task.cancel()
        except* MonitorError as failures:
            raise _first(failures) from None
        finally:
            self.setup.progress.close()
        if deliverer and until_head:
            await deliverer.drain(_DRAIN_SECONDS)

    async def _judging(self) -> None:
        while True:
            await self._bell.wait()
            if not self._agenda.may_judge():
                continue
            survey = await self._survey()
            if not self._agenda.may_judge():
                continue
            began = time.process_time()
            look = await self._judge.look(survey)
            self._agenda.forget_questions()
            if self._takes_over(look) and not self._agenda.caught_up:
                continue
            await self._judge.commit(self._agenda.unread)
            self._agenda.caught_up = True
            if self.setup.mode.until_head:
                self.stop.set()
                return
            if self._deliverer is not None:
                self._deliverer.nudge()
            await asyncio.sleep(rest_after(time.process_time() - began))

    async def _survey(self) -> Survey:
        """Read the ledger, and whatever newcomers bring if that is had in a moment: one look does then, not two."""
        until = asyncio.get_running_loop().time() + _MOMENT
        while True:
            self._bell.hush()
            self._agenda.forget_read()
            survey = await self._judge.survey()
            if not self._agenda.caught_up:
                return survey
            if not self._takes_over(await self._judge.newcomers(survey, self._agenda.watched)):
                return survey
            try:
                async with asyncio.timeout_at(until):
                    await self._agenda.until_all_read()
            except TimeoutError:
                return survey

    def _takes_over(self, look: Look) -> bool:
        """Have read what an evaluation asks for; whether leads wait for any of it."""
        new, awaited = self._agenda.take_over(look, {keeper.chain.id for keeper in self._keepers if keeper.askable})
        if new:
            for keeper in self._keepers:
                keeper.wake.set()
        return awaited


def rest_after(seconds: float) -> float:
    """Say how long the judge rests after a judgement that took some seconds of the processor, busy machine or not."""
    return _CALM * seconds * min(1.0, seconds / _LONG_SECONDS) ** 2


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first: BaseException = failures.exceptions[0]
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
