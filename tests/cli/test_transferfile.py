"""`monitor clusters --transfers FILE --out FILE`: joins on evidence of two kinds, never through a hub."""

import csv
import json
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from monitor.views.format import address
from tests.cli.conftest import run

DAY = 86_400
START = 1_760_000_000


def wallet(number):
    return f"0x{number:040x}"


def shown(number):
    return address(number.to_bytes(20, "big"))


FUNDER, SINK, EXCHANGE = 1, 2, 3
KIN, STRANGERS = (11, 12), range(100, 320)
ROWS = [
    # One funder, two wallets that send what they have on to one place: two families of evidence.
    *((wallet(FUNDER), wallet(member), 10**18, START + member) for member in KIN),
    *((wallet(member), wallet(SINK), 10**17, START + DAY + member) for member in KIN),
    # An exchange funds everybody and takes everybody's money.
    *((wallet(EXCHANGE), wallet(member), 10**18, START + member) for member in STRANGERS),
    *((wallet(member), wallet(EXCHANGE), 10**17, START + DAY + member) for member in STRANGERS),
    # Funded once, never seen again: one family is not enough.
    (wallet(50), wallet(51), 10**18, START),
]


def clusters(path, tmp_path, *, code=0):
    out = tmp_path / "clusters.csv"
    done = run("--config", str(tmp_path / "c.toml"), "clusters", "--transfers", str(path), "--out", str(out))
    assert (done.code, done.out) == (code, ""), done.err
    if code:
        return done.err
    assert out.read_bytes().startswith(b"address,cluster_id\n")
    with out.open(encoding="utf-8", newline="") as file:
        return {row["address"]: row["cluster_id"] for row in csv.DictReader(file)}


@pytest.fixture(autouse=True)
def config(tmp_path):
    (tmp_path / "c.toml").write_text("", encoding="utf-8")


def write(path, rows, columns=("from", "to", "value", "timestamp")):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def test_two_kinds_of_evidence_join_and_a_hub_does_not(tmp_path):
    found = clusters(write(tmp_path / "t.csv", ROWS), tmp_path)
    assert set(found) == {shown(n) for n in (FUNDER, SINK, EXCHANGE, *KIN, *STRANGERS, 50, 51)}
    assert len({found[shown(number)] for number in (FUNDER, *KIN)}) == 1
    assert found[shown(SINK)] != found[shown(FUNDER)]
    assert len({found[shown(number)] for number in (EXCHANGE, *STRANGERS)}) == 1 + len(STRANGERS)
    assert found[shown(50)] != found[shown(51)]


def test_random_strangers_stay_strangers(tmp_path):
    chance = random.Random(3)
    rows = [(wallet(chance.randrange(600)), wallet(chance.randrange(600)), 10**18, START + at) for at in range(2000)]
    found = clusters(write(tmp_path / "t.csv", rows), tmp_path)
    assert len(set(found.values())) > 0.95 * len(found)


def test_neither_order_nor_letters_nor_file_format_matter(tmp_path):
    first = clusters(write(tmp_path / "t.csv", ROWS), tmp_path)
    mixed = [(a.upper().replace("0X", "0x"), *rest) for a, *rest in ROWS]
    random.Random(5).shuffle(mixed)
    assert clusters(write(tmp_path / "mixed.csv", mixed), tmp_path) == first
    moments = [(a, b, value, datetime.fromtimestamp(at, UTC)) for a, b, value, at in ROWS]
    frame = pl.DataFrame(
        [(a, b, float(value), at) for a, b, value, at in moments],
        schema={"from": pl.String, "to": pl.String, "value": pl.Float64, "timestamp": pl.Datetime("us", "UTC")},
        orient="row",
    )
    frame.write_parquet(tmp_path / "t.parquet")
    assert clusters(tmp_path / "t.parquet", tmp_path) == first
    spelled = [(a, b, value, at.strftime("%Y-%m-%dT%H:%M:%SZ")) for a, b, value, at in moments]
    assert clusters(write(tmp_path / "iso.csv", spelled), tmp_path) == first


def test_two_columns_are_enough(tmp_path):
    found = clusters(write(tmp_path / "t.csv", [row[:2] for row in ROWS], ("from", "to")), tmp_path)
    assert len({found[shown(number)] for number in (FUNDER, *KIN)}) == 1


