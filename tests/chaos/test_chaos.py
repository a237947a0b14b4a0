"""Chains, faults, forks, kills and full disks drawn from a seed: the ledger ends at the truth, byte for byte."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from tests.chaos.scene import TOKEN, Scene, moods
from tests.fakenode.forked import Forked, finished
from tests.fakenode.node import Node
from tests.fakenode.truth import assert_holds, lay_out
from tests.node.drive import Place

NOTABLE: dict[int, str] = {}
"""Seeds that once showed a fault, with what it was: they are played for ever."""
FEW = [1, 2]
MANY = int(os.environ.get("CHAOS_SEEDS", "200"))
# A seed takes seconds; on a machine that does much else, minutes.
pytestmark = pytest.mark.timeout(600)
CODES = {0, 1, 3, 130, -9, None}
"""A daemon may end by itself (1: disk or finality, 3: no usable endpoint), be ended, or go on."""


def configured(folder: Path, urls: list[str], chance: random.Random, depth: int | None, *, lies: bool) -> Place:
    lines = [
        f'distrust = "{"receipts" if lies else "bloom"}"',
        "poll_seconds = 0.05",
        "timeout_seconds = 1",
        f"max_span = {chance.choice((3, 17, 100, 2000))}",
        f"concurrency = {chance.choice((1, 4, 16))}",
        f"native_lookback_blocks = {chance.choice((0, 50))}",
        'finality = "finalized"' if depth is None else f'finality = "depth"\nfinality_depth = {depth}',
        f'[chains.fake.tokens.TUSD]\naddress = "0x{TOKEN.hex()}"\ndecimals = 6\nusd = "1"',
    ]
    return lay_out(folder, urls, chain="\n".join(lines))


async def episode(place: Place, scene: Scene, nodes: list[Node], chance: random.Random, *, lies: bool) -> str:
    """Run the daemon for a while in a world that moves, and end it in one of several ways; what it said."""
    for node in nodes:
        node.faults = moods(chance, scene, lies=lies)
    async with Forked(place, "run") as daemon:
        for _ in range(chance.randrange(1, 9)):
            await asyncio.sleep(chance.random() * 0.2)
            scene.move()
            if chance.random() < 0.3:
                chance.choice(nodes).faults = moods(chance, scene, lies=lies)
        match chance.choice(("kill", "kill", "interrupt", "disk", "go on")):
            case "kill":
                daemon.kill()
            case "interrupt":
                await daemon.stop(5)
            case "disk":
                wal = place.ledger.with_name(place.ledger.name + "-wal")
                daemon.limit_files((wal.stat().st_size if wal.exists() else 0) + chance.randrange(30_000))
                scene.grow(30)
                # The daemon may take them for final before it ends: no fork may reach below that.
                scene.settle()
                await daemon.ended(1)
        code = await daemon.ended(0)
    assert code in CODES, (code, daemon.err)
    return daemon.err


async def export(place: Place, name: str) -> dict[str, bytes]:
    folder = place.folder / name
    code, said = await finished(place, "export", str(folder))
    assert code == 0, said
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


async def play(seed: int, folder: Path) -> None:
    chance = random.Random(seed)
    depth, lies = chance.choice((None, 8, 40)), chance.random() < 0.5
    scene = Scene(seed, depth)
    nodes = [Node(scene.chain) for _ in range(chance.choice((1, 1, 2)))]
    async with nodes[0].running(), nodes[-1].running():
        options = random.Random(seed)
        place = configured(folder / "shaken", [node.url for node in nodes], options, depth, lies=lies)
        for _ in range(chance.randint(2, 6)):
            said = await episode(place, scene, nodes, chance, lies=lies)
            assert "Traceback" not in said, said
        for node in nodes:
            node.faults = []
        code, said = await finished(place, "backfill")
        assert code == 0, said
        assert_holds(place, scene.chain)
        calm = configured(folder / "calm", [nodes[0].url], random.Random(seed), depth, lies=lies)
        code, said = await finished(calm, "backfill")
        assert code == 0, said
        assert await export(place, "export") == await export(calm, "export")


@pytest.mark.parametrize("seed", [*NOTABLE, *FEW])
async def test_any_way_to_a_chain_gives_its_ledger(seed, tmp_path):
    print(f"chaos seed {seed}")  # noqa: T201 - shown when it fails
    await play(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1000 + MANY))
async def test_many_ways(seed, tmp_path):
    print(f"chaos seed {seed}")  # noqa: T201 - shown when it fails
    await play(seed, tmp_path)
