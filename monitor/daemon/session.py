"""Open the ledger, run the engine, stop on a signal: what `monitor run` and `monitor backfill` share."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

from monitor.config import Config
from monitor.daemon.engine import Engine
from monitor.daemon.progress import Progress
from monitor.daemon.setup import Mode, Setup
from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from monitor.views.bundle import load_bundle

__all__ = ["run"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(config: Config, mode: Mode, *, quiet: bool = False) -> signal.Signals | None:
    """Run the daemon until its work is done or a signal stops it; the signal that did, None when the work is done.

    Raises what `Engine.run` raises, and LedgerLocked when another daemon writes the ledger.
    """
    # A loop that a signal leaves half made complains when it goes: what comes meanwhile waits until it is made.
    early: list[int] = []
    for name in _SIGNALS:
        signal.signal(name, lambda number, _: early.append(number))
    return asyncio.run(_run(config, mode, early, quiet=quiet))


def _serving(listen: str, ledger: Path) -> AbstractAsyncContextManager[None]:
    if not listen:
        return nullcontext()
    # A backfill listens nowhere and loads neither a web server nor Prometheus' client.
    from monitor.daemon.health import serving

    return serving(listen, ledger)


async def _run(config: Config, mode: Mode, early: Sequence[int], *, quiet: bool) -> signal.Signals | None:
    # An interrupt inside of polars, as it asks Python for a type, ends in a panic: what comes meanwhile waits too.
    bundle = load_bundle(config)
    for name in _SIGNALS:
        signal.signal(name, signal.default_int_handler)
    if early:
        raise KeyboardInterrupt
    names = {chain.id: name for name, chain in config.chains.items()}
    progress = Progress(names, None if quiet else sys.stderr)
    async with Writer(Path(config.ledger.path)) as writer:
        with Reader(Path(config.ledger.path)) as reader:
            engine = Engine(Setup(config, bundle, writer, reader, progress, mode))
            caught: list[signal.Signals] = []
            loop = asyncio.get_running_loop()

            def stop(name: signal.Signals) -> None:
                caught.append(name)
                engine.stop.set()

            for name in _SIGNALS:
                loop.add_signal_handler(name, stop, name)
            try:
                listen = "" if mode.until_head else config.health.listen
                with progress.saying(logging.getLogger("monitor")):
                    async with _serving(listen, Path(config.ledger.path)):
                        await engine.run()
            finally:
                for name in _SIGNALS:
                    loop.remove_signal_handler(name)
            return caught[0] if caught else None