def test_labels_of_the_configuration_count(tmp_path):
    label = f'[[labels]]\naddress = "{wallet(FUNDER)}"\nlabel = "x"\nkind = "exchange"\n'
    (tmp_path / "c.toml").write_text(label + 'source = "me"\ndate = "2026-01-01"\n', encoding="utf-8")
    found = clusters(write(tmp_path / "t.csv", ROWS), tmp_path)
    assert len({found[shown(number)] for number in (FUNDER, *KIN)}) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "has no column 'from'"),
        ("from,to\n0x12,0x34\n", "'0x12' is no address"),
        ("from,to,from\n0x12,0x34,0x56\n", "names column 'from' twice"),
        ("", "is neither CSV nor Parquet"),
        ("PAR1 but not really", "is neither CSV nor Parquet"),
    ],
)
def test_what_is_no_table_of_transfers_is_refused(text, said, tmp_path):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    assert said in clusters(tmp_path / "t.csv", tmp_path, code=2)


def test_hostile_values_change_nobody_elses_cluster(tmp_path):
    hostile = [
        (wallet(60), wallet(61), "9" * 80, START),
        (wallet(60), wallet(62), "-5", START),
        (wallet(60), wallet(63), "nan", "soon"),
        (wallet(60), wallet(64), "inf", "99999999999999999999"),
        (wallet(60), "", 1, START),
    ]
    first = clusters(write(tmp_path / "t.csv", ROWS), tmp_path)
    found = clusters(write(tmp_path / "u.csv", [*ROWS, *((*row[:2], row[2], row[3]) for row in hostile)]), tmp_path)
    assert {name: found[name] for name in first} == first


def test_the_two_options_go_together(tmp_path):
    done = run("clusters", "--transfers", str(tmp_path / "t.csv"))
    assert (done.code, done.out) == (2, "")
    assert "go together" in done.err
    assert clusters(tmp_path / "none.csv", tmp_path, code=2).startswith("monitor: error: ")


def test_clusters_go_to_standard_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = write(tmp_path / "t.csv", ROWS)
    done = run("clusters", "--transfers", str(table), "--out", "-")
    assert done.code == 0, done.err
    assert {row["address"]: row["cluster_id"] for row in done.csv()} == clusters(table, tmp_path)
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (("--out", "TABLE"), "is the file of transfers itself"),
        (("--out", "FOLDER"), "cannot be written: "),
        (("--out", "NEW", "--at", "5"), "--at does not go with it"),
        (("--out", "NEW", "--since", "5"), "--since does not go with it"),
    ],
)
def test_what_cannot_be_done_with_a_file_is_said_and_nothing_is_written(extra, said, tmp_path):
    table, text = tmp_path / "t.csv", f"from,to\n0x{'11' * 20},0x{'22' * 20}\n"
    table.write_text(text)
    names = {"TABLE": str(table), "FOLDER": str(tmp_path), "NEW": str(tmp_path / "new.csv")}
    done = run("clusters", "--transfers", str(table), *(names.get(word, word) for word in extra))
    assert done.code == 2, done.err
    assert said in done.err
    assert "None" not in done.err
    assert not (tmp_path / "new.csv").exists()
    assert table.read_text() == text


def test_without_times_rarity_decides_and_neither_order_letters_nor_repeats_of_a_transaction_matter(tmp_path):
    pairs = [(wallet(a), wallet(b)) for a, b in [(1, 2), (2, 1), (2, 3), (3, 1)] * 2 + [(70, 70)]]
    rows = [(*pair, "polygon", "erc20", f"t{at}") for at, pair in enumerate(pairs)]
    columns = ("from", "to", "chain", "kind", "tx")
    first = clusters(write(tmp_path / "t.csv", rows, columns), tmp_path)
    assert len({first[shown(number)] for number in (1, 2, 3)}) == 1
    assert len(set(first.values())) == 2
    mixed = [(a.upper().replace("0X", "0x"), f" {b} ", *rest) for a, b, *rest in rows]
    random.Random(5).shuffle(mixed)
    assert clusters(write(tmp_path / "m.csv", mixed + mixed[:3], columns), tmp_path) == first
    frame = pl.DataFrame(rows, schema=list(columns), orient="row")
    frame.with_columns(pl.col("from", "to", "chain", "kind").cast(pl.Categorical)).write_parquet(tmp_path / "t.parquet")
    assert clusters(tmp_path / "t.parquet", tmp_path) == first


