"""Control arithmetic at its boundaries, day by day."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from monitor.hardware.accelerator import Accelerator, Dense
from monitor.hardware.catalogue import catalogue
from monitor.hardware.control import (
    case_by_case_2026,
    classify,
    eccn_class,
    h100e,
    h100e_bf16,
    h100e_tpp,
    performance_density,
    tpp,
)

TODAY = date(2026, 11, 22)
ROWS = catalogue().rows


@pytest.mark.parametrize(
    ("gpu_model", "eccn"),
    [
        ("nvidia-h20-96gb", "none"),  # 2,368: 32 under the line
        ("nvidia-l20", "none"),  # density 3.14
        ("nvidia-l2", "none"),  # 1,544
        ("nvidia-a10", "none"),  # density 3.18
        ("nvidia-l4", "3A090.a.2"),  # slow, but density 6.59
        ("nvidia-l40", "3A090.b.1"),
        ("nvidia-a30", "3A090.b.1"),
        ("nvidia-a40", "3A090.b.2"),  # TPP under 2,400, density over 3.2
        ("nvidia-l40s", "3A090.a.1"),
        ("nvidia-v100-sxm2-32gb", "none"),
        ("amd-mi308x", "unknown"),  # die area not published
        ("nvidia-rtx-pro-6000d", "unknown"),  # no dense figure
    ],
)
def test_class_today(gpu_model, eccn):
    assert eccn_class(ROWS[gpu_model], TODAY) == eccn


@pytest.mark.parametrize("gpu_model", ["nvidia-rtx-4090-d", "nvidia-rtx-5090-d", "nvidia-rtx-a6000", "nvidia-rtx-3090"])
def test_note_2_takes_out_cards_under_4800(gpu_model):
    control = classify(ROWS[gpu_model], TODAY)
    assert (control.eccn, control.note_2, control.nac) == ("none", True, False)


@pytest.mark.parametrize("gpu_model", ["nvidia-rtx-4090", "nvidia-rtx-5090", "nvidia-rtx-6000-ada"])
def test_cards_over_4800_are_controlled_with_the_exception(gpu_model):
    control = classify(ROWS[gpu_model], TODAY)
    assert (control.eccn, control.note_2, control.nac) == ("3A090.a.1", False, True)


def test_the_exception_follows_paragraph_and_marketing():
    assert not classify(ROWS["nvidia-h100-sxm5-80gb"], TODAY).nac
    assert not classify(ROWS["nvidia-l4"], TODAY).nac
    assert classify(ROWS["nvidia-l40"], TODAY).nac


@pytest.mark.parametrize(
    ("gpu_model", "on", "eccn"),
    [
        ("nvidia-a100-sxm4-80gb", date(2022, 10, 6), "none"),
        ("nvidia-a100-sxm4-80gb", date(2022, 10, 7), "3A090.a"),
        ("nvidia-a100-sxm4-80gb", date(2023, 11, 16), "3A090.a"),
        ("nvidia-a100-sxm4-80gb", date(2023, 11, 17), "3A090.a.1"),
        ("nvidia-a800-sxm4-80gb", date(2023, 11, 16), "none"),  # built for the I/O test
        ("nvidia-a800-sxm4-80gb", date(2023, 11, 17), "3A090.a.1"),
        ("nvidia-h800-sxm5-80gb", date(2023, 6, 1), "none"),
        ("nvidia-rtx-4090", date(2023, 6, 1), "none"),
        ("nvidia-l4", date(2023, 6, 1), "none"),
        ("nvidia-b200", date(2023, 6, 1), "unknown"),  # no transfer rate in the catalogue
    ],
)
def test_class_follows_the_rule_of_the_day(gpu_model, on, eccn):
    control = classify(ROWS[gpu_model], on)
    assert control.eccn == eccn
    assert control.reason


def at(bf16: str, die: str) -> Accelerator:
    """Make a data-centre part with only these two figures."""
    return msgspec.structs.replace(ROWS["nvidia-l40"], dense=Dense(bf16=Decimal(bf16)), die_mm2=Decimal(die))


def test_lines_are_inclusive():
    assert eccn_class(at("300", "9999"), TODAY) == "3A090.a.1"
    assert eccn_class(at("299.9", "9999"), TODAY) == "none"
    assert eccn_class(at("150", "1500"), TODAY) == "3A090.b.1"  # density 1.6
    assert eccn_class(at("150", "1501"), TODAY) == "none"
    assert eccn_class(at("100", "500"), TODAY) == "3A090.b.2"  # density 3.2
    assert eccn_class(at("100", "501"), TODAY) == "none"
    assert eccn_class(at("118.4", "320"), TODAY) == "3A090.a.2"  # density 5.92
    assert eccn_class(at("99.9", "10"), TODAY) == "none"


def test_box_of_2026():
    verdicts = {"nvidia-h200-sxm-141gb": "yes", "amd-mi325x": "yes", "nvidia-b200": "no", "nvidia-h20-96gb": "n/a"}
    verdicts |= {"amd-mi308x": "unknown", "intel-gaudi3": "no", "nvidia-rubin-cpx": "no", "nvidia-b30a": "no"}
    assert {each: case_by_case_2026(ROWS[each], TODAY) for each in verdicts} == verdicts


def test_box_of_2026_opens_with_its_rule():
    h200 = ROWS["nvidia-h200-sxm-141gb"]
    assert case_by_case_2026(h200, date(2026, 1, 14)) == "n/a"
    assert case_by_case_2026(h200, date(2026, 1, 15)) == "yes"


def test_sizes_are_decimals_with_three_places():
    unit = ROWS["nvidia-h100-sxm5-80gb"]
    assert (h100e_bf16(unit), h100e_tpp(unit)) == (Decimal("1.000"), Decimal("1.000"))
    for acc in ROWS.values():
        for value in (h100e_bf16(acc), h100e_tpp(acc), h100e(acc)):
            assert value is None or (isinstance(value, Decimal) and value.as_tuple().exponent == -3)


def test_size_falls_back_on_tpp_where_bf16_is_missing():
    assert h100e(ROWS["nvidia-rtx-5090-d"]) == Decimal("0.300")
    assert h100e(ROWS["nvidia-b300"]) == Decimal("2.274")  # not the 3.537 that FP4 would give
    assert h100e(ROWS["nvidia-rtx-pro-6000d"]) is None


def test_tpp_takes_the_largest_operand_and_density_needs_a_die():
    assert tpp(ROWS["nvidia-t4"]) == 1040
    assert tpp(ROWS["nvidia-b300"]) == 56000
    assert performance_density(ROWS["nvidia-b200"]) is None
