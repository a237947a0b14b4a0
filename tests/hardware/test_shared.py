"""Agreement with the reference tables that other programs use; skipped where they are not at hand."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.hardware.catalogue import catalogue
from monitor.hardware.control import (
    case_by_case_2026,
    classify,
    h100e_bf16,
    h100e_tpp,
    performance_density,
    tpp,
)
from monitor.hardware.parse import parse_gpu

COMPLIANCE = Path(__file__).parents[3] / "shared" / "compliance"
pytestmark = pytest.mark.skipif(not COMPLIANCE.is_dir(), reason="the reference tables are not beside this checkout")


def rows(name: str) -> list[dict[str, str]]:
    path = COMPLIANCE / name
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def close(value: Decimal | None, text: str, tolerance: str) -> bool:
    return (value is None) == (text == "") and (value is None or abs(value - Decimal(text)) <= Decimal(tolerance))


@pytest.mark.parametrize("row", rows("gpu_aliases.csv"), ids=lambda row: row["alias"])
def test_alias(row):
    parsed = parse_gpu(row["alias"])
    count = "" if parsed.gpu_count is None else str(parsed.gpu_count)
    precision = {"unknown": "none"}.get(row["precision"], row["precision"])
    assert (parsed.gpu_model, parsed.precision, count) == (row["canonical_id"], precision, row["count"])


def test_ids_are_the_same():
    assert [acc.id for acc in catalogue().all()] == [row["canonical_id"] for row in rows("accelerators.csv")]


@pytest.mark.parametrize("row", rows("accelerators.csv"), ids=lambda row: row["canonical_id"])
def test_raw_figures(row):
    acc = catalogue().rows[row["canonical_id"]]
    printed = ("memory_gb", "mem_bw_gbs", "die_mm2", "bf16_dense_tflops", "fp8_dense_tflops", "int8_dense_tops")
    dense = (acc.dense.bf16, acc.dense.fp8, acc.dense.int8, acc.dense.fp4)
    ours = (Decimal(acc.memory.gb), acc.memory.gbs, acc.die_mm2, *dense)
    assert ours == tuple(Decimal(row[name]) if row[name] else None for name in (*printed, "fp4_dense_tflops"))
    assert (acc.confidence, acc.released, acc.memory.type) == (
        *(row["confidence"], row["release_date"], row["memory_type"]),
    )
    assert acc.datacenter == (row["datacenter_marketed"] == "1")


@pytest.mark.parametrize("row", rows("accelerators.csv"), ids=lambda row: row["canonical_id"])
def test_computed_figures(row):
    acc = catalogue().rows[row["canonical_id"]]
    assert close(tpp(acc), row["tpp"], "0.6")
    assert close(performance_density(acc), row["performance_density"], "0.006")
    assert close(h100e_bf16(acc), row["h100e_bf16"], "0.0005")
    assert close(h100e_tpp(acc), row["h100e_tpp"], "0.0005")


@pytest.mark.parametrize("row", rows("accelerators.csv"), ids=lambda row: row["canonical_id"])
def test_class(row):
    control = classify(catalogue().rows[row["canonical_id"]], catalogue().as_of)
    printed = row["class_3a090_computed"]
    if "NAC-eligible" in printed:  # the table prints only the letter of paragraph a here
        assert (control.eccn, control.nac) == ("3A090.a.1", True)
    else:
        assert control.eccn == printed.split(" ", maxsplit=1)[0]
        assert control.note_2 == ("Note 2" in printed)


# Where the class is unknown we say unknown, not n/a; and a TPP over 21,000 settles the box without a bandwidth.
OURS = {"nvidia-rtx-pro-6000d": "unknown", "amd-mi308x": "unknown", "huawei-ascend-910b4": "unknown"}
OURS |= {"nvidia-rubin-cpx": "no"}


@pytest.mark.parametrize("row", rows("accelerators.csv"), ids=lambda row: row["canonical_id"])
def test_box(row):
    printed = row["jan2026_case_by_case_params"].split(" ")[0]
    assert case_by_case_2026(catalogue().rows[row["canonical_id"]], catalogue().as_of) == OURS.get(
        row["canonical_id"], printed
    )
