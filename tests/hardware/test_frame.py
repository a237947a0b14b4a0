"""Frames for joins have the declared columns and types."""

from datetime import date
from decimal import Decimal

import polars as pl

from monitor.hardware.frame import ACCELERATORS, frame, resolve
from monitor.model.schema import HARDWARE


def test_resolve_gives_one_row_per_spelling():
    raws = pl.Series("gpu_raw", ["8x H100", None, "nonsense", "8x H100", "RTX 4090 D"])
    table = resolve(raws)
    assert dict(table.schema) == HARDWARE
    assert table["gpu_raw"].to_list() == ["8x H100", "nonsense", "RTX 4090 D"]
    assert table["gpu_model"].to_list() == ["nvidia-h100-pcie-80gb", "", "nvidia-rtx-4090-d"]
    assert table["h100e_each"].to_list() == [Decimal("0.764"), None, Decimal("0.297")]
    assert table["eccn_class"].to_list() == ["3A090.a.1", "unknown", "none"]
    assert table["gpu_count_parsed"].to_list() == [8, None, None]


def test_resolve_takes_nothing_and_the_day():
    assert dict(resolve(pl.Series([], dtype=pl.String)).schema) == HARDWARE
    assert dict(resolve(pl.Series([None])).schema) == HARDWARE
    assert resolve(pl.Series(["A800 80GB PCIe"]), date(2023, 1, 1))["eccn_class"].to_list() == ["none"]


def test_frame_holds_the_catalogue():
    table = frame()
    assert dict(table.schema) == ACCELERATORS
    assert table.height == 61
    assert frame(date(2020, 1, 1))["eccn_class"].unique().to_list() == ["none"]
