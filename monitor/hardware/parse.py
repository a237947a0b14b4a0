"""Any on-chain GPU spelling to one catalogue model, with how sure that is. Never guesses upward.

Tokenise, find the model keys, narrow the rows they may mean by board form and memory, decide: one row left is `exact`;
several left are `family` and count as the most conservative of them; anything else is `unknown`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from monitor.hardware.accelerator import Accelerator
from monitor.hardware.catalogue import conservative
from monitor.hardware.counts import gpu_count
from monitor.hardware.mentions import Mention, covered, mentions, objection, slice_of
from monitor.hardware.tokens import MAX_TEXT, Piece, names, normalise, pieces

__all__ = ["PARSE_COLUMNS", "ParsedGpu", "Precision", "parse_gpu", "parse_row"]

Precision = Literal["exact", "family", "unknown"]

PARSE_COLUMNS = ("input", "gpu_model", "precision", "gpu_count", "candidates")
"""Columns of `monitor hardware parse`."""

PCI_ID = re.compile(
    r"(?<![0-9a-z])(?:pci[\\/])?(?:ven_)?(?:0x)?(10de|1002|1da3|19e5)"
    r"[:&/_ -]{1,2}(?:dev_)?(?:0x)?([0-9a-f]{4})(?![0-9a-z])"
)
UUID = re.compile(r"(?<![0-9a-z])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-z])")
UNIT = re.compile(r"([0-9]+)([gm])")
MIB_PER_GB = 1024
TOLERANCE_GB = 1
"""Drivers report a little less than the printed size: 81,559 MiB for 80 GB."""


class ParsedGpu(msgspec.Struct, frozen=True):
    """What a text says. `gpu_model` is a catalogue id, empty when unknown; `candidates` are sorted catalogue ids."""

    input: str
    gpu_model: str = ""
    precision: Precision = "unknown"
    gpu_count: int | None = None
    candidates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Stated(msgspec.Struct, frozen=True):
    """What a text says beside the model: board forms, memory sizes in GB, memory types, indices read as memory."""

    forms: frozenset[str]
    sizes: tuple[int, ...]
    types: frozenset[str]
    taken: frozenset[int]
    count: int | None


def parse_gpu(text: str) -> ParsedGpu:
    """Read a GPU spelling; looks at the first 512 characters, takes linear time and never raises."""
    parsed = _read(normalise(text))
    notes = (*parsed.notes, f"only the first {MAX_TEXT} characters were read") if len(text) > MAX_TEXT else parsed.notes
    return msgspec.structs.replace(parsed, input=text, notes=notes)


def parse_row(parsed: ParsedGpu) -> tuple[str, str, str, int | None, str]:
    """Return the values of `PARSE_COLUMNS`; candidates joined by `|`."""
    return (parsed.input, parsed.gpu_model, parsed.precision, parsed.gpu_count, "|".join(parsed.candidates))


@lru_cache(maxsize=4096)
def _read(plain: str) -> ParsedGpu:
    found = pieces(PCI_ID.sub(_device_name, UUID.sub(" ", plain)))
    named = mentions(found)
    stated = _stated(found, named)
    against = objection(found, named)
    if against:
        return ParsedGpu("", gpu_count=stated.count, notes=(against,))
    if slice_of(plain, found, named):
        return ParsedGpu(
            "", gpu_count=stated.count, candidates=_ids(_meant(named)), notes=("a slice, not a whole card",)
        )
    return _decide(named, stated, found)


def _decide(named: Sequence[Mention], stated: Stated, found: Sequence[Piece]) -> ParsedGpu:
    """Narrow the rows that the keys may mean and choose."""
    meant = _meant(named)
    rows, notes, sure = _narrow(meant, stated, mixed=_is_mixed(named, stated))
    sure = sure and all(mention.key not in acc.match.loose for mention in named for acc in mention.rows)
    usual = [acc for acc in rows if not acc.match.explicit] or rows
    exact = sure and len(usual) == 1 and _says_enough(usual[0], stated)
    chosen = usual[0] if exact else conservative(rows)
    if chosen.match.editions and any(piece.text in {"server", "se", "s"} for piece in found):
        notes.append("the Server edition is marketed for data centres")
    precision: Precision = "exact" if exact else "family"
    return ParsedGpu("", chosen.id, precision, stated.count, _ids([chosen] if exact else rows), tuple(notes))


def _is_mixed(named: Sequence[Mention], stated: Stated) -> bool:
    """Tell whether details cannot be assigned: several models, or one named repeatedly with different forms."""
    return not _shared(named) or (len(named) > 1 and len(stated.forms) > 1)


def _narrow(meant: list[Accelerator], stated: Stated, *, mixed: bool) -> tuple[list[Accelerator], list[str], bool]:
    """Keep the rows that fit what is stated; with notes, and whether everything stated fits."""
    if mixed:
        return meant, ["several models are named"], False
    notes: list[str] = []
    rows, form_fits = _by_form(meant, stated.forms)
    if not form_fits:
        notes.append("no such board form of this model in the catalogue")
    rows, size_fits = _by_memory(rows, stated)
    if not size_fits:
        notes.append("memory size does not belong to this model")
    alone = len(meant) == 1 and not meant[0].match.needs  # then a strange size means a rebuilt card, not another model
    return _by_type(rows, stated.types), notes, form_fits and (size_fits or alone)


def _device_name(match: re.Match[str]) -> str:
    """Return the name a PCI id stands for, between blanks; blanks alone for a device the catalogue does not hold."""
    return f" {names().pci.get(f'{match[1]}:{match[2]}', '').lower()} "


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
    sizes = [_gigabytes(piece.text) for piece in found if piece.kind == "memory"]
    types = {piece.text for piece in found if piece.text.startswith(("hbm", "gddr"))}
    inside = covered(named)
    bare = frozenset() if sizes else _bare_sizes(found, named, inside)
    sizes += [int(found[index].text) for index in bare if found[index].gap != ":"]
    return Stated(frozenset(forms), tuple(sizes), frozenset(types), bare, gpu_count(found, inside, bare))


def _form(piece: Piece) -> str:
    """Return the board form a word states; the digits of SXM5 and PCIe4 are dropped, a rack (NVL72) is no form."""
    word = piece.text if piece.text.startswith("nvl") else piece.text.rstrip("0123456789")
    return names().forms.get(word, "") if piece.kind == "word" else ""


def _gigabytes(text: str) -> int:
    match = UNIT.match(text)
    if match is None:
        return 0
    return round(int(match[1]) / MIB_PER_GB) if match[2] == "m" else int(match[1])


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