def test_transfers_of_nothing_join_nobody(tmp_path):
    rows = [(wallet(1), wallet(2), "0")] * 5 + [(wallet(3), wallet(4), "7")] * 5
    found = clusters(write(tmp_path / "t.csv", rows, ("from", "to", "value")), tmp_path)
    assert found[shown(1)] != found[shown(2)]
    assert found[shown(3)] == found[shown(4)]


def test_a_label_keeps_a_service_from_joining_its_customers(tmp_path):
    label = f'[[labels]]\naddress = "{wallet(9)}"\nlabel = "x"\nkind = "bridge"\n'
    (tmp_path / "c.toml").write_text(label + 'source = "me"\ndate = "2026-01-01"\n', encoding="utf-8")
    rows = [(wallet(9), wallet(at)) for at in (1, 2, 3)] * 3
    assert len(set(clusters(write(tmp_path / "t.csv", rows, ("from", "to")), tmp_path).values())) == 4


def test_a_table_without_rows_gives_a_table_without_rows(tmp_path):
    assert clusters(write(tmp_path / "t.csv", [], ("from", "to")), tmp_path) == {}
    assert clusters(write(tmp_path / "t.csv", [], ("from", "to", "timestamp")), tmp_path) == {}
    assert clusters(write(tmp_path / "t.csv", [("", "", "")], ("from", "to", "timestamp")), tmp_path) == {}


def test_transfers_without_a_time_among_timed_ones_are_nobodys_first(tmp_path):
    rows = [*ROWS, *((wallet(400 + n), wallet(member), 10**18, "") for n, member in enumerate(KIN))]
    first = clusters(write(tmp_path / "t.csv", rows), tmp_path)
    assert clusters(write(tmp_path / "u.csv", rows[::-1]), tmp_path) == first
    assert len({first[shown(number)] for number in (FUNDER, *KIN)}) == 1


MONTH = 30 * DAY
ATTACKER = 900
CROWD = range(1000, 1500)
LIVES = [(wallet(3 * n + 20_000), wallet(n), 10**18, START - n * DAY) for n in CROWD]
SCENES = {
    "an exchange pays out five hundred strangers": [(wallet(EXCHANGE), wallet(n), 10**18, START + n) for n in CROWD],
    "a payroll of eighty, every month": [
        (wallet(ATTACKER), wallet(n), 10**18, START + month * MONTH) for n in CROWD[:80] for month in range(12)
    ],
    "dust from one to many": [(wallet(ATTACKER), wallet(n), 10**9, START + n) for n in CROWD[:40]],
    "a look-alike poisons a history and is paid once by mistake": [
        (wallet(ATTACKER), wallet(CROWD[0]), 1, START),
        (wallet(CROWD[0]), wallet(ATTACKER), 10**18, START + DAY),
    ],
}


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("columns", [("from", "to", "value", "timestamp"), ("from", "to", "value")])
def test_nobody_is_joined_by_what_others_do_to_them(scene, columns, tmp_path):
    rows = [row[: len(columns)] for row in LIVES + SCENES[scene]]
    found = clusters(write(tmp_path / "t.csv", rows, columns), tmp_path)
    strangers = [found[shown(n)] for n in CROWD if shown(n) in found]
    assert len(set(strangers)) == len(strangers)
    for center in (EXCHANGE, ATTACKER):
        if "timestamp" in columns or "look-alike" not in scene:
            assert found.get(shown(center)) not in strangers


@pytest.mark.slow
def test_the_public_benchmark_is_beaten(tmp_path):
    folder = Path(__file__).parents[3] / "shared" / "wallets" / "benchmark"
    if not folder.exists():
        pytest.skip("the shared benchmark is not beside this checkout")
    out = tmp_path / "clusters.csv"
    assert run("clusters", "--transfers", str(folder / "transfers.parquet"), "--out", str(out)).code == 0
    command = [sys.executable, str(folder / "score.py"), str(out)]
    said = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert said["B3F1"] >= 0.795
    assert said["B3P"] >= 0.95
    assert said["largest"] <= 300
