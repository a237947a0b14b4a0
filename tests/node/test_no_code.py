"""An address without code: the run ends before anything is indexed, with the line of configuration to look at."""

import pytest

from tests.node.drive import lay_out, monitor_now

pytestmark = pytest.mark.node


def test_a_configured_contract_that_is_not_there(played_world, tmp_path):
    world = played_world.world
    place = lay_out(tmp_path, world, played_world.url)
    text = place.config.read_text(encoding="utf-8")
    wrong = "0x" + "12" * 20
    place.config.write_text(text.replace(world.deployments["spheron"].contracts["bid"], wrong), encoding="utf-8")
    done = monitor_now(place, "backfill")
    assert done.code == 2, done.err
    assert f"monitor: error: local: there is no code at {wrong}, the bid contract of spheron" in done.err
    assert "hint: check markets.spheron.deployments.local" in done.err
    assert "Traceback" not in done.err
