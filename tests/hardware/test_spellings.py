"""Every spelling of our own list reads as written there; the list was checked by hand, line by line."""

import csv
from pathlib import Path

import pytest

from monitor.hardware.catalogue import catalogue
from monitor.hardware.parse import parse_gpu

with Path(__file__).with_name("spellings.csv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))


@pytest.mark.parametrize("row", ROWS, ids=[row["spelling"] for row in ROWS])
def test_reads_as_listed(row):
    parsed = parse_gpu(row["spelling"])
    count = "" if parsed.gpu_count is None else str(parsed.gpu_count)
    assert (parsed.gpu_model, parsed.precision, count) == (row["gpu_model"], row["precision"], row["gpu_count"])


def test_list_covers_every_accelerator():
    named = {row["gpu_model"] for row in ROWS} - {""}
    exact = {row["gpu_model"] for row in ROWS if row["precision"] == "exact"}
    assert set(catalogue().rows) == named
    assert set(catalogue().rows) == exact
