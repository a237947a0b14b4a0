"""What a market's events mean, as rows to show."""

from __future__ import annotations

from typing import NamedTuple

from monitor.markets.load import Market

__all__ = ["Meaning", "lifecycle"]


class Meaning(NamedTuple):
    """One event: who emits it, the verb, how many layouts are read, and the unified columns it sets."""

    role: str
    event: str
    verb: str
    layouts: int
    fields: tuple[str, ...]
    table: str


def lifecycle(market: Market) -> tuple[Meaning, ...]:
    """List the events of a market in the order of its file; ignored ones come last."""
    rows = []
    for rule in market.rules:
        for name in dict.fromkeys(decl.name for decl in rule.decls):
            layouts = sum(decl.name == name for decl in rule.decls)
            fields = tuple(field for field, _ in rule.sets)
            rows += [Meaning(role, name, rule.verb, layouts, fields, rule.table or "") for role in rule.roles]
    return tuple(sorted(rows, key=lambda row: row.verb == "ignore"))
