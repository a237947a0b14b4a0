"""The accelerator catalogue: loaded once from package data, checked, looked up by id."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources

import msgspec

from monitor.hardware.accelerator import Accelerator
from monitor.hardware.control import h100e, tpp

__all__ = ["Catalogue", "catalogue", "conservative"]

FORM_RANK = {"pcie": 0, "nvl": 1, "sxm": 2}


class Catalogue(msgspec.Struct, frozen=True):
    """Every accelerator by id, with the day (`as_of`) and version of the figures."""

    as_of: date
    version: str
    rows: dict[str, Accelerator]

    def get(self, gpu_model: str) -> Accelerator | None:
        """Return the accelerator of that id, or None."""
        return self.rows.get(gpu_model)

    def all(self) -> tuple[Accelerator, ...]:
        """Return every accelerator in the order of the file."""
        return tuple(self.rows.values())


@cache
def catalogue() -> Catalogue:
    """Load the packaged catalogue; the same object every time."""
    text = resources.files("monitor.hardware").joinpath("catalogue.toml").read_text("utf-8")
    raw = tomllib.loads(text, parse_float=Decimal)
    accelerators = msgspec.convert(raw["accelerator"], list[Accelerator])
    rows = {acc.id: acc for acc in accelerators}
    return Catalogue(as_of=date.fromisoformat(raw["as_of"]), version=raw["version"], rows=rows)


def conservative(rows: Iterable[Accelerator]) -> Accelerator:
    """Return the member that a family counts as: least H100e and TPP, then PCIe, NVL, SXM, then most memory.

    Rows of equal size count the same, so the later keys only fix which id is shown.
    """
    return min(rows, key=_caution)


def _caution(acc: Accelerator) -> tuple[Decimal, Decimal, int, int, str]:
    form = min((FORM_RANK[form] for form in acc.match.forms), default=0)
    return (h100e(acc) or Decimal(0), tpp(acc) or Decimal(0), form, -acc.memory.gb, acc.id)
