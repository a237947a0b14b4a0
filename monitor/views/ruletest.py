"""Rules tried on the ledger as it stands, with other parameters if asked to; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitor.config import Config
from monitor.errors import InputError
from monitor.ledger.reader import Reader
from monitor.rules.registry import problems
from monitor.rules.rule import Outcome, Override, Rule, settle
from monitor.views.assemble import assemble
from monitor.views.bundle import Bundle
from monitor.views.fromledger import parse_at

__all__ = ["changed", "run_rules"]

Overrides = Mapping[str, Mapping[str, Override]]


def changed(live: Overrides, rule_id: str | None, changes: Sequence[str]) -> Overrides:
    """Lay `name=value` texts over a rule's overrides; raises InputError for what is no such text or out of bounds."""
    if not changes:
        return live
    if rule_id is None:
        message = "--set needs the rule it is for"
        raise InputError(message, hint="monitor rules test T04 --set min_renters=4")
    table: dict[str, Override] = dict(live.get(rule_id, {}))
    for text in changes:
        name, equals, value = text.partition("=")
        if not (equals and name.strip()):
            message = f"--set {text!r} is not NAME=VALUE"
            raise InputError(message, hint="like --set min_renters=4")
        table[name.strip()] = _value(value.strip())
    wrong = problems({rule_id: table})
    if wrong:
        raise InputError("\n".join(wrong), hint=f"`monitor rules show {rule_id}` has the parameters and their bounds")
    return {**live, rule_id: table}


def _value(text: str) -> Override:
    if text in {"true", "false"}:
        return text == "true"
    return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdigit() else text


def run_rules(
    reader: Reader, bundle: Bundle, config: Config, rules: Sequence[Rule], overrides: Overrides, at: str | None
) -> list[tuple[Rule, Outcome]]:
    """Run each rule over the facts as of `at`; one that is switched off says so."""
    facts = assemble(reader, bundle, config, parse_at(reader, at)).world.facts
    tried = []
    for rule in rules:
        params, _ = settle(rule, overrides.get(rule.id, {}))
        off = Outcome((), (f"{rule.id}: switched off",))
        tried.append((rule, rule.check(facts, params) if params["enabled"] else off))
    return tried
