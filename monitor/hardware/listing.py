"""The catalogue as rows for people: raw figures beside everything computed from them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec

from monitor.hardware.accelerator import Accelerator
from monitor.hardware.catalogue import catalogue
from monitor.hardware.control import (
    case_by_case_2026,
    classify,
    h100e_bf16,
    h100e_tpp,
    performance_density,
    tpp,
)

__all__ = ["CATALOGUE_COLUMNS", "catalogue_rows"]

FIGURES: dict[str, Callable[[Accelerator], Any]] = {
    "gpu_model": lambda acc: acc.id,
    "vendor": lambda acc: acc.vendor,
    "name": lambda acc: acc.name,
    "architecture": lambda acc: acc.architecture,
    "released": lambda acc: acc.released,
    "datacenter": lambda acc: acc.datacenter,
    "china_market": lambda acc: acc.china_market,
    "memory_gb": lambda acc: acc.memory.gb,
    "memory_gbs": lambda acc: acc.memory.gbs,
    "die_mm2": lambda acc: acc.die_mm2,
    "tpp": lambda acc: _rounded(tpp(acc), "1"),
    "performance_density": lambda acc: _rounded(performance_density(acc), "0.01"),
    "h100e_bf16": h100e_bf16,
    "h100e_tpp": h100e_tpp,
    "confidence": lambda acc: acc.confidence,
}

CATALOGUE_COLUMNS = (*FIGURES, "eccn_class", "eccn_reason", "note_2", "nac", "case_by_case_2026", "sources", "note")
"""Columns of `monitor hardware list`; memory_gbs in GB/s, unknown figures None, sources with their confidence."""


def catalogue_rows(on: date) -> list[dict[str, Any]]:
    """Return one row per accelerator with `CATALOGUE_COLUMNS`, in the order of the catalogue; classes as of `on`."""
    rows: list[dict[str, Any]] = []
    for acc in catalogue().all():
        control = classify(acc, on)
        verdict = (control.eccn, control.reason, control.note_2, control.nac, case_by_case_2026(acc, on))
        values = (*(figure(acc) for figure in FIGURES.values()), *verdict, _sources(acc), acc.note)
        rows.append(dict(zip(CATALOGUE_COLUMNS, values, strict=True)))
    return rows


def _sources(acc: Accelerator) -> str:
    each = msgspec.structs.asdict(acc.sources).items()
    return "; ".join(f"{figure}: {source.name} ({source.confidence})" for figure, source in each if source is not None)


def _rounded(value: Decimal | None, step: str) -> Decimal | None:
    return None if value is None else value.quantize(Decimal(step), rounding=ROUND_HALF_EVEN)
