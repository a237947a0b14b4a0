"""`monitor --help` answers at once: none of the heavy libraries, a fraction of web3's import time."""

import subprocess
import sys

import pytest

from monitor.ledger.schema import open_writer

HEAVY = {"Crypto", "aiohttp", "polars", "textual", "web3"}
PROBE = """
import sys
from monitor.cli.main import main
try:
    main({argv!r})
except SystemExit as stop:
    code = stop.code
print(",".join(sorted({heavy!r} & set(sys.modules))), file=sys.stderr)
sys.exit(code)
"""


def loaded(*argv: str) -> set[str]:
    code = PROBE.format(argv=list(argv), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    last = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""
    return set(filter(None, last.split(",")))


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["config", "--help"], ["init", "--help"]])
def test_help_loads_no_heavy_library(argv):
    assert loaded(*argv) == set()


def test_status_loads_no_heavy_library_even_when_it_reads_a_ledger(tmp_path):
    ledger = tmp_path / "ledger.db"
    open_writer(ledger).close()
    assert loaded("--ledger", str(ledger), "status") == set()


def test_probe_sees_a_heavy_library():
    done = subprocess.run(
        [sys.executable, "-c", "import sys, polars; sys.exit('polars' not in sys.modules)"], timeout=60, check=False
    )
    assert done.returncode == 0


def cpu_seconds(code: str) -> float:
    # CPU time of the child, best of three: a busy machine does not make it longer.
    script = f"import resource; {code}; u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_utime + u.ru_stime)"
    runs = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
        runs.append(float(done.stdout.strip().splitlines()[-1]))
    return min(runs)


def test_help_starts_in_under_a_third_of_importing_web3():
    show_help = "from monitor.cli.main import cli; cli.main(['--help'], standalone_mode=False)"
    assert cpu_seconds(show_help) * 3 < cpu_seconds("import web3")


IDLE = {"web3", "textual", "prometheus_client", "aiohttp.web", "eth_abi.abi", "rlp", "hypothesis", "monitor.sim"}
BACKFILL = f"""
import sys
import monitor.cli.commands.backfill, monitor.daemon.session
print(",".join(sorted({IDLE!r} & set(sys.modules))))
"""


def test_backfill_starts_without_what_only_some_chains_or_markets_need():
    done = subprocess.run([sys.executable, "-c", BACKFILL], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""


def test_the_end_looks_for_no_rubbish_among_what_goes_anyway():
    # What is registered first is called last: after the collector was told to leave everything alone.
    code = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count())); import monitor"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) > 1_000
