"""Text to pieces: runs of letters and digits, cut where the vocabulary allows.

A run that cannot be cut completely stays whole, so that A100 is never found inside A1000 or A100X. What no rule ever
asks about (a word outside the vocabulary, a number that is no count) becomes the same piece everywhere: a reading
depends on the shape of a text alone, and a million machine names have few shapes.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from itertools import chain
from typing import Literal, NamedTuple

from monitor.hardware.names import keys, known_words, names

__all__ = ["FOREIGN", "FOREIGN_CODE", "MAX_COUNT", "Piece", "gigabytes", "pieces"]

Kind = Literal["key", "memory", "times", "word", "number", "other"]

FOREIGN, FOREIGN_CODE = "?", "?9"
"""What a run outside the vocabulary becomes, without and with a digit in it."""

RUNS = re.compile(r"([^\W_]+)")
ALNUM = re.compile(r"[a-z0-9]+\Z")
WORD = re.compile(r"[a-z]+\Z")
MEMORY = r"(?P<memory>[1-9][0-9]{0,5}(?:gib|gb|gi|gig|gigs|g|mib|mb|mi)(?!pu|[0-9]))"
TIMES = r"(?P<times>[1-9][0-9]{0,3}x(?=[a-z0-9]|\Z)|x[1-9][0-9]{0,3}\Z)"
FORM = r"(?P<form>sxm(?:[2-5](?!0)|6(?![0-9]))?|pcie?(?:[345](?![0-9]))?|nvl(?:[0-9]{1,3}\Z)?|cnx|hgx|dgxs?)"
TIMES_IN_NAME = re.compile(r"[0-9]x[1-9][0-9]*\Z")
NUMBER = r"(?P<number>[0-9]{1,9})"
CODE = re.compile(r"[a-z]{1,4}[0-9]{1,5}")
MEMORY_TYPE = re.compile(r"(?:hbm[2-4]?e?|gddr[5-7]x?)\Z")
CHIP = re.compile(r"(?:g[abhkmptv]|ad|tu)[0-9]{3}[a-z]{0,3}\Z")
"""NVIDIA's names of dies (GH100, AD102GL): they say that a GPU is meant, never which."""
MACHINE = re.compile(r"(?:gen[1-6]|v[1-9]|rev[0-9]|n[cdv][0-9]{1,3}[a-z]{0,4}|[gp][3-6][a-z]{0,3}|a[23]|n[1-4])\Z")
"""Versions, PCIe generations and names of cloud machines; they say nothing about the model beside them."""
PROFILE = re.compile(r"[0-9]{1,2}[abcq]\Z")
"""What follows the card in a vGPU profile (A100-40C); a rule asks for it, so it stays."""
KEPT_LENGTH, KEPT_DIGITS, BRAND_LENGTH = 2, 4, 5
WORD_LENGTH = 3
"""Letters of a word that may be glued before a name ("rtx4090"); what is shorter makes another name."""
MAX_COUNT = 1024
"""A larger number is no count: Swan writes CUDA cores after the colon."""
LONG_NUMBER = "99999"
MIB_PER_GB = 1024


class Piece(NamedTuple):
    """One piece of a text; `gap` is what stands before it (empty when cut out of the same run)."""

    text: str
    kind: Kind
    gap: str


def pieces(plain: str) -> tuple[Piece, ...]:
    """Cut a normalised text into pieces."""
    parts = RUNS.split(plain)
    return tuple(chain.from_iterable(map(_run, parts[1::2], parts[::2])))


def gigabytes(text: str) -> int:
    """Read the size of a memory piece in GB; MiB are rounded."""
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    size = int(digits)
    return round(size / MIB_PER_GB) if text[len(digits)] == "m" else size


@lru_cache(maxsize=1 << 16)
def _run(run: str, gap: str) -> tuple[Piece, ...]:
    return tuple(Piece(text, kind, "" if at else gap) for at, (text, kind) in enumerate(_cut(run)))


def _cut(run: str) -> tuple[tuple[str, Kind], ...]:
    """Cut one run: a word, a number, vocabulary glued together, or a whole that nothing is known about."""
    if run.isdecimal() and run.isascii() and run not in keys():
        return ((_text(run, "number"), "number"),)
    if run in known_words() and run not in keys():
        return ((run, "word"),)
    parts = _glued(run) if ALNUM.match(run) else None
    if parts is not None:
        return tuple(parts)
    if CHIP.match(run):
        return (("chip", "word"),)
    return ((run, "word"),) if MACHINE.match(run) or MEMORY_TYPE.match(run) else _foreign(run)


