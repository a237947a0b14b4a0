"""config.toml is complete: every key of the schema stands in it, and what stands in it loads."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from monitor.config import load, locate
from monitor.config.spec import (
    ChainConfig,
    DeploymentConfig,
    DistrustRange,
    EndpointConfig,
    ExportConfig,
    HealthConfig,
    LabelConfig,
    LedgerConfig,
    MarketConfig,
    NameConfig,
    Secret,
    SinkConfig,
    TokenConfig,
    WalletsConfig,
)
from monitor.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "config.toml").read_text(encoding="utf-8")
TABLES: list[type[BaseModel]] = [
    ChainConfig, DeploymentConfig, DistrustRange, EndpointConfig, ExportConfig, HealthConfig, LabelConfig, LedgerConfig,
    MarketConfig, NameConfig, SinkConfig, TokenConfig, WalletsConfig,
]  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_shown(table):
    for name in table.model_fields:
        assert re.search(rf"(^|[\s.]){name}\b", TEXT, re.MULTILINE), f"{table.__name__}.{name} is not in config.toml"


def test_it_loads_with_safe_defaults():
    config = load(str(ROOT / "config.toml")).config
    assert [name for name, chain in config.chains.items() if chain.enabled] == ["base"]
    assert config.alerts.sinks == {}


def test_its_commented_examples_load_too(tmp_path):
    lines = [
        re.sub(r"^# (?=\[|\w+ = )", "", line) if re.match(r"# (\[|\w+ = )", line) else line
        for line in TEXT.splitlines()
    ]
    text = "\n".join(lines).replace("deployments.local", "deployments.base")
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    config = load(cwd=tmp_path).config
    assert config.alerts.sinks["team"].min_severity == "low"
    assert config.rules["T04"] == {"min_renters": 3}
    assert config.labels[0].kind == "exchange"


def test_all_problems_at_once_with_lines(tmp_path):
    (tmp_path / "config.toml").write_text(
        '[ledger]\npath = 5\n\n[chains.x]\nid = "one"\nrpc = ["http://localhost"]\nspeed = 3\n'
        '[alerts.sinks.s]\nurl = "https://e"\nsecrets = ["plain"]\n[walets]\n',
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load(cwd=tmp_path)
    lines = caught.value.message.splitlines()
    assert re.findall(r"config\.toml:(\d+)", caught.value.message) == ["2", "5", "7", "10", "11"]
    said = ["ledger.path: must be text", "chains.x.id: must be a whole number", "chains.x.speed: unknown key"]
    assert [line.split(": ", 1)[1] for line in lines[:3]] == said
    assert "env:NAME or file:PATH" in lines[3]


def test_variables_win_over_the_file(tmp_path, monkeypatch):
    (tmp_path / "config.toml").write_text('[ledger]\npath = "a.db"\n[wallets]\nhub_degree = 5\n', encoding="utf-8")
    monkeypatch.setenv("MONITOR_LEDGER__PATH", "b.db")
    monkeypatch.setenv("MONITOR_WALLETS__HUB_DEGREE", "77")
    monkeypatch.setenv("MONITOR_MARKET_PATH", '["mine"]')
    monkeypatch.setenv("MONITOR_SECRET", "of the user's own")
    loaded = load(cwd=tmp_path)
    assert loaded.config.ledger.path == "b.db"
    assert loaded.config.wallets.hub_degree == 77
    assert loaded.config.market_path == ["mine"]
    assert loaded.origin["ledger.path"] == "MONITOR_LEDGER__PATH"
    assert load(cwd=tmp_path, overrides={"ledger.path": "c.db"}).config.ledger.path == "c.db"


def test_a_variable_may_name_a_rule_or_a_key_in_capitals(tmp_path, monkeypatch):
    text = '[chains.x]\nid = 5\nrpc = ["http://e.example"]\n[chains.x.tokens.TUSD]\naddress = "0x'
    (tmp_path / "config.toml").write_text(f'{text}{"11" * 20}"\ndecimals = 6\n', encoding="utf-8")
    monkeypatch.setenv("MONITOR_RULES__T04__MIN_RENTERS", "5")
    monkeypatch.setenv("MONITOR_CHAINS__X__TOKENS__TUSD__DECIMALS", "7")
    config = load(cwd=tmp_path).config
    assert config.rules == {"T04": {"min_renters": 5}}
    assert config.chains["x"].tokens["TUSD"].decimals == 7


@pytest.mark.parametrize(
    ("name", "value"), [("MONITOR_NOSUCH__KEY", "1"), ("MONITOR_ALERTS__SINKS__TEAM__SECRETS", '["whsec_plain"]')]
)
def test_a_problem_of_a_variable_names_the_variable(name, value, tmp_path, monkeypatch):
    (tmp_path / "config.toml").write_text("", encoding="utf-8")
    monkeypatch.setenv("MONITOR_ALERTS__SINKS__TEAM__URL", "https://e.example/x")
    monkeypatch.setenv("MONITOR_ALERTS__SINKS__TEAM__SECRETS", '["env:X"]')
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load(cwd=tmp_path)
    assert caught.value.message.startswith(f"{name}: ")


def test_secrets_are_read_late_and_shown_masked(monkeypatch, tmp_path):
    monkeypatch.delenv("NO_SUCH_NAME", raising=False)
    with pytest.raises(ConfigError, match="NO_SUCH_NAME is not set"):
        Secret("env:NO_SUCH_NAME").reveal()
    (tmp_path / "key").write_text("hidden\n", encoding="utf-8")
    assert Secret(f"file:{tmp_path}/key").reveal() == "hidden"
    shown = str(Secret("https://user:pw@rpc.example/v2/AbCdEfGhIjKlMnOpQrStUvWx?key=0123456789abcdef0123"))
    assert "pw" not in shown
    assert "AbCdEf" not in shown
    assert "0123456789" not in shown
    assert "rpc.example" in shown


def test_locate_finds_nested_keys():
    text = "a = 1\n[t.u]\n# c\nb.c = 2\n[[list]]\nd=3\n"
    assert locate(text, ["t", "u", "b", "c"]) == 4
    assert locate(text, ["t", "u", "missing"]) == 2
    assert locate(text, ["a"]) == 1
