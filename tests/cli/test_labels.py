"""`monitor labels`: import, list, and what a label does."""

import pytest

from tests.cli.conftest import run

A = "0x" + "0" * 39 + "a"


@pytest.fixture
def monitor(tmp_path):
    (tmp_path / "c.toml").write_text(f'[ledger]\npath = "{tmp_path / "ledger.db"}"\n', encoding="utf-8")
    return lambda *words: run("--config", str(tmp_path / "c.toml"), *words)


def test_what_ships_names_its_source_and_date(monitor):
    rows = monitor("labels", "list", "--format", "json").json()
    assert {"exchange", "bridge", "mixer", "paymaster", "payroll"} <= {row["kind"] for row in rows}
    assert all(row["origin"] == "shipped" and row["source"].startswith("https://") and row["date"] for row in rows)
    assert len({row["address"] for row in rows}) == len(rows)


def test_imported_labels_stay_and_are_counted_once(monitor, tmp_path):
    (tmp_path / "mine.csv").write_text(f"address,label,kind\n{A},Desk,otc\nbc1q,x,\n", encoding="utf-8")
    done = monitor("labels", "import", str(tmp_path / "mine.csv"), "--licence", "CC0")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("1 labels read, 1 new, 1 in ")
    assert "1 entries of other chains skipped" in done.err
    again = monitor("labels", "import", str(tmp_path / "mine.csv"), "--licence", "CC0")
    assert "0 new, 1 in" in again.err
    (row,) = monitor("labels", "list", "--kind", "otc", "--format", "json").json()
    assert (row["label"], row["origin"], row["source"], row["licence"]) == ("Desk", "imported", "mine.csv", "CC0")
    (only,) = monitor("labels", "list", "--address", A.upper().replace("0X", "0x"), "--format", "json").json()
    assert only == row


def test_an_imported_service_joins_nobody(monitor, tmp_path):
    others = [f"0x{n:040x}" for n in (1, 2, 3)]
    table = "from,to\n" + "".join(f"{A},{other}\n" for other in others) * 3
    (tmp_path / "t.csv").write_text(table, encoding="utf-8")

    def groups():
        assert monitor("clusters", "--transfers", str(tmp_path / "t.csv"), "--out", str(tmp_path / "o.csv")).code == 0
        return len({line.split(",")[1] for line in (tmp_path / "o.csv").read_text().splitlines()[1:]})

    assert groups() == 1
    (tmp_path / "mine.csv").write_text(f"address,label\n{A},Some bridge\n", encoding="utf-8")
    assert monitor("labels", "import", str(tmp_path / "mine.csv")).code == 0
    assert groups() == 4


def test_a_file_that_holds_no_labels_is_refused(monitor, tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    done = monitor("labels", "import", str(tmp_path / "x.csv"))
    assert done.code == 2
    assert "this is no csv file" in done.err
    assert monitor("labels", "import", str(tmp_path / "none.csv")).code == 2
