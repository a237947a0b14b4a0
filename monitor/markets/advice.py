"""What an adapter leaves unsaid without being wrong: fields nobody reads, no start block, verbs without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monitor.abi import EventDecl
from monitor.markets.evaluate import used_columns
from monitor.markets.load import Market, Problem

__all__ = ["advice"]

_BEGINNINGS = {
    "lease": "lease.open",
    "order": "order.open",
    "capacity": "capacity.upsert",
    "provider": "provider.upsert",
}
"""What must happen before the other verbs of a family can mean anything."""
_ALONE = {"lease.settle": "payments", "lease.deposit": "payments", "lease.withdraw": "payments"}
"""Money may be told of where no lease is: a payment feed."""


def advice(markets: Mapping[str, Market]) -> list[Problem]:
    """List remarks by file and line; none of them stops an adapter from being used."""
    return sorted(
        {remark for market in markets.values() for part in (_unread, _unborn, _unreachable) for remark in part(market)}
    )


def _unread(market: Market) -> Iterator[Problem]:
    """Find arguments of an event that has a meaning which no rule reads."""
    readers: dict[EventDecl, set[str]] = {}
    lines: dict[EventDecl, tuple[int, int]] = {}
    for rule in market.rules:
        if rule.verb == "ignore":
            continue
        for place, decl in enumerate(rule.decls):
            lines.setdefault(decl, (rule.place, place))
            readers.setdefault(decl, set()).update(used_columns(rule))
    for decl, used in readers.items():
        left = [
            param.name
            for param in decl.params
            if not {param.name, f"{param.name}_text", f"{param.name}_address"} & used
        ]
        if left:
            rule_place, place = lines[decl]
            yield market.problem(f"{decl.name}: no rule reads {', '.join(left)}", "event", rule_place, "decl", place)


def _unborn(market: Market) -> Iterator[Problem]:
    for place, item in enumerate(market.deployments):
        if item.from_block == 0:
            what = f"{item.role} on {item.network} has no from_block: its chain is read from the first block"
            yield market.problem(what, "deployment", place)


def _unreachable(market: Market) -> Iterator[Problem]:
    verbs = {rule.verb for rule in market.rules}
    for rule in market.rules:
        begins = _BEGINNINGS.get(rule.verb.partition(".")[0])
        if begins is None or begins in verbs or rule.verb in _ALONE or rule.verb == begins:
            continue
        if begins == "order.open" and "lease.open" in verbs:
            continue
        yield market.problem(f"{rule.verb} has no effect: no event is {begins}", "event", rule.place, "verb")
