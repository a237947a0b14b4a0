"""All rules, and the check of a user's overrides."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.rules import t01, t02, t03, t04, t05, t06, t07, t08, t09
from monitor.rules.rule import Override, Rule, settle

__all__ = ["all_rules", "problems"]


def all_rules() -> tuple[Rule, ...]:
    """List every rule by id."""
    modules = (t01, t02, t03, t04, t05, t06, t07, t08, t09)
    return tuple(module.RULE for module in modules)


def problems(overrides: Mapping[str, Mapping[str, Override]]) -> list[str]:
    """Check `[rules.<id>]` tables; return every problem in words, empty when all is well."""
    known = {rule.id: rule for rule in all_rules()}
    found = []
    for name, table in overrides.items():
        if name in known:
            found += settle(known[name], table)[1]
        else:
            found.append(f"rules.{name} is no rule; known rules are {', '.join(known)}")
    return found
