"""A fake node and a client for it, without long waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from monitor.chain import endpoint, logs, rpc
from monitor.chain.rpc import RpcClient
from monitor.config.spec import ChainConfig, EndpointConfig
from monitor.sync import choice
from tests.chain.fake import CHAIN_ID, FakeChain, FakeNode

CONTRACT = b"\xc1" * 20
OTHER = b"\xc2" * 20
TOKEN = b"\x70" * 20
TOPIC = b"\x01" * 32


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(endpoint, "_MAX_PAUSE", 0.01)
    monkeypatch.setattr(rpc, "_FIRST_DELAY", 0.001)
    monkeypatch.setattr(rpc, "_MAX_DELAY", 0.01)
    monkeypatch.setattr(endpoint, "_PAUSE_WHEN_LIMITED", 0.01)
    monkeypatch.setattr(endpoint, "_BENCH_SECONDS", 0.02)
    monkeypatch.setattr(endpoint, "_MAX_BENCH", 0.2)
    monkeypatch.setattr(endpoint, "_BENCH_ALONE", 0.001)
    monkeypatch.setattr(endpoint, "_HEAD_FRESH", 0.02)
    monkeypatch.setattr(choice, "NEAR_SECONDS", 0.02)
    monkeypatch.setattr(logs, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(logs, "_MAX_PAUSE", 0.01)


@pytest.fixture(scope="session")
def chain() -> FakeChain:
    """1,000 blocks, 20 logs each: 15 of one contract, 5 of another. Never changed by a test."""
    found = FakeChain()
    for number in range(1000):
        found.mine(*[(CONTRACT if place < 15 else OTHER, [TOPIC], bytes([number % 256, place])) for place in range(20)])
    found.final = 1000
    return found


@pytest.fixture
async def node(chain: FakeChain) -> AsyncIterator[FakeNode]:
    async with FakeNode(chain).running() as running:
        yield running


@asynccontextmanager
async def client(*nodes: FakeNode | str, **options: Any) -> AsyncIterator[RpcClient]:
    async with RpcClient("local", CHAIN_ID, endpoints(*nodes), **{"timeout_seconds": 5.0, **options}) as rpc_client:
        yield rpc_client


def endpoints(*nodes: FakeNode | str) -> list[EndpointConfig]:
    return [EndpointConfig.model_validate({"url": item if isinstance(item, str) else item.url}) for item in nodes]


def config(*nodes: FakeNode, **options: Any) -> ChainConfig:
    values: dict[str, Any] = {"id": CHAIN_ID, "rpc": [item.url for item in nodes], **options}
    return ChainConfig(**values)
