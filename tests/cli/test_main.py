"""The command line's manners: one line per failure, a hint, the documented exit code."""

import subprocess
import sys

import pytest

from monitor.cli.context import login_name
from monitor.cli.main import exit_code, main
from monitor.errors import (
    ChainUnreachable,
    ConfigError,
    DeepReorg,
    InputError,
    LedgerError,
    LedgerLocked,
    LedgerNewer,
    MarketError,
    WrongChain,
)
from monitor.ledger.schema import open_writer


def run(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        main(argv)
    out, err = capsys.readouterr()
    return stop.value.code, out, err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (MarketError("x"), 2),
        (InputError("x"), 2),
        (ChainUnreachable("x"), 3),
        (WrongChain("x"), 3),
        (LedgerLocked("x"), 5),
        (LedgerNewer("x"), 5),
        (LedgerError("x"), 1),
        (DeepReorg("x"), 1),
    ],
)
def test_exit_codes(error, code):
    assert exit_code(error) == code


def test_no_command_shows_help_and_fails(capsys):
    code, out, err = run([], capsys)
    assert code == 2
    assert "Commands:" in out
    assert err == ""


def test_misspelt_command_gets_a_suggestion(capsys):
    code, out, err = run(["leasse"], capsys)
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "monitor: error: no such command 'leasse'; did you mean 'leases'?",
        "hint: `monitor --help` shows how it is used",
    ]


def test_wrong_option_value(capsys):
    code, _, err = run(["hardware", "list", "--format", "xml"], capsys)
    assert code == 2
    assert err.startswith("monitor: error: ")
    assert "hint: `monitor hardware list --help`" in err


def test_config_problems_are_all_shown(tmp_path, capsys):
    file = tmp_path / "bad.toml"
    file.write_text("[ledgr]\n[wallets]\nhub_degree = 'x'\n", encoding="utf-8")
    code, out, err = run(["--config", str(file), "config", "show"], capsys)
    assert (code, out) == (2, "")
    lines = err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("monitor: error: ") for line in lines[:2])
    assert lines[2].startswith("hint: ")


def test_missing_config_file(tmp_path, capsys):
    code, _, err = run(["--config", str(tmp_path / "none.toml"), "status"], capsys)
    assert code == 2
    assert "does not exist" in err


def test_init_writes_once(tmp_path, capsys):
    target = tmp_path / "config.toml"
    assert run(["init", str(target)], capsys)[0] == 0
    first = target.read_bytes()
    code, _, err = run(["init", str(target)], capsys)
    assert code == 2
    assert "exists already" in err
    assert target.read_bytes() == first
    assert run(["--config", str(target), "config", "show"], capsys)[0] == 0


def test_a_reader_that_leaves_is_no_failure():
    command = f"{sys.executable} -m monitor config schema | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""


def test_the_dashboard_asks_for_a_terminal(tmp_path):
    ledger = tmp_path / "ledger.db"
    open_writer(ledger).close()
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "--ledger", str(ledger), "dash"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("monitor: error: the dashboard needs a terminal\nhint: ")


def test_a_wrong_rule_parameter_is_shown_with_its_line(tmp_path, capsys):
    file = tmp_path / "rules.toml"
    file.write_text("[rules.T04]\nmin_renters = 0\n[rules.T99]\nx = 1\n", encoding="utf-8")
    code, _, err = run(["--config", str(file), "config", "check"], capsys)
    assert code == 2
    assert f"monitor: error: {file}:2: rules.T04.min_renters must be between" in err
    assert f"monitor: error: {file}:3: rules.T99 is no rule" in err


def test_a_reader_that_leaves_early_is_no_failure():
    # Closed before the first line: each write after it meets a broken pipe.
    command = f"set -o pipefail; {sys.executable} -m monitor markets list --format csv | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_user_without_a_name_is_asked_for_one(monkeypatch):
    def unknown() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", unknown)
    with pytest.raises(InputError, match="not known who decides") as caught:
        login_name()
    assert "--reviewer" in (caught.value.hint or "")
