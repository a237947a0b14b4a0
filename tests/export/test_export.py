from __future__ import annotations

import csv
import hashlib
import json
import re
from pathlib import Path

import msgspec
import pytest

from monitor.errors import InputError
from monitor.export import export, verify_manifest
from monitor.model.schema import LEASES
from monitor.views.clean import CSV_LIMIT
from monitor.views.columns import TABLES
from tests.surfaces_fixture import DAY, HOSTILE, T0, frame, lead, lease, nothing, snapshot, wallet_text

SURFACES = Path(__file__).parents[3] / "shared" / "design" / "surfaces.md"


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_columns_are_those_of_the_written_contract():
    if not SURFACES.exists():
        pytest.skip("the shared design notes are not beside this checkout")
    rows = re.findall(r"^\| `(\w+)\.csv` \| (.+) \|$", SURFACES.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == 8
    for name, columns in rows:
        plain = re.sub(r" \([^)]*\)", "", columns)
        assert TABLES[name].columns == tuple(plain.split(", ")), name


def test_an_export_verifies_and_says_what_it_is_of(tmp_path):
    manifest = export(snapshot(), tmp_path)
    assert verify_manifest(tmp_path).problems == []
    written = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert written["chains"]["31337"]["last_block"] == 120
    assert written["rules"] == {"T03": 1, "T04": 2}
    assert list(written["rules"]) == ["T03", "T04"]
    assert written["files"]["leases.csv"]["rows"] == 6
    assert written["files"]["leases.csv"]["sort_key"] == ["market", "chain_id", "lease_id"]
    assert "Not legal advice" in written["legal"]["notice"]
    assert written["previous_manifest"] is None
    assert manifest.files["leads.csv"].sha256 == hashlib.sha256((tmp_path / "leads.csv").read_bytes()).hexdigest()
    assert sorted(contents(tmp_path)) == sorted([*(f"{name}.csv" for name in TABLES), "manifest.json"])


def test_equal_snapshots_give_equal_bytes_wherever_and_whenever(tmp_path):
    export(snapshot(), tmp_path / "a")
    world = snapshot()
    later = msgspec.structs.replace(world, now=T0 + 5000 * DAY, version=99, leases=world.leases.reverse())
    export(later, tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_exporting_again_changes_no_byte(tmp_path):
    export(nothing(), tmp_path)
    export(snapshot(), tmp_path)
    first = contents(tmp_path)
    export(snapshot(), tmp_path)
    assert contents(tmp_path) == first


def test_replacing_a_different_export_names_it(tmp_path):
    export(nothing(), tmp_path)
    old = hashlib.sha256((tmp_path / "manifest.json").read_bytes()).hexdigest()
    assert export(snapshot(), tmp_path).previous_manifest == old
    (tmp_path / "manifest.json").write_text("not ours", encoding="utf-8")
    assert export(snapshot(), tmp_path).previous_manifest == hashlib.sha256(b"not ours").hexdigest()


def test_hostile_text_is_harmless_and_numbers_are_numbers(tmp_path):
    export(snapshot(), tmp_path)
    rows = read(tmp_path / "leases.csv")
    assert rows[-1]["lease_id"] == "'=1+1"
    assert rows[-1]["gpu_raw"].startswith("[red]=HYPERLINK(\\x1b[31m")
    assert rows[0]["deposit_total"] == "1" + "0" * 36
    assert rows[0]["renter"] == wallet_text(11)
    assert rows[0]["opened_at"] == "2025-10-10T08:53:20Z"
    for data in contents(tmp_path).values():
        assert b"\x1b" not in data
        assert "\u202e" not in data.decode()
        assert b"\r" not in data


def test_lists_and_json_columns_read_back(tmp_path):
    export(snapshot(), tmp_path)
    found = read(tmp_path / "findings.csv")[0]
    assert json.loads(found["values"])["hours"] == "2"
    assert len(json.loads(found["evidence"])) == 2
    assert read(tmp_path / "leads.csv")[0]["typologies"] == "T03|T04"
    assert read(tmp_path / "links.csv")[0]["evidence"].count("|") == 1


def test_retracted_leads_are_exported(tmp_path):
    export(snapshot(leads=(lead(state="retracted"),)), tmp_path)
    assert read(tmp_path / "leads.csv")[0]["state"] == "retracted"


def test_one_flipped_byte_is_found(tmp_path):
    export(snapshot(), tmp_path)
    path = tmp_path / "wallets.csv"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    problems = verify_manifest(tmp_path).problems
    assert len(problems) == 1
    assert problems[0].startswith("wallets.csv: SHA-256")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda directory: (directory / "leads.csv").unlink(), "leads.csv: cannot be read"),
        (lambda directory: (directory / "manifest.json").unlink(), "manifest.json: cannot be read"),
        (lambda directory: (directory / "manifest.json").write_bytes(b'{"a":'), "manifest.json: malformed"),
        (lambda directory: (directory / "leads.csv").write_bytes(b"\xff\n"), "leads.csv: is no CSV in UTF-8"),
        (lambda directory: (directory / "extra.csv").write_bytes(b"a\n"), "extra.csv: not in the manifest"),
        (lambda directory: cut_last_line(directory / "clusters.csv"), "clusters.csv: 1 rows, the manifest says 2"),
        (lambda directory: rename_entry(directory, "../../secret.csv"), "is no name of an export's file"),
        (lambda directory: rename_entry(directory, "more.csv"), "leads.csv: not in the manifest"),
    ],
)
def test_damage_is_named(tmp_path, damage, words):
    export(snapshot(), tmp_path)
    damage(tmp_path)
    assert any(words in problem for problem in verify_manifest(tmp_path).problems)


def cut_last_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def rename_entry(directory: Path, name: str) -> None:
    path = directory / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"leads.csv"', f'"{name}"'), encoding="utf-8")


def test_a_path_that_is_no_directory_is_an_input_error(tmp_path):
    target = tmp_path / "file"
    target.write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="cannot export to"):
        export(snapshot(), target)


def test_nothing_is_left_beside_a_failed_export(tmp_path):
    (tmp_path / "leases.csv").mkdir()
    (tmp_path / "leases.csv" / "kept").write_text("x", encoding="utf-8")
    with pytest.raises(InputError):
        export(snapshot(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["leases.csv"]


def test_hostile_names_cannot_reach_the_manifest_raw(tmp_path):
    world = snapshot()
    chain = msgspec.structs.replace(world.chains[0], name=HOSTILE)
    export(msgspec.structs.replace(world, chains=(chain,)), tmp_path)
    assert "\\u202e" in json.loads((tmp_path / "manifest.json").read_bytes())["chains"]["31337"]["name"]


def test_a_megabyte_of_text_stays_readable(tmp_path):
    rows = [lease(1), lease(2, gpu_raw="=" * 1_000_000)]
    export(msgspec.structs.replace(snapshot(), leases=frame(LEASES, rows)), tmp_path)
    assert verify_manifest(tmp_path).problems == []
    assert len(read(tmp_path / "leases.csv")[1]["gpu_raw"]) == CSV_LIMIT
