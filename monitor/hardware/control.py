"""Control arithmetic: total processing performance, performance density, ECCN class as of a date, H100-equivalents.

Rules: 87 FR 62186 (2022), 88 FR 73458 (2023), 91 FR 1684 (2026). A class says which paragraph the published figures
fall under; it does not say that a transaction needs a licence. 3A090.c (memory alone) is never an accelerator's class.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

import msgspec

from monitor.hardware.accelerator import Accelerator

__all__ = [
    "Control",
    "case_by_case_2026",
    "classify",
    "eccn_class",
    "h100e",
    "h100e_bf16",
    "h100e_tpp",
    "performance_density",
    "tpp",
]

FIRST_RULE = date(2022, 10, 7)
DENSITY_RULE = date(2023, 11, 17)
BOX_RULE = date(2026, 1, 15)

H100_BF16 = Decimal("989.4")
"""Dense BF16 TFLOPS of the H100 SXM5, the unit of H100-equivalents."""
H100_TPP = Decimal(15832)

A_TPP, B_TPP, DENSE_TPP = Decimal(4800), Decimal(2400), Decimal(1600)
A_DENSITY, B2_DENSITY, B1_DENSITY = Decimal("5.92"), Decimal("3.2"), Decimal("1.6")
IO_2022 = Decimal(600)
BOX_TPP, BOX_GBS = Decimal(21000), Decimal(6500)
MILLI = Decimal("0.001")


class Control(msgspec.Struct, frozen=True):
    """A class with its reason; `note_2` = taken out by Note 2; `nac` = the NAC exception may apply."""

    eccn: str
    reason: str
    note_2: bool = False
    nac: bool = False


def tpp(acc: Accelerator) -> Decimal | None:
    """Return total processing performance: the largest dense T(FL)OPS times bit length; None without any figure."""
    dense = acc.dense
    parts = ((dense.bf16, 16), (dense.fp8, 8), (dense.int8, 8), (dense.fp4, 4))
    return max((figure * bits for figure, bits in parts if figure is not None), default=None)


def performance_density(acc: Accelerator) -> Decimal | None:
    """Return TPP per mm2 of logic die; None while either figure is missing."""
    total = tpp(acc)
    return None if total is None or acc.die_mm2 is None else total / acc.die_mm2


def h100e_bf16(acc: Accelerator) -> Decimal | None:
    """Return dense BF16 performance in H100 SXM5 units, three places; None without a BF16 figure."""
    return None if acc.dense.bf16 is None else _milli(acc.dense.bf16 / H100_BF16)


def h100e_tpp(acc: Accelerator) -> Decimal | None:
    """Return TPP in H100 SXM5 units, three places; None without a TPP."""
    total = tpp(acc)
    return None if total is None else _milli(total / H100_TPP)


def h100e(acc: Accelerator) -> Decimal | None:
    """Return the size used by rules and exports: BF16, or TPP where no BF16 figure is published."""
    by_training = h100e_bf16(acc)
    return h100e_tpp(acc) if by_training is None else by_training


def eccn_class(acc: Accelerator, on: date) -> str:
    """Return `3A090.a.1` .. `3A090.b.2`, `3A090.a` (2022 test), `none` or `unknown` as the rules stood on that day."""
    return classify(acc, on).eccn


def classify(acc: Accelerator, on: date) -> Control:
    """Return the class with its reason, as the rules stood on that day."""
    if on < FIRST_RULE:
        return Control("none", "before 3A090 existed (2022-10-07)")
    total = tpp(acc)
    if total is None:
        return Control("unknown", "no dense performance figure published")
    if on < DENSITY_RULE:
        return _by_interconnect(acc, total)
    return _by_density(acc, total)


def case_by_case_2026(acc: Accelerator, on: date) -> Literal["yes", "no", "n/a", "unknown"]:
    """Say whether both numbers of 91 FR 1684 are met: TPP < 21,000 and memory bandwidth < 6,500 GB/s.

    `n/a` before the rule (2026-01-15) and for parts below 3A090.a/.b. A review policy with further conditions not
    tested here; never a permission.
    """
    total = tpp(acc)
    paragraph = eccn_class(acc, on)
    if on < BOX_RULE or paragraph == "none":
        return "n/a"
    if (total is not None and total >= BOX_TPP) or (acc.memory.gbs is not None and acc.memory.gbs >= BOX_GBS):
        return "no"
    if total is None or acc.memory.gbs is None or paragraph == "unknown":
        return "unknown"
    return "yes"


def _by_interconnect(acc: Accelerator, total: Decimal) -> Control:
    """Apply the test of 2022: bits x TOPS of 4,800 and an aggregate transfer rate of 600 GB/s, both."""
    if total < A_TPP:
        return Control("none", f"TPP {total:.0f} is under 4,800")
    if acc.io_gbs is None:
        return Control("unknown", "the 2022 test needs the aggregate transfer rate, which the catalogue does not hold")
    if acc.io_gbs < IO_2022:
        return Control("none", f"aggregate transfer rate {acc.io_gbs} GB/s is under 600")
    return Control("3A090.a", f"TPP {total:.0f} and aggregate transfer rate {acc.io_gbs} GB/s")


def _by_density(acc: Accelerator, total: Decimal) -> Control:
    """Apply the test in force since 2023-11-17: TPP and performance density, then Note 2 and the NAC exception."""
    if total >= A_TPP:
        return Control("3A090.a.1", f"TPP {total:.0f} reaches 4,800", nac=not acc.datacenter)
    if total < DENSE_TPP:
        return Control("none", f"TPP {total:.0f} is under 1,600")
    if not acc.datacenter:
        return Control("none", f"Note 2: not for data centres and TPP {total:.0f} is under 4,800", note_2=True)
    density = performance_density(acc)
    if density is None:
        return Control("unknown", f"TPP {total:.0f} needs the die area, which is not published")
    paragraph = _paragraph(total, density)
    reason = f"TPP {total:.0f}, performance density {density:.2f}"
    return Control(paragraph, reason, nac=paragraph.startswith("3A090.b"))


def _paragraph(total: Decimal, density: Decimal) -> str:
    """Return the paragraph of a data-centre part with a TPP from 1,600 to under 4,800."""
    if density >= A_DENSITY:
        return "3A090.a.2"
    if total >= B_TPP and density >= B1_DENSITY:
        return "3A090.b.1"
    return "3A090.b.2" if density >= B2_DENSITY else "none"


def _milli(value: Decimal) -> Decimal:
    return value.quantize(MILLI, rounding=ROUND_HALF_EVEN)
