"""Work on big answers beside the event loop, which goes on taking bytes in meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

__all__ = ["aside"]

BIG = 2**18
"""Bytes from which on a thread is worth its switches: about a millisecond of work."""

T = TypeVar("T")


async def aside(size: int, work: Callable[[], T]) -> T:
    """Do `work` that reads `size` bytes, on a thread when they are many."""
    return await asyncio.to_thread(work) if size > BIG else work()
