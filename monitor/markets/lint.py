"""Check adapters before they read a log: every expression is planned against the columns its event really has."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
from eth_utils.address import is_checksum_address

from monitor.abi import EventDecl
from monitor.markets.columns import CONTEXT, arguments
from monitor.markets.evaluate import roots
from monitor.markets.fit import compiled, fits
from monitor.markets.load import Market, Problem, Rule, filling_order, load_markets, raise_problems
from monitor.markets.only import ANY
from monitor.markets.standards import BEACON, EPOCHS
from monitor.markets.steps import step_adds, step_reads
from monitor.markets.stepspec import Call, Calldata, KeccakPacked, Lookup, Step
from monitor.model.schema import UNIFIED

__all__ = ["check", "load_checked"]

_MIXING = re.compile(
    r"\b(?:OVER|ARRAY_AGG|AVG|CORR|COUNT|COVAR|COVAR_SAMP|FIRST|LAST|MAX|MEDIAN|MIN|QUANTILE_(?:CONT|DISC)|STDDEV"
    r"|STDDEV_SAMP|STDEV|STDEV_SAMP|STRING_AGG|SUM|VAR|VAR_SAMP|VARIANCE)\s*\(",
    re.IGNORECASE,
)
"""Aggregates and windows, which would make a fact depend on the batch it was decoded in."""
_CLOCK = re.compile(r"\b(?:CURRENT_(?:DATE|TIME|TIMESTAMP)|NOW|RANDOM|RAND)\b", re.IGNORECASE)


class _Needs(NamedTuple):
    """What a verb's rule must give: a key, and of each group at least one unified column."""

    key: bool = True
    groups: tuple[tuple[str, ...], ...] = ()


_NEEDS: dict[str, _Needs] = {
    "provider.upsert": _Needs(groups=(("provider",),)),
    "account.link": _Needs(groups=(("actor", "provider", "renter"), ("beneficiary", "payer"))),
    "capacity.upsert": _Needs(groups=(("gpu_raw", "provider"),)),
    "order.open": _Needs(groups=(("renter",),)),
    "order.match": _Needs(groups=(("provider",),)),
    "lease.open": _Needs(groups=(("renter",), ("provider",))),
    "lease.extend": _Needs(groups=(("extend_seconds", "planned_end"),)),
    "lease.rate": _Needs(groups=(("price_amount",),)),
    "lease.deposit": _Needs(groups=(("amount",),)),
    "lease.withdraw": _Needs(groups=(("amount",),)),
    "lease.settle": _Needs(groups=(("amount",),)),
    "lease.slash": _Needs(groups=(("amount",),)),
    "token.define": _Needs(groups=(("token",),)),
    "ignore": _Needs(key=False),
}
_ADDRESS_LETTERS = 42
_TABLE_VERBS = ("table.put", "table.delete")


def check(markets: Mapping[str, Market]) -> list[Problem]:
    """List everything wrong with loaded markets, by file and line."""
    found = [
        problem
        for market in markets.values()
        for part in (_rules, _layouts, _tables, _contracts, _spelling)
        for problem in part(market)
    ]
    return sorted(set(found))


def load_checked(paths: Sequence[Path]) -> dict[str, Market]:
    """Load markets and raise MarketError, one line per problem, unless every one of them passes `check`."""
    markets = load_markets(paths)
    raise_problems(check(markets))
    return markets


def _rules(market: Market) -> Iterator[Problem]:
    for rule in market.rules:
        here = ("event", rule.place)
        yield from _demands(market, rule)
        yield from _bounds(market, rule)
        yield from _hidden(market, rule)
        for name, _ in rule.sets:
            if name not in UNIFIED:
                yield market.problem(f"set.{name}: no such unified column", *here, "set", name)
        for place, decl in enumerate(rule.decls):
            clash = sorted({param.name for param in decl.params} & CONTEXT.keys())
            if clash and rule.verb != "ignore":
                what = f"argument {clash[0]} hides a column of that name; rename it here, names are not in the topic"
                yield market.problem(what, *here, "decl", place)
            elif rule.verb != "ignore":
                yield from _plans(market, rule, decl)


