"""All rules over all facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from monitor.errors import ConfigError
from monitor.model.lead import Finding, Lead
from monitor.rules.leads import leads
from monitor.rules.legal import legal_status
from monitor.rules.registry import all_rules, problems
from monitor.rules.rule import Facts, Override, settle
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
    found: list[Finding] = []
    blind: list[str] = []
    for rule in all_rules():
        params, _ = settle(rule, overrides.get(rule.id, {}))
        if not params["enabled"]:
            blind.append(f"{rule.id}: switched off")
            continue
        outcome = rule.check(facts, params)
        found += outcome.findings
        blind += outcome.not_assessable
    ordered = tuple(sorted(_beside_others(found), key=lambda finding: finding.finding_id))
    return Judgement(ordered, tuple(leads(ordered, facts, legal_status())), tuple(blind))


def _beside_others(found: list[Finding]) -> list[Finding]:
    """Leave out multipliers on clusters of which no core rule says anything: there is nothing to multiply."""
    rules = {rule.id: rule for rule in all_rules()}
    spoken = {finding.cluster_id for finding in found if counts(finding, rules)}
    return [item for item in found if rules[item.rule].role != "multiplier" or item.cluster_id in spoken]
