"""One writes, others read: status, leads and lists beside a daemon at work."""

import asyncio
import re

import pytest

from monitor.errors import LedgerError
from monitor.ledger.reader import Reader
from tests.node.drive import Daemon, lay_out, monitor, until
from tests.node.gate import Gate

pytestmark = pytest.mark.node


async def test_others_read_while_the_daemon_writes(undisturbed, played_world, tmp_path):
    go_on = asyncio.Event()

    async def held(number: int) -> None:
        if number > 60:
            await go_on.wait()

    async with Gate(played_world.url) as gate:
        gate.on_request = held
        place = lay_out(tmp_path, played_world.world, gate.url, max_span=10, concurrency=1)
        async with Daemon(place) as daemon:
            await until(lambda: logs(place) > 0, what="the first rows")
            early = await shown(place)
            go_on.set()
            for _ in range(3):
                await shown(place)
            whole = undisturbed.files["leads.csv"].decode()
            await until(lambda: leads(place) == whole.count("\n") - 1, what="every lead")
            assert early < await shown(place)
            listed = await monitor(place, "leads", "list", "--all", "--format", "csv")
            assert sorted(listed.out.splitlines()) == sorted(whole.splitlines())
            assert daemon.process.poll() is None
            assert await daemon.stop() == 130


async def shown(place):
    """Ask for the status and the leads as others do; gives the logs that the status counts."""
    before = logs(place)
    status = await monitor(place, "status")
    assert (status.code, status.err) == (0, "")
    found = re.search(r"(\d+) logs, \d+ native", status.out)
    assert found, status.out
    assert before <= int(found[1]) <= logs(place)
    listed = await monitor(place, "leads", "list", "--format", "csv")
    assert (listed.code, listed.err) == (0, "")
    assert listed.out.startswith("lead_id,")
    return int(found[1])


def logs(place):
    try:
        with Reader(place.ledger) as reader:
            return sum(reader.status().logs.values())
    except LedgerError:
        # Not made yet.
        return 0


def leads(place):
    with Reader(place.ledger) as reader:
        return reader.status().leads
