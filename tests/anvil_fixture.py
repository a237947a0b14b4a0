"""Fixtures that give a real local node; import the ones you need in your folder's conftest.

`anvil` is a fresh node per test. `played_world` is one node per session on which the whole demo world was played: read
it, never change it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import pytest

from monitor.sim.anvil import Anvil
from monitor.sim.world import World, play

__all__ = ["Played", "anvil", "anvil_session", "played_world"]


class Played(NamedTuple):
    url: str
    world: World


@pytest.fixture
async def anvil() -> AsyncIterator[Anvil]:
    async with Anvil() as node:
        yield node


@pytest.fixture(scope="session")
def anvil_session() -> Iterator[str]:
    """Give the URL of a node that lives as long as the session, whatever event loop a test runs in."""
    with asyncio.Runner() as runner:
        node = Anvil()
        runner.run(node.__aenter__())
        try:
            yield node.url
        finally:
            runner.run(node.__aexit__(None, None, None))


@pytest.fixture(scope="session")
def played_world(anvil_session: str) -> Played:
    with asyncio.Runner() as runner:
        return Played(anvil_session, runner.run(play(anvil_session)))
