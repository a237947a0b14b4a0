"""Time alone changes what leases show: blocks that bring nothing are looked at too, a little later."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from monitor.config import load
from monitor.daemon import keep
from monitor.daemon.bell import Bell
from monitor.daemon.engine import Engine
from monitor.daemon.judge import Judge
from monitor.daemon.progress import Progress
from monitor.daemon.setup import Mode, Setup
from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from monitor.views.bundle import load_bundle
from tests.fakenode.chain import dense
from tests.fakenode.node import Node
from tests.fakenode.truth import lay_out
from tests.node.drive import until


async def test_blocks_without_a_row_are_judged_within_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    judged: list[int] = []
    look = Judge.look

    async def watched(self: Judge, survey):
        judged.append(max(chain.head for chain in survey.rows.chains))
        return await look(self, survey)

    monkeypatch.setattr(Judge, "look", watched)
    monkeypatch.setattr(keep, "_AGEING", 0.2)
    chain = dense(blocks=30, logs=2)
    async with Node(chain).running() as node:
        place = lay_out(tmp_path, [node.url], chain="poll_seconds = 0.05")
        config = load(str(place.config)).config
        async with Writer(place.ledger) as writer:
            with Reader(place.ledger) as reader:
                progress = Progress({31337: "fake"}, None)
                engine = Engine(Setup(config, load_bundle(config), writer, reader, progress, Mode()))
                running = asyncio.create_task(engine.run())
                await until(lambda: judged and judged[-1] == chain.head)
                for _ in range(2):
                    chain.mine()
                    await until(lambda: judged[-1] == chain.head)
                # nothing new: nobody looks
                looks = len(judged)
                await asyncio.sleep(1)
                assert len(judged) == looks
                engine.stop.set()
                with suppress(asyncio.CancelledError):
                    await running


async def test_the_sooner_of_two_rings_stands():
    bell = Bell()
    bell.ring_within(0.01)
    bell.ring_within(3_600)
    await asyncio.wait_for(bell.wait(), 60)
    bell.ring_within(3_600)
    bell.ring_within(0.01)
    await asyncio.wait_for(bell.wait(), 60)
    bell.ring_within(0.01)
    bell.hush()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(bell.wait(), 0.2)
