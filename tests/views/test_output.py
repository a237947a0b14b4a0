from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.views import clean
from monitor.views.output import csv_cell, csv_lines, joined, write
from monitor.views.tables import lease_rows
from tests.surfaces_fixture import HOSTILE, snapshot, wallet, wallet_text

ROWS = [{"name": HOSTILE, "count": 2, "price": Decimal("-12.5"), "tags": ("a", "b|c")}]


class Screen(io.StringIO):
    def isatty(self):
        return True


def written(rows: Any, fmt_name: Any, **options: Any) -> str:
    stream = io.StringIO()
    write(rows, fmt_name, stream, **options)
    return stream.getvalue()


@given(st.lists(st.tuples(st.text(), st.text(), st.integers()), max_size=8))
def test_csv_reads_back_as_the_cleaned_text(rows):
    found = [{"a": a, "b": b, "n": n} for a, b, n in rows]
    text = "".join(csv_lines(found, ("a", "b", "n")))
    back = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert back == [["a", "b", "n"], *([clean.csv_text(a), clean.csv_text(b), str(n)] for a, b, n in rows)]


def test_csv_numbers_are_untouched_and_lines_end_in_lf():
    text = written(ROWS, "csv")
    assert text.splitlines()[1].startswith('"[red]=HYPERLINK(\\x1b[31m')
    assert ",2,-12.5,a|b\\|c" in text
    assert "\r" not in text
    assert csv_cell("-12.5") == "'-12.5"
    assert csv_cell(None) == ""
    assert csv_cell(True) == "true"
    assert csv_cell(["=1"]) == '"[""=1""]"'


def test_a_lone_empty_field_is_still_a_row():
    assert list(csv.reader(io.StringIO("".join(csv_lines([{"a": None}], ["a"]))))) == [["a"], [""]]


def test_a_long_list_of_evidence_is_not_cut():
    hashes = tuple(f"0x{number:064x}" for number in range(1000))
    assert csv_cell(hashes) == "|".join(hashes)


def test_json_and_ndjson_are_exact_and_ordered():
    row = json.loads(written(ROWS, "json"))[0]
    assert row == {"name": HOSTILE, "count": 2, "price": "-12.5", "tags": ["a", "b|c"]}
    assert list(row) == ["name", "count", "price", "tags"]
    assert written(ROWS, "ndjson", columns=["count"]) == '{"count":2}\n'
    assert written([], "json", columns=["count"]) == "[]\n"
    assert json.loads(written(ROWS * 2, "json")) == [row, row]


def test_a_table_without_a_terminal_cuts_no_id():
    rows = lease_rows(snapshot())
    text = written(rows, "table")
    assert wallet_text(11) in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text.splitlines()) == len(rows) + 1


def test_a_wide_table_on_a_narrow_terminal_becomes_blocks(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    screen = Screen()
    write(lease_rows(snapshot()), "table", screen)
    lines = screen.getvalue().splitlines()
    assert any(line.split()[:1] == ["renter"] and wallet_text(11) in line for line in lines)


def test_a_narrow_table_on_a_terminal_stays_a_table(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    screen = Screen()
    write([{"a": 1, "b": "x"}], "table", screen)
    assert len(screen.getvalue().splitlines()) == 2


@pytest.mark.parametrize("fmt_name", ["table", "csv"])
def test_a_frame_is_written_like_rows(fmt_name):
    frame = pl.DataFrame({"who": [wallet(11)], "n": [1], "list": [["x", "y"]]})
    text = written(frame, fmt_name)
    assert wallet_text(11) in text
    assert written(frame.clear(), "csv") == "who,n,list\n"


def test_joined_is_reversible():
    assert joined(["a|b", "c\\"]) == "a\\|b|c\\\\"
