"""What public endpoints refuse, cut or drop changes how often is asked, never what is exported."""

import pytest

from tests.node.drive import export, lay_out, monitor
from tests.node.gate import Gate, Limit

pytestmark = pytest.mark.node

LIMITS = {
    "block range": Limit("eth_getLogs is limited to a 17 range", -32614, blocks=17),
    "block range without a number": Limit("block range is too wide", -32000, blocks=29),
    "results": Limit("query returned more than 40 results", -32005, results=40),
    "response size": Limit("Log response size exceeded.", -32602, size=100_000),
    "all at once": Limit("query exceeds limits, reduce the range", -32005, blocks=50, results=60, size=60_000),
}
OFTEN = {"block range", "all at once"}
CASES = [name if name in OFTEN else pytest.param(name, marks=pytest.mark.slow) for name in LIMITS]


@pytest.mark.parametrize("name", CASES)
async def test_limits_of_providers_change_nothing(name, undisturbed, played_world, tmp_path):
    async with Gate(played_world.url, limit=LIMITS[name]) as gate:
        place = lay_out(tmp_path, played_world.world, gate.url)
        done = await monitor(place, "backfill")
    assert done.code == 0, done.err
    assert gate.refused > 0
    assert export(place) == undisturbed.files


async def test_bad_gateways_and_rate_limits_change_nothing(undisturbed, played_world, tmp_path):
    async with Gate(played_world.url, trouble=25) as gate:
        place = lay_out(tmp_path, played_world.world, gate.url, concurrency=2)
        done = await monitor(place, "backfill", seconds=120)
    assert done.code == 0, done.err
    assert gate.troubled >= 5
    assert export(place) == undisturbed.files
