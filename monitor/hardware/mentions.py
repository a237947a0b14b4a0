"""Which models a cut text names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from monitor.hardware.accelerator import Accelerator
from monitor.hardware.names import keys, names
from monitor.hardware.tokens import Piece

__all__ = ["Mention", "covered", "is_slice", "mentions"]

LONGEST = 4
"""Pieces in the longest spelling of one key: `5090`, `d`, `v2`, or `mi`, `300`, `x`."""
JOINING_GAP = re.compile(r"[ \-_/+]{0,2}\Z")
SHORT_NUMBER = 2
"""Digits of a number that a single letter before a blank does not turn into a model ("level A 10")."""
VGPU_PROFILE = re.compile(r"[0-9]{1,2}[abcq]\Z")


class Mention(NamedTuple):
    """Pieces `start` to `end` (exclusive) spell `key`; no `rows` means a known part without a catalogue row."""

    start: int
    end: int
    key: str
    rows: tuple[Accelerator, ...]


def mentions(found: Sequence[Piece]) -> list[Mention]:
    """Find the models named, longest spelling first, left to right."""
    known = keys()
    named: list[Mention] = []
    at = 0
    while at < len(found):
        mention = next((m for m in _spellings(found, at) if m.key in known), None)
        if mention is None or _is_aside(found, mention, named):
            at += 1
            continue
        named.append(mention._replace(rows=known[mention.key]))
        at = mention.end
    return named


def covered(named: Sequence[Mention]) -> frozenset[int]:
    """Return the indices of all pieces that spell a model."""
    return frozenset(index for mention in named for index in range(mention.start, mention.end))


def is_slice(found: Sequence[Piece], named: Sequence[Mention]) -> bool:
    """Tell whether only a part of an accelerator is meant: a MIG or vGPU profile (`A40-48Q`, `A100-4-20C`)."""
    if any(piece.text in names().words.fractions for piece in found):
        return True
    return any(_is_profile(found, mention.end) or _is_profile(found, mention.end + 1) for mention in named)


def _is_profile(found: Sequence[Piece], at: int) -> bool:
    return at < len(found) and found[at].gap == "-" and VGPU_PROFILE.match(found[at].text) is not None


def _spellings(found: Sequence[Piece], start: int) -> list[Mention]:
    """Return the joined spellings that begin at a piece, longest first."""
    joined = [Mention(start, start + 1, found[start].text, ())]
    for end in range(start + 1, min(start + LONGEST, len(found))):
        if not _joins(found, end):
            break
        joined.append(Mention(start, end + 1, joined[-1].key + found[end].text, ()))
    return joined[::-1]


def _joins(found: Sequence[Piece], index: int) -> bool:
    """Tell whether a piece may continue the spelling before it: never digit after digit, never a count's "x"."""
    before, piece = found[index - 1], found[index]
    if not JOINING_GAP.match(piece.gap) or (before.text[-1].isdigit() and piece.text[0].isdigit()):
        return False
    if piece.text == "x" and index + 1 < len(found) and found[index + 1].kind == "number":
        return False
    if len(before.text) > 1 or not piece.text[0].isdigit():
        return True
    return piece.gap in {"", "-", "_"} or (piece.gap == " " and len(piece.text) > SHORT_NUMBER)


def _is_aside(found: Sequence[Piece], mention: Mention, named: Sequence[Mention]) -> bool:
    """Tell whether a name is a figure about the model before it: `RTX 3080:4090`, `H100, 50MB L2 cache`."""
    if mention.key.isdigit() and named and ":" in found[mention.start].gap:
        return True
    return mention.end < len(found) and found[mention.end].text == "cache"
