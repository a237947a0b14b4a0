"""Work on big answers beside the event loop, which goes on taking bytes in meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["aside"]

BIG = 2**18
"""Bytes from which on a thread is worth its switches: about a millisecond of work."""

_READER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="answers")
"""One: more would take turns, since much of the work holds the interpreter's lock."""

T = TypeVar("T")


async def aside(size: int, work: Callable[[], T]) -> T:
    """Do `work` that reads `size` bytes, on a thread when they are many."""
    return await asyncio.get_running_loop().run_in_executor(_READER, work) if size > BIG else work()
