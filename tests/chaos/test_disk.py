"""A disk that is full says so in one line and loses nothing: with room again, the ledger ends at the truth."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakenode.chain import dense
from tests.fakenode.forked import finished
from tests.fakenode.node import Node
from tests.fakenode.truth import assert_holds, assert_sound, lay_out


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or mounted(folder, "size=1500k").returncode != 0:
        pytest.skip("only root can mount a small disk, and not in every container")
    yield folder
    subprocess.run(["umount", folder], check=True)


def mounted(folder: Path, options: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)


async def test_a_full_disk(small_disk):
    chain = dense(seed=9, blocks=400, logs=20)
    async with Node(chain).running() as node:
        place = lay_out(small_disk, [node.url], chain="max_span = 20")
        code, said = await finished(place, "backfill")
        assert code == 1, said
        assert [line for line in said.splitlines() if "error" in line] == [
            f"monitor: error: no space left for the ledger {place.ledger}"
        ]
        assert shutil.disk_usage(small_disk).free < 200_000
        assert_sound(place, chain)
        assert mounted(small_disk, "remount,size=64m").returncode == 0
        code, said = await finished(place, "backfill")
        assert code == 0, said
    assert_holds(place, chain)
