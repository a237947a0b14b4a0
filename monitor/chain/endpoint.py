"""One endpoint: a bounded POST, what became of it, and whether it deserves the next request."""

from __future__ import annotations

import logging
import re
from typing import Literal, NamedTuple

import aiohttp
import msgspec

from monitor.chain.wire import Envelope
from monitor.config.spec import Secret
from monitor.model.nesting import too_deep

__all__ = ["MAX_BODY", "Endpoint", "EndpointState", "Fault", "Health"]

MAX_BODY = 128 * 2**20
"""Bytes of one answer, decompressed: some providers' own limit is 150 MB; what is longer is asked for in parts."""

_CHUNK = 2**18
_OK, _TOO_LARGE, _TOO_MANY = 200, 413, 429
_TIMEOUTS = frozenset({408, 504, 524})
_MAX_PAUSE = 60.0
_MAX_RETRY_AFTER = 300.0
_FIRST_PAUSE = 0.25
_LOUD_AFTER = 3
"""Failures in a row before the log says so: one bad gateway is mended by the next try, and is noise."""
_TEXT_LIMIT = 200
_TEXT_READ = 10_000

Health = Literal["unknown", "ok", "failing", "wrong"]

log = logging.getLogger("monitor.chain")


class EndpointState(NamedTuple):
    """What can be shown of an endpoint: its masked URL, health, last error and the seconds its last answer took."""

    label: str
    health: Health
    error: str
    latency_seconds: float


class Fault(Exception):
    """One endpoint did not give a usable answer; another, or the same one later, may.

    `pause` is what the endpoint asked for, in seconds; `too_large` when a smaller question would mend it, `slow` when
    it might, since the answer did not come in time; `kind` is
    `down` (no answer), `lying` (an answer that cannot be), `refused` (a proper error, which says nothing about the
    endpoint's health) or `lagging` (it does not know the block yet).
    """

    def __init__(
        self,
        message: str,
        *,
        kind: Literal["down", "lying", "refused", "lagging"] = "down",
        pause: float = 0.0,
        too_large: bool = False,
        slow: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.pause = pause
        self.too_large = too_large
        self.slow = slow


class Endpoint:
    """An endpoint's memory: its health and when it may be asked again (event-loop seconds)."""

    def __init__(self, chain: str, secret: Secret) -> None:
        self.label = str(secret)
        self.verified = False
        self.batches = True
        self.available_at = 0.0
        self.health: Health = "unknown"
        self.error = ""
        self.latency = 0.0
        self._chain = chain
        self._secret = secret
        self._failures = 0

    @property
    def state(self) -> EndpointState:
        """What surfaces may show."""
        return EndpointState(self.label, self.health, self.error, self.latency)

    async def post(self, session: aiohttp.ClientSession, body: bytes, *, limit: int = MAX_BODY) -> list[Envelope]:
        """Send a request and read the responses; raises Fault. A lone response comes as a list of one."""
        try:
            async with session.post(self._secret.reveal(), data=body, allow_redirects=False) as response:
                if response.status == _TOO_MANY:
                    message = "HTTP 429, too many requests"
                    raise Fault(message, pause=_retry_after(response.headers.get("retry-after", "")))
                payload = await _read(response, limit)
                answers = _envelopes(payload)
                if answers is None or (response.status != _OK and not _explains(answers)):
                    pause = _retry_after(response.headers.get("retry-after", ""))
                    raise Fault(
                        _describe(response.status),
                        pause=pause,
                        too_large=response.status == _TOO_LARGE,
                        slow=response.status in _TIMEOUTS,
                    )
                return answers
        except TimeoutError as error:
            message = "no answer in time"
            raise Fault(message, slow=True) from error
        except aiohttp.InvalidURL as error:
            message = "not a valid URL"
            raise Fault(message) from error
        except (aiohttp.ClientError, OSError) as error:
            raise Fault(_words(error)) from error

    def masked(self, text: str) -> str:
        """Cut a stranger's text to one short printable line without the endpoint's URL or key."""
        text = text[:_TEXT_READ]
        url = self._secret.reveal()
        secrets = sorted({url, *re.split(r"[/?&=@:]", url)}, key=len, reverse=True)
        for secret in secrets:
            if len(secret) >= 16:  # noqa: PLR2004 - shorter parts are host names and paths, not keys
                text = text.replace(secret, "***")
        line = "".join(c if c.isprintable() else " " for c in text[: _TEXT_LIMIT + 1])
        return line if len(line) <= _TEXT_LIMIT else line[: _TEXT_LIMIT - 1] + "…"

    def failed(self, fault: Fault, now: float) -> None:
        """Note a failure, with its text made fit to show: back off, and log it once if it goes on."""
        fault.message = self.masked(fault.message)
        if fault.kind in {"lagging", "refused"} or fault.too_large:
            return
        self._failures += 1
        pause = min(_MAX_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures - 1, 10))
        self.available_at = now + max(pause, fault.pause)
        if fault.kind == "down":
            self.verified = False
        if self._failures == _LOUD_AFTER:
            log.warning("%s: endpoint %s is failing: %s", self._chain, self.label, fault.message)
        self.health, self.error = "failing", fault.message

    def answered(self, seconds: float) -> None:
        """Note a good answer, and log it if the failing was logged."""
        if self._failures >= _LOUD_AFTER:
            log.info("%s: endpoint %s answers again", self._chain, self.label)
        self.health, self.error, self.latency = "ok", "", seconds
        self._failures = 0
        self.available_at = 0.0


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(_CHUNK):
        size += len(part)
        if size > limit:
            message = f"an answer of more than {limit} bytes"
            raise Fault(message, too_large=True)
        parts.append(part)
    return b"".join(parts)


def _envelopes(payload: bytes) -> list[Envelope] | None:
    if too_deep(payload):
        return None
    try:
        if payload.lstrip()[:1] == b"[":
            return msgspec.json.decode(payload, type=list[Envelope])
        return [msgspec.json.decode(payload, type=Envelope)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _explains(answers: list[Envelope]) -> bool:
    # Some providers send a proper JSON-RPC error under HTTP 400 or 500.
    return any(answer.error is not None for answer in answers)


def _describe(status: int) -> str:
    return f"HTTP {status}" if status != _OK else "an answer that is not JSON-RPC"


def _words(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.strerror or type(error.os_error).__name__}"
    return f"{type(error).__name__}: {error}"


def _retry_after(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return min(_MAX_RETRY_AFTER, seconds) if seconds > 0 else 0.0
