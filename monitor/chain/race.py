"""The same question at two endpoints: the first usable answer counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from monitor.chain.endpoint import Endpoint
from monitor.chain.fault import Fault

__all__ = ["Faults", "race"]

T = TypeVar("T")
Faults = list[tuple[Endpoint, Fault]]
"""Who failed and how, in the order in which it became known."""


async def race(
    ask: Callable[[Endpoint], Awaitable[T]],
    first: Endpoint,
    late: float,
    second: Callable[[], Endpoint | None],
) -> tuple[T, Endpoint] | Faults:
    """Ask `first`, and after `late` seconds what `second` gives; the other is cancelled when one has answered.

    Gives the answer and whose it is, or the faults of all that were asked. Each was taken (`Endpoint.take`) before.
    """
    tasks = {asyncio.ensure_future(ask(first)): first}
    faults: Faults = []
    try:
        done, _ = await asyncio.wait(tasks, timeout=late)
        if not done and (other := second()) is not None:
            tasks[asyncio.ensure_future(ask(other))] = other
        waiting = set(tasks)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                try:
                    return task.result(), tasks[task]
                except Fault as fault:
                    faults.append((tasks[task], fault))
        return faults
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for endpoint in tasks.values():
            endpoint.leave()
