"""All rules over all facts, or on from an earlier judgement: then only for those who may be judged otherwise now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, TypeVar

import polars as pl

from monitor.errors import ConfigError
from monitor.model.lead import Finding, Lead
from monitor.rules.cut import of_providers, of_tenants, settled
from monitor.rules.leads import leads
from monitor.rules.legal import legal_status
from monitor.rules.news import Near, Whom, near
from monitor.rules.registry import all_rules, problems
from monitor.rules.rule import Facts, Outcome, Override, Rule, settle
from monitor.rules.score import counts
from monitor.rules.standing import Told

__all__ = ["Judgement", "Judging", "judge"]

T = TypeVar("T", str, bytes)
Overrides = Mapping[str, Mapping[str, Override]]
_FEW = 5_000
"""Leases of all who are near up to which every rule is asked of these: to cut them down further costs more."""
_NOBODY = Near(frozenset(), frozenset(), frozenset())


class Judgement(NamedTuple):
    """What rules say: findings and leads sorted by id, and where they could not look."""

    findings: tuple[Finding, ...]
    leads: tuple[Lead, ...]
    not_assessable: tuple[str, ...]


class _Before(NamedTuple):
    """The last look: its facts, how rules were set, what each said, and the clusters core rules spoke of."""

    facts: Facts
    overrides: Overrides
    said: Mapping[str, Outcome]
    spoken: frozenset[str]


def judge(facts: Facts, overrides: Overrides) -> Judgement:
    """Run every enabled rule; raises ConfigError naming every wrong override."""
    return Judging().become(facts, overrides, None)


class Judging:
    """A judgement under a stream of news; for one thread."""

    def __init__(self) -> None:
        self._before: _Before | None = None

    def become(self, facts: Facts, overrides: Overrides, told: Told | None) -> Judgement:
        """Judge `facts` as all there is, as `judge`; `told` of nothing judges everybody again."""
        # of a look that fails nothing is known, and the next one is told of what changed since then
        before, self._before = self._before, None
        wrong = problems(overrides)
        if wrong:
            raise ConfigError("\n".join(wrong), hint="see `monitor rules list` for rules, parameters and bounds")
        whom = None
        if before is not None and told is not None and before.overrides == overrides:
            whom = near(before.facts, facts, told)
        rules = {rule.id: rule for rule in all_rules()}
        asked = _Asked(facts, overrides, before, whom)
        first = {rule.id: asked.of(rule) for rule in rules.values() if rule.role != "multiplier"}
        found = [finding for outcome in first.values() for finding in outcome.findings]
        # where no core rule says anything, there is nothing to multiply
        spoken = frozenset(finding.cluster_id for finding in found if counts(finding, rules))
        again = spoken - before.spoken if before and whom else spoken
        then = {name: asked.beside(rule, spoken, again) for name, rule in rules.items() if name not in first}
        said = first | then
        ordered = tuple(sorted((item for outcome in said.values() for item in outcome.findings), key=_by_id))
        self._before = _Before(settled(facts), overrides, said, spoken)
        blind = tuple(line for name in rules for line in said[name].not_assessable)
        return Judgement(ordered, tuple(leads(ordered, facts, legal_status())), blind)


class _Asked:
    """One look: asks each rule of everybody, or of those who are near news, and keeps what was found of others."""

    def __init__(
        self,
        facts: Facts,
        overrides: Overrides,
        before: _Before | None,
        whom: Whom | None,
    ) -> None:
        self._facts = facts
        self._overrides = overrides
        self._before = before
        self._held = before.said if before and whom else {}
        self._whom = whom
        self._widest = whom[2, True] if whom else _NOBODY
        self._cuts: dict[object, Facts] = {}

    def of(self, rule: Rule) -> Outcome:
        """Ask a rule that speaks for itself."""
        params, _ = settle(rule, self._overrides.get(rule.id, {}))
        if not params["enabled"]:
            return Outcome((), (f"{rule.id}: switched off",))
        if self._whom is None or rule.scope == "market":
            return rule.check(self._facts, params)
        whom, held = self._whom[rule.hops, rule.ages], self._held[rule.id]
        if rule.scope == "providers":
            outcome = rule.check(self._providers(whom.providers), params)
            stands = [each for each in held.findings if _subject(each) not in whom.providers]
            fresh = [each for each in outcome.findings if _subject(each) in whom.providers]
            return Outcome((*stands, *fresh), outcome.not_assessable)
        also = held.close - whom.fallen if self._moved(rule) else frozenset[str]()
        again, fallen = whom.clusters | also, whom.fallen | also
        outcome = rule.check(self._tenants(again), params)
        stands = [each for each in held.findings if each.cluster_id not in fallen]
        fresh = [each for each in outcome.findings if each.cluster_id in again]
        return Outcome((*stands, *fresh), outcome.not_assessable, (held.close - fallen) | (outcome.close & again))

    def beside(self, rule: Rule, spoken: Collection[str], fresh: Collection[str]) -> Outcome:
        """Ask a multiplier of the clusters others spoke of; `fresh` are those nobody spoke of before."""
        params, _ = settle(rule, self._overrides.get(rule.id, {}))
        if not params["enabled"]:
            return Outcome((), (f"{rule.id}: switched off",))
        whom = _NOBODY if self._whom is None else self._whom[rule.hops, rule.ages]
        again = frozenset(fresh) | (whom.clusters & frozenset(spoken))
        outcome = rule.check(self._tenants(again), params)
        stands = [
            each
            for each in (self._held[rule.id].findings if rule.id in self._held else ())
            if each.cluster_id in spoken and each.cluster_id not in whom.fallen and each.cluster_id not in again
        ]
        said = [each for each in outcome.findings if each.cluster_id in again]
        return Outcome((*stands, *said), outcome.not_assessable)

    def _moved(self, rule: Rule) -> bool:
        """Tell whether what a rule holds everybody against is another now."""
        if rule.market is None or self._before is None:
            return False
        return not rule.market(self._before.facts).equals(rule.market(self._facts))

    def _tenants(self, clusters: frozenset[str]) -> Facts:
        return self._cut(clusters, self._widest.clusters, of_tenants)

    def _providers(self, wallets: frozenset[bytes]) -> Facts:
        return self._cut(wallets, self._widest.providers, _of_providers)

    def _cut(self, some: frozenset[T], all_near: frozenset[T], cut: Callable[[Facts, frozenset[T]], Facts]) -> Facts:
        """Cut facts down to `some`, out of what was cut out for all who are near, where they are among these."""
        whole = self._cut(all_near, all_near, cut) if some < all_near else self._facts
        if some and whole is not self._facts and whole.leases.height < _FEW:
            return whole
        if (some, cut) not in self._cuts:
            self._cuts[some, cut] = cut(whole, some)
        return self._cuts[some, cut]


def _of_providers(facts: Facts, wallets: frozenset[bytes]) -> Facts:
    return of_providers(facts, pl.Series(sorted(wallets), dtype=pl.Binary()))


def _by_id(finding: Finding) -> str:
    return finding.finding_id


def _subject(finding: Finding) -> bytes:
    return bytes.fromhex(finding.subject.removeprefix("0x"))
