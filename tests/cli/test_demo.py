"""`make demo` without a terminal: finds what the truth says, tells when something differs, leaves nothing running."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.cli import demo
from monitor.errors import InputError
from monitor.sim.audit import compare

pytestmark = pytest.mark.node


def start(folder, **options):
    scratch = folder / "scratch"
    scratch.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "monitor", "demo", "--out", str(folder / "demo")],
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
        **options,
    )


def left(folder):
    """What still runs on behalf of `folder`, and what lies in its folder for temporary files."""
    lines = [line for path in Path("/proc").glob("[0-9]*/cmdline") if str(folder) in (line := _read(path))]
    return [*lines, *(folder / "scratch").iterdir()]


def test_demo_finds_the_leads_and_flags_nobody_else(tmp_path):
    with start(tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=290)
    assert process.returncode == 0, err
    assert "4 of 4 expected leads found; 0 of 12 benign actors flagged." in out
    assert "is what the chain holds (288 leases)" in out
    assert "4 signed webhook messages arrived and were verified" in err
    assert {path.name for path in (tmp_path / "demo" / "export").iterdir()} >= {
        "leases.csv",
        "leads.csv",
        "manifest.json",
    }
    assert left(tmp_path) == []


def test_a_demo_that_is_killed_takes_its_node_along(tmp_path):
    with start(tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        for line in process.stderr:
            if "a local EVM node at" in line:
                break
        assert any("anvil" in str(each) for each in left(tmp_path))
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert rest.endswith("monitor: error: interrupted\nhint: start again: it resumes where it stopped\n")
    assert left(tmp_path) == []


def _read(path: Path) -> str:
    try:
        return path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


async def test_demo_fails_when_the_export_differs_from_the_chain(tmp_path, monkeypatch, capsys):
    def more(chain, leases):
        return [*compare(chain, leases), "reference lease 1: settled 1 exported, 2 on chain"]

    monkeypatch.setattr("monitor.cli.demo.compare", more)
    assert await demo.run_demo(tmp_path / "demo", 7) == 1
    assert "monitor: error: reference lease 1: settled 1 exported, 2 on chain" in capsys.readouterr().err


async def test_demo_never_wipes_a_folder_that_is_not_its_own(tmp_path):
    (tmp_path / "keep").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="no earlier demo"):
        await demo.run_demo(tmp_path, 7)
    assert (tmp_path / "keep").read_text(encoding="utf-8") == "mine"
