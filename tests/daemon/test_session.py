"""A daemon that is stopped while it starts says so, and nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

START = """
import asyncio.selector_events, os, sys
from monitor.cli.main import main

number = int(sys.argv.pop(1))
made = asyncio.selector_events.BaseSelectorEventLoop._make_self_pipe

def struck(loop):
    os.kill(os.getpid(), number)
    made(loop)

asyncio.selector_events.BaseSelectorEventLoop._make_self_pipe = struck
main()
"""


LOADING = """
import os, sys
from monitor.cli.main import main
from monitor.daemon import session

number = int(sys.argv.pop(1))
load = session.load_bundle

def struck(config):
    os.kill(os.getpid(), number)
    bundle = load(config)
    print("loaded", file=sys.stderr)
    return bundle

session.load_bundle = struck
main()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("struck", [START, LOADING], ids=["loop", "adapters"])
def test_a_signal_while_the_daemon_starts_ends_like_any_other(struck, name, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        '[ledger]\npath = "ledger.db"\n[chains.local]\nenabled = true\nid = 31337\nrpc = ["http://127.0.0.1:9"]\n'
    )
    command = [sys.executable, "-c", struck, str(int(getattr(signal, name))), "--config", str(config), "run"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 130, done.stderr
    assert "interrupted" in done.stderr
    assert ("loaded" in done.stderr) == (struck is LOADING), "polars panics where an interrupt meets it inside"
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
