from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import cast

import msgspec
import polars as pl
import pytest

from monitor.config import Secret
from monitor.errors import InputError
from monitor.export import pack, read_signer, verify_manifest
from monitor.ledger.frames import TRANSACTIONS
from monitor.ledger.reader import Reader
from monitor.model.schema import LOG_ROWS
from monitor.views.columns import TABLES
from monitor.views.evidence import about, evidence, labels_of
from monitor.wallets.labels import Label
from tests.export.test_signature import KEY
from tests.surfaces_fixture import CHAIN, DAY, HOSTILE, T0, finding, lead, nothing, snapshot, tx, wallet, wallet_text

LOG = {
    "chain_id": CHAIN,
    "block_number": 102,
    "block_hash": tx(1002),
    "tx_hash": tx(2),
    "tx_index": 0,
    "log_index": 1,
    "address": wallet(77),
    "topics": tx(9) + tx(8),
    "data": b"\x00\xff",
    "block_time": T0 + 2 * DAY,
}
PAID = {
    "chain_id": CHAIN,
    "block_number": 101,
    "block_hash": tx(1001),
    "block_time": T0 + DAY,
    "tx_hash": tx(1),
    "tx_index": 3,
    "sender": wallet(20),
    "recipient": wallet(11),
    "value": "1" + "0" * 40,
    "nonce": 7,
    "trace": "",
}


class Shelf:
    """Holds what a ledger would: one log, one native transaction."""

    def __init__(self, logs=(LOG,), paid=(PAID,)):
        self.logs, self.paid = logs, paid

    def snapshot(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def scan(self, columns, predicate):
        schema = {"chain_id": pl.Int64(), **LOG_ROWS}
        return pl.DataFrame(list(self.logs), schema=schema).filter(predicate).select(columns)

    def transactions(self, hashes):
        return pl.DataFrame(list(self.paid), schema=TRANSACTIONS).filter(pl.col("tx_hash").is_in(list(hashes)))

    def parents(self, blocks):
        return {block: tx(999) for block in blocks if block[1] == 102}


LABELS = (
    Label(wallet(20), HOSTILE, "exchange", "=cmd|calc", "2026-01-02", "CC0", "high"),
    Label(wallet(99), "nobody here", "other", "s", "2026-01-02"),
)


def packed(path: Path, world=None, one=None, shelf=None, **rest):
    world, one = world or snapshot(), one or lead()
    found = evidence(cast("Reader", shelf or Shelf()), about(world, one))
    pack(world, one, found, LABELS, path, **rest)
    return path


def files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))


def test_a_pack_holds_the_lead_and_what_it_rests_on(tmp_path):
    found = files(packed(tmp_path / "lead.zip"))
    assert list(found) == [
        *("README.txt", "lead.json", "evidence.csv", "logs.json", "transactions.json", "headers.json", "labels.csv"),
        *(f"{name}.csv" for name in TABLES),
        "manifest.json",
    ]
    whole = json.loads(found["lead.json"])
    assert whole["findings"][0]["threshold"] == "less than 72 hours"
    assert whole["exposure"]["leases"] == 2
    assert whole["legal"]["note"] == "Not legal advice."
    assert whole["lawful_explanations"]
    assert [row["lease_id"] for row in rows(found["leases.csv"])] == ["1", "2"]
    assert {row["lease_id"] for row in rows(found["lease_events.csv"])} == {"1", "2"}
    assert [row["lead_id"] for row in rows(found["leads.csv"])] == [lead().lead_id]
    assert json.loads(found["manifest.json"])["lead"] == lead().lead_id


def test_logs_and_headers_stand_as_nodes_give_them(tmp_path):
    found = files(packed(tmp_path / "lead.zip"))
    (log,) = json.loads(found["logs.json"])
    assert (log["blockNumber"], log["logIndex"], log["data"]) == ("0x66", "0x1", "0x00ff")
    assert log["topics"] == [f"0x{tx(9).hex()}", f"0x{tx(8).hex()}"]
    (paid,) = json.loads(found["transactions.json"])
    assert (int(paid["value"], 16), paid["nonce"], paid["trace"]) == (10**40, "0x7", "")
    first, second = json.loads(found["headers.json"])
    assert (first["number"], first["parentHash"], second["parentHash"]) == ("0x65", None, f"0x{tx(999).hex()}")


def test_every_position_says_who_names_it_and_whether_it_is_held(tmp_path):
    found = rows(files(packed(tmp_path / "lead.zip"))["evidence.csv"])
    held = {(row["block"], row["log_index"]): (row["in_ledger"], row["named_by"]) for row in found}
    assert held["102", "1"] == ("yes", f"finding-1|finding-2|lease reference:{CHAIN}:2")
    assert held["101", "-1"] == ("yes", "finding-1|finding-2")
    assert held["101", "1"] == ("no", f"lease reference:{CHAIN}:1")
    links = [row for row in found if row["block"] == ""]
    assert [row["in_ledger"] for row in links] == ["yes", "yes"]
    assert links[0]["named_by"].startswith(f"link payer {wallet_text(11)} {wallet_text(20)}")


def test_only_labels_of_those_who_are_named_are_used(tmp_path):
    (label,) = rows(files(packed(tmp_path / "lead.zip"))["labels.csv"])
    assert (label["address"], label["date"], label["source"]) == (wallet_text(20), "2026-01-02", "'=cmd|calc")
    part = about(snapshot(), lead())
    assert labels_of(part, LABELS) == [LABELS[0]]


