"""`monitor` as a process that starts in a blink: forked from a server that has imported it, killed like any other."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.node.drive import Place

__all__ = ["Forked", "finished"]

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.fakenode.imported"])


class Forked:
    """One command; killed without mercy when the context ends. What it writes goes to one file, read as `err`."""

    def __init__(self, place: Place, *args: str) -> None:
        self.place = place
        self.stderr = place.folder / f"said-{args[0]}"
        self._process: BaseProcess = _SERVER.Process(target=_main, args=(self.stderr, place.config, args), daemon=True)

    async def __aenter__(self) -> Self:
        self.stderr.write_bytes(b"")
        await asyncio.to_thread(self._process.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        await self.ended(10)

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    @property
    def err(self) -> str:
        """What it said so far."""
        return self.stderr.read_text(encoding="utf-8")

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        if self.alive:
            self._process.kill()

    async def stop(self, seconds: float = 100) -> int | None:
        """End it as Ctrl-C does, and wait for that."""
        if self.alive and self._process.pid is not None:
            os.kill(self._process.pid, signal.SIGINT)
        return await self.ended(seconds)

    def limit_files(self, size: int) -> None:
        """Let every write beyond so many bytes of a file fail from now on, as on a disk that is full."""
        if self.alive and self._process.pid is not None:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, hard))

    async def ended(self, seconds: float) -> int | None:
        """Wait for its end; the exit code, negative for a signal, None when it goes on."""
        await asyncio.to_thread(self._process.join, seconds)
        return self._process.exitcode


async def finished(place: Place, *args: str, seconds: float = 200) -> tuple[int | None, str]:
    """Run a command to its end; its exit code and what it said."""
    async with Forked(place, *args) as process:
        code = await process.ended(seconds)
    return code, process.err


def _main(stderr: Path, config: Path, args: tuple[str, ...]) -> None:
    from monitor.cli.main import main

    file = os.open(stderr, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    main(["--config", str(config), *args])
