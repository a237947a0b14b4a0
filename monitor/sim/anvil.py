"""A local anvil node whose time, blocks and process belong to the caller."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from monitor.config.resources import bundled
from monitor.errors import ChainUnreachable, ToolMissing
from monitor.sim.node import Call, Node

__all__ = ["CHAIN_ID", "GENESIS", "Anvil", "find_anvil"]

CHAIN_ID = 31337
GENESIS = 1_767_571_200
"""2026-01-05 00:00:00 UTC: the time of block 0 unless the caller chooses another."""

START_SECONDS = 20.0
STOP_SECONDS = 5.0
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_LISTENING = re.compile(r"^Listening on .*:(\d+)\s*$", re.MULTILINE)


def find_anvil() -> Path:
    """Locate the anvil program: the platform package under `contracts/node_modules`, else the one on PATH.

    Raises ToolMissing when there is neither.
    """
    system = {"win32": "win32", "darwin": "darwin"}.get(sys.platform, "linux")
    machine = os.uname().machine if hasattr(os, "uname") else "x86_64"
    package = f"anvil-{system}-{_ARCHITECTURES.get(machine.lower(), machine)}"
    modules = bundled("contracts/artifacts").parent / "node_modules" / "@foundry-rs"
    program = modules / package / "bin" / ("anvil.exe" if system == "win32" else "anvil")
    if program.is_file():
        return program
    on_path = shutil.which("anvil")
    if on_path is not None:
        return Path(on_path)
    message = "the local node `anvil` is not installed"
    raise ToolMissing(message, hint="in a checkout run `make demo`, or `npm ci` in contracts/; or put anvil on PATH")


class Anvil:
    """A running anvil: mines only when told, at the time it is told, and stops when the context ends.

    Gas is free, every account may send without a signature, and transactions of a block keep the order of sending.
    `genesis` is the timestamp of block 0 in seconds, `hardfork` the rules of the chain as anvil names them. Without
    `history` it forgets the state of older blocks, which it else writes to disk whole, block by block: that takes half
    of its time, and gigabytes in a long world.
    """

    def __init__(
        self, *, chain_id: int = CHAIN_ID, genesis: int = GENESIS, hardfork: str = "cancun", history: bool = True
    ) -> None:
        self.chain_id = chain_id
        self.url = ""
        self._genesis = genesis
        self._hardfork = hardfork
        self._history = history
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._node: Node | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    @property
    def pid(self) -> int:
        """The process id of the running node, which is also its process group."""
        if self._process is None:
            message = "the local node is not running"
            raise ChainUnreachable(message, hint="use `async with Anvil()`")
        return self._process.pid

    async def rpc(self, method: str, params: Sequence[Any] = ()) -> Any:
        """Call one JSON-RPC method; raises NodeRefused with the node's own words."""
        return (await self.batch([(method, params)]))[0]

    async def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Call several methods that only read in one request."""
        if self._node is None:
            message = "the local node is not running"
            raise ChainUnreachable(message, hint="use `async with Anvil()`")
        return await self._node.batch(calls)

    async def mine(self, blocks: int = 1, *, timestamp: int | None = None) -> None:
        """Mine blocks one second apart; `timestamp` is the time of the first, else one second after the head."""
        _, newest = await self.head()
        first = newest + 1 if timestamp is None else timestamp
        for number in range(blocks):
            await self.rpc("evm_mine", [first + number])

    async def head(self) -> tuple[int, int]:
        """Tell the number and the timestamp of the newest block."""
        block = await self.rpc("eth_getBlockByNumber", ["latest", False])
        return int(block["number"], 16), int(block["timestamp"], 16)

    async def reorg(self, depth: int, *, blocks: Sequence[Sequence[dict[str, Any]]] = (), extra: int = 0) -> None:
        """Replace the newest `depth` blocks by as many others (and `extra` more), one second later each.

        `blocks` gives the transactions of the first of the new blocks; the others are empty. For some milliseconds an
        observer may see the shorter chain.
        """
        head, _ = await self.head()
        old = await self.batch(
            [("eth_getBlockByNumber", (hex(number), False)) for number in range(head - depth + 1, head + 1)]
        )
        times = [int(block["timestamp"], 16) + 1 for block in old]
        times += [times[-1] + 1 + number for number in range(extra)]
        await self.rpc("anvil_rollback", [depth])
        for number, timestamp in enumerate(times):
            for item in blocks[number] if number < len(blocks) else ():
                await self.rpc("eth_sendTransaction", [item])
            await self.rpc("evm_mine", [timestamp])

    async def _start(self) -> None:
        program = find_anvil()
        self._folder = tempfile.TemporaryDirectory(prefix="anvil-")
        log = Path(self._folder.name) / "log"
        self._process = self._spawn(program, log)
        self.url = f"http://127.0.0.1:{await self._port(log)}"
        self._node = await Node(self.url).__aenter__()
        await self._node.rpc("eth_chainId")

    def _spawn(self, program: Path, log: Path) -> subprocess.Popen[bytes]:
        # anvil reports its port on stdout and then a line per request: a file needs no reader, a pipe would fill up.
        with log.open("wb") as output:
            return subprocess.Popen(
                [*self._arguments(program), "--cache-path", str(log.parent)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                start_new_session=True,
            )

    def _arguments(self, program: Path) -> list[str]:
        options = {
            "--host": "127.0.0.1",
            "--port": "0",
            "--chain-id": str(self.chain_id),
            "--timestamp": str(self._genesis),
            "--accounts": "0",
            "--hardfork": self._hardfork,
            "--order": "fifo",
            "--base-fee": "0",
            "--gas-price": "0",
            "--gas-limit": "300000000",
        }
        flags = ["--no-mining", "--auto-impersonate", "--no-priority-fee", "--no-request-size-limit"]
        flags += [] if self._history else ["--prune-history"]
        return [str(program), *flags, *(part for pair in options.items() for part in pair)]

    async def _port(self, log: Path) -> int:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            text = _read(log)
            if found := _LISTENING.search(text):
                return int(found[1])
            if self._process is None or self._process.poll() is not None:
                last = (text.strip().splitlines() or ["no output"])[-1]
                message = f"anvil stopped while starting: {last}"
                raise ChainUnreachable(message, hint="run `npm ci` in contracts/ again")
            await asyncio.sleep(0.02)
        message = f"anvil did not listen within {START_SECONDS:.0f} s"
        raise ChainUnreachable(message, hint="the machine may be overloaded; try again")

    async def _stop(self) -> None:
        self._kill()
        node, self._node = self._node, None
        if node is not None:
            await node.__aexit__(None, None, None)

    def _kill(self) -> None:
        # No await before the process is gone: a cancelled task must not leave it running.
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(STOP_SECONDS)
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")
