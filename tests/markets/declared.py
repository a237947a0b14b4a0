"""Find the declaration of an event in an adapter, so that tests need not repeat it."""

from __future__ import annotations

from functools import cache

from tests.markets.chain_of_logs import built_in, spelled

MARKETS = built_in()


@cache
def decl(market: str, role: str, name: str, topics: int | None = None) -> str:
    """Give the first declaration with this name that `role` emits; `topics` tells layouts apart."""
    found = [
        item
        for rule in MARKETS[market].rules
        if role in rule.roles
        for item in rule.decls
        if item.name == name and topics in {None, item.topics()}
    ]
    return spelled(found[0])
