"""What a program that watches the daemon is told, beside what `monitor status` says."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitor.ledger.reader import Reader
from monitor.views.metrics import metrics
from tests.fakenode import faults
from tests.fakenode.chain import Chain, dense
from tests.fakenode.forked import Forked, finished
from tests.fakenode.node import Node
from tests.fakenode.truth import assert_holds, lay_out
from tests.node.drive import at_head, until

DOC = Path(__file__).resolve().parents[2] / "docs/health.md"


@pytest.fixture
def chain() -> Chain:
    found = dense(blocks=60, logs=4)
    found.final = 40
    return found


@pytest.fixture
async def node(chain: Chain) -> AsyncIterator[Node]:
    async with Node(chain).running() as running:
        yield running


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def sampled(port: int) -> dict[tuple[str, ...], float]:
    """Read the metrics by name and label values."""
    status, text = await get(port, "/metrics")
    assert status == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_daemon_tells_how_it_does(node, chain, tmp_path):
    port = free_port()
    health = f'[health]\nlisten = "127.0.0.1:{port}"'
    place = lay_out(tmp_path, [node.url], chain="poll_seconds = 0.1\nmax_span = 20", tail=health)
    node.faults = [faults.range_cap(7, -32602, "block range too large"), faults.sometimes(0.2, faults.status(502), 1)]
    async with Forked(place, "run") as daemon:
        await until(lambda: at_head(place, chain.blocks[-1].hash) and follows(place, chain), what=daemon.err)
        chain.fork(3, [[], [], [], []])
        await until(lambda: at_head(place, chain.blocks[-1].hash), what=daemon.err)
        # Once more, so that what was counted since is written down with it.
        chain.mine()
        await until(lambda: follows(place, chain), what=daemon.err)
        assert await get(port, "/healthz") == (200, "ok\n")
        assert await get(port, "/readyz") == (200, "ready\n")
        found = await sampled(port)
        _, said = await finished(place, "status")
        node.faults = [faults.status(503)]
        await until(lambda: "failing" in reported(place).state, what=daemon.err)
        status, text = await get(port, "/readyz")
        assert (status, text.startswith("fake: failing: ")) == (503, True)
        assert (await sampled(port))["monitor_chain_following", "fake"] == 0
        assert await get(port, "/nothing") == (404, "404: Not Found")
        node.faults = []
        await until(lambda: reported(place).state == "following", what=daemon.err)
        assert await daemon.stop() == 130
        assert [daemon.err.count(words) for words in ("trying again", "works again")] == [1, 1]
    assert found["monitor_chain_head_block", "fake"] == found["monitor_chain_node_head_block", "fake"] == chain.head
    assert found["monitor_chain_lag_blocks", "fake"] == found["monitor_chain_blocks_to_read", "fake"] == 0
    assert found["monitor_chain_logs", "fake"] == 56 * 4
    assert (found["monitor_chain_reorgs_total", "fake"], found["monitor_chain_deepest_reorg_blocks", "fake"]) == (1, 3)
    assert found["monitor_chain_splits_total", "fake"] > 0
    assert found["monitor_rpc_calls_total", "fake", node.url] > 20
    assert found["monitor_rpc_errors_total", "fake", node.url, "down"] > 0
    assert found["monitor_rpc_latency_seconds", "fake", node.url] > 0
    assert found["monitor_alerts", "pending"] == 0
    assert found["monitor_ledger_wal_bytes",] > 0
    assert f"node at {chain.head}, 0 blocks to read" in said
    assert "1 reorgs (deepest 3 blocks)" in said
    assert "requests split" in said
    assert "calls, " in said
    assert "down" in said
    assert "write-ahead log" in said
    assert_holds(place, chain)


async def test_an_outage_is_said_once_when_it_starts_and_once_when_it_ends(node, chain, tmp_path):
    place = lay_out(tmp_path, [node.url], chain="poll_seconds = 0.1")
    async with Forked(place, "run") as daemon:
        await until(lambda: at_head(place, chain.blocks[-1].hash) and follows(place, chain), what=daemon.err)
        node.faults = [faults.status(503)]
        await until(lambda: "failing" in reported(place).state, what=daemon.err)
        with Reader(place.ledger) as reader:
            (endpoint,) = reader.status().endpoints
        assert endpoint.health == "failing"
        # It was given up once; it is tried again and again.
        asked = node.requests
        await until(lambda: node.requests > asked + 3, what=daemon.err)
        node.faults = []
        await until(lambda: follows(place, chain), what=daemon.err)
        assert await daemon.stop() == 130
    said = ("is failing", "answers again", "trying again", "works again", "the others")
    assert [daemon.err.count(words) for words in said] == [1, 1, 1, 1, 0]


def follows(place, chain):
    found = reported(place)
    return (found.node_head, found.state, found.to_read) == (chain.head, "following", 0)


def reported(place):
    with Reader(place.ledger) as reader:
        return reader.chains()[0]


async def test_every_metric_is_documented(node, tmp_path):
    place = lay_out(tmp_path, [node.url])
    assert (await finished(place, "backfill"))[0] == 0
    with Reader(place.ledger) as reader:
        text = metrics(reader.status()).decode()
    shown = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    listed = set(re.findall(r"^\| `(monitor_\w+)`", DOC.read_text(encoding="utf-8"), re.MULTILINE))
    assert shown <= listed
    # Nothing went wrong here, so that no error has a kind.
    assert listed - shown == {"monitor_rpc_errors_total"}


async def test_a_port_that_is_taken_is_said(node, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        code, said = await finished(lay_out(tmp_path, [node.url], tail=f'[health]\nlisten = "{listen}"'), "run")
    assert code == 2
    assert f"monitor: error: health.listen {listen} cannot be used" in said
    assert "hint: " in said


async def test_a_listen_that_is_none(node, tmp_path):
    code, said = await finished(lay_out(tmp_path, [node.url], tail='[health]\nlisten = "9464"'), "run")
    assert code == 2
    assert 'must be "host:port"' in said
