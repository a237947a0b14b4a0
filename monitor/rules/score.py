"""Points: each rule up to its own maximum, each family up to 40, multipliers last; and how severe it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal

from monitor.model.lead import Finding
from monitor.rules.rule import Rule

__all__ = ["FAMILY_CAP", "MIN_FAMILIES", "core_families", "counts", "opened", "score", "severity_of"]

FAMILY_CAP = 40
MIN_FAMILIES = 2
"""No single indicator decides (BIS, FATF): fewer core families make no lead."""
Severity = Literal["low", "medium", "high", "critical"]
_LEVELS: tuple[Severity, ...] = ("low", "medium", "high", "critical")
_H100E_STEPS = (Decimal(32), Decimal(128), Decimal(512))
"""H100e held at once for medium, high, critical; 64 H100e for a quarter is about 2e23 FLOP."""
_USD_STEPS = (Decimal(50_000), Decimal(500_000), Decimal(5_000_000))
"""Dollars put into escrow for medium, high, critical."""


def counts(finding: Finding, rules: Mapping[str, Rule]) -> bool:
    """Say whether a finding speaks for its family: a core rule, with points, and on its own."""
    return rules[finding.rule].role == "core" and finding.points > 0 and not finding.needs


def core_families(findings: Iterable[Finding], rules: Mapping[str, Rule]) -> frozenset[str]:
    """Name the families that speak."""
    return frozenset(finding.family for finding in findings if counts(finding, rules))


def opened(findings: Iterable[Finding], rules: Mapping[str, Rule]) -> int | None:
    """Say when findings made a lead (block seconds): two families speak, one by what good customers seldom show."""
    families: set[str] = set()
    telling = False
    for each in sorted((each for each in findings if counts(each, rules)), key=lambda each: each.at):
        families.add(each.family)
        telling = telling or not each.common
        if telling and len(families) >= MIN_FAMILIES:
            return each.at
    return None


def score(findings: Iterable[Finding], rules: Mapping[str, Rule]) -> int:
    """Add up points: each rule up to its own maximum, each family up to 40, then the multipliers.

    Points of a finding that needs company count beside a core family it names. A multiplier adds its percentage, but
    never more than its own maximum where it has one.
    """
    given = list(findings)
    spoken = core_families(given, rules)
    by_rule: dict[str, int] = {}
    for finding in given:
        if rules[finding.rule].role != "multiplier" and (not finding.needs or spoken & set(finding.needs)):
            by_rule[finding.rule] = by_rule.get(finding.rule, 0) + finding.points
    by_family: dict[str, int] = {}
    for name, points in by_rule.items():
        rule = rules[name]
        by_family[rule.family] = by_family.get(rule.family, 0) + min(points, rule.max_points)
    total = sum(min(points, FAMILY_CAP) for points in by_family.values())
    for name in sorted({finding.rule for finding in given if rules[finding.rule].role == "multiplier"}):
        rule = rules[name]
        more = total * (rule.percent - 100) // 100
        total += min(more, rule.max_points) if rule.max_points else more
    return total


def severity_of(h100e: Decimal, usd: Decimal | None, steps: int) -> Severity:
    """Grade by size and value, whichever is worse, raised by `steps` for very long holding."""
    by_size = sum(h100e >= step for step in _H100E_STEPS)
    by_value = sum(usd >= step for step in _USD_STEPS) if usd is not None else 0
    return _LEVELS[min(max(by_size, by_value) + steps, len(_LEVELS) - 1)]
