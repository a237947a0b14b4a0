"""docs/exports.md names every file of an export, what orders its rows, and every column in its place."""

import re
from pathlib import Path

import pytest

from monitor.views.columns import TABLES

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")


def rows_under(header):
    """Cells of the table with this header line."""
    after = DOCUMENT.split(header + "\n", 1)[1].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in after[: after.index("")]]


def test_every_file_and_what_orders_it():
    rows = {row[0].strip("`"): row[2] for row in rows_under("| file | one row per | sorted by |")}
    assert rows == {f"{name}.csv": ", ".join(table.sort_key) for name, table in TABLES.items()}


@pytest.mark.parametrize("name", TABLES)
def test_every_column_in_its_place(name):
    rows = rows_under(f"| column of `{name}.csv` | what it holds |")
    assert [column for row in rows for column in re.findall(r"`(\w+)`", row[0])] == list(TABLES[name].columns)
    assert all(row[1] for row in rows)
