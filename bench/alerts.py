"""From block to webhook: how long after a block was mined its alert arrives, at one block per second.

`python bench/alerts.py [blocks]`, by default 90. On a local node (anvil, which `contracts/node_modules` brings) with
the demo's world a daemon runs as its own process and hears of new heads by WebSocket; then every second a block brings
some transfers and one lease of a new wallet, worth one alert. Every other wallet stands on a list, which the lease
alone tells; the rest got their money from a listed wallet days before, which their transfers tell once they are read.
Then a quiet chain is followed at one and at four blocks per second. Processor time is read from /proc: Linux only.

Beside the alerts stands how long one would take whose daemon looked only every five seconds, were everything else free.
It wants a quiet machine with two cores: the node, the receiver and the player of blocks run on the same ones.
Exits with 1 when the 99th percentile of all alerts takes two seconds or more, or one is missing or was taken back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from eth_utils.address import to_checksum_address

from monitor.alerts.receiver import Receiver
from monitor.alerts.signature import new_secret
from monitor.errors import LedgerError
from monitor.ledger.reader import Reader
from monitor.sim.anvil import Anvil
from monitor.sim.node import Node
from monitor.sim.player import mine_block, request
from monitor.sim.script import DAY, HOUR, Script, Step, encode
from monitor.sim.venues import MARKET, offer, rent
from monitor.sim.world import World, config_toml, play, write_script

SEED, WARM, LIMIT, EVERY = 7, 10, 2.0, 5.0
PATIENCE = 10.0
"""Seconds after the last block in which a late alert may still come."""
QUIET_SECONDS = 15
USD = 10**6
LOOKBACK = 100_000
"""Blocks of native transfers before a first lease: all there are, at the end as well."""


class Measured(NamedTuple):
    """Seconds from each block to its alert, by what the alert hangs on; alerts taken back; processor per block."""

    listed: list[float]
    patterns: list[float]
    withdrawn: int
    busy: float
    quiet: dict[int, float]


def config(folder: Path, world: World, rpc: str, hook: str, listed: Sequence[bytes]) -> str:
    labels = [
        f'[[labels]]\naddress = "{to_checksum_address(each)}"\nlabel = "entry {number}"\nkind = "listed"\n'
        f'source = "a list"\ndate = "2026-01-06"\n'
        for number, each in enumerate(listed)
    ]
    sink = f'[alerts.sinks.bench]\nurl = "{hook}"\nsecrets = ["file:{folder / "secret"}"]\nlocal = true\n'
    chain = config_toml(msgspec.structs.replace(world, head=LOOKBACK), rpc.replace("http://", "ws://"))
    return f'[ledger]\npath = "{folder / "ledger.db"}"\n{chain}\n{sink}\n' + "\n".join(labels)


class Play:
    """Adds blocks to a played world."""

    def __init__(self, node: Node, start: int, count: int) -> None:
        self.node = node
        self.start = start
        self.stage = write_script(seed=SEED).stage
        self.rich = Script(self.stage, seed=SEED, start=0, scale=1.0).wallet("exchange")
        people = Script(self.stage, seed=99, start=0, scale=1.0)
        self.renters = people.wallets("renter", count)
        self.sources = people.wallets("source", count)
        self.nonces: dict[bytes, int] = {}

    def is_listed(self, number: int) -> bool:
        """Whether a renter stands on the list; who gave money to the others does."""
        return number % 2 == 0

    def on_list(self) -> list[bytes]:
        return [(self.renters if self.is_listed(n) else self.sources)[n] for n in range(len(self.renters))]

    async def prepare(self) -> None:
        """Let a provider offer machines, and give the renters money for them."""
        count = await self.node.rpc("eth_getTransactionCount", f"0x{self.rich.hex()}", "latest")
        self.nonces[self.rich] = int(count, 16)
        script = self._script(self.start)
        host = script.wallet("host")
        script.call(self.start, host, MARKET, "registerProvider", "us-east", b"\5" * 32)
        self.machines = [
            offer(script, self.start, host, f"node {number}", "NVIDIA H100 80GB HBM3", 8, 1_600)
            for number in range(len(self.renters))
        ]
        for number, renter in enumerate(self.renters):
            script.fund(self.start, self.rich, renter if self.is_listed(number) else self.sources[number], usd=4_000)
        await self._mine(script.steps(), self.start)
        script = self._script(self.start + HOUR)
        for number, renter in enumerate(self.renters):
            if not self.is_listed(number):
                script.fund(self.start + HOUR, self.sources[number], renter, usd=3_000, ether=0.02)
        await self._mine(script.steps(), self.start + HOUR)

    async def block(self, number: int) -> None:
        """Mine a block: a lease of one more renter, and transfers between others."""
        at = self.start + 2 * HOUR + number
        script = self._script(at)
        for other in range(8):
            script.pay(at, self.rich, script.wallet(f"stranger {number} {other}"), USD)
        rent(script, at, self.machines[number], self.renters[number], 24, f"bench {number}")
        await self._mine(script.steps(), at)

    def _script(self, at: int) -> Script:
        return Script(self.stage, seed=99, start=at, scale=1.0)

    async def _mine(self, steps: list[Step], at: int) -> None:
        sent = [request(step.sender, step.to, encode(step, {}), self.nonces, value=step.value) for step in steps]
        await mine_block(self.node, at, sent, [step.function for step in steps])


async def at_head(path: Path, head: int) -> None:
    """Wait until the daemon has judged what there is."""
    while True:
        with contextlib.suppress(LedgerError), Reader(path) as reader:
            if any(chain.head == head for chain in reader.chains()) and reader.leads():
                return
        await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[int]:
    """Run the daemon; gives its process id."""
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor", "--config", str(folder / "config.toml"), "run",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield daemon.pid
    finally:
        daemon.send_signal(signal.SIGINT)
        await daemon.wait()


def processor(pid: int) -> float:
    """Seconds a process has kept the processor."""
    user, system = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def quiet(node: Node, pid: int, per_second: int) -> float:
    """Give the processor seconds per empty block."""
    before = processor(pid)
    blocks = QUIET_SECONDS * per_second
    for _ in range(blocks):
        begun = time.perf_counter()
        await node.rpc("evm_mine")
        await asyncio.sleep(max(0.0, begun + 1 / per_second - time.perf_counter()))
    return (processor(pid) - before) / blocks


async def measure(folder: Path, blocks: int) -> Measured:
    """Play the world, run the daemon on it, and add the blocks."""
    secret = new_secret(os.urandom(32))
    (folder / "secret").write_text(secret, encoding="utf-8")
    async with Anvil() as anvil, Receiver(secret) as receiver, Node(anvil.url) as node:
        world = await play(anvil.url, seed=SEED)
        show = Play(node, world.end + DAY, blocks)
        await show.prepare()
        text = config(folder, world, anvil.url, receiver.url, show.on_list())
        (folder / "config.toml").write_text(text, encoding="utf-8")
        arrived: dict[str, float] = {}
        listening = asyncio.create_task(listen(receiver, arrived))
        async with running(folder) as pid:
            async with asyncio.timeout(120):
                await at_head(folder / "ledger.db", int(await node.rpc("eth_blockNumber"), 16))
            before, mined = processor(pid), []
            for number in range(blocks):
                begun = time.perf_counter()
                await show.block(number)
                mined.append(time.perf_counter())
                await asyncio.sleep(max(0.0, begun + 1 - time.perf_counter()))
            busy = (processor(pid) - before) / blocks
            names = [to_checksum_address(renter) for renter in show.renters]
            await asyncio.sleep(PATIENCE)
            idle = {per_second: await quiet(node, pid, per_second) for per_second in (1, 4)}
        listening.cancel()
    late = [arrived.get(name, float("inf")) - at for name, at in zip(names, mined, strict=True)]
    kinds = [[late[n] for n in range(WARM, blocks) if show.is_listed(n) == listed] for listed in (True, False)]
    withdrawn = sum(message.payload["type"] == "lead.retracted" for message in receiver.messages)
    return Measured(kinds[0], kinds[1], withdrawn, busy, idle)


async def listen(receiver: Receiver, arrived: dict[str, float]) -> None:
    """Note when the first alert about each wallet arrived."""
    seen = 0
    while True:
        await receiver.wait(seen + 1, 3_600)
        for message in receiver.messages[seen:]:
            for wallet in message.payload["data"]["wallets"]["shown"]:
                arrived.setdefault(wallet.partition(":")[2], time.perf_counter())
            seen += 1


def quantiles(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    shown = ((f"p{share}", ordered[min(len(ordered) - 1, len(ordered) * share // 100)]) for share in (50, 90, 99))
    return ", ".join(f"{name} {value:.2f} s" for name, value in (*shown, ("most", ordered[-1])))


def main() -> int:
    """Measure and print."""
    blocks = int(sys.argv[1]) if len(sys.argv) > 1 else 90
    if blocks < WARM + 2:
        print(f"at least {WARM + 2} blocks are needed: the first {WARM} are not counted", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="alerts-") as folder:
        found = asyncio.run(measure(Path(folder), blocks))
    late = sorted([*found.listed, *found.patterns])
    p99 = late[min(len(late) - 1, len(late) * 99 // 100)]
    print(f"{len(late)} alerts, one block per second, from mined to received: {quantiles(late)}")
    for name, part in (("of a list match", found.listed), ("of patterns in transfers", found.patterns)):
        print(f"  {len(part)} {name}: {quantiles(part)}")
    print(f"a look every {EVERY:.0f} s alone would make p99 {EVERY * 0.99:.2f} s: ratio {EVERY * 0.99 / p99:.1f}")
    print(f"{found.withdrawn} alerts taken back")
    idle = ", ".join(f"{1000 * spent:.0f} ms at {rate} a second" for rate, spent in found.quiet.items())
    print(f"processor of the daemon per block: {1000 * found.busy:.0f} ms with a new wallet each; without news {idle}")
    return int(p99 >= LIMIT or found.withdrawn > 0)


if __name__ == "__main__":
    sys.exit(main())
