"""Hold what the monitor says of a world against its truth: precision and recall, per pattern, care and kind of person.

A lead is right when its cluster holds a wallet of an adversary. An honest actor is flagged when any lead's cluster
holds a wallet of it. Intervals are Wilson's at 95 % (E. B. Wilson, 1927), since many counts are small.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from monitor.sim.script import Truth

__all__ = ["Claim", "Rate", "Score", "Tally", "score", "wilson"]

_Z = 1.959964


class Claim(NamedTuple):
    """A lead or finding: what it names (typologies) and whose wallets its cluster holds (EIP-55 addresses)."""

    name: str
    typologies: tuple[str, ...]
    wallets: frozenset[str]


class Rate(msgspec.Struct, frozen=True):
    """`hits` of `total`."""

    hits: int
    total: int

    @property
    def value(self) -> float | None:
        """The share, None of nothing."""
        return self.hits / self.total if self.total else None

    def __add__(self, other: Rate) -> Rate:
        return Rate(self.hits + other.hits, self.total + other.total)


class Score(msgspec.Struct, frozen=True):
    """Counts of one or several worlds; `recall` by care, `patterns` by typology, `honest` flagged by kind of person."""

    precision: Rate
    recall: dict[str, Rate]
    missed: dict[str, Rate]
    """Adversaries without a lead, of those that should have one, by kind."""
    patterns_found: dict[str, Rate]
    patterns_right: dict[str, Rate]
    honest: dict[str, Rate]
    false_alarms: tuple[str, ...]
    """`lead: archetype (actor)` of every wrong lead."""
    undetectable: dict[str, str]
    """Archetype → why no lead is expected of it."""
    unplanned: Rate
    """Leads on adversaries that were expected to leave too little."""


class Tally:
    """Adds scores up."""

    def __init__(self) -> None:
        self.scores: list[Score] = []

    def add(self, one: Score) -> None:
        """Take one world's score."""
        self.scores.append(one)

    def total(self) -> Score:
        """Sum all worlds."""
        return Score(
            precision=_sum(item.precision for item in self.scores),
            recall=_merged(item.recall for item in self.scores),
            missed=_merged(item.missed for item in self.scores),
            patterns_found=_merged(item.patterns_found for item in self.scores),
            patterns_right=_merged(item.patterns_right for item in self.scores),
            honest=_merged(item.honest for item in self.scores),
            false_alarms=tuple(name for item in self.scores for name in item.false_alarms),
            undetectable={key: why for item in self.scores for key, why in item.undetectable.items()},
            unplanned=_sum(item.unplanned for item in self.scores),
        )


def score(truths: Sequence[Truth], leads: Sequence[Claim], findings: Sequence[Claim]) -> Score:
    """Score one world."""
    owner = {wallet: truth for truth in truths for wallet in truth.wallets}
    named = {lead.name: _actors(lead, owner) for lead in leads}
    right = [lead for lead in leads if any(truth.label == "proxy" for truth in named[lead.name])]
    led = {truth.actor for actors in named.values() for truth in actors}
    expected = [truth for truth in truths if truth.lead_expected]
    quiet = [truth for truth in truths if truth.label == "proxy" and not truth.lead_expected]
    return Score(
        precision=Rate(len(right), len(leads)),
        recall=_rates((truth.difficulty, truth.actor in led) for truth in expected),
        missed=_rates((f"{truth.archetype}, {truth.difficulty}", truth.actor not in led) for truth in expected),
        patterns_found=_rates(_found(truths, findings, owner)),
        patterns_right=_rates(_right(findings, owner)),
        honest=_rates((truth.archetype, truth.actor in led) for truth in truths if truth.label == "benign"),
        false_alarms=tuple(
            f"{lead.name} ({' '.join(lead.typologies)}): {_names(named[lead.name])}"
            for lead in leads
            if lead not in right
        ),
        undetectable={truth.archetype: truth.why for truth in quiet},
        unplanned=Rate(sum(truth.actor in led for truth in quiet), len(quiet)),
    )


def wilson(rate: Rate) -> tuple[float, float]:
    """Give the 95 % interval of a share; (0, 1) of nothing."""
    if not rate.total:
        return 0.0, 1.0
    n, p = rate.total, rate.hits / rate.total
    centre = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def _found(
    truths: Sequence[Truth], findings: Sequence[Claim], owner: Mapping[str, Truth]
) -> Iterable[tuple[str, bool]]:
    """Tell, per adversary and pattern it plays, whether a finding says so."""
    seen: dict[str, set[str]] = defaultdict(set)
    for finding in findings:
        for truth in _actors(finding, owner):
            seen[truth.actor].update(finding.typologies)
    for truth in truths:
        if truth.label == "proxy":
            for name in truth.typologies:
                yield name, name in seen[truth.actor]


def _right(findings: Sequence[Claim], owner: Mapping[str, Truth]) -> Iterable[tuple[str, bool]]:
    """Tell, per finding, whether somebody behind it really plays that pattern, honest or not."""
    for finding in findings:
        actors = _actors(finding, owner)
        for name in finding.typologies:
            yield name, any(name in truth.typologies for truth in actors)


def _actors(claim: Claim, owner: Mapping[str, Truth]) -> list[Truth]:
    found = {truth.actor: truth for wallet in claim.wallets if (truth := owner.get(wallet)) is not None}
    return [found[name] for name in sorted(found)]


def _names(actors: Sequence[Truth]) -> str:
    return ", ".join(f"{truth.archetype} ({truth.actor})" for truth in actors) or "nobody of the truth"


def _rates(pairs: Iterable[tuple[str, bool]]) -> dict[str, Rate]:
    found: dict[str, Rate] = {}
    for name, hit in pairs:
        found[name] = found.get(name, Rate(0, 0)) + Rate(int(hit), 1)
    return dict(sorted(found.items()))


def _sum(rates: Iterable[Rate]) -> Rate:
    total = Rate(0, 0)
    for rate in rates:
        total += rate
    return total


def _merged(tables: Iterable[Mapping[str, Rate]]) -> dict[str, Rate]:
    found: dict[str, Rate] = {}
    for table in tables:
        for name, rate in table.items():
            found[name] = found.get(name, Rate(0, 0)) + rate
    return dict(sorted(found.items()))
