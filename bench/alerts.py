"""From block to webhook: how long after a block is mined its alert arrives, at one block per second.

`python bench/alerts.py [blocks]`, by default 90. On a local node with the demo's world a daemon runs as its own
process; then every second a block brings some transfers and one lease of a wallet on a list, which is worth one alert.
Beside it stands how long an alert would take whose daemon looked only every five seconds, were everything else free.
Exits with 1 when the 99th percentile takes two seconds or more, or an alert is missing or was taken back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

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


def renters(count: int) -> list[bytes]:
    return Script(write_script(seed=SEED).stage, seed=99, start=0, scale=1.0).wallets("listed renter", count)


def config(folder: Path, world: World, rpc: str, hook: str, listed: list[bytes]) -> str:
    labels = [
        f'[[labels]]\naddress = "{to_checksum_address(each)}"\nlabel = "entry {number}"\nkind = "listed"\n'
        f'source = "a list"\ndate = "2026-01-06"\n'
        for number, each in enumerate(listed)
    ]
    sink = f'[alerts.sinks.bench]\nurl = "{hook}"\nsecrets = ["file:{folder / "secret"}"]\nlocal = true\n'
    return f'[ledger]\npath = "{folder / "ledger.db"}"\n{config_toml(world, rpc)}\n{sink}\n' + "\n".join(labels)


class Play:
    """Adds blocks to a played world."""

    def __init__(self, node: Node, start: int, count: int) -> None:
        self.node = node
        self.start = start
        self.stage = write_script(seed=SEED).stage
        self.rich = Script(self.stage, seed=SEED, start=0, scale=1.0).wallet("exchange")
        self.people = renters(count)
        self.nonces: dict[bytes, int] = {}

    async def prepare(self) -> None:
        """Let a provider offer machines, and give the renters money for them, in one block."""
        count = await self.node.rpc("eth_getTransactionCount", f"0x{self.rich.hex()}", "latest")
        self.nonces[self.rich] = int(count, 16)
        script = Script(self.stage, seed=99, start=self.start, scale=1.0)
        host = script.wallet("host")
        script.call(self.start, host, MARKET, "registerProvider", "us-east", b"\5" * 32)
        self.machines = [
            offer(script, self.start, host, f"node {number}", "NVIDIA H100 80GB HBM3", 8, 1_600)
            for number in range(len(self.people))
        ]
        for wallet in self.people:
            script.fund(self.start, self.rich, wallet, usd=2_000)
        await self._mine(script.steps(), self.start)

    async def block(self, number: int) -> None:
        """Mine a block: a lease of one more listed wallet, and transfers between others."""
        at = self.start + HOUR + number
        script = Script(self.stage, seed=99, start=at, scale=1.0)
        for other in range(8):
            script.pay(at, self.rich, script.wallet(f"stranger {number} {other}"), 10**6)
        rent(script, at, self.machines[number], self.people[number], 24, f"bench {number}")
        await self._mine(script.steps(), at)

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


async def measure(folder: Path, blocks: int) -> tuple[list[float], int]:
    """Give the seconds from each block to its alert, and how many alerts were taken back."""
    secret = new_secret(os.urandom(32))
    (folder / "secret").write_text(secret, encoding="utf-8")
    async with Anvil() as anvil, Receiver(secret) as receiver, Node(anvil.url) as node:
        world = await play(anvil.url, seed=SEED)
        show = Play(node, world.end + DAY, blocks)
        await show.prepare()
        (folder / "config.toml").write_text(
            config(folder, world, anvil.url, receiver.url, show.people), encoding="utf-8"
        )
        arrived: dict[str, float] = {}
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "monitor", "--config", str(folder / "config.toml"), "run",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        listening = asyncio.create_task(listen(receiver, arrived))
        try:
            async with asyncio.timeout(120):
                await at_head(folder / "ledger.db", int(await node.rpc("eth_blockNumber"), 16))
            mined = []
            for number in range(blocks):
                begun = time.perf_counter()
                await show.block(number)
                mined.append(time.perf_counter())
                await asyncio.sleep(max(0.0, begun + 1 - time.perf_counter()))
            await asyncio.sleep(10)
        finally:
            listening.cancel()
            daemon.send_signal(signal.SIGINT)
            await daemon.wait()
    wallets = [to_checksum_address(wallet) for wallet in show.people]
    late = [arrived.get(wallet, float("inf")) - at for wallet, at in zip(wallets, mined, strict=True)]
    return late[WARM:], sum(message.payload["type"] == "lead.retracted" for message in receiver.messages)


async def listen(receiver: Receiver, arrived: dict[str, float]) -> None:
    """Note when the first alert about each wallet arrived."""
    seen = 0
    while True:
        await receiver.wait(seen + 1, 3_600)
        for message in receiver.messages[seen:]:
            for wallet in message.payload["data"]["wallets"]["shown"]:
                arrived.setdefault(wallet.partition(":")[2], time.perf_counter())
            seen += 1


def percentile(sorted_seconds: list[float], percent: int) -> float:
    return sorted_seconds[min(len(sorted_seconds) - 1, len(sorted_seconds) * percent // 100)]


def main() -> int:
    """Measure and print."""
    blocks = int(sys.argv[1]) if len(sys.argv) > 1 else 90
    with tempfile.TemporaryDirectory(prefix="alerts-") as folder:
        found, withdrawn = asyncio.run(measure(Path(folder), blocks))
    late = sorted(found)
    p50, p99 = percentile(late, 50), percentile(late, 99)
    print(f"{len(late)} alerts, one block per second, from mined to received: p50 {p50:.2f} s, p99 {p99:.2f} s")
    polled = EVERY * 0.99
    print(f"a look every {EVERY:.0f} s alone would make p99 {polled:.2f} s: ratio {polled / p99:.1f}")
    print(f"{withdrawn} alerts taken back")
    return int(p99 >= LIMIT or withdrawn > 0)


if __name__ == "__main__":
    sys.exit(main())
