"""The same chain and configuration give the same bytes, and a changed byte is found."""

import random

import pytest

from monitor.ledger.reader import Reader
from tests.node.drive import export, lay_out, monitor_now

pytestmark = pytest.mark.node


def test_two_backfills_in_different_steps_export_the_same_bytes(undisturbed, played_world, tmp_path):
    place = lay_out(tmp_path, played_world.world, played_world.url, max_span=37, concurrency=3)
    assert monitor_now(place, "backfill", "--to", "200").code == 0
    with Reader(place.ledger) as reader:
        reached = {span.stop for spans in reader.coverage(played_world.world.chain_id).values() for span in spans}
    assert max(reached) == 201
    assert monitor_now(place, "backfill").code == 0
    files = export(place)
    assert files == undisturbed.files
    assert files == export(place)
    assert files["leads.csv"].count(b"\n") > 1


def test_verify_finds_a_changed_byte(undisturbed, tmp_path):
    for name, data in undisturbed.files.items():
        (tmp_path / name).write_bytes(data)
    assert monitor_now(undisturbed.place, "verify", str(tmp_path)).code == 0
    chance = random.Random(3)
    for name, data in undisturbed.files.items():
        if not name.endswith(".csv"):
            continue
        changed = bytearray(data)
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        (tmp_path / name).write_bytes(changed)
        done = monitor_now(undisturbed.place, "verify", str(tmp_path))
        assert done.code == 1, name
        assert name in done.out
        (tmp_path / name).write_bytes(data)
    assert monitor_now(undisturbed.place, "verify", str(tmp_path)).code == 0
