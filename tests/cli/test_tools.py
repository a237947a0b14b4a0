"""Commands that programs call: hardware parse, markets decode, status, export, verify, completion, config."""

import csv
import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from urllib.request import Request, urlopen

import pytest

from tests.cli.conftest import run

HOSTILE = [
    "NVIDIA H100 80GB HBM3",
    "",
    "=HYPERLINK(1)",
    "\x1b[31mA100",
    "8x a100\u2028next",
    "\u202egpj",
    '"quoted",comma|pipe',
    "x" * 100_000,
]


def test_hardware_parse_gives_one_row_per_line_of_standard_input():
    raw = ("\n".join(HOSTILE) + "\n").encode() + b"\xff\xfe broken utf-8\r\n"
    done = run("hardware", "parse", "-", stdin=raw)
    assert (done.code, done.err) == (0, "")
    rows = done.csv()
    assert list(rows[0]) == ["input", "gpu_model", "precision", "gpu_count", "candidates"]
    assert len(rows) == len(HOSTILE) + 1
    assert rows[0]["gpu_model"] == "nvidia-h100-sxm5-80gb"
    assert rows[2]["input"] == "'=HYPERLINK(1)"
    assert rows[-1]["input"] == "\ufffd\ufffd broken utf-8"
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out
    exact = run("hardware", "parse", "-", "--format", "ndjson", stdin=raw).ndjson()
    assert [row["input"] for row in exact[: len(HOSTILE)]] == HOSTILE
    assert [row["gpu_model"] or "" for row in exact] == [row["gpu_model"] for row in rows]


def test_hardware_parse_of_arguments_and_of_nothing():
    assert [row["input"] for row in run("hardware", "parse", "rtx 4090", "T4").csv()] == ["rtx 4090", "T4"]
    [family] = run("hardware", "parse", "2x MI300").csv()
    assert list(family.values()) == ["2x MI300", "amd-mi300a", "family", "2", "amd-mi300a|amd-mi300x"]
    assert run("hardware", "parse", "-").out == "input,gpu_model,precision,gpu_count,candidates\n"


KEY = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7
-----END PRIVATE KEY-----
"""
PUBLIC = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAZA8aqp736df3OGIAtTUt/MUUOXKH4bg1xAMqAcP9/Uk=
-----END PUBLIC KEY-----
"""


def logs_of(url: str, first: int, last: int) -> list[dict[str, object]]:
    body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs"}
    body["params"] = [{"fromBlock": hex(first), "toBlock": hex(last)}]
    asked = Request(url, json.dumps(body).encode(), {"content-type": "application/json"})  # noqa: S310 - loopback
    with urlopen(asked, timeout=30) as answer:  # noqa: S310 - loopback
        found: list[dict[str, object]] = json.loads(answer.read())["result"]
    return found


@pytest.mark.node
def test_markets_decode_reads_what_the_ledger_read(ledger, played_world):
    market = played_world.world.deployments["reference"].contracts["market"].lower()
    logs = [log for log in logs_of(played_world.url, 0, played_world.world.head) if log["address"] == market]
    done = ledger.run("markets", "decode", "-", stdin=json.dumps(logs).encode())
    assert (done.code, done.err) == (0, "")
    rows = done.csv()
    assert list(rows[0]) == ["market", "chain_id", "role", "event", "verb", "lease_id", "fields", "reason"]
    known = ledger.run("events", "--market", "reference", "--format", "json").json()
    decoded = [(row["verb"], row["lease_id"], row["event"]) for row in rows]
    assert sorted({(row["verb"], row["lease_id"], row["event"]) for row in known} - set(decoded)) == []
    assert {row["reason"] for row in rows} == {""}


@pytest.mark.node
def test_markets_decode_keeps_a_broken_log_with_its_reason(ledger, played_world, tmp_path):
    market = played_world.world.deployments["reference"].contracts["market"].lower()
    logs = [log for log in logs_of(played_world.url, 0, played_world.world.head) if log["address"] == market]
    whole = next(log for log in logs if len(str(log["data"])) > 200)
    file = tmp_path / "logs.json"
    file.write_text(json.dumps([whole, {**whole, "data": str(whole["data"])[:66]}]), encoding="utf-8")
    good, bad = ledger.run("markets", "decode", str(file), "--format", "json").json()
    assert (good["reason"], bool(good["verb"])) == ("", True)
    assert bad["verb"] == ""
    assert bad["reason"]


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", b"not json", b'[{"address":"0x12"}]'])
def test_markets_decode_refuses_what_is_no_list_of_logs(raw):
    done = run("markets", "decode", "-", stdin=raw)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("monitor: error: ")


@pytest.mark.node
def test_status_says_the_same_in_words_and_json(ledger):
    found = ledger.run("status", "--format", "json").json()
    (chain,) = found["chains"]
    text = ledger.run("status")
    assert (text.code, text.err) == (0, "")
    assert f"head {chain['head']} " in text.out
    assert f"{found['leads']} leads" in text.out
    assert chain["head_hash"].startswith("0x")


