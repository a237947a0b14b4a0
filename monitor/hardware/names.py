"""The packaged vocabulary: which words may stand around a model, and which catalogue rows a spelling may mean."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

import msgspec

from monitor.hardware.accelerator import Accelerator
from monitor.hardware.catalogue import catalogue

__all__ = ["Names", "Words", "keys", "known_words", "names"]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Word lists by what they do to a name; explained in `names.toml`."""

    fused: frozenset[str]
    portable: frozenset[str]
    variants: frozenset[str]
    fractions: frozenset[str]
    counters: frozenset[str]
    counted: frozenset[str]
    outside: frozenset[str]
    evidence: frozenset[str]
    neutral: frozenset[str]
    of_host: frozenset[str]
    naming: frozenset[str]
    after: frozenset[str]
    before: frozenset[str]


class Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The packaged vocabulary."""

    brands: frozenset[str]
    lines: frozenset[str]
    makers: dict[str, str]
    near_makers: dict[str, str]
    forms: dict[str, str]
    aliases: dict[str, str]
    words: Words
    numerals: dict[str, int]
    pci: dict[str, str]


@cache
def names() -> Names:
    """Load the packaged vocabulary; the same object every time."""
    text = resources.files("monitor.hardware").joinpath("names.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Names)


@cache
def keys() -> dict[str, tuple[Accelerator, ...]]:
    """Return which catalogue rows each key may mean; an empty tuple marks a known part without a row."""
    found: dict[str, tuple[Accelerator, ...]] = dict.fromkeys(sorted(names().words.outside), ())
    for acc in catalogue().all():
        for key in acc.match.keys:
            found[key] = (*found.get(key, ()), acc)
    return found


@cache
def known_words() -> frozenset[str]:
    """Return every word that says nothing against a model beside it."""
    known = names()
    words = known.words
    return frozenset().union(
        *(known.brands, known.lines, known.makers, known.near_makers, known.forms, known.numerals, words.fused),
        *(words.portable, words.variants, words.fractions, words.counters, words.counted, words.evidence),
        *(words.neutral, words.of_host, words.after, words.before),
    )
