"""One played world, and what an undisturbed backfill of it exports."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.anvil_fixture import anvil, anvil_session, played_world
from tests.node.drive import Place, export, lay_out, monitor_now

__all__ = ["anvil", "anvil_session", "played_world", "undisturbed"]


class Undisturbed(NamedTuple):
    place: Place
    files: dict[str, bytes]


@pytest.fixture(scope="session")
def undisturbed(played_world, tmp_path_factory):
    place = lay_out(tmp_path_factory.mktemp("undisturbed"), played_world.world, played_world.url)
    done = monitor_now(place, "backfill")
    assert done.code == 0, done.err
    return Undisturbed(place, export(place))
