"""Index half a million logs with the monitor, with eth-abi and SQLite, and with cryo and tiders-core where installed.

Every side fetches from the same canned node in another process, and is a process of its own: wall time, CPU time and
peak memory count from its start to its end. The monitor's side checks every answer, stores it in its ledger (durable,
queryable, with coverage) and decodes every log; tiders-core fetches, decodes and writes Parquet; cryo writes raw logs.
`python bench/backfill.py --help` tells what else can be asked. Prints rates and ratios of one run; rounds alternate.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
SIDES = {"ours": None, "tiders": "tiders_core", "cryo": "cryo", "plain": "eth_abi"}


class Run(NamedTuple):
    """What a side took: seconds, CPU seconds, MB at its peak, calls of eth_getLogs."""

    wall: float
    cpu: float
    peak: float
    calls: int


@contextlib.contextmanager
def node(options: list[str]) -> Iterator[str]:
    """Serve a canned chain while the block runs; its URL."""
    command = [sys.executable, str(HERE / "canned.py"), "--serve", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        assert server.stdin is not None
        server.stdin.close()


def called(url: str) -> int:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "bench_calls"}).encode()
    with urllib.request.urlopen(url, body) as response:  # noqa: S310 - our own node
        return int(json.load(response)["result"].get("eth_getLogs", 0))


def run(side: str, url: str, blocks: int, span: int, logs: int) -> Run:
    """Run one side in a process of its own; raises when it did not store every log."""
    script = ["ours.py", url] if side == "ours" else ["peers.py", side, url, "--blocks", str(blocks)]
    command = [sys.executable, str(HERE / script[0]), *script[1:], *(["--span", str(span)] if side != "ours" else [])]
    before, began = called(url), time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = child.stdout.read().split()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if child.returncode or not said or said[-1] != str(logs):
        sys.exit(f"{side}: stored {said[-1:] or 'nothing'} of {logs} logs, exit code {child.returncode}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, called(url) - before)


def main() -> None:
    """Measure, print rates, and the ratio of ours to the fastest other side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=5_034)
    parser.add_argument("--per", type=int, default=100, help="logs of a block that has some")
    parser.add_argument("--every", type=int, default=1, help="one block in so many has logs")
    parser.add_argument("--span", type=int, default=100, help="blocks per call of the others; ours finds its own")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--cap", type=int, default=0, help="logs an answer may have")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", default=",".join(SIDES))
    options = parser.parse_args()
    logs = options.per * len(range(0, options.blocks, options.every))
    # As an installation does it; the others' packages were compiled when they were installed.
    compileall.compile_dir(HERE.parent / "monitor", quiet=1)
    subprocess.run([sys.executable, str(HERE / "canned.py")], check=True)
    found: dict[str, list[Run]] = {}
    names = ("blocks", "per", "every", "latency", "cap")
    with node([word for name in names for word in (f"--{name}", str(getattr(options, name)))]) as url:
        sides = [side for side in options.sides.split(",") if installed(side)]
        for _ in range(options.rounds):
            for side in sides:
                found.setdefault(side, []).append(run(side, url, options.blocks, options.span, logs))
    print(
        f"{logs:,} logs in {options.blocks:,} blocks, {options.span} blocks a call of the others; "
        f"medians of {options.rounds}"
    )
    rates = {side: show(side, logs, runs) for side, runs in found.items()}
    others = [rates[side] for side in rates if side != "ours"]
    if "ours" in rates and others:
        wall, cpu = (max(rate[place] for rate in others) for place in (0, 1))
        print(
            f"ours / fastest other: {rates['ours'][0] / wall:.2f}x wall, {rates['ours'][1] / cpu:.2f}x per CPU second"
        )


def installed(side: str) -> bool:
    """Whether a side can run here; says so when not."""
    module = SIDES[side]
    if module and importlib.util.find_spec(module) is None:
        print(f"{side}: {module} is not installed (dependency group `bench`), left out")
        return False
    return True


def show(side: str, logs: int, runs: list[Run]) -> tuple[float, float]:
    wall, cpu = statistics.median(item.wall for item in runs), statistics.median(item.cpu for item in runs)
    peak, calls = max(item.peak for item in runs), statistics.median(item.calls for item in runs)
    print(
        f"{side:8} {logs / wall:10,.0f} logs/s {logs / cpu:10,.0f} logs/CPU-s {wall:7.2f} s {cpu:7.2f} CPU-s"
        f" {peak:6.0f} MB {calls:7.0f} calls of eth_getLogs"
    )
    return logs / wall, logs / cpu


if __name__ == "__main__":
    main()
