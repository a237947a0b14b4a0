"""`monitor prune`: nothing that is shown changes, what a removed market brought goes, and comes back with it."""

import re
from pathlib import Path

import pytest

from monitor.ledger.reader import Reader

pytestmark = pytest.mark.node


def exported(place, name: str) -> dict[str, bytes]:
    folder = place.folder / name
    done = place.run("export", str(folder))
    assert done.code == 0, done.err
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def held(place) -> tuple[int, int, int]:
    with Reader(place.folder / "monitor.db") as reader:
        logs, native = reader.row_counts()
        return logs, native, len(reader.coverage(31337))


def without(config: Path, market: str) -> None:
    """Take a market out of a configuration."""
    text = config.read_text(encoding="utf-8")
    config.write_text(re.sub(rf"^\[markets\.{market}\b[^\[]*", "", text, flags=re.MULTILINE), encoding="utf-8")


def test_prune_of_what_is_all_needed_takes_nothing(own_ledger):
    before, rows = exported(own_ledger, "before"), held(own_ledger)
    done = own_ledger.run("prune")
    assert (done.code, done.err.split(",")[0]) == (0, "forgot 0 logs")
    assert held(own_ledger) == rows
    assert exported(own_ledger, "after") == before


def test_prune_forgets_a_removed_market_and_what_its_wallets_moved(own_ledger):
    config, whole = own_ledger.folder / "config.toml", exported(own_ledger, "whole")
    text = config.read_text(encoding="utf-8")
    without(config, "reference")
    before, rows = exported(own_ledger, "before"), held(own_ledger)
    done = own_ledger.run("prune")
    assert done.code == 0, done.err
    assert exported(own_ledger, "after") == before, "what is shown does not change"
    assert all(now < then for now, then in zip(held(own_ledger), rows, strict=True)), "logs, native value, coverage"
    config.write_text(text, encoding="utf-8")
    assert own_ledger.run("backfill", "--quiet").code == 0
    assert exported(own_ledger, "again") == whole


@pytest.mark.parametrize("name", ["nosuch", "999"])
def test_a_chain_that_nobody_knows_is_refused(name, own_ledger):
    before = held(own_ledger)
    done = own_ledger.run("prune", "--chain", name, "--above", "0")
    assert (done.code, held(own_ledger)) == (2, before)
    assert f"there is no chain '{name}'" in done.err