def test_equal_leads_give_equal_bytes_and_a_pack_verifies(tmp_path):
    one = packed(tmp_path / "one.zip")
    world = snapshot()
    later = msgspec.structs.replace(world, now=T0 + 5000 * DAY, version=9, leases=world.leases.reverse())
    other = packed(tmp_path / "other.zip", later)
    assert one.read_bytes() == other.read_bytes()
    assert verify_manifest(one) == ([], "not signed")
    with zipfile.ZipFile(one) as archive:
        assert {item.date_time for item in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        archive.extractall(tmp_path / "apart")
    assert verify_manifest(tmp_path / "apart") == ([], "not signed")


def test_a_pack_is_signed_alike_and_an_unsigned_one_is_told(tmp_path):
    (tmp_path / "key.pem").write_text(KEY, encoding="ascii")
    key = read_signer(Secret(f"file:{tmp_path}/key.pem"))
    path = packed(tmp_path / "lead.zip", key=key)
    assert path.read_bytes() == packed(tmp_path / "again.zip", key=key).read_bytes()
    assert verify_manifest(path, key.public_key()).problems == []
    assert verify_manifest(packed(tmp_path / "plain.zip"), key.public_key()).problems != []


def test_a_retracted_lead_can_be_packed_when_nothing_of_it_is_left(tmp_path):
    gone = lead(state="retracted")
    path = packed(tmp_path / "lead.zip", nothing(), gone, Shelf((), ()))
    assert verify_manifest(path).problems == []
    found = files(path)
    assert "RETRACTED" in found["README.txt"].decode()
    assert found["logs.json"] == b"[]\n"


def test_a_screening_item_says_that_it_is_one(tmp_path):
    found = files(packed(tmp_path / "item.zip", one=lead(kind="screening", lead_id="screening-1")))
    assert "screening item" in " ".join(found["README.txt"].decode().split())
    assert "screening item" in json.loads(found["lead.json"])["statement"]


def test_hostile_text_is_harmless_in_every_file(tmp_path):
    bad = lead(reason=HOSTILE, reviewer=HOSTILE, disposition="dismissed", severity="low", typologies=(HOSTILE,))
    world = snapshot(findings=(finding(1, summary=HOSTILE, values={HOSTILE: HOSTILE}, caveats=(HOSTILE,)), finding(2)))
    chain = msgspec.structs.replace(world.chains[0], name=HOSTILE, unread_blocks=3)
    path = packed(tmp_path / "lead.zip", msgspec.structs.replace(world, chains=(chain,)), bad)
    assert verify_manifest(path).problems == []
    for name, data in files(path).items():
        assert b"\x1b" not in data, name
        assert "\u202e" not in data.decode(), name
    assert not any(line.startswith("next<script>") for line in files(path)["README.txt"].decode().splitlines())


def test_the_readme_says_what_must_be_said(tmp_path):
    text = files(packed(tmp_path / "lead.zip"))["README.txt"].decode()
    flat = " ".join(text.split())
    assert "eth_getTransactionReceipt" in flat
    assert "It does not state that a law was broken." in flat
    assert "Not legal advice." in flat
    assert "c0ffee" in flat
    assert max(map(len, text.splitlines())) <= 120
    for word in ("accus", "guilty", "nationality", "suspect", "criminal"):
        assert word not in flat.casefold()


def repacked(path: Path, *, kind: int = zipfile.ZIP_STORED, **changed: bytes | None) -> Path:
    whole = {**files(path), **{name.replace("__", "."): data for name, data in changed.items()}}
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in whole.items():
            if data is not None:
                archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"logs__json": b"[]\n"}, "logs.json: 3 bytes"),
        ({"logs__json": None}, "logs.json: cannot be read"),
        ({"manifest__json": None}, "manifest.json: cannot be read"),
        ({"more__json": b"[]"}, "more.json: not in the manifest"),
        ({"run__exe": b"MZ"}, "run.exe: not in the manifest"),
        ({"manifest__json__sig": b"x" * 64}, "manifest.json.pub: missing"),
    ],
)
def test_what_was_changed_in_a_pack_is_named(tmp_path, changed, said):
    path = repacked(packed(tmp_path / "lead.zip"), **changed)
    assert any(problem.startswith(said) for problem in verify_manifest(path).problems)


def test_a_zip_of_another_make_is_refused(tmp_path):
    squeezed = repacked(packed(tmp_path / "a.zip"), kind=zipfile.ZIP_DEFLATED)
    assert "compressed" in verify_manifest(squeezed).problems[0]
    twice = packed(tmp_path / "b.zip")
    with zipfile.ZipFile(twice, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("logs.json", b"[]")
    assert verify_manifest(twice).problems == ["a name stands twice in the zip"]
    damaged = packed(tmp_path / "c.zip")
    damaged.write_bytes(damaged.read_bytes().replace(b"0x00ff", b"0x00fe"))
    assert "Bad CRC-32" in verify_manifest(damaged).problems[0]
    for data in (b"", b"PK\x03\x04" + b"\x00" * 60, damaged.read_bytes()[:-30]):
        (tmp_path / "d.zip").write_bytes(data)
        assert len(verify_manifest(tmp_path / "d.zip").problems) == 1


def test_a_place_that_cannot_be_written_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot write"):
        packed(tmp_path / "no" / "lead.zip")
    (tmp_path / "dir").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        packed(tmp_path / "dir")
    assert [path.name for path in tmp_path.iterdir()] == ["dir"]


def test_the_readme_counts_what_is_and_is_not_there(tmp_path):
    some = " ".join(files(packed(tmp_path / "a.zip"))["README.txt"].decode().split())
    assert "5 positions are named, 1 of them not in the ledger; 1 logs, 1 transactions, 2 blocks." in some
    none = files(packed(tmp_path / "b.zip", nothing(), lead(state="retracted"), Shelf((), ())))["README.txt"].decode()
    assert "0 positions are named, all of them in the ledger" in none
