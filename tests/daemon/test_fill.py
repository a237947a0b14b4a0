"""What is said of reads that could not be had: why, and what helps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from monitor.chain.reads import Read, Wanted
from monitor.daemon.fill import fill


async def test_reads_that_could_not_be_had_are_told_with_what_helps():
    asked = [Wanted(1, 5, "call", b"\x01" * 20, b"\x02")]
    kept: list[Read] = []
    said: list[str] = []

    async def fetch(wanted: list[Wanted]) -> list[Read]:
        return [Read(*item, None, "execution reverted") for item in wanted]

    async def step() -> bool:
        return False

    async def put_reads(found: list[Read]) -> None:
        kept.extend(found)

    reads = SimpleNamespace(fetch=fetch, left=1)
    follower = SimpleNamespace(reorgs=0, step=step, source=SimpleNamespace(name="local", finalized=9))
    filled = await fill(
        cast("Any", reads),
        cast("Any", follower),
        cast("Any", SimpleNamespace(put_reads=put_reads)),
        cast("Any", SimpleNamespace(say=said.append)),
        asked,
    )
    assert filled.answered
    assert [read.failure for read in kept] == ["execution reverted"]
    (line,) = said
    assert line.startswith("local: 1 of 1 reads could not be had: execution reverted. hint: ")
    assert "archive node" in line
