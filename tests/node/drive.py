"""The command line as a stranger uses it: a folder with a config, commands as processes, every wait bounded."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from monitor.errors import LedgerError
from monitor.ledger.reader import Reader
from monitor.sim.world import World, config_toml

__all__ = [
    "SECRET",
    "Daemon",
    "Done",
    "Place",
    "at_head",
    "export",
    "lay_out",
    "monitor",
    "monitor_now",
    "until",
    "without",
]

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SECONDS = 150
_SINK = """
[alerts.sinks.team]
url = "{url}"
secrets = ["env:HOOK_SECRET"]
local = true
"""


class Place(NamedTuple):
    """A folder with a configuration and the ledger it names."""

    folder: Path
    config: Path
    ledger: Path


class Done(NamedTuple):
    """A finished command."""

    code: int
    out: str
    err: str


def lay_out(
    folder: Path,
    world: World,
    url: str,
    *,
    sink: str = "",
    head: str = "",
    tail: str = "",
    depth: int = 0,
    **chain: int,
) -> Place:
    """Write a configuration for a played world; keywords set keys of its `[chains.local]`.

    Counterparties are not followed unless `depth` says so: a daemon does that after its head is told.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ledger = folder / "monitor.db"
    text = config_toml(world, url, poll_seconds=0.1)
    for key, value in chain.items():
        kept = [line for line in text.splitlines() if not line.startswith(f"{key} = ")]
        text = "\n".join([kept[0], f"{key} = {value}", *kept[1:], ""])
    hook = _SINK.format(url=sink) if sink else ""
    config = folder / "config.toml"
    hops = f"[wallets]\ndepth = {depth}\n"
    config.write_text(f'{head}\n[ledger]\npath = "{ledger}"\n{hops}{text}{hook}{tail}', encoding="utf-8")
    return Place(folder, config, ledger)


def monitor_now(place: Place, *args: str, seconds: float = SECONDS) -> Done:
    """Run a command while nothing else of the test has to."""
    found = subprocess.run(_argv(place, args), env=_env(), capture_output=True, timeout=seconds, check=False)
    return Done(found.returncode, found.stdout.decode(), found.stderr.decode())


async def monitor(place: Place, *args: str, seconds: float = SECONDS) -> Done:
    """Run a command while the test's own servers go on."""
    return await asyncio.to_thread(monitor_now, place, *args, seconds=seconds)


def export(place: Place, *args: str) -> dict[str, bytes]:
    """Export into a new directory through the command line and read every file back."""
    directory = Path(tempfile.mkdtemp(prefix="export-", dir=place.folder))
    done = monitor_now(place, "export", str(directory), *args)
    assert done.code == 0, done.err
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


class Daemon:
    """`monitor run` (or another command that lasts) as a process: killed without mercy when the context ends."""

    def __init__(self, place: Place, *args: str) -> None:
        self.place = place
        self.args = args or ("run",)
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr = place.folder / f"stderr-{time.monotonic_ns()}"

    async def __aenter__(self) -> Self:
        self._process = self._spawn()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self.process.wait(10)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._stderr.open("wb") as stderr:
            return subprocess.Popen(
                _argv(self.place, self.args), env=_env(), stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def err(self) -> str:
        """What it said so far."""
        return self._stderr.read_text(encoding="utf-8")

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        if self.process.poll() is None:
            self.process.kill()

    async def ended(self, seconds: float = SECONDS) -> int:
        """Wait for its end; gives the exit code, negative for a signal."""
        return await asyncio.to_thread(self.process.wait, seconds)

    async def stop(self) -> int:
        """End it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        return await self.ended()


async def until(holds: Callable[[], Any], seconds: float = 120, *, every: float = 0.1, what: str = "") -> None:
    """Wait until something holds; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < end, f"still not after {seconds} s: {what or holds}"
        await asyncio.sleep(every)


def at_head(place: Place, block_hash: str) -> bool:
    """Whether there is a ledger and it stands at this block."""
    try:
        with Reader(place.ledger) as reader:
            return any(chain.head_hash == bytes.fromhex(block_hash[2:]) for chain in reader.chains())
    except LedgerError:
        return False


def without(files: dict[str, bytes], name: str) -> dict[str, Any]:
    """Leave one table out of an export, and out of its manifest."""
    manifest = msgspec.json.decode(files["manifest.json"])
    del manifest["files"][name]
    return {**{key: data for key, data in files.items() if key != name}, "manifest.json": manifest}


def _argv(place: Place, args: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "monitor", "--config", str(place.config), *args]


def _env() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MONITOR_")}
    return {**kept, "HOOK_SECRET": SECRET, "COLUMNS": "400", "PYTHONWARNINGS": "default"}
