"""How many accelerators a text speaks of: `8x H100`, `H100 x8`, `gpu:count=8`, `8 GPUs`, `dual H100`, `H100:8`."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.hardware.names import names
from monitor.hardware.tokens import MAX_COUNT, Piece

__all__ = ["count_readings", "gpu_count"]

LANES = frozenset({1, 2, 4, 8, 16})
FULL_LANES = 16


def count_readings(found: Sequence[Piece], inside: frozenset[int], taken: frozenset[int]) -> dict[int, int]:
    """Return the pieces that state a count with what they state.

    `inside` are the pieces that spell models, `taken` numbers already read as something else (memory).
    """
    readings: dict[int, int] = {}
    for at, piece in enumerate(found):
        if at in inside or at in taken:
            continue
        if piece.kind == "times" and "." not in piece.gap and _is_times(found, at, inside):
            readings[at] = int(piece.text.strip("x"))
        elif piece.kind == "number" and (_is_count(found, at, inside) or _is_bracketed(found, at, inside)):
            readings[at] = int(piece.text)
        elif piece.text in names().numerals and _begins_name(found, at + 1, inside):
            readings[at] = names().numerals[piece.text]
    return {at: count for at, count in readings.items() if 1 <= count <= MAX_COUNT}


def gpu_count(readings: dict[int, int]) -> int | None:
    """Return the one count stated; None where none or several differing ones are."""
    counts = set(readings.values())
    return counts.pop() if len(counts) == 1 else None


def _is_times(found: Sequence[Piece], at: int, inside: frozenset[int]) -> bool:
    """Tell a count from PCIe lanes (`PCIe x16`, `gen5 x8`, `16x PCIe`) and from board codes (`GN21-X11`)."""
    text = found[at].text
    if text.startswith("x"):
        before = found[at - 1].text if at else ""
        lanes = (before.startswith("pci") and text == f"x{FULL_LANES}") or _is_generation(found, at - 1)
        return not lanes and (at == 0 or any(index < at for index in inside))
    if at + 1 == len(found):
        return True
    after = found[at + 1]
    lanes = after.text.startswith("pci") and int(text.strip("x")) in LANES
    return not lanes and not _counts_something_else(found, at + 1)


def _counts_something_else(found: Sequence[Piece], at: int) -> bool:
    """Tell whether what a number counts is no GPU: `2x Xeon`, `2x AMD EPYC`, `16x SSD`."""
    brands = names().brands
    counted = next((piece for piece in found[at:] if piece.text not in brands), None)
    return counted is not None and (counted.kind == "other" or counted.text in names().near_makers)


def _is_generation(found: Sequence[Piece], at: int) -> bool:
    """Tell whether the piece is a PCIe generation: `gen4`, the 5 of `gen 5`, the 0 of `4.0`."""
    if at < 0:
        return False
    piece = found[at]
    if piece.text.startswith("gen") and piece.text[3:].isdigit():
        return True
    return piece.kind == "number" and (piece.gap == "." or (at > 0 and found[at - 1].text == "gen"))


def _is_count(found: Sequence[Piece], at: int, inside: frozenset[int]) -> bool:
    """Tell whether a bare number is a count, by what stands beside it."""
    words = names().words
    piece = found[at]
    before = found[at - 1] if at else None
    after = found[at + 1] if at + 1 < len(found) else None
    if before is not None and _assigns(before, piece):
        return True
    if before is not None and before.text == "x" and not _follows_lanes(found, at):
        return any(index < at for index in inside)
    if after is not None and after.text == "x" and _begins_name(found, at + 2, inside):
        return True
    if after is not None and after.text in words.counted and after.gap in {"", " ", "-"} and piece.gap != ".":
        return True
    if at == 0:
        return after is not None and after.gap.isspace() and _begins_name(found, 1, inside)
    return after is None and piece.gap in {":", "_"} and bool(inside)


def _is_bracketed(found: Sequence[Piece], at: int, inside: frozenset[int]) -> bool:
    """Tell whether a number stands in round brackets beside a model: `(8) H100`; `[0] H100` is a place in a list."""
    closed = at + 1 == len(found) or found[at + 1].gap.startswith(")")
    return found[at].gap.endswith("(") and closed and (at - 1 in inside or _begins_name(found, at + 1, inside))


def _assigns(before: Piece, piece: Piece) -> bool:
    sign = piece.gap.strip(" \"'")
    if before.text in names().words.counters:
        return sign in {"", "=", ":"}
    return before.text == "gpu" and sign in {"=", ":"}


def _follows_lanes(found: Sequence[Piece], at: int) -> bool:
    slot = found[at - 2].text if at > 1 else ""
    return slot.startswith("pci") and found[at].text == str(FULL_LANES)


def _begins_name(found: Sequence[Piece], at: int, inside: frozenset[int]) -> bool:
    return at in inside or (at < len(found) and found[at].text in names().brands)
