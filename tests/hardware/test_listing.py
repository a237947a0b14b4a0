"""The listing shows each accelerator once, with figures computed as of the day asked."""

import subprocess
import sys
from datetime import date
from decimal import Decimal

from monitor.hardware import CATALOGUE_COLUMNS, catalogue, catalogue_rows


def test_rows_carry_every_column_in_order():
    rows = catalogue_rows(catalogue().as_of)
    assert [row["gpu_model"] for row in rows] == list(catalogue().rows)
    assert all(tuple(row) == CATALOGUE_COLUMNS for row in rows)
    assert not any(isinstance(value, float) for row in rows for value in row.values())


def test_a_row_computes_what_the_catalogue_does_not_hold():
    l4 = next(row for row in catalogue_rows(catalogue().as_of) if row["gpu_model"] == "nvidia-l4")
    figures = (l4["tpp"], l4["performance_density"], l4["h100e_bf16"], l4["eccn_class"])
    assert figures == (Decimal(1936), Decimal("6.59"), Decimal("0.122"), "3A090.a.2")


def test_the_day_decides_the_class():
    assert {row["eccn_class"] for row in catalogue_rows(date(2022, 10, 6))} == {"none"}


def test_importing_the_package_loads_no_polars():
    probe = "import sys, monitor.hardware; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], timeout=60, check=False).returncode == 0