def _demands(market: Market, rule: Rule) -> Iterator[Problem]:
    here = ("event", rule.place)
    needs = _NEEDS.get(rule.verb, _Needs())
    given = {name for name, _ in rule.sets}
    if needs.key and not rule.key:
        yield market.problem(f"{rule.verb} needs a key", *here, "verb")
    for group in needs.groups:
        if not given & set(group):
            yield market.problem(f"{rule.verb} must set {' or '.join(group)}", *here, "verb")
    filling = rule.verb in _TABLE_VERBS
    if filling != (rule.table is not None):
        what = f"{rule.verb} needs a table" if filling else f"{rule.verb} fills no table"
        yield market.problem(what, *here, "verb" if filling else "table")
    if (rule.verb == "table.put" and rule.value is None) or (not filling and rule.value is not None):
        what = "table.put needs a value" if rule.verb == "table.put" else f"{rule.verb} takes no value"
        yield market.problem(what, *here, "verb" if rule.value is None else "value")
    if (rule.verb == "child.register") != (rule.child is not None):
        what = "child.register needs the child's role" if rule.child is None else f"{rule.verb} has no child"
        yield market.problem(what, *here, "verb" if rule.child is None else "child")
    if (filling or rule.verb == "ignore") and rule.sets:
        yield market.problem(f"{rule.verb} sets no unified columns", *here, "set")


def _bounds(market: Market, rule: Rule) -> Iterator[Problem]:
    """Keep what any contract may say apart by contract: a stranger's logs must not speak of another's lease."""
    free = {item.role for item in market.deployments if item.address == ANY} & set(rule.roles)
    if free and rule.verb != "ignore" and "address" not in {name for part in rule.key for name in roots(part)}:
        what = f"role {min(free)} is read at any address: its key must hold `address`, or anybody could speak for it"
        yield market.problem(what, "event", rule.place, "key")


def _hidden(market: Market, rule: Rule) -> Iterator[Problem]:
    """Find what would keep an upgrade from being seen: its event ignored, or the role of beacons taken."""
    for place, decl in enumerate(rule.decls):
        if rule.verb == "ignore" and decl.topic0 in {item.topic0 for item in EPOCHS}:
            what = f"{decl.name} marks an upgrade: it is read anyway, leave it out"
            yield market.problem(what, "event", rule.place, "decl", place)
    if BEACON in rule.roles or rule.child == BEACON:
        yield market.problem(f"role {BEACON} is that of the beacons of proxies", "event", rule.place, "role")


def _plans(market: Market, rule: Rule, decl: EventDecl) -> Iterator[Problem]:
    """Follow a rule over one layout: each step's columns, then every expression's type."""
    here = ("event", rule.place)
    schema: dict[str, pl.DataType] = {**CONTEXT, **arguments(decl)}
    for place, step in enumerate(rule.steps):
        where = (*here, "steps", place)
        for sql in step_reads(step):
            yield from (market.problem(what, *where) for what in _reading(sql, schema, decl))
        yield from (market.problem(what, *where) for what in _misstated(market, step))
        try:
            added = step_adds(step, schema)
        except ValueError as error:
            yield market.problem(f"step {step.do}: {error}", *where)
            return
        if taken := sorted(added.keys() & CONTEXT.keys()):
            yield market.problem(f"step {step.do} hides the column {taken[0]}", *where)
        schema |= added
    wanted = [("where", rule.where, pl.Boolean()), ("value", rule.value, pl.String())]
    wanted += [("key", part, pl.String()) for part in rule.key]
    for name, text, target in wanted:
        for what in _setting(text, schema, decl, target) if text else ():
            yield market.problem(f"{name}: {what}", *here, name)
    for name, sql in rule.sets:
        for what in _setting(sql, schema, decl, UNIFIED.get(name, pl.String())):
            yield market.problem(f"set.{name}: {what}", *here, "set", name)


def _misstated(market: Market, step: Step) -> Iterator[str]:
    if isinstance(step, (Call, Calldata)) and step.role and step.role not in market.roles():
        yield f"step {step.do}: role {step.role} emits no declared event"
    if isinstance(step, KeccakPacked) and len(step.types) != len(step.args):
        yield "keccak_packed needs one type per argument"


def _setting(sql: str, schema: dict[str, pl.DataType], decl: EventDecl, target: pl.DataType) -> Iterator[str]:
    wrong = list(_reading(sql, schema, decl))
    yield from wrong
    if wrong:
        return
    source = _planned(sql, schema)
    if isinstance(source, str):
        yield f"{source}, in {decl.name}"
    elif not (source == target if target == pl.Boolean() else fits(source, target)):
        yield f"is {source}, wanted {target}, in {decl.name}"


def _reading(sql: str, schema: dict[str, pl.DataType], decl: EventDecl) -> Iterator[str]:
    """Say what is wrong with an expression before its type matters."""
    if _CLOCK.search(sql):
        yield "reads the clock or chance; only the log may decide"
        return
    if _MIXING.search(sql):
        yield "mixes rows; an expression sees one log at a time"
        return
    try:
        expression = compiled(sql)
    except pl.exceptions.PolarsError as error:
        yield f"not SQL: {_first_line(error)}"
        return
    missing = sorted(set(expression.meta.root_names()) - schema.keys())
    if missing:
        yield f"no column {missing[0]} in {decl.name}; there are {', '.join(sorted(schema))}"


