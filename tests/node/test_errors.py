"""What goes wrong outside: one line that says what, a hint that says what to do, the documented exit code."""

import re
import sqlite3

import pytest

from monitor.sim.world import play
from tests.node.drive import Daemon, lay_out, monitor, monitor_now, until

pytestmark = pytest.mark.node

BROKEN_MARKET = """\
[market]
id = "wrong"
title = "Wrong"
source = "nowhere"
verified = "2026-11-22"
paid_until = "fixed_end"
undeployed = ["market"]

[[event]]
role = "market"
decl = "Opened(uint256 indexed id"
verb = "lease.open"
key = "id"
"""


def complained(done, code, pattern):
    """Check that it failed with one line and a hint, and without a traceback."""
    assert done.code == code, done.err
    assert "Traceback" not in done.err
    lines = [line for line in done.err.splitlines() if line.startswith(("monitor: error: ", "hint: "))]
    assert len(lines) == 2, done.err
    assert lines[0].startswith("monitor: error: ")
    assert lines[1].startswith("hint: ")
    assert len(lines[1]) > len("hint: ")
    assert re.search(pattern, lines[0]), lines[0]
    assert done.out == ""


@pytest.fixture
def world(played_world):
    return played_world.world


def test_a_node_that_does_not_answer(world, tmp_path):
    place = lay_out(tmp_path, world, "http://127.0.0.1:9/")
    complained(monitor_now(place, "backfill"), 3, r"local.*127\.0\.0\.1:9")


def test_a_node_of_another_chain(world, played_world, tmp_path):
    place = lay_out(tmp_path, world, played_world.url, id=8453)
    complained(monitor_now(place, "backfill"), 3, r"8453.*31337|31337.*8453")


def test_an_empty_range(world, played_world, tmp_path):
    place = lay_out(tmp_path, world, played_world.url)
    complained(monitor_now(place, "backfill", "--from", "10", "--to", "9"), 2, "range is empty")


def test_a_ledger_that_cannot_be_written(world, played_world, tmp_path):
    place = lay_out(tmp_path, world, played_world.url)
    place.ledger.mkdir()
    complained(monitor_now(place, "backfill"), 1, r"monitor\.db")


def test_a_ledger_in_a_folder_that_is_not_there(world, played_world, tmp_path):
    place = lay_out(tmp_path, world, played_world.url)
    missing = tmp_path / "file" / "monitor.db"
    missing.parent.write_text("no folder")
    complained(monitor_now(place, "--ledger", str(missing), "backfill"), 1, r"file/monitor\.db")


def test_a_ledger_of_a_newer_version(world, played_world, tmp_path):
    place = lay_out(tmp_path, world, played_world.url)
    assert monitor_now(place, "backfill", "--to", "10").code == 0
    with sqlite3.connect(place.ledger) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    for command in ("backfill", "status"):
        complained(monitor_now(place, command), 5, "schema 99")


def test_a_file_that_is_no_ledger(world, played_world, tmp_path):
    place = lay_out(tmp_path, world, played_world.url)
    place.ledger.write_bytes(b"certainly no database, but longer than a header" * 100)
    complained(monitor_now(place, "status"), 1, "damaged or no SQLite file")


def test_doctor_reads_every_page_of_the_ledger(world, played_world, tmp_path):
    place = lay_out(tmp_path, world, played_world.url)
    assert monitor_now(place, "backfill").code == 0
    assert "all read and sound" in monitor_now(place, "doctor").out
    with sqlite3.connect(place.ledger) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'logs'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with place.ledger.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    found = monitor_now(place, "doctor")
    assert found.code == 1
    assert "damaged or no SQLite file" in found.out


def test_a_ledger_that_is_just_being_made(world, played_world, tmp_path):
    place = lay_out(tmp_path, world, played_world.url)
    place.ledger.touch()
    complained(monitor_now(place, "status"), 1, "nothing in the ledger")


async def test_a_second_daemon(world, played_world, tmp_path):
    place = lay_out(tmp_path, world, played_world.url)
    async with Daemon(place) as daemon:
        await until(lambda: monitor_now(place, "status").code == 0, what="a daemon that writes")
        complained(await monitor(place, "backfill"), 5, r"monitor\.db")
        assert daemon.process.poll() is None, daemon.err
        assert await daemon.stop() == 130


def test_a_broken_market_file_is_named_with_its_line(world, played_world, tmp_path):
    folder = tmp_path / "adapters" / "wrong"
    folder.mkdir(parents=True)
    (folder / "market.toml").write_text(BROKEN_MARKET)
    place = lay_out(tmp_path, world, played_world.url, head=f'market_path = ["{folder.parent}"]')
    complained(monitor_now(place, "backfill"), 2, r"wrong/market\.toml:11: ")
    assert not place.ledger.exists()


async def test_an_undecodable_log_is_put_aside_and_counted(anvil, tmp_path):
    world = await play(anvil.url, scale=0.1)
    before = lay_out(tmp_path / "before", world, anvil.url)
    assert (await monitor(before, "backfill")).code == 0
    market = world.deployments["reference"].contracts["market"]
    logs = await anvil.rpc("eth_getLogs", [{"address": market, "fromBlock": "0x0", "toBlock": "latest"}])
    signature = max(logs, key=lambda log: len(log["data"]))["topics"][0]
    # PUSH32 signature, PUSH1 3, PUSH1 0, LOG1: three bytes where the event has words, and no indexed fields.
    await anvil.rpc("anvil_setCode", [market, f"0x7f{signature[2:]}60036000a100"])
    await anvil.rpc("eth_sendTransaction", [{"from": market, "to": market, "gasPrice": "0x0"}])
    await anvil.mine()
    after = lay_out(tmp_path / "after", world, anvil.url)
    assert (await monitor(after, "backfill")).code == 0
    clean, status = await monitor(before, "status"), await monitor(after, "status")
    assert "0 logs in quarantine" in clean.out
    assert "1 logs in quarantine" in status.out
    shown = [await monitor(place, "events", "--format", "csv") for place in (before, after)]
    assert shown[0].out == shown[1].out
    assert shown[0].out.count("\n") > 100
