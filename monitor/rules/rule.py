"""What a rule is: data about the pattern, its parameters, and a pure function over `Facts`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import msgspec
import polars as pl

from monitor.model.lead import Finding
from monitor.rules.facts import ChainContext, Facts

__all__ = ["ChainContext", "Facts", "Outcome", "Override", "Parameter", "Params", "Rule", "settle"]

Params = Mapping[str, int]
Override = int | float | str | bool


class Outcome(NamedTuple):
    """What a rule found, and where it could not look (one line each): silence there is no acquittal."""

    findings: tuple[Finding, ...]
    not_assessable: tuple[str, ...] = ()
    close: frozenset[str] = frozenset()
    """Clusters of which it may say something else where `Rule.market` alone is another."""


class Parameter(NamedTuple):
    """A threshold a user may move; whole numbers only, `low` and `high` are the bounds of sense."""

    name: str
    default: int
    unit: str
    meaning: str
    low: int
    high: int


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One typology: what it matches, how much it says, how it may be wrong, and where it comes from."""

    id: str
    version: int
    title: str
    family: str
    role: Literal["core", "context", "multiplier", "off"]
    """`core` makes leads, `context` adds points to one, `multiplier` scales one, `off` does not run unless asked to."""
    max_points: int
    pattern: str
    parameters: tuple[Parameter, ...]
    lawful: tuple[str, ...]
    """Common lawful explanations."""
    guidance: str
    blind_spots: tuple[str, ...]
    inputs: tuple[str, ...]
    """The facts it reads, as an adapter or the configuration gives them."""
    check: Callable[[Facts, Params], Outcome]
    scope: Literal["tenants", "providers", "market"] = "market"
    """Whose rows a finding follows from: those about its cluster, those about its subject, a provider, or any.

    Tenants: of the cluster, of those in a group or with a payer in common, the transfers of its wallets and of whoever
    dealt with them. Providers: leases with it, its offers, and transfers to it at two hops. What `Facts` says of the
    market as a whole counts for all.
    """
    hops: Literal[0, 1, 2] = 2
    """Whose transfers it looks at: nobody's, those of the wallets themselves, or of whoever dealt with them as well.

    Through a tenant only a provider or a labelled wallet may be looked for (`monitor.rules.news`).
    """
    ages: bool = True
    """Whether leases that are held still say more with time alone."""
    market: Callable[[Facts], pl.DataFrame] | None = None
    """What it holds everybody against, small; where that is not what it was, whoever came `close` is judged again."""
    percent: int = 100
    """What a multiplier makes of a lead's score, in percent."""


def settle(rule: Rule, overrides: Mapping[str, Override]) -> tuple[dict[str, int], list[str]]:
    """Lay overrides over a rule's defaults; return the parameters and every problem in words.

    `enabled` switches a rule off or, where its role is off, on; it is returned as 0 or 1.
    """
    settled = {parameter.name: parameter.default for parameter in rule.parameters} | {
        "enabled": int(rule.role != "off")
    }
    known = {parameter.name: parameter for parameter in rule.parameters}
    problems = []
    for name, value in overrides.items():
        where = f"rules.{rule.id}.{name}"
        if name == "enabled":
            if isinstance(value, bool):
                settled["enabled"] = int(value)
            else:
                problems.append(f"{where} must be true or false")
        elif name not in known:
            problems.append(f"{where} is no parameter of {rule.id}; it has {', '.join([*known, 'enabled'])}")
        elif isinstance(value, bool) or not isinstance(value, int):
            problems.append(f"{where} must be a whole number of {known[name].unit}")
        elif not known[name].low <= value <= known[name].high:
            problems.append(f"{where} must be between {known[name].low} and {known[name].high} {known[name].unit}")
        else:
            settled[name] = value
    return settled, problems
