"""Any on-chain GPU spelling to one catalogue model, with how sure that is. Never guesses upward.

Bring the text to one alphabet, cut it, find the models named, narrow the rows they may mean by board form and memory,
decide. One row left is `exact`. A board or a size that the catalogue has no row for is a `variant` of its model.
Several rows left are a `family`. Both count as the most conservative row that fits. Anything else is `none`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Literal

import msgspec

from monitor.hardware.accelerator import Accelerator
from monitor.hardware.catalogue import catalogue, conservative
from monitor.hardware.control import tpp
from monitor.hardware.counts import count_readings, gpu_count
from monitor.hardware.mentions import Mention, covered, is_slice, mentions
from monitor.hardware.names import names
from monitor.hardware.normalise import MAX_TEXT, normalise
from monitor.hardware.objections import objection
from monitor.hardware.tokens import Piece, gigabytes, pieces

__all__ = ["DETAIL_COLUMNS", "PARSE_COLUMNS", "ParsedGpu", "Precision", "parse_gpu", "reading"]

Precision = Literal["exact", "variant", "family", "none"]

PARSE_COLUMNS = ("input", "gpu_model", "precision", "gpu_count", "candidates")
"""Columns of `monitor hardware parse`."""
DETAIL_COLUMNS = ("tpp_low", "tpp_high", "notes")
"""What `--details` adds: the TPP range of the candidates, and why the text was read so."""

SLICE = "a slice, not a whole card"
TOLERANCE_GB = 1
"""Drivers report a little less than the printed size: 81,559 MiB for 80 GB."""


class ParsedGpu(msgspec.Struct, frozen=True):
    """What a text says. `gpu_model` is a catalogue id, empty for `none`; `candidates` are sorted catalogue ids."""

    input: str
    gpu_model: str = ""
    precision: Precision = "none"
    gpu_count: int | None = None
    candidates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def tpp_bounds(self) -> tuple[Decimal, Decimal] | None:
        """Return the lowest and highest TPP among the candidates; None without any published figure."""
        rows = catalogue().rows
        figures = [figure for each in self.candidates if (figure := tpp(rows[each])) is not None]
        return (min(figures), max(figures)) if figures else None


class Stated(msgspec.Struct, frozen=True):
    """What a text says beside the model: board forms, memory sizes in GB, memory types, count."""

    forms: frozenset[str]
    sizes: tuple[int, ...]
    types: frozenset[str]
    counted: frozenset[int]
    count: int | None


def parse_gpu(text: str) -> ParsedGpu:
    """Read a GPU spelling; looks at the first 512 characters, takes linear time and never raises."""
    parsed = reading(text)
    notes = (*parsed.notes, f"only the first {MAX_TEXT} characters were read") if len(text) > MAX_TEXT else parsed.notes
    return msgspec.structs.replace(parsed, input=text, notes=notes)


def reading(text: str) -> ParsedGpu:
    """Read a GPU spelling like `parse_gpu`, with an empty `input`: texts of one shape share the answer."""
    return _read(pieces(normalise(text)))


@lru_cache(maxsize=1 << 16)
def _read(found: tuple[Piece, ...]) -> ParsedGpu:
    named = mentions(found)
    stated = _stated(found, named)
    if named and all(mention.rows for mention in named) and is_slice(found, named):
        return ParsedGpu("", gpu_count=stated.count, candidates=_ids(_meant(named)), notes=(SLICE,))
    if against := objection(found, named, stated.counted):
        return ParsedGpu("", gpu_count=stated.count, notes=(against,))
    return _decide(named, stated, found)


def _decide(named: Sequence[Mention], stated: Stated, found: Sequence[Piece]) -> ParsedGpu:
    """Narrow the rows that the keys may mean and choose."""
    mixed = _is_mixed(named, stated)
    rows, notes = _narrow(_meant(named), stated, mixed=mixed)
    if any(mention.key in acc.match.loose for mention in named for acc in mention.rows):
        notes.append("a neighbour of this model without figures of its own")
    usual = [acc for acc in rows if not acc.match.explicit] or rows
    chosen, precision = conservative(rows), _precision(usual, stated, notes, mixed=mixed)
    if precision == "exact":
        rows = usual
        chosen = usual[0]
    if chosen.match.editions and any(piece.text in {"server", "se", "s"} for piece in found):
        notes.append("the Server edition is marketed for data centres")
    return ParsedGpu("", chosen.id, precision, stated.count, _ids(rows), tuple(notes))


def _precision(usual: Sequence[Accelerator], stated: Stated, notes: Sequence[str], *, mixed: bool) -> Precision:
    if mixed:
        return "family"
    if notes:
        return "variant"
    return "exact" if len(usual) == 1 and _says_enough(usual[0], stated) else "family"


def _is_mixed(named: Sequence[Mention], stated: Stated) -> bool:
    """Tell whether details cannot be assigned: several models, or one named repeatedly with different forms."""
    return not _shared(named) or (len(named) > 1 and len(stated.forms) > 1)


def _narrow(meant: list[Accelerator], stated: Stated, *, mixed: bool) -> tuple[list[Accelerator], list[str]]:
    """Keep the rows that fit what is stated; with a note on everything stated that no row of the model has."""
    if mixed:
        return meant, ["several models are named"]
    notes: list[str] = []
    rows, form_fits = _by_form(meant, stated.forms)
    if not form_fits:
        notes.append("no such board form of this model in the catalogue")
    rows, size_fits = _by_memory(rows, stated)
    if not size_fits:
        notes.append("memory size does not belong to this model")
    return _by_type(rows, stated.types), notes


def _ids(rows: Iterable[Accelerator]) -> tuple[str, ...]:
    return tuple(sorted({acc.id for acc in rows}))


def _shared(named: Sequence[Mention]) -> frozenset[str]:
    """Return the ids that every mention may mean."""
    return frozenset.intersection(*(frozenset(acc.id for acc in mention.rows) for mention in named))


def _meant(named: Sequence[Mention]) -> list[Accelerator]:
    """Return the rows all mentions agree on; where they disagree, all rows, so that the least of them counts."""
    shared = _shared(named)
    rows = {acc.id: acc for mention in named for acc in mention.rows if not shared or acc.id in shared}
    return list(rows.values())


def _by_form(rows: list[Accelerator], forms: frozenset[str]) -> tuple[list[Accelerator], bool]:
    """Keep the rows of a stated board form; a form that none has changes nothing but is reported."""
    if not forms:
        return rows, True
    kept = [acc for acc in rows if not acc.match.forms or forms & set(acc.match.forms)]
    fits = bool(kept) and "other" not in forms
    return (kept, True) if fits else (rows, False)


def _by_memory(rows: list[Accelerator], stated: Stated) -> tuple[list[Accelerator], bool]:
    """Keep the rows of a stated size, or of the size per card where a total is stated with a count."""
    if not stated.sizes:
        return rows, True
    for share in {1, stated.count or 1}:
        sizes = [size / share for size in stated.sizes]
        kept = [acc for acc in rows if any(_has_size(acc, size) for size in sizes)]
        if kept:
            return kept, True
    return rows, False


def _has_size(acc: Accelerator, size: float) -> bool:
    return any(abs(own - size) <= TOLERANCE_GB for own in (acc.memory.gb, *acc.memory.also_gb))


def _by_type(rows: list[Accelerator], types: frozenset[str]) -> list[Accelerator]:
    """Keep the rows of a stated memory type; catalogues mix types up, so a type that none has says nothing."""
    return [acc for acc in rows if acc.memory.type.lower() in types] or rows


def _says_enough(acc: Accelerator, stated: Stated) -> bool:
    said = {"form": bool(stated.forms), "memory": bool(stated.sizes)}
    return all(said[need] for need in acc.match.needs)


def _stated(found: Sequence[Piece], named: Sequence[Mention]) -> Stated:
    """Collect board forms, memory and count."""
    forms = {form for piece in found if (form := _form(piece))}
    if {"nvl", "pcie"} <= forms:
        forms.discard("pcie")  # an NVL board is a PCIe board too; the narrower word wins
    sizes = [
        gigabytes(piece.text) for at, piece in enumerate(found) if piece.kind == "memory" and _of_card(found, at, named)
    ]
    types = {piece.text for piece in found if piece.text.startswith(("hbm", "gddr"))}
    inside = covered(named)
    bare = frozenset() if sizes else _bare_sizes(found, named, inside)
    sizes += [int(found[index].text) for index in bare if found[index].gap != ":"]
    readings = count_readings(found, inside, bare)
    return Stated(frozenset(forms), tuple(sizes), frozenset(types), frozenset(readings), gpu_count(readings))


def _of_card(found: Sequence[Piece], at: int, named: Sequence[Mention]) -> bool:
    """Tell a card's memory from the machine's, as in `RTX 4090, 64GB RAM`: that is a size the card does not have."""
    if at + 1 == len(found) or found[at + 1].text not in names().words.of_host:
        return True
    size = gigabytes(found[at].text)
    return any(_has_size(acc, size) for mention in named for acc in mention.rows)


def _form(piece: Piece) -> str:
    """Return the board form a word states; the digits of SXM5 and PCIe4 are dropped, a rack (NVL72) is no form."""
    word = piece.text if piece.text.startswith("nvl") else piece.text.rstrip("0123456789")
    return names().forms.get(word, "") if piece.kind == "word" else ""


def _bare_sizes(found: Sequence[Piece], named: Sequence[Mention], inside: frozenset[int]) -> frozenset[int]:
    """Find sizes printed without a unit right after the model or its form: `A100_80`, `a100-sxm-40`."""
    sizes = {acc.memory.gb for mention in named for acc in mention.rows if not acc.match.explicit}
    return frozenset(
        at
        for at, piece in enumerate(found)
        if piece.kind == "number"
        and int(piece.text) in sizes
        and (at - 1 in inside or (at > 0 and bool(_form(found[at - 1]))))
        and not (at + 1 < len(found) and found[at + 1].text in {"x", *names().words.counted})
    )
