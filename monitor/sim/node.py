"""JSON-RPC to a local development node: one keep-alive connection, every wait bounded."""

from __future__ import annotations

import io
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from monitor.errors import ChainUnreachable, NodeRefused

__all__ = ["Call", "Node"]

TIMEOUT_SECONDS = 30.0
_HINT = "is the local node still running? `make demo` starts its own"

Call = tuple[str, Sequence[Any]]
"""A method with its parameters."""


class Node:
    """An open connection to a development node; use it as an async context manager."""

    def __init__(self, url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def rpc(self, method: str, *params: Any) -> Any:
        """Call one method and return its result; raises ChainUnreachable or NodeRefused."""
        return (await self.batch([(method, params)]))[0]

    async def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Call several methods that only read in one request and return their results in order.

        The node may work on them at the same time, so what changes something is sent by `rpc`, one by one.

        Raises ChainUnreachable when nothing answers and NodeRefused with the first error the node reports.
        """
        body = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
            for number, (method, params) in enumerate(calls)
        ]
        answers = await self._post(msgspec.json.encode(body))
        if not isinstance(answers, list) or len(answers) != len(calls):
            message = f"{self.url} answered a batch of {len(calls)} calls with something else"
            raise NodeRefused(message, hint=_HINT)
        by_id = {answer.get("id"): answer for answer in answers}
        results = []
        for number, (method, _) in enumerate(calls):
            answer = by_id.get(number, {"error": {"message": "no answer"}})
            if "error" in answer:
                message = f"{method} was refused by {self.url}: {_reason(answer['error'])}"
                raise NodeRefused(message, hint="this needs a local anvil node")
            results.append(answer.get("result"))
        return results

    async def _post(self, body: bytes) -> Any:
        if self._session is None:
            message = f"the connection to {self.url} is not open"
            raise ChainUnreachable(message, hint="use `async with`")
        try:
            async with self._session.post(
                self.url, data=io.BytesIO(body), headers={"content-type": "application/json"}
            ) as response:
                return msgspec.json.decode(await response.read())
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
            message = f"{self.url} does not answer: {error or type(error).__name__}"
            raise ChainUnreachable(message, hint=_HINT) from error


def _reason(error: dict[str, Any]) -> str:
    """Give the node's words, or the selector of a contract's own error, which nodes show as garbage text."""
    data = error.get("data")
    if isinstance(data, str) and len(data) >= 10:
        return f"reverted with error {data[:10]}"
    return str(error.get("message"))[:300]
