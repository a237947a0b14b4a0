"""A small receiver on loopback, for the demo and the tests: verifies, remembers each message once, answers 204."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web
from standardwebhooks import WebhookVerificationError

from monitor.alerts.signature import webhook

__all__ = ["Message", "Receiver"]

MAX_BODY = 65_536
MAX_MESSAGES = 10_000


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A verified message: its `webhook-id`, the second it was signed, its parsed JSON and its exact bytes."""

    webhook_id: str
    timestamp: int
    payload: dict[str, Any]
    body: bytes


class Receiver:
    """Listens on a loopback port while the context lasts; raises ConfigError when `secret` is no webhook secret.

    `messages` holds each verified message once, in order of arrival; `duplicates` and `refused` count the rest.
    """

    def __init__(self, secret: str, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._webhook = webhook(secret)
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self._arrived = asyncio.Condition()
        self.url = ""
        self.messages: list[Message] = []
        self.duplicates = 0
        self.refused = 0
        self._seen: set[str] = set()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post("/", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait(self, count: int, seconds: float) -> bool:
        """Wait until `count` messages are there; return whether they came within `seconds`."""
        try:
            async with asyncio.timeout(seconds), self._arrived:
                await self._arrived.wait_for(lambda: len(self.messages) >= count)
        except TimeoutError:
            return False
        return True

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            self._webhook.verify(body, dict(request.headers), json_parse=False)
            payload = msgspec.json.decode(body, type=dict[str, Any])
        except (WebhookVerificationError, ValueError, RecursionError):
            # ValueError: the library unpacks and decodes the signature header before it looks at it.
            self.refused += 1
            return web.Response(status=400)
        webhook_id = request.headers["webhook-id"]
        if webhook_id in self._seen:
            self.duplicates += 1
            return web.Response(status=204)
        if len(self.messages) >= MAX_MESSAGES:
            return web.Response(status=507)
        self._seen.add(webhook_id)
        timestamp = int(request.headers["webhook-timestamp"])
        async with self._arrived:
            self.messages.append(Message(webhook_id=webhook_id, timestamp=timestamp, payload=payload, body=body))
            self._arrived.notify_all()
        return web.Response(status=204)
