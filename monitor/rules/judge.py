"""All rules over all facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from monitor.errors import ConfigError
from monitor.model.lead import Finding, Lead
from monitor.rules.leads import leads
from monitor.rules.legal import legal_status
from monitor.rules.registry import all_rules, problems
from monitor.rules.rule import Facts, Outcome, Override, Rule, settle
from monitor.rules.score import counts

__all__ = ["Judgement", "judge"]


class Judgement(NamedTuple):
    """What rules say: findings and leads sorted by id, and where they could not look."""

    findings: tuple[Finding, ...]
    leads: tuple[Lead, ...]
    not_assessable: tuple[str, ...]


def judge(facts: Facts, overrides: Mapping[str, Mapping[str, Override]]) -> Judgement:
    """Run every enabled rule; raises ConfigError naming every wrong override."""
    wrong = problems(overrides)
    if wrong:
        raise ConfigError("\n".join(wrong), hint="see `monitor rules list` for rules, parameters and bounds")
    rules = {rule.id: rule for rule in all_rules()}
    first = {rule.id: _asked(rule, facts, overrides) for rule in rules.values() if rule.role != "multiplier"}
    found = [finding for outcome in first.values() for finding in outcome.findings]
    # where no core rule says anything, there is nothing to multiply
    spoken = {finding.cluster_id for finding in found if counts(finding, rules)}
    beside = facts.of(spoken)
    then = {name: _asked(rule, beside, overrides) for name, rule in rules.items() if name not in first}
    found += [item for outcome in then.values() for item in outcome.findings if item.cluster_id in spoken]
    ordered = tuple(sorted(found, key=lambda finding: finding.finding_id))
    said = first | then
    blind = tuple(line for name in rules for line in said[name].not_assessable)
    return Judgement(ordered, tuple(leads(ordered, facts, legal_status())), blind)


def _asked(rule: Rule, facts: Facts, overrides: Mapping[str, Mapping[str, Override]]) -> Outcome:
    params, _ = settle(rule, overrides.get(rule.id, {}))
    return rule.check(facts, params) if params["enabled"] else Outcome((), (f"{rule.id}: switched off",))
