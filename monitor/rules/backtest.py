"""A draft of thresholds against history: what it would have flagged and dropped beside the live set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from monitor.model.lead import Finding, Lead
from monitor.rules.facts import Facts
from monitor.rules.judge import Judgement, judge
from monitor.rules.registry import all_rules
from monitor.rules.rule import Override

__all__ = ["Comparison", "LeadChange", "RuleRate", "compare", "overlaid"]

Overrides = Mapping[str, Mapping[str, Override]]


class RuleRate(NamedTuple):
    """How often one rule spoke: findings, and tenant clusters it spoke of, live and in the draft, of how many."""

    rule: str
    live_findings: int
    draft_findings: int
    live_clusters: int
    draft_clusters: int
    tenants: int


class LeadChange(NamedTuple):
    """What the draft does to one lead; scores are 0 where there is no lead."""

    change: Literal["kept", "flagged", "dropped"]
    lead_id: str
    cluster_id: str
    live_score: int
    draft_score: int
    live_typologies: tuple[str, ...]
    draft_typologies: tuple[str, ...]


class Comparison(NamedTuple):
    """Rates of every rule in order of id, and leads: dropped, flagged, kept, each by id."""

    rules: tuple[RuleRate, ...]
    leads: tuple[LeadChange, ...]


def overlaid(live: Overrides, draft: Overrides) -> dict[str, dict[str, Override]]:
    """Lay a draft's tables over the live ones, key by key."""
    names = sorted({*live, *draft})
    return {name: {**live.get(name, {}), **draft.get(name, {})} for name in names}


def compare(facts: Facts, live: Overrides, draft: Overrides, since: int = 0) -> Comparison:
    """Judge the same facts twice and compare what is dated `since` (block seconds) or later; writes nothing.

    Raises ConfigError naming every wrong override.
    """
    before, after = judge(facts, live), judge(facts, draft)
    tenants = facts.tenancies.get_column("cluster_id").n_unique()
    rates = tuple(_rate(rule.id, before, after, since, tenants) for rule in all_rules())
    return Comparison(rates, _changes(_recent(before.leads, since), _recent(after.leads, since)))


def _rate(rule: str, before: Judgement, after: Judgement, since: int, tenants: int) -> RuleRate:
    old, new = (
        [finding for finding in one.findings if finding.rule == rule and finding.at >= since] for one in (before, after)
    )
    return RuleRate(rule, len(old), len(new), _clusters(old), _clusters(new), tenants)


def _clusters(findings: Iterable[Finding]) -> int:
    return len({finding.cluster_id for finding in findings})


def _recent(leads: Iterable[Lead], since: int) -> dict[str, Lead]:
    return {lead.lead_id: lead for lead in leads if lead.opened_at >= since}


def _changes(live: Mapping[str, Lead], draft: Mapping[str, Lead]) -> tuple[LeadChange, ...]:
    found = []
    for lead_id in sorted({*live, *draft}):
        old, new = live.get(lead_id), draft.get(lead_id)
        known = old or new
        found.append(
            LeadChange(
                "dropped" if new is None else "flagged" if old is None else "kept",
                lead_id,
                known.cluster_id if known else "",
                old.score if old else 0,
                new.score if new else 0,
                old.typologies if old else (),
                new.typologies if new else (),
            )
        )
    order = ("dropped", "flagged", "kept")
    return tuple(sorted(found, key=lambda change: (order.index(change.change), change.lead_id)))
