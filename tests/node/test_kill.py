"""SIGKILL at any moment: the ledger goes on where it was, asks for nothing twice, and ends at the same bytes."""

import asyncio
import random

import pytest

from monitor.alerts.receiver import Receiver
from monitor.errors import LedgerError
from monitor.ledger.reader import Reader
from monitor.sync.fragment import contract_fragment
from tests.node.drive import SECRET, Daemon, export, lay_out, monitor, until, without
from tests.node.gate import Gate

pytestmark = pytest.mark.node

WALL_CLOCK = ("first_at", "delivered_at")


async def killed_backfill(place, gate, moment, pause):
    """Start a backfill and kill it `pause` seconds after its request number `moment`; True when it came to an end."""
    before = gate.requests
    async with Daemon(place, "backfill") as daemon:

        async def count(number):
            if number - before == moment:
                asyncio.get_running_loop().call_later(pause, daemon.kill)

        gate.on_request = count
        code = await daemon.ended()
        gate.on_request = None
    assert code in {0, -9}, daemon.err
    return code == 0


async def kill_until_done(place, gate, seed, kills):
    chance = random.Random(seed)
    deaths = 0
    for _ in range(kills):
        deaths += not await killed_backfill(place, gate, chance.randrange(1, 60), chance.random() * 0.2)
    done = await monitor(place, "backfill")
    assert done.code == 0, done.err
    return deaths


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_killed_backfill_ends_at_the_same_export(seed, undisturbed, played_world, tmp_path):
    async with Gate(played_world.url) as gate:
        place = lay_out(tmp_path, played_world.world, gate.url, max_span=12, concurrency=2)
        deaths = await kill_until_done(place, gate, seed, 4)
    assert deaths >= 2
    assert export(place) == undisturbed.files


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 22))
async def test_a_backfill_killed_many_times_ends_at_the_same_export(seed, undisturbed, played_world, tmp_path):
    async with Gate(played_world.url) as gate:
        place = lay_out(tmp_path, played_world.world, gate.url, max_span=5, concurrency=3)
        deaths = await kill_until_done(place, gate, seed, 8)
    assert deaths >= 4
    assert export(place) == undisturbed.files


async def test_what_is_covered_is_not_asked_for_again(played_world, tmp_path):
    async with Gate(played_world.url) as gate:
        place = lay_out(tmp_path, played_world.world, gate.url, max_span=12, concurrency=2)
        assert not await killed_backfill(place, gate, 40, 0.05)
        with Reader(place.ledger) as reader:
            covered = reader.coverage(played_world.world.chain_id)
        assert sum(spans.total for spans in covered.values()) > 0
        gate.asked.clear()
        assert (await monitor(place, "backfill")).code == 0
        assert gate.asked
        twice = [
            (asked, key)
            for asked in gate.asked
            for key in keys(asked, covered)
            for span in covered[key]
            if span.start <= asked.last and asked.first < span.stop
        ]
        assert twice == []
        gate.asked.clear()
        assert (await monitor(place, "backfill")).code == 0
        assert gate.asked == []


def keys(asked, covered):
    """Name the fragments a filter asks for: contracts without topics, wallets with."""
    if asked.words:
        wallets = {word[-40:] for word in asked.words}
        return [key for key in covered if key.startswith("erc20:") and key[-40:] in wallets]
    addresses = {contract_fragment(bytes.fromhex(address[2:])).key for address in asked.addresses}
    return [key for key in covered if key in addresses]


def rows_of_alerts(files):
    header, *rows = files["alerts.csv"].decode().splitlines()
    names = header.split(",")
    kept = [place for place, name in enumerate(names) if name not in WALL_CLOCK]
    return [[row.split(",")[place] for place in kept] for row in rows]


async def alerted(place, receiver, kills):
    """Run the daemon, kill it each time when one message more has come, and let it finish."""
    for number in range(1, kills + 1):
        async with Daemon(place) as daemon:
            assert await receiver.wait(number, 40), daemon.err
            daemon.kill()
            assert await daemon.ended() == -9
    async with Daemon(place) as daemon:
        await until(lambda: all_delivered(place), what="every alert is delivered")
        assert await daemon.stop() == 130


def all_delivered(place):
    try:
        with Reader(place.ledger) as reader:
            states = [row.state for row in reader.outbox()]
    except LedgerError:
        # The daemon has not made it yet.
        return False
    return states and set(states) == {"delivered"}


async def test_every_alert_arrives_under_one_id_although_the_daemon_is_killed(played_world, tmp_path):
    async with Receiver(SECRET) as calm, Receiver(SECRET) as shaken:
        first = lay_out(tmp_path / "calm", played_world.world, played_world.url, sink=calm.url)
        second = lay_out(tmp_path / "shaken", played_world.world, played_world.url, sink=shaken.url)
        await alerted(first, calm, 0)
        await alerted(second, shaken, 3)
    told = {message.webhook_id: message.body for message in calm.messages}
    assert told
    assert {message.payload["type"] for message in calm.messages} == {"lead.opened"}
    assert {message.webhook_id: message.body for message in shaken.messages} == told
    assert (calm.duplicates, calm.refused, shaken.refused) == (0, 0, 0)
    files, others = export(first), export(second)
    assert rows_of_alerts(files) == rows_of_alerts(others)
    assert len(rows_of_alerts(files)) == len(told)
    assert without(others, "alerts.csv") == without(files, "alerts.csv")
