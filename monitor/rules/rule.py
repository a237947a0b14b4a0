"""What a rule is: data about the pattern, its parameters, and a pure function over `Facts`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec
import polars as pl

from monitor.model.lead import Finding

__all__ = ["ChainContext", "Facts", "Outcome", "Override", "Parameter", "Params", "Rule", "settle"]

Params = Mapping[str, int]
Override = int | float | str | bool


class ChainContext(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a chain when rules speak; `head_time` in block seconds is their "now"."""

    chain_id: int
    head_block: int
    head_time: int
    native_lookback_seconds: int = 0
    """How long before a wallet's first lease every transaction was read; 0 when native transfers were left out."""
    token_transfers: bool = True
    """Whether transfers of the payment tokens were read."""
    block_seconds: Decimal = Decimal(12)


class Facts(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Everything rules may look at: frames of `monitor.model.schema`, `monitor.facts` and `monitor.wallets`."""

    leases: pl.DataFrame
    lease_events: pl.DataFrame
    transfers: pl.DataFrame
    capacity: pl.DataFrame
    funders: pl.DataFrame
    links: pl.DataFrame
    members: pl.DataFrame
    wallets: pl.DataFrame
    hubs: pl.DataFrame
    labels: pl.DataFrame
    tokens: pl.DataFrame
    chains: Mapping[int, ChainContext]

    @property
    def as_of(self) -> dict[int, int]:
        """Block seconds each chain has been read to."""
        return {chain_id: chain.head_time for chain_id, chain in self.chains.items()}


class Outcome(NamedTuple):
    """What a rule found, and where it could not look (one line each): silence there is no acquittal."""

    findings: tuple[Finding, ...]
    not_assessable: tuple[str, ...] = ()


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
    max_points: int
    pattern: str
    parameters: tuple[Parameter, ...]
    lawful: tuple[str, ...]
    """Common lawful explanations."""
    guidance: str
    blind_spots: tuple[str, ...]
    check: Callable[[Facts, Params], Outcome]


def settle(rule: Rule, overrides: Mapping[str, Override]) -> tuple[dict[str, int], list[str]]:
    """Lay overrides over a rule's defaults; return the parameters and every problem in words.

    `enabled = false` switches a rule off and is returned as 0.
    """
    settled = {parameter.name: parameter.default for parameter in rule.parameters} | {"enabled": 1}
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