@pytest.mark.node
@pytest.mark.parametrize(
    ("argv", "said"),
    [(("export", ""), "DIRECTORY is empty"), (("dash", "--screenshot", "FOLDER"), "cannot be written: Is a directory")],
)
def test_a_place_that_cannot_be_written_is_said_in_words(argv, said, ledger, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = ledger.read(*(str(tmp_path) if word == "FOLDER" else word for word in argv))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_an_export_verifies_until_a_byte_changes(ledger, tmp_path):
    folder = tmp_path / "export"
    done = ledger.run("export", str(folder))
    assert (done.code, done.out) == (0, "")
    assert "manifest.json" in done.err
    assert run("verify", str(folder)).code == 0
    leases = folder / "leases.csv"
    assert leases.read_bytes().decode() == ledger.run("leases", "--format", "csv").out
    leases.write_bytes(leases.read_bytes().replace(b"active", b"ACTIVE", 1))
    done = run("verify", str(folder))
    assert done.code == 1
    assert "leases.csv" in done.out


@pytest.fixture(scope="module")
def packed(ledger, tmp_path_factory):
    path = tmp_path_factory.mktemp("pack") / "lead.zip"
    name = ledger.read("leads", "list", "--format", "json").json()[0]["lead_id"]
    done = ledger.run("pack", name, "--out", str(path))
    assert (done.code, done.out) == (0, ""), done.err
    assert name in done.err
    return path


@pytest.mark.node
def test_a_pack_holds_every_log_of_its_lead_and_a_node_says_the_same(ledger, packed, played_world, tmp_path):
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path)
    evidence = list(csv.DictReader(io.StringIO((tmp_path / "evidence.csv").read_text(encoding="utf-8"))))
    assert {row["in_ledger"] for row in evidence} == {"yes"}
    logs = json.loads((tmp_path / "logs.json").read_text(encoding="utf-8"))
    held = {(row["transactionHash"], int(row["logIndex"], 16)) for row in logs}
    named = {(row["tx"], int(row["log_index"])) for row in evidence if row["log_index"] not in {"", "-1"}}
    assert named <= held
    said = {
        (row["transactionHash"], row["logIndex"]): row for row in logs_of(played_world.url, 0, played_world.world.head)
    }
    for log in logs:
        twin = said[log["transactionHash"], log["logIndex"]]
        assert {key: twin[key] for key in log if key in twin} == {key: log[key] for key in log if key in twin}
        assert log.keys() - twin.keys() <= {"chainId", "blockTimestamp"}
    decoded = ledger.run("markets", "decode", str(tmp_path / "logs.json"), "--format", "json").json()
    assert len(decoded) == len(logs)
    assert "lease.open" in {row["verb"] for row in decoded}
    for place in (packed, tmp_path):
        done = run("verify", str(place), "--chain", "31337", "--endpoint", played_world.url)
        assert (done.code, done.out) == (0, "")
        assert f"{len(logs)} logs" in done.err
        assert "none differ" in done.err


@pytest.mark.node
def test_a_pack_that_says_other_than_the_node_is_found_out(packed, played_world, tmp_path):
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path)
    logs = json.loads((tmp_path / "logs.json").read_text(encoding="utf-8"))
    logs[0]["data"] += "00" * 32
    logs[1]["transactionHash"] = "0x" + "ab" * 32
    text = json.dumps(logs).encode()
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"]["logs.json"] |= {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
    (tmp_path / "logs.json").write_bytes(text)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    node = ("--chain", "31337", "--endpoint", played_world.url)
    done = run("verify", str(tmp_path), *node)
    assert done.code == 1
    assert "data differ at the node" in done.out
    assert "the node does not know the transaction" in done.out
    other = run("verify", str(tmp_path), "--chain", "1", "--endpoint", played_world.url)
    assert (other.code, other.out) == (2, "")
    assert "no log and no block of chain 1" in other.err
    (tmp_path / "logs.json").write_bytes(b"[]")
    assert "logs.json" in run("verify", str(tmp_path), *node).out


@pytest.mark.node
def test_a_pack_of_the_same_ledger_is_the_same_file(ledger, packed, tmp_path):
    name = ledger.read("leads", "list", "--format", "json").json()[0]["lead_id"]
    assert ledger.run("pack", name, "--out", str(tmp_path / "again.zip")).code == 0
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()
    done = ledger.run("pack", "lead-none", "--out", str(tmp_path / "none.zip"))
    assert (done.code, (tmp_path / "none.zip").exists()) == (2, False)
    assert "there is no lead lead-none" in done.err


