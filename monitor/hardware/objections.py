"""What speaks against taking a text at its word: another product, another maker, or no talk of hardware at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from monitor.hardware.mentions import LONGEST, Mention, covered
from monitor.hardware.names import names
from monitor.hardware.tokens import FOREIGN, FOREIGN_CODE, Piece, gigabytes

__all__ = ["objection"]

SUFFIX_GAPS = frozenset({"", " ", "-", "_"})
EDITION_LETTERS = frozenset({"s", "w", "q"})
MEMORY_TYPES = ("hbm", "gddr")
TOLERANCE_GB = 1


def objection(found: Sequence[Piece], named: Sequence[Mention], counted: frozenset[int]) -> str:
    """Return why the named model is not what is offered, or an empty string; `counted` = numbers read as counts."""
    if not named:
        return "no model of the catalogue is named"
    if not all(mention.rows for mention in named):
        return "names a part outside the catalogue"
    return next(_objections(found, named, counted), "")


def _objections(found: Sequence[Piece], named: Sequence[Mention], counted: frozenset[int]) -> Iterator[str]:
    rows = [acc for mention in named for acc in mention.rows]
    makers = {names().makers[piece.text] for piece in found if piece.text in names().makers}
    if any(piece.text in names().words.portable for piece in found):
        yield "a laptop part shares only the number"
    if _is_max_q(found) and not all(acc.datacenter or acc.match.editions for acc in rows):
        yield "a Max-Q laptop part shares only the number"
    if any(_is_variant(found, mention) for mention in named):
        yield "the model is followed by a suffix the catalogue does not know"
    if _names_another_line(found, covered(named)):
        yield "names another GPU beside the one in the catalogue"
    if (makers and not all(acc.vendor in makers for acc in rows)) or any(_made_elsewhere(found, m) for m in named):
        yield "the maker named does not make this model"
    if any(_is_only_compared(found, mention) for mention in named):
        yield "the model is only compared with, denied, or what something is made for"
    if not _speaks_of_hardware(found, named) or any(_is_mere_number(found, m, counted) for m in named):
        yield "nothing beside the name says that a GPU is meant"


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
    with_more = piece.text == "w" and following is not None and following.gap.startswith("/")
    return not (plural or edition or times or with_more)


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


def _made_elsewhere(found: Sequence[Piece], mention: Mention) -> bool:
    """Tell whether a maker of processors or phones stands right before a model that it does not make."""
    maker = names().near_makers.get(found[mention.start - 1].text) if mention.start else None
    return maker is not None and all(acc.vendor != maker for acc in mention.rows)


def _is_only_compared(found: Sequence[Piece], mention: Mention) -> bool:
    words = names().words
    if mention.end < len(found) and found[mention.end].text in words.after:
        return True
    earlier = [piece.text for piece in found[max(0, mention.start - 3) : mention.start]]
    while earlier and (earlier[-1] in {"a", "an", "the", "x"} or earlier[-1] in names().brands):
        earlier.pop()
    return bool(earlier) and earlier[-1] in words.before


def _speaks_of_hardware(found: Sequence[Piece], named: Sequence[Mention]) -> bool:
    """Tell whether every word is of the vocabulary, or something else in the text says that hardware is meant."""
    inside = covered(named)
    dotted = any(mention.end < len(found) and found[mention.end].gap == "." for mention in named)  # "h100.example.org"
    if not dotted and not any(_is_foreign(found, at) for at in range(len(found)) if at not in inside):
        return True
    sizes = {size for mention in named for acc in mention.rows for size in (acc.memory.gb, *acc.memory.also_gb)}
    return any(_is_evidence(piece, sizes) for at, piece in enumerate(found) if at not in inside) or any(
        _is_hardware_beside(found, mention) for mention in named
    )


def _is_hardware_beside(found: Sequence[Piece], mention: Mention) -> bool:
    """Tell whether a maker is right before the name, a count right after it, or a slot (PCIe) beside it."""
    if mention.start and found[mention.start - 1].text in names().brands:
        return True
    if mention.end < len(found) and found[mention.end].kind == "times":
        return True
    beside = [*found[mention.end : mention.end + 1], *found[max(0, mention.start - 1) : mention.start]]
    return any(names().forms.get(piece.text.rstrip("0123456789")) == "pcie" for piece in beside)


def _is_foreign(found: Sequence[Piece], at: int) -> bool:
    """Tell whether a piece is no word of hardware; a counter ("unit", "way") is one only behind a number."""
    piece = found[at]
    words = names().words
    if piece.kind == "other":
        return piece.text in {FOREIGN, FOREIGN_CODE} or len(piece.text) > 1 or not piece.text.isascii()
    if piece.text in names().near_makers and piece.text not in names().brands:
        return True
    if piece.text in words.neutral or piece.text in words.evidence or piece.text in words.fused:
        return False
    if piece.text in words.counted:
        return at == 0 or found[at - 1].kind not in {"number", "times"}
    return piece.text in words.after or piece.text in words.before


def _is_evidence(piece: Piece, sizes: set[int]) -> bool:
    if piece.kind == "times":
        return piece.text.endswith("x")
    if piece.kind == "memory":
        return any(abs(gigabytes(piece.text) - size) <= TOLERANCE_GB for size in sizes)
    word = piece.text.rstrip("0123456789")
    form = names().forms.get(word, "pcie") != "pcie"
    return piece.text in names().words.evidence or form or piece.text.startswith(MEMORY_TYPES)


def _is_mere_number(found: Sequence[Piece], mention: Mention, counted: frozenset[int]) -> bool:
    """Tell whether a name without letters (4090) may as well be a price, a port, a date or the number of a node."""
    if not mention.key.isdigit():
        return False
    beside = [at for at in (mention.start - 1, mention.end) if 0 <= at < len(found)]
    before = found[mention.start - 1] if mention.start else None
    if before is not None and (before.text in names().words.evidence or before.text in names().lines):
        return False
    if before is None and found[mention.start].gap.strip(" \"'([{*"):
        return True
    if any(found[at].kind == "number" and at not in counted for at in beside):
        return True
    backed = mention.end < len(found) and found[mention.end].kind in {"memory", "times"}
    named_after = before is not None and before.text in names().words.naming
    return not backed and (named_after or any(_is_foreign(found, at) for at in beside))