def _foreign(run: str) -> tuple[tuple[str, Kind], ...]:
    if WORD.match(run) and (brand := _misspelt(run)):
        return ((brand, "word"),)
    if len(run) <= KEPT_LENGTH or PROFILE.match(run) or run in _all_keys():
        return ((run, "other"),)
    return ((FOREIGN_CODE if any(char.isdigit() for char in run) else FOREIGN, "other"),)


def _misspelt(run: str) -> str:
    """Return the brand that a word is one slip away from (Nvdia, GeFroce), or an empty string."""
    return next((brand for brand in _long_brands() if _one_slip(run, brand)), "") if len(run) >= BRAND_LENGTH else ""


@cache
def _all_keys() -> str:
    return "\n".join(sorted(keys()))


@cache
def _long_brands() -> tuple[str, ...]:
    return tuple(sorted(brand for brand in names().makers if len(brand) >= BRAND_LENGTH))


def _one_slip(run: str, word: str) -> bool:
    """Tell whether one letter is missing, added or changed, or two neighbours are swapped."""
    if abs(len(run) - len(word)) > 1:
        return False
    pairs = enumerate(zip(run, word, strict=False))
    start = next((at for at, (one, other) in pairs if one != other), min(len(run), len(word)))
    rest, due = run[start:], word[start:]
    return rest[1:] == due[1:] or rest[1:] == due or rest == due[1:] or (rest[:2] == due[1::-1] and rest[2:] == due[2:])


def _glued(run: str) -> list[tuple[str, Kind]] | None:
    """Cut one run completely into vocabulary, or return None; a code or a bare number next to a model is no cut."""
    parts: list[tuple[str, Kind]] = []
    at = 0
    while at < len(run):
        match = _scanner().match(run, at)
        if match is None or match.end() == at:
            break
        label = match.lastgroup or "word"
        kind: Kind = "word" if label == "form" else label  # type: ignore[assignment]
        parts.append((_text(match.group(), kind), kind))
        at = match.end()
    kinds = [kind for _, kind in parts]
    if at < len(run):
        code = CODE.match(run, at)
        whole_code = code is not None and code.end() == len(run) and "key" not in kinds
        return [*parts, (FOREIGN_CODE, "other")] if whole_code and parts else None
    if "key" in kinds and any(kind == "word" and len(text) < WORD_LENGTH for text, kind in parts[: kinds.index("key")]):
        return None  # SB200 is no B200
    if kinds.count("key") > 1 or ("key" in kinds and "number" in kinds[:-1]):
        return None
    if kinds[-2:] == ["key", "number"] and not TIMES_IN_NAME.search(run):
        return None  # only an x between them makes a number after a name a count: MI300X8
    meant = len(parts) == 1 or any(kind != "number" and (kind != "word" or len(text) > 1) for text, kind in parts)
    return parts if meant else None  # letters and digits by turns ("12d65") are a serial number


def _text(text: str, kind: Kind) -> str:
    """Bring sizes to GB and long numbers to one form."""
    if kind == "memory":
        return f"{gigabytes(text)}gb"
    if kind == "number" and (len(text) > KEPT_DIGITS or int(text) > MAX_COUNT) and text not in _all_keys():
        return LONG_NUMBER
    return text


@cache
def _scanner() -> re.Pattern[str]:
    """Compile the alternatives once: longest key first, then memory, times, form, words, bare numbers."""
    known = names()
    by_length = sorted(keys(), key=lambda key: (-len(key), key))
    # "A100x8" is eight A100, not the board A100X: a part without a row needs its name to end there.
    models = "|".join(key + ("(?![0-9])" if key[-1].isdigit() or not keys()[key] else "") for key in by_length)
    words = {*known.brands, *known.lines, *known.words.fused, *known.words.counted, *known.words.counters}
    alphabet = "|".join(sorted(words, key=lambda word: (-len(word), word)))
    return re.compile(f"(?P<key>{models})|{MEMORY}|{TIMES}|{FORM}|(?P<word>{alphabet})|{NUMBER}")