@pytest.mark.parametrize(
    "argv", [(), ("x", "--range", "1-2"), ("x", "--endpoint", "http://x"), ("--key", "x", "--chain", "y")]
)
def test_verify_says_which_options_go_together(argv):
    done = run("verify", *argv)
    assert (done.code, done.out) == (2, "")
    assert "name the PATH" in done.err


def test_verify_of_nothing_is_wrong_use(tmp_path):
    done = run("verify", str(tmp_path / "none.zip"))
    assert (done.code, done.out) == (2, "")
    assert "there is no " in done.err


@pytest.mark.node
def test_a_report_is_written_of_a_lead_or_of_a_period(ledger, tmp_path):
    name = ledger.read("leads", "list", "--format", "json").json()[0]["lead_id"]
    for argv in ((name,), ("--since", "2001-01-01")):
        done = ledger.run("report", *argv, "--out", str(tmp_path / "page.html"))
        assert (done.code, done.out) == (0, ""), done.err
        assert name in (tmp_path / "page.html").read_text(encoding="utf-8")
    for wrong, said in (
        ((name, "--since", "2001-01-01"), "name"),
        (("--since", "2001-01-02", "--until", "2001-01-02"), "is not after"),
        (("--since", "soon"), "is no time"),
        (("lead-none",), "there is no lead"),
    ):
        done = ledger.run("report", *wrong, "--out", str(tmp_path / "none.html"))
        assert (done.code, done.out, (tmp_path / "none.html").exists()) == (2, "", False)
        assert said in done.err


def test_an_export_is_signed_by_the_key_of_the_configuration(own_ledger, tmp_path):
    config = own_ledger.folder / "config.toml"
    plain = config.read_text(encoding="utf-8")
    config.write_text(f'{plain}\n[export]\nsigning_key = "file:{tmp_path}/none.pem"\n', encoding="utf-8")
    done = own_ledger.run("export", str(tmp_path / "out"))
    assert (done.code, (tmp_path / "out").exists()) == (2, False)
    assert "none.pem cannot be read" in done.err
    (tmp_path / "none.pem").write_text(KEY, encoding="ascii")
    done = own_ledger.run("export", str(tmp_path / "out"))
    assert (done.code, done.out) == (0, "")
    assert "a signed manifest.json" in done.err
    public = tmp_path / "out" / "manifest.json.pub"
    assert "the key that was asked for" in run("verify", str(tmp_path / "out"), "--key", str(public)).err
    config.write_text(plain, encoding="utf-8")
    assert own_ledger.run("export", str(tmp_path / "out")).code == 0
    public.write_text(PUBLIC, encoding="ascii")
    assert run("verify", str(tmp_path / "out"), "--key", str(public)).code == 1
    for wrong in ("no such file", str(tmp_path / "none.pem")):
        done = run("verify", str(tmp_path / "out"), "--key", wrong)
        assert (done.code, done.out) == (2, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_its_shell_can_read(shell):
    done = run("completion", shell)
    assert (done.code, done.err) == (0, "")
    assert f"{shell}_complete" in done.out
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=done.out, text=True, check=True, timeout=30)


def test_completion_offers_commands_and_subcommands(monkeypatch):
    monkeypatch.setenv("_MONITOR_COMPLETE", "bash_complete")
    for words, wanted in [("monitor le", {"leases", "leads"}), ("monitor leads re", {"reopen"})]:
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        assert {line.split(",")[1] for line in run().out.splitlines()} == wanted


def test_config_shows_where_a_value_comes_from(tmp_path, monkeypatch):
    file = tmp_path / "c.toml"
    file.write_text('[wallets]\nhub_degree = 7\n[chains.x]\nid = 5\nrpc = ["https://u:secret@e.example"]\n')
    monkeypatch.setenv("MONITOR_LEDGER__PATH", "z.db")
    done = run("--config", str(file), "config", "show", "--origin")
    lines = dict(line.split(" = ", 1) for line in done.out.splitlines())
    assert lines["wallets.hub_degree"].startswith("7  # ")
    assert "c.toml" in lines["wallets.hub_degree"]
    assert lines["ledger.path"] == '"z.db"  # MONITOR_LEDGER__PATH'
    assert lines["wallets.transfers"].endswith("# default")
    assert "secret" not in done.out
    assert run("--config", str(file), "config", "check").err.endswith(": ok\n")
    assert json.loads(run("config", "schema").out)["title"] == "Config"


def test_a_folder_without_markets_is_not_ok(tmp_path):
    done = run("markets", "check", str(tmp_path))
    assert (done.code, done.out) == (2, "")
    assert f"there is no market in {tmp_path}" in done.err


def test_rules_and_markets_that_are_not_there():
    for argv in [("rules", "show", "T99"), ("markets", "show", "nosuch")]:
        done = run(*argv)
        assert (done.code, done.out) == (2, "")
        assert "hint: known: " in done.err
    assert "common lawful explanations" in run("rules", "show", "T04").out
    assert run("markets", "check").code == 0
