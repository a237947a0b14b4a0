"""Follow the head of a long ledger: what a block costs, when another process sees it, and how long a restart takes.

Fills a ledger with 100 thousand and one with 10 million logs (100 a block), then appends blocks of 100 logs as the
daemon does: rows and headers of the head at once, finality 64 blocks behind. Prints the time from append to visible in
another process at 10 blocks a second, the seconds from opening the ledger to its first new block, and the cost of a
block at both sizes with their ratio; there the ledgers take turns, so that what else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import polars as pl

from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from monitor.model.chain import Header
from monitor.model.page import Page
from monitor.model.schema import LOG_ROWS
from monitor.model.span import Span

PER = 100
DEPTH = 64
BATCH = 500
CHAIN = 1
KEY = "logs:" + "c0" * 20


def digest(number: int) -> bytes:
    return number.to_bytes(8, "big") * 4


def rows(first: int, last: int) -> pl.DataFrame:
    """Make 100 logs of 300 bytes for each block."""
    count = (last - first + 1) * PER
    dice = np.random.default_rng(first)

    def noise(size: int) -> pl.Series:
        table = dice.integers(0, 256, (count, size), dtype=np.uint8)
        return pl.Series(table, dtype=pl.Array(pl.UInt8, size)).cast(pl.List(pl.UInt8)).cast(pl.Binary)

    numbers = np.repeat(np.arange(first, last + 1), PER)
    return pl.DataFrame({
        "block_number": numbers, "block_hash": [digest(int(number)) for number in numbers], "tx_hash": noise(32),
        "tx_index": np.tile(np.arange(PER), last - first + 1), "log_index": np.tile(np.arange(PER), last - first + 1),
        "address": [b"\xc0" * 20] * count, "topics": noise(96), "data": noise(96),
        "block_time": 1_700_000_000 + numbers,
    }, schema=LOG_ROWS)  # fmt: skip


def header(number: int) -> Header:
    return Header(number, digest(number), digest(number - 1), 1_700_000_000 + number)


async def fill(path: Path, logs: int) -> int:
    """Write final history; returns its last block."""
    head = logs // PER
    async with Writer(path) as writer:
        await writer.extend(CHAIN, [header(head)])
        await writer.finalize(CHAIN, head)
        for first in range(1, head + 1, BATCH):
            last = min(head, first + BATCH - 1)
            await writer.put_pages(CHAIN, [Page((), rows(first, last), (), {KEY: Span(first, last + 1)})])
    return head


async def append(writer: Writer, number: int) -> None:
    await writer.extend(CHAIN, [header(number)])
    await writer.put_pages(CHAIN, [Page((header(number),), rows(number, number), (), {KEY: Span(number, number + 1)})])
    await writer.finalize(CHAIN, number - DEPTH)


async def restart(path: Path, head: int) -> float:
    """Open a ledger and append a block; the seconds that takes."""
    began = time.perf_counter()
    async with Writer(path) as writer:
        with Reader(path) as reader:
            assert reader.window(CHAIN).finalized >= 0
            assert KEY in reader.coverage(CHAIN)
        await append(writer, head + 1)
        return time.perf_counter() - began


async def costs(heads: dict[Path, int], blocks: int) -> list[float]:
    """Append blocks to each ledger in turn; the median CPU seconds of one, per ledger."""
    took: dict[Path, list[float]] = {path: [] for path in heads}
    async with AsyncExitStack() as stack:
        writers = {path: await stack.enter_async_context(Writer(path)) for path in heads}
        for place in range(blocks):
            for path, head in heads.items():
                start = time.process_time()
                await append(writers[path], head + 1 + place)
                took[path].append(time.process_time() - start)
    return [statistics.median(found) for found in took.values()]


async def visible(path: Path, head: int, blocks: int) -> list[float]:
    """Append ten blocks a second; the seconds until another process could read each one's logs."""
    command = [sys.executable, __file__, "--watch", str(path), "--head", str(head), "--blocks", str(blocks)]
    wrote: dict[int, float] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watcher:  # noqa: ASYNC220 - nothing else runs
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "ready\n"
        async with Writer(path) as writer:
            for number in range(head + 1, head + 1 + blocks):
                wrote[number] = time.time()
                await append(writer, number)
                await asyncio.sleep(max(0.0, wrote[number] + 0.1 - time.time()))
        seen = [line.split() for line in watcher.stdout.read().splitlines()]
    return sorted(float(at) - wrote[int(number)] for number, at in seen)


def watch(path: Path, head: int, blocks: int) -> None:
    """Print when the logs of each new block can be read."""
    with Reader(path) as reader:
        print("ready", flush=True)
        known, version = head, -1
        while known < head + blocks:
            if (now := reader.data_version()) == version:
                time.sleep(0.002)
                continue
            version = now
            found = reader.scan(["block_number"], chain_id=CHAIN, above={CHAIN: known})
            for number in found["block_number"].unique().sort():
                print(number, time.time(), flush=True)
                known = max(known, number)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=10_000_000)
    parser.add_argument("--blocks", type=int, default=200)
    parser.add_argument("--watch", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--head", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch:
        watch(options.watch, options.head, options.blocks)
        return
    with tempfile.TemporaryDirectory() as name:
        heads = {}
        for logs in (options.small, options.large):
            path = Path(name) / f"{logs}.db"
            head = asyncio.run(fill(path, logs))
            first = asyncio.run(restart(path, head))
            seen = asyncio.run(visible(path, head + 1, options.blocks))
            heads[path] = head + 1 + options.blocks
            size = sum(item.stat().st_size for item in Path(f"{path}.segments").iterdir()) / logs
            print(
                f"{logs:,} logs ({size:.0f} bytes each): a block visible after {statistics.median(seen) * 1000:.0f} ms "
                f"(p99 {seen[int(len(seen) * 0.99)] * 1000:.0f} ms), restart to the first new block {first:.2f} s"
            )
        small, large = asyncio.run(costs(heads, options.blocks))
        print(f"CPU-ms a block: {large * 1000:.2f}, on the short ledger {small * 1000:.2f}; ratio {large / small:.2f}")


if __name__ == "__main__":
    main()
