"""All rules, and the check of a user's overrides."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from monitor.rules.rule import Override, Rule, settle

__all__ = ["all_rules", "problems"]

_LAST = 30


@cache
def all_rules() -> tuple[Rule, ...]:
    """List every rule by id; each stands in the module of its id and is called `RULE` there."""
    found: list[Rule] = [import_module(f"monitor.rules.t{number:02d}").RULE for number in range(1, _LAST + 1)]
    return tuple(found)


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
