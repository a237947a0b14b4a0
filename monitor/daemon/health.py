"""`/healthz`, `/readyz` and `/metrics` over HTTP, for whatever watches the daemon; only reads the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from monitor.errors import ConfigError
from monitor.ledger.reader import Reader
from monitor.views.metrics import metrics, unready

__all__ = ["serving"]

_METRICS = {"content-type": "text/plain; version=0.0.4; charset=utf-8"}


@asynccontextmanager
async def serving(listen: str, ledger: Path) -> AsyncIterator[None]:
    """Serve on `host:port` while the context lasts; raises ConfigError when that is taken."""
    # A reader of its own: a judgement that holds the daemon's for seconds keeps nobody waiting here.
    with Reader(ledger) as reader:
        runner = web.AppRunner(_app(reader), access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await _listen(runner, listen)
            yield
        finally:
            await runner.cleanup()


async def _listen(runner: web.AppRunner, listen: str) -> None:
    host, _, port = listen.rpartition(":")
    try:
        await web.TCPSite(runner, host.strip("[]"), int(port)).start()
    except (OSError, OverflowError) as error:
        message = f"health.listen {listen} cannot be used: {getattr(error, 'strerror', None) or error}"
        raise ConfigError(message, hint="another program has it, perhaps a second daemon: name another port") from error


def _app(reader: Reader) -> web.Application:
    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        status = await asyncio.to_thread(reader.status)
        lacking = unready(status)
        return web.Response(text="\n".join(lacking or ["ready"]) + "\n", status=503 if lacking else 200)

    async def prometheus(_: web.Request) -> web.Response:
        status = await asyncio.to_thread(reader.status)
        return web.Response(body=metrics(status), headers=_METRICS)

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", prometheus)
    return app
