"""Text to pieces: one alphabet, then runs of letters and digits cut where the vocabulary allows.

Every step is linear in the bounded text. A run that cannot be cut completely stays whole as `other`, so that A100 is
never found inside A1000 or A100X.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib import resources
from typing import Literal, NamedTuple

import msgspec

from monitor.hardware.accelerator import Accelerator
from monitor.hardware.catalogue import catalogue

__all__ = ["MAX_TEXT", "Names", "Piece", "Words", "keys", "names", "normalise", "pieces"]

MAX_TEXT = 512
"""Characters of a text that are looked at; real names are under 100."""

Kind = Literal["key", "memory", "times", "word", "number", "other"]

RUN = re.compile(r"[^\W_]+")
ALNUM = re.compile(r"[a-z0-9]+\Z")
MEMORY = r"(?P<memory>[0-9]{1,6}(?:gib|gb|gi|g|mib|mb|mi)(?!pu))"
TIMES = r"(?P<times>[1-9][0-9]{0,3}x(?=[a-z0-9]|\Z)|x[1-9][0-9]{0,3}\Z)"
FORM = r"(?P<form>sxm(?:[2-5](?!0)|6(?![0-9]))?|pcie?(?:[345](?![0-9]))?|nvl(?:[0-9]{1,3}\Z)?|cnx|hgx|dgxs?)"
NUMBER = r"(?P<number>[0-9]{1,9})"
CODE = re.compile(r"[a-z]{1,4}[0-9]{1,5}")
SIGNS = str.maketrans(
    {
        **dict.fromkeys("*\N{MULTIPLICATION SIGN}\N{MULTIPLICATION X}\N{HEAVY MULTIPLICATION X}", " x "),
        **dict.fromkeys("\N{REGISTERED SIGN}\N{TRADE MARK SIGN}", " "),
        **dict.fromkeys("\u5361\u5f20\u5757", " gpu "),  # Chinese measure words for cards
    }
)
DECIMALS = re.compile(r"([0-9])\.[0-9]{1,3}(?=\s?g)")
SPLIT_UNIT = re.compile(r"(?<![a-z0-9])([0-9]{1,6})[ -](gi?b|gi|g|mi?b)(?![a-z0-9])")


class Piece(NamedTuple):
    """One piece of a text; `gap` is what stands before it (empty when cut out of the same run)."""

    text: str
    kind: Kind
    gap: str


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Word lists by what they do to a name; explained in `names.toml`."""

    fused: tuple[str, ...]
    portable: frozenset[str]
    variants: frozenset[str]
    fractions: frozenset[str]
    counters: frozenset[str]
    counted: frozenset[str]
    outside: frozenset[str]


class Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The packaged vocabulary."""

    brands: frozenset[str]
    lines: frozenset[str]
    makers: dict[str, str]
    forms: dict[str, str]
    words: Words
    pci: dict[str, str]


@cache
def names() -> Names:
    """Load the packaged vocabulary; the same object every time."""
    text = resources.files("monitor.hardware").joinpath("names.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Names)


@cache
def keys() -> dict[str, tuple[Accelerator, ...]]:
    """Return which catalogue rows each key may mean; an empty tuple marks a known part without a row."""
    found: dict[str, tuple[Accelerator, ...]] = dict.fromkeys(names().words.outside, ())
    for acc in catalogue().all():
        for key in acc.match.keys:
            found[key] = (*found.get(key, ()), acc)
    return found


def normalise(text: str) -> str:
    """Bring a text to one alphabet: bounded, NFKC, lower case, no invisible characters, one sign for "times".

    A text over the bound loses its last, possibly cut run, so that "A1000" never shrinks to "A100".
    """
    folded = unicodedata.normalize("NFKC", text[:MAX_TEXT].translate(SIGNS)).casefold()
    visible = "".join(char for char in folded if unicodedata.category(char) not in {"Cf", "Mn", "Me"})
    plain = "".join(f" {char} " if unicodedata.category(char) == "Lo" else char for char in visible.translate(SIGNS))
    if len(text) > MAX_TEXT or len(plain) > MAX_TEXT:
        plain = re.sub(r"[^\W_]{1,512}\Z", "", plain[:MAX_TEXT])
    return SPLIT_UNIT.sub(r"\1\2", DECIMALS.sub(r"\1", plain))


def pieces(plain: str) -> list[Piece]:
    """Cut a normalised text into pieces."""
    found: list[Piece] = []
    end = 0
    for match in RUN.finditer(plain):
        gap, end = plain[end : match.start()], match.end()
        whole: list[tuple[str, Kind]] = [(match.group(), "other")]
        cut = _cut(match.group()) if ALNUM.match(match.group()) else None
        found.extend(Piece(text, kind, "" if index else gap) for index, (text, kind) in enumerate(cut or whole))
    return found


def _cut(run: str) -> list[tuple[str, Kind]] | None:
    """Cut one run completely into vocabulary, or return None; a code or a bare number next to a model is no cut."""
    parts: list[tuple[str, Kind]] = []
    at = 0
    while at < len(run):
        match = _scanner().match(run, at)
        if match is None or match.end() == at:
            break
        label = match.lastgroup or "word"
        kind: Kind = "word" if label == "form" else label  # type: ignore[assignment]
        parts.append((match.group(), kind))
        at = match.end()
    kinds = [kind for _, kind in parts]
    if at < len(run):
        code = CODE.match(run, at)
        whole_code = code is not None and code.end() == len(run) and "key" not in kinds
        return [*parts, (run[at:], "other")] if whole_code else None
    return None if "key" in kinds and "number" in kinds[:-1] else parts


@cache
def _scanner() -> re.Pattern[str]:
    """Compile the alternatives once: longest key first, then memory, times, form, words, bare numbers."""
    known = names()
    by_length = sorted(keys(), key=lambda key: (-len(key), key))
    models = "|".join(f"{key}(?![0-9])" if key[-1].isdigit() else key for key in by_length)
    words = {*known.brands, *known.lines, *known.words.fused, *known.words.counted, *known.words.counters}
    alphabet = "|".join(sorted(words, key=lambda word: (-len(word), word)))
    return re.compile(f"(?P<key>{models})|{MEMORY}|{TIMES}|{FORM}|(?P<word>{alphabet})|{NUMBER}")