def _planned(sql: str, schema: dict[str, pl.DataType]) -> pl.DataType | str:
    """Plan an expression: its type, or why it has none."""
    expression = compiled(sql)
    try:
        # An empty column for each name is most of the cost: only those that are read.
        frame = pl.LazyFrame(schema={name: schema[name] for name in expression.meta.root_names()})
        return frame.select(expression.alias("found")).collect_schema()["found"]
    except pl.exceptions.PolarsError as error:
        return _first_line(error)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _layouts(market: Market) -> Iterator[Problem]:
    """Find layouts that one log could be read by both of, and events both read and ignored."""
    seen: dict[tuple[str, bytes, int], tuple[EventDecl, int]] = {}
    verbs: dict[tuple[str, bytes, int], dict[bool, int]] = defaultdict(dict)
    for rule in market.rules:
        for place, decl in enumerate(rule.decls):
            where = ("event", rule.place, "decl", place)
            for role in rule.roles:
                key = (role, decl.topic0, decl.topics())
                first, line = seen.setdefault(key, (decl, market.problem("", *where).line))
                if _indexes(first) != _indexes(decl):
                    what = f"{decl.name}: same topic and number of topics as line {line}, other indexed arguments"
                    yield market.problem(what, *where)
                verbs[key].setdefault(rule.verb == "ignore", rule.place)
                if len(verbs[key]) > 1:
                    yield market.problem(f"{decl.name} at {role} is both read and ignored", *where)


def _indexes(decl: EventDecl) -> tuple[bool, ...]:
    return tuple(param.indexed for param in decl.params)


def _tables(market: Market) -> Iterator[Problem]:
    filled = {rule.table for rule in market.rules if rule.verb == "table.put"}
    read = {step.table for rule in market.rules for step in rule.steps if isinstance(step, Lookup)}
    for rule in market.rules:
        for place, step in enumerate(rule.steps):
            if isinstance(step, Lookup) and step.table not in filled:
                yield market.problem(f"table {step.table} is never filled", "event", rule.place, "steps", place)
        if rule.verb == "table.put" and rule.table and rule.table not in read:
            yield market.problem(f"table {rule.table} is never looked up", "event", rule.place, "table")
        if rule.table and filling_order(market.rules).get(rule.table) is None:
            yield market.problem(f"table {rule.table} is filled from itself", "event", rule.place, "table")


def _contracts(market: Market) -> Iterator[Problem]:
    """Compare roles with deployments, and with the children that events announce."""
    roles = set(market.roles())
    deployed = {item.role for item in market.deployments}
    children = {rule.child for rule in market.rules if rule.child}
    for rule in market.rules:
        if rule.child and rule.child not in roles:
            yield market.problem(f"role {rule.child} emits no declared event", "event", rule.place, "child")
    for place, item in enumerate(market.deployments):
        if item.role not in roles:
            yield market.problem(f"role {item.role} emits no declared event", "deployment", place, "role")
    for rule in market.rules:
        for role in rule.roles:
            if role not in deployed and role not in market.undeployed and role not in children:
                what = f"role {role} has no deployment; add one, or name it in market.undeployed"
                yield market.problem(what, "event", rule.place, "role")
    for role in market.undeployed:
        if role not in roles or role in deployed:
            what = "is deployed" if role in deployed else "emits no declared event"
            yield market.problem(f"undeployed role {role} {what}", "market", "undeployed")


def _spelling(market: Market) -> Iterator[Problem]:
    """Find mixed-case addresses that are not spelt as EIP-55 does: a digit is wrong."""
    held = [
        ("deployment", place, "address", item.address)
        for place, item in enumerate(market.deployments)
        if item.address != ANY
    ]
    held += [
        ("deployment", place, "only", text)
        for place, item in enumerate(market.deployments)
        for entry in item.only
        for given in entry.args.values()
        for text in (given if isinstance(given, list) else [given])
        if isinstance(text, str) and len(text) == _ADDRESS_LETTERS
    ]
    held += [("deployment", place, "token", item.token or "") for place, item in enumerate(market.deployments)]
    held += [("token", place, "address", item.address) for place, item in enumerate(market.tokens)]
    for table, place, key, address in held:
        if address and _misspelt(address):
            yield market.problem(f"{key} {address}: wrong EIP-55 checksum", table, place, key)


def _misspelt(address: str) -> bool:
    digits = address[2:]
    return digits not in {digits.lower(), digits.upper()} and not is_checksum_address(address)
