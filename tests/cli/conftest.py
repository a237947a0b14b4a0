"""A ledger of the whole played world, indexed once, and the command line run inside this process."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from monitor.cli.main import main
from monitor.sim.world import config_toml
from tests.anvil_fixture import anvil_session, played_world

__all__ = ["Done", "Place", "anvil_session", "ledger", "own_ledger", "played_world", "run"]


class Done(NamedTuple):
    """A finished command."""

    code: int
    out: str
    err: str

    def csv(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.out, newline="")))

    def json(self) -> Any:
        return json.loads(self.out)

    def ndjson(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def run(*argv: str, stdin: bytes = b"") -> Done:
    """Run the command line; `stdin` is what it can read."""
    raw = io.BytesIO()
    out, err = io.TextIOWrapper(raw, encoding="utf-8", newline=""), io.StringIO()
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    try:
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as stop:
            main(list(argv))
        out.flush()
    finally:
        sys.stdin = before
    assert isinstance(stop.value.code, int)
    return Done(stop.value.code, raw.getvalue().decode(), err.getvalue())


class Place(NamedTuple):
    """A folder with a configuration and the ledger it names."""

    folder: Path

    def run(self, *argv: str, stdin: bytes = b"") -> Done:
        ledger = ("--config", str(self.folder / "config.toml"), "--ledger", str(self.folder / "monitor.db"))
        return run(*ledger, *argv, stdin=stdin)

    def read(self, *argv: str) -> Done:
        """Run a command that only reads, once per place: the answer cannot change."""
        return _once(self, argv)


@cache
def _once(place: Place, argv: tuple[str, ...]) -> Done:
    return place.run(*argv)


@pytest.fixture(scope="session")
def ledger(played_world, tmp_path_factory):
    """Give a place to read, never to change."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "config.toml").write_text(config_toml(played_world.world, played_world.url), encoding="utf-8")
    place = Place(folder)
    done = place.run("backfill", "--quiet")
    assert (done.code, done.out) == (0, ""), done.err
    return place


@pytest.fixture
def own_ledger(ledger, tmp_path):
    """Give a copy to change."""
    shutil.copytree(ledger.folder, tmp_path / "own")
    return Place(tmp_path / "own")
