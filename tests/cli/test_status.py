"""`monitor status` and `markets show --upgrades` tell which contracts changed since their adapter was verified."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from monitor.ledger.rows import QuarantineRow, UpgradeRow
from monitor.ledger.writer import Writer
from monitor.views.shortfall import Shortfall
from tests.cli.test_main import run


def upgraded(block: int, *, unseen: bool, market: str = "fluence") -> UpgradeRow:
    return UpgradeRow(
        chain_id=9_999_999, contract=b"\xc1" * 20, block_number=block, log_index=3, block_time=1_800_000_000 + block,
        tx_hash=bytes([block]) * 32, market=market, role="diamond", event="DiamondCut", detail="0x" + "c1" * 20,
        verified="2026-11-22", changed=True, unseen=unseen,
    )  # fmt: skip


async def ledger(tmp_path: Path) -> list[str]:
    path = tmp_path / "monitor.db"
    async with Writer(path) as writer:
        await writer.put_chain(9_999_999, "fluence")
        rows = [upgraded(7, unseen=True), upgraded(5, unseen=False), upgraded(6, unseen=True, market="spheron")]
        aside = [
            QuarantineRow(
                chain_id=9_999_999, block_number=8, log_index=log, market=market, role="r", reason="=no\x1b[1m"
            )
            for log, market in enumerate(("fluence", "spheron"))
        ]
        await writer.put_judgement([], [], quarantine=aside, upgrades=rows)
        lacking = [Shortfall("fluence", 9_999_999, 2, "missing trie\x1b[31m node", 1)]
        await writer.put_meta({"lacking": msgspec.json.encode(lacking).decode()})
    config = tmp_path / "config.toml"
    config.write_text(f'[ledger]\npath = "{path}"\n')
    return ["--config", str(config)]


async def test_status_names_contracts_that_changed_since_their_adapter_was_verified(tmp_path, capsys):
    where = await ledger(tmp_path)
    code, out, _ = run([*where, "status"], capsys)
    assert code == 0
    assert out.splitlines()[1] == "  no block yet"
    told = [line for line in out.splitlines() if line.startswith("upgraded: ")]
    assert len(told) == 2
    assert told[1] == (
        "upgraded: fluence diamond 0xC1C1c1c1C1C1C1c1c1C1C1C1c1C1C1C1c1C1c1c1 on chain 9999999 "
        "in block 7 of 2027-01-15T08:00:07Z, "
        "after the adapter was last verified on 2026-11-22"
    )
    assert "hint: logs of a new layout stand in quarantine" in out
    code, out, _ = run([*where, "status", "--format", "json"], capsys)
    found = json.loads(out)["upgrades"]
    assert [(row["block_number"], row["tx_hash"]) for row in found] == [(6, "0x" + "06" * 32), (7, "0x" + "07" * 32)]


async def test_status_says_which_reads_were_not_had_and_what_helps(tmp_path, capsys):
    where = await ledger(tmp_path)
    _, out, _ = run([*where, "status"], capsys)
    lines = out.splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith("reads of"))
    line, fix = lines[at : at + 2]
    assert line.startswith("reads of fluence on fluence: 2 failed, the first: missing trie")
    assert "\x1b" not in line
    assert line.endswith("; 1 is still to come")
    assert fix.startswith("hint: an archive endpoint has the state of old blocks")
    _, out, _ = run([*where, "status", "--format", "json"], capsys)
    (row,) = json.loads(out)["lacking"]
    assert (row["market"], row["failed"], row["waiting"]) == ("fluence", 2, 1)


async def test_logs_put_aside_are_listed_with_their_reason_and_cleaned(tmp_path, capsys):
    where = await ledger(tmp_path)
    _, out, _ = run([*where, "markets", "quarantine", "--format", "csv"], capsys)
    assert out.splitlines() == [
        "market,chain_id,role,block_number,log_index,reason",
        "fluence,9999999,r,8,0,'=no\\x1b[1m",
        "spheron,9999999,r,8,1,'=no\\x1b[1m",
    ]
    _, out, _ = run([*where, "markets", "quarantine", "spheron", "--format", "json"], capsys)
    assert [row["market"] for row in json.loads(out)] == ["spheron"]
    code, _, err = run([*where, "markets", "quarantine", "nosuch"], capsys)
    assert (code, err.splitlines()[0]) == (2, "monitor: error: there is no market 'nosuch'")


async def test_a_market_shows_all_changes_of_its_contracts(tmp_path, capsys):
    where = await ledger(tmp_path)
    code, out, _ = run([*where, "markets", "show", "fluence", "--upgrades", "--format", "json"], capsys)
    assert code == 0
    assert [(row["block_number"], row["state"]) for row in json.loads(out)] == [
        (5, "verified since"),
        (7, "not yet verified"),
    ]
