"""The chain changes its mind while the daemon runs: what it holds afterwards is what a fresh reader finds."""

import random
import tempfile
from functools import partial
from pathlib import Path

import pytest

from monitor.alerts.receiver import Receiver
from monitor.config import load
from monitor.export import export as write_export
from monitor.ledger.reader import Reader
from monitor.sim.world import play
from monitor.views.bundle import load_bundle
from monitor.views.fromledger import snapshot
from tests.node.drive import SECRET, Daemon, at_head, export, lay_out, monitor, until

pytestmark = pytest.mark.node

KEPT_KEYS = ("from", "to", "input", "value", "gas")


async def other_history(anvil, depth, seed):
    """Give the transactions of the newest `depth` blocks, some of them lost and some moved to another block."""
    chance = random.Random(seed)
    head, _ = await anvil.head()
    blocks: list[list[dict[str, str]]] = [[] for _ in range(depth)]
    for place in range(depth):
        block = await anvil.rpc("eth_getBlockByNumber", [hex(head - depth + 1 + place), True])
        for item in block["transactions"]:
            if chance.random() < 0.3:
                continue
            later = min(depth - 1, place + (chance.random() < 0.3) * chance.randrange(depth))
            kept = {"data" if key == "input" else key: item[key] for key in KEPT_KEYS if item.get(key)}
            blocks[later].append(kept | {"gasPrice": "0x0"})
    return blocks


async def newest_hash(anvil):
    return (await anvil.rpc("eth_getBlockByNumber", ["latest", False]))["hash"]


def exports(place, expected, folder):
    """Whether an export beside the daemon gives the expected files now."""
    folder.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(dir=folder))
    config = load(str(place.config)).config
    with Reader(place.ledger) as reader:
        write_export(snapshot(reader, load_bundle(config), config), directory)
    return {path.name: path.read_bytes() for path in directory.iterdir()} == expected


async def fresh(anvil, world, folder):
    place = lay_out(folder, world, anvil.url, depth=2)
    done = await monitor(place, "backfill")
    assert done.code == 0, done.err
    return export(place)


async def follow_forks(anvil, folder, depths):
    """Let a daemon follow while the chain changes at each depth, and compare with a fresh ledger each time."""
    world = await play(anvil.url, scale=0.3)
    place = lay_out(folder / "live", world, anvil.url, depth=2)
    seen = set()
    async with Daemon(place) as daemon:
        for depth in depths:
            await until(partial(at_head, place, await newest_hash(anvil)), what=f"at head before {depth}")
            await anvil.reorg(depth, blocks=await other_history(anvil, depth, depth), extra=depth % 2)
            expected = await fresh(anvil, world, folder / f"fresh-{depth}")
            seen.add(expected["lease_events.csv"])
            same = partial(exports, place, expected, folder / f"live-{depth}")
            await until(same, every=0.5, what=f"as a fresh ledger after a fork of depth {depth}: {daemon.err[-500:]}")
        assert await daemon.stop() == 130
        assert daemon.err.count("the chain changed after block") >= len(depths)
    # A shallow fork may hold no lease: most must have changed what is known, or the comparison would be of nothing.
    assert len(seen) > len(depths) // 2
    assert export(place) == expected


async def test_forks_leave_what_a_fresh_ledger_finds(anvil, tmp_path):
    await follow_forks(anvil, tmp_path, (1, 6, 20))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("depths", [tuple(range(1, 11)), tuple(range(20, 10, -1))], ids=["rising", "falling"])
async def test_forks_of_every_depth(depths, anvil, tmp_path):
    await follow_forks(anvil, tmp_path, depths)


async def test_a_lead_whose_evidence_vanishes_is_taken_back(anvil, tmp_path):
    world = await play(anvil.url)
    async with Receiver(SECRET) as receiver:
        place = lay_out(tmp_path / "live", world, anvil.url, sink=receiver.url)
        async with Daemon(place) as daemon:
            assert await receiver.wait(1, 40), daemon.err
            await until(lambda: len(leads(place)) == 4 and receiver.messages, what="four leads")
            assert await receiver.wait(4, 20)
            opened = {message.payload["data"]["lead_id"] for message in receiver.messages}
            # The newest 20 blocks hold what makes two owners who rotate their wallets stand out.
            await anvil.reorg(20, extra=1)
            assert await receiver.wait(6, 40), daemon.err
            assert await daemon.stop() == 130
        kinds = [message.payload["type"] for message in receiver.messages]
        assert kinds == ["lead.opened"] * 4 + ["lead.retracted"] * 2
        gone = {message.payload["data"]["lead_id"] for message in receiver.messages[4:]}
    assert gone < opened
    assert "Withdrawn" in receiver.messages[-1].payload["data"]["summary"]
    states = {lead.lead_id: lead.state for lead in leads(place)}
    assert {lead_id for lead_id, state in states.items() if state == "retracted"} == gone
    files = export(place)
    _, *rows = files["leads.csv"].decode().splitlines()
    for row in rows:
        assert (",retracted," in row) == (row.split(",")[0] in gone)
    shown = await monitor(place, "leads", "list", "--format", "csv")
    assert not any(lead_id in shown.out for lead_id in gone)
    assert all(lead_id in shown.out for lead_id in opened - gone)


def leads(place):
    with Reader(place.ledger) as reader:
        return reader.leads()
