"""Make one attempt: write, resolve, POST, and read as little of the answer as tells what it means."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal, Protocol

import aiohttp
import msgspec

from monitor.alerts.dialects import Request, request
from monitor.alerts.payload import clean
from monitor.alerts.ssrf import Resolve, pinned_connector, resolve_target, system_resolve
from monitor.config.spec import SinkConfig
from monitor.errors import ConfigError, DeliveryError

__all__ = ["MAX_RETRY_AFTER", "Outcome", "Post", "post", "retry_after"]

MAX_RETRY_AFTER = 86_400
"""Seconds; a receiver cannot put an alert off for longer than the schedule's longest pause."""
_SNIPPET_BYTES = 512
_SLOW = frozenset({429, 502, 504})
_GONE = 410


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt.

    `delivered` 2xx; `gone` 410, the receiver wants no more; `slow` 429, 502 or 504, everything to it must slow down;
    `failed` all else: 3xx, other answers, no answer, a refused address, an unreadable secret. `status` is None without
    an answer; `retry_after` are the seconds the receiver asked for, None when it did not.
    """

    kind: Literal["delivered", "gone", "slow", "failed"]
    status: int | None = None
    error: str = ""
    retry_after: int | None = None


class Post(Protocol):
    """One attempt; never raises for what a receiver, the network or the configuration does."""

    async def __call__(self, sink: SinkConfig, alert_id: str, body: bytes, at: int) -> Outcome:
        """Send `body` to `sink` as `alert_id`, signed at wall-clock second `at`."""


async def post(sink: SinkConfig, alert_id: str, body: bytes, at: int, *, resolve: Resolve = system_resolve) -> Outcome:
    """Send `body` to `sink` as `alert_id` at wall-clock second `at`, in the sink's dialect, all within its timeout."""
    try:
        return await _within(sink, request(sink, alert_id, body, at), at, resolve)
    except TimeoutError:
        return Outcome(kind="failed", error=f"no answer within {sink.timeout_seconds:g} s")
    except (ConfigError, DeliveryError) as error:
        return Outcome(kind="failed", error=clean(error.message))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Outcome(kind="failed", error=_describe(error))


async def _within(sink: SinkConfig, made: Request, at: int, resolve: Resolve) -> Outcome:
    async with asyncio.timeout(sink.timeout_seconds):
        target = await resolve_target(sink.url.reveal(), local=sink.local, resolve=resolve)
        async with (
            aiohttp.ClientSession(
                connector=pinned_connector(target),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            ) as session,
            session.post(
                target.url,
                data=made.body,
                headers=made.headers | {"content-type": "application/json", "user-agent": "compute-market-monitor"},
                allow_redirects=False,
            ) as response,
        ):
            return await _judge(response, at)


async def _judge(response: aiohttp.ClientResponse, at: int) -> Outcome:
    status = response.status
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110, successful
        return Outcome(kind="delivered", status=status)
    wait = retry_after(response.headers.get("retry-after", ""), at)
    if status == _GONE:
        return Outcome(kind="gone", status=status, error="410: the receiver wants no more alerts")
    if 300 <= status < 400:  # noqa: PLR2004 - RFC 9110, redirection
        return Outcome(kind="failed", status=status, error=f"{status}: redirects are not followed", retry_after=wait)
    said = b""
    with contextlib.suppress(aiohttp.ClientError, OSError):
        said = await response.content.read(_SNIPPET_BYTES)
    error = clean(f"{status}: {said.decode(errors='replace')}".rstrip(": "))
    return Outcome(kind="slow" if status in _SLOW else "failed", status=status, error=error, retry_after=wait)


def retry_after(text: str, at: int) -> int | None:
    """Read a `retry-after` header, seconds or an HTTP date, as seconds from `at`: 0 to `MAX_RETRY_AFTER`, else None."""
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(int(text), MAX_RETRY_AFTER)
    if len(text) > 40:  # noqa: PLR2004 - an HTTP date has 29 characters
        return None
    try:
        moment = parsedate_to_datetime(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - at
    except (ValueError, OverflowError):
        return None
    return min(max(int(seconds), 0), MAX_RETRY_AFTER)


def _describe(error: Exception) -> str:
    """Name a failure without the URL, which may hold a key: aiohttp and yarl repeat it in their messages."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "its certificate is not accepted"
        case aiohttp.ClientConnectorError():
            return clean(f"cannot connect: {os.strerror(error.errno or 0)}")
        case aiohttp.ServerDisconnectedError():
            return "it closed the connection without an answer"
        case OSError():
            return clean(f"{type(error).__name__} {error.strerror or ''}".rstrip())
        case _:
            return type(error).__name__
