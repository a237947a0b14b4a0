"""Which models a cut text names, and what speaks against taking it at its word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from monitor.hardware.accelerator import Accelerator
from monitor.hardware.tokens import Piece, keys, names

__all__ = ["Mention", "covered", "mentions", "objection", "slice_of"]

LONGEST = 4
"""Pieces in the longest spelling of one key: `5090`, `d`, `v2`, or `mi`, `300`, `x`."""
JOINING_GAP = re.compile(r"[ \-_/]{0,2}\Z")
SHORT_NUMBER = 2
"""Digits of a number that a single letter before a blank does not turn into a model ("level A 10")."""
MIG_PROFILE = re.compile(r"(?<![0-9a-z])[1-7]g\.[0-9]{1,3}gb")
VGPU_PROFILE = re.compile(r"[0-9]{1,2}[abcq]\Z")
SUFFIX_GAPS = frozenset({"", " ", "-", "_"})
EDITION_LETTERS = frozenset({"s", "w", "q"})


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


def slice_of(plain: str, found: Sequence[Piece], named: Sequence[Mention]) -> bool:
    """Tell whether only a part of an accelerator is meant: a MIG or vGPU profile."""
    if MIG_PROFILE.search(plain) or any(piece.text in names().words.fractions for piece in found):
        return True
    after = [found[mention.end] for mention in named if mention.end < len(found)]
    return any(piece.gap == "-" and VGPU_PROFILE.match(piece.text) for piece in after)


def objection(found: Sequence[Piece], named: Sequence[Mention]) -> str:
    """Return why the named model is not what is offered, or an empty string."""
    return next(_objections(found, named), "")


def _objections(found: Sequence[Piece], named: Sequence[Mention]) -> Iterator[str]:
    rows = [acc for mention in named for acc in mention.rows]
    makers = {names().makers[piece.text] for piece in found if piece.text in names().makers}
    if not named:
        yield "no model of the catalogue is named"
    if not all(mention.rows for mention in named):
        yield "names a part outside the catalogue"
    if any(piece.text in names().words.portable for piece in found):
        yield "a laptop part shares only the number"
    if _is_max_q(found) and not all(acc.datacenter or acc.match.editions for acc in rows):
        yield "a Max-Q laptop part shares only the number"
    if any(_is_variant(found, mention) for mention in named):
        yield "the model is followed by a suffix the catalogue does not know"
    if _names_another_line(found, covered(named)):
        yield "names another GPU beside the one in the catalogue"
    if makers and not all(acc.vendor in makers for acc in rows):
        yield "the maker named does not make this model"


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
    lone_letter = len(before.text) == 1 and piece.text[0].isdigit() and " " in piece.gap
    return not (lone_letter and len(piece.text) <= SHORT_NUMBER)


def _is_aside(found: Sequence[Piece], mention: Mention, named: Sequence[Mention]) -> bool:
    """Tell whether a bare number after a colon is a figure about the model before it, as in `RTX 3080:4090`."""
    return mention.key.isdigit() and bool(named) and ":" in found[mention.start].gap


def _is_variant(found: Sequence[Piece], mention: Mention) -> bool:
    if mention.end >= len(found):
        return False
    piece = found[mention.end]
    following = found[mention.end + 1] if mention.end + 1 < len(found) else None
    if piece.gap not in SUFFIX_GAPS or (following is not None and following.gap.startswith("/")):
        return False
    if piece.text in names().words.variants:
        return True
    if len(piece.text) != 1 or not "a" <= piece.text <= "z":
        return False
    plural = piece.text == "s" and not piece.gap
    edition = piece.text in EDITION_LETTERS and all(acc.match.editions for acc in mention.rows)
    times = piece.text == "x" and following is not None and following.kind == "number"
    return not (plural or edition or times)


def _is_max_q(found: Sequence[Piece]) -> bool:
    texts = [piece.text for piece in found]
    return "maxq" in texts or "mq" in texts or ("max", "q") in pairwise(texts)


def _names_another_line(found: Sequence[Piece], inside: frozenset[int]) -> bool:
    """Tell whether a product line is followed by a number that is no catalogue model, as in `RTX 3080 + RTX 4090`."""
    for at, piece in enumerate(found):
        if piece.text not in names().lines:
            continue
        for index in range(at + 1, min(at + 1 + LONGEST, len(found))):
            if index in inside:
                break
            if found[index].kind == "number" or (found[index].kind == "other" and _has_digit(found[index].text)):
                return True
    return False


def _has_digit(text: str) -> bool:
    return any(char.isdigit() for char in text)
