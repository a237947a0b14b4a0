"""`make demo` without a terminal: finds what the truth says, tells when something differs, leaves nothing running."""

import subprocess
import sys
from pathlib import Path

import pytest

from monitor.cli import demo
from monitor.errors import InputError
from monitor.sim.audit import compare

pytestmark = pytest.mark.node


def test_demo_finds_the_leads_and_flags_nobody_else(tmp_path):
    out = tmp_path / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "demo", "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=290,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    assert "4 of 4 expected leads found; 0 of 12 benign actors flagged." in done.stdout
    assert "is what the chain holds (288 leases)" in done.stdout
    assert "4 signed webhook messages arrived and were verified" in done.stderr
    assert {path.name for path in (out / "export").iterdir()} >= {"leases.csv", "leads.csv", "manifest.json"}
    ours = [
        line
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if str(out) in (line := _read(path)) or ("anvil" in line and str(tmp_path) in line)
    ]
    assert ours == []


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
