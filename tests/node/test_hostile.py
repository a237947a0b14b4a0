"""Words that attack the reader: kept to the byte in the ledger, harmless on every surface."""

import csv
import io
import json
import re
import sqlite3
import unicodedata

import pytest

from monitor.alerts.receiver import Receiver
from monitor.cli.commands.dash import LedgerSource
from monitor.config import load
from monitor.dash.app import MonitorApp
from monitor.sim.actors.edges import HOSTILE, LONG_TEXT_BYTES
from monitor.sim.node import Node
from monitor.views.bundle import load_bundle
from tests.node.drive import SECRET, lay_out, monitor, monitor_now

pytestmark = pytest.mark.node

HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
NUMBER = re.compile(r"-?\d+(\.\d+)?")
CELL_LIMIT = 32_767


def hidden(text, allowed="\n"):
    return {char for char in text if unicodedata.category(char) in HIDDEN and char not in allowed}


def cells(text):
    csv.field_size_limit(10**7)
    return [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]


def words(value):
    if isinstance(value, dict):
        return [word for item in value.items() for part in item for word in words(part)]
    if isinstance(value, list):
        return [word for item in value for word in words(item)]
    return [value] if isinstance(value, str) else []


def formulas(found):
    return [cell[:60] for cell in found if cell[:1] in set("=+-@\t\r") and cell[:1] and not NUMBER.fullmatch(cell)]


async def test_the_ledger_holds_what_the_node_holds(undisturbed, played_world):
    connection = sqlite3.connect(undisturbed.place.ledger)
    held = connection.execute("SELECT block_number, log_index, address, topics, data FROM logs").fetchall()
    connection.close()
    kept = {(number, index): (address, topics, data) for number, index, address, topics, data in held}
    compared = 0
    async with Node(played_world.url) as node:
        for deployment in played_world.world.deployments.values():
            for address in deployment.contracts.values():
                logs = await node.rpc("eth_getLogs", {"address": address, "fromBlock": "0x0", "toBlock": "latest"})
                for log in logs:
                    place = (int(log["blockNumber"], 16), int(log["logIndex"], 16))
                    topics = bytes.fromhex("".join(topic[2:] for topic in log["topics"]))
                    data = bytes.fromhex(log["data"][2:])
                    assert kept[place] == (bytes.fromhex(address[2:]), topics, data), place
                    compared += 1
    assert compared > 1_000
    everything = [data for _, _, data in kept.values()]
    for name, text in HOSTILE.items():
        raw = text if isinstance(text, bytes) else text.encode()
        assert any(raw in data for data in everything), name
    assert any(b"A" * LONG_TEXT_BYTES in data for data in everything)


@pytest.mark.parametrize("name", ["leases", "events", "wallets", "markets"])
def test_lists_are_harmless_in_every_format(name, undisturbed):
    command = (name, "list") if name == "markets" else (name,)
    found = {fmt: monitor_now(undisturbed.place, *command, "--format", fmt) for fmt in ("table", "csv", "json")}
    assert {done.code for done in found.values()} == {0}
    assert hidden(found["table"].out) == set()
    assert hidden(found["csv"].out, "\t\r\n") == set()
    assert formulas(cells(found["csv"].out)) == []
    assert found["json"].out.isascii()
    assert hidden(found["json"].out) == set()
    assert json.loads(found["json"].out)


def test_json_keeps_the_hostile_words_whole(undisturbed):
    rows = json.loads(monitor_now(undisturbed.place, "leases", "--format", "json").out)
    said = "\n".join(words(rows))
    valid = {name: text for name, text in HOSTILE.items() if isinstance(text, str)}
    assert len(valid) == len(HOSTILE) - 1
    for name, text in valid.items():
        assert text in said, name


def test_the_export_is_harmless_for_spreadsheets_and_terminals(undisturbed):
    attacked = 0
    for name, data in undisturbed.files.items():
        text = data.decode()
        assert hidden(text, "\t\r\n") == set(), name
        if name.endswith(".csv"):
            found = cells(text)
            assert formulas(found) == [], name
            assert max(map(len, found)) <= CELL_LIMIT, name
            attacked += sum(cell.startswith("'=") for cell in found)
    assert attacked > 0


async def test_alerts_are_harmless(played_world, tmp_path):
    async with Receiver(SECRET) as receiver:
        place = lay_out(tmp_path, played_world.world, played_world.url, sink=receiver.url)
        assert (await monitor(place, "run", "--once")).code == 0
        assert receiver.messages
    for message in receiver.messages:
        assert len(message.body) < 20_000
        assert hidden(message.body.decode()) == set()
        for word in words(message.payload):
            assert hidden(word) == set()
            assert formulas([word]) == []
    listed = monitor_now(place, "alerts", "list", "--format", "table")
    assert hidden(listed.out) == set()
    for lead_id in {message.payload["data"]["lead_id"] for message in receiver.messages}:
        shown = monitor_now(place, "leads", "show", lead_id)
        assert shown.code == 0
        assert hidden(shown.out) == set()


async def test_the_dashboard_draws_letters_only(undisturbed):
    config = load(str(undisturbed.place.config)).config
    app = MonitorApp(LedgerSource(config, load_bundle(config)))
    drawn = ""
    async with app.run_test(size=(260, 330)) as pilot:
        for _ in range(200):
            await pilot.pause(0.1)
            if app.world is not None:
                break
        for key in "1234567":
            await pilot.press(key)
            await pilot.pause()
            drawn += screen(app)
            await pilot.press("enter")
            await pilot.pause()
            drawn += screen(app)
            await pilot.press("escape")
        await pilot.press("3", "slash", *"owned", "enter")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        detail = screen(app)
        assert app.is_running
    assert hidden(drawn) == set()
    assert r"\x1b[2J\x1b]0;owned" in drawn
    assert r"\x1b[31mRTX 4090" in detail
    assert hidden(detail) == set()
    assert "[bold red]RTX 4090[/]" in drawn
    assert "<script>" in drawn
    assert r"RTX \u202e0904" in drawn


def screen(app):
    """Read what stands on the screen, and check that no style carries an action or a link of a stranger."""
    lines = []
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            meta = str(segment.style.meta if segment.style else "")
            assert "passwd" not in meta
            link = segment.style.link if segment.style else None
            assert link is None or link.startswith("https://")
        lines.append("".join(segment.text for segment in strip))
    return "\n".join(lines)
