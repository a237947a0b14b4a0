"""One accelerator of the catalogue: published figures, and how texts name it."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

__all__ = ["Accelerator", "BoardForm", "Confidence", "Dense", "Match", "Memory", "Source", "Sources"]

Confidence = Literal["high", "medium", "low"]
BoardForm = Literal["pcie", "nvl", "sxm"]


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Memory of one accelerator: size in GB, sizes also printed under the same name, type, bandwidth in GB/s."""

    gb: int
    type: str
    gbs: Decimal | None = None
    also_gb: tuple[int, ...] = ()


class Dense(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Peak TFLOPS (bf16, fp8, fp4) or TOPS (int8) without sparsity; FP16 stands under bf16 where there is no BF16."""

    bf16: Decimal | None = None
    fp8: Decimal | None = None
    int8: Decimal | None = None
    fp4: Decimal | None = None


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How texts name the part; the fields are explained at the head of `catalogue.toml`."""

    keys: tuple[str, ...]
    forms: tuple[BoardForm, ...] = ()
    needs: tuple[Literal["form", "memory"], ...] = ()
    loose: tuple[str, ...] = ()
    explicit: bool = False
    editions: bool = False


class Source(msgspec.Struct, frozen=True, array_like=True):
    """Where a figure was read, and how sure it is."""

    name: str
    confidence: Confidence


class Sources(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The source of each figure that a row holds."""

    performance: Source
    memory: Source
    die: Source | None = None
    link: Source | None = None


class Accelerator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A catalogue row. `released` is an ISO date, a year or empty; `die_mm2` sums the logic dies; `io_gbs` is GB/s."""

    id: str
    vendor: str
    name: str
    family: str
    architecture: str
    datacenter: bool
    memory: Memory
    match: Match
    confidence: Confidence
    sources: Sources
    dense: Dense = Dense()
    china_market: bool = False
    released: str = ""
    die_mm2: Decimal | None = None
    io_gbs: Decimal | None = None
    note: str = ""
