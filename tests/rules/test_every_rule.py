"""Held by every rule: it fires, it stays quiet, and neither order, repetition nor labels of places move it."""

import random
from functools import cache

import pytest

from monitor.rules.pipeline import Known, World
from monitor.rules.registry import all_rules
from tests.facts.rows import time_of
from tests.rules.cases import CASES
from tests.rules.judged import NOW_BLOCK, alone, chain, judged
from tests.rules.play import Case, Rows

RULES = {rule.id: rule for rule in all_rules()}
PLACES = ("DE", "us-east-1", "Brisbane", "cn-north-1", "SG", "somewhere")


def play(case: Case, rows: Rows, **more) -> World:
    return judged(rows, case.labels, **(case.fields | more))


@cache
def fired(rule: str) -> World:
    """Judge a rule's own world once for all questions."""
    return play(CASES[rule], CASES[rule].fires)


def shuffled(rows: Rows, seed: int) -> Rows:
    chance = random.Random(seed)
    return Rows(*(chance.sample(part, len(part)) for part in rows))


def labelled(rows: Rows, seed: int) -> Rows:
    """Give places and names other labels, consistently; what has none gets one of its machine, lease or owner."""
    chance = random.Random(seed)
    told: dict[object, str] = {}

    def other(row: dict[str, object], field: str) -> str:
        key = row[field] or (field, row["machine_id"] or row["lease_id"] or row["provider"])
        return told.setdefault(key, chance.choice(PLACES) + f" {len(told)}")

    return rows._replace(
        events=[row | {name: other(row, name) for name in ("region_raw", "name")} for row in rows.events]
    )


def test_ids_are_unique_and_every_rule_has_worlds():
    assert len({rule.id for rule in all_rules()}) == len(all_rules())
    assert [rule.id for rule in all_rules()] == sorted(rule.id for rule in all_rules())
    assert set(CASES) == set(RULES)
    assert all(len(case.quiet) >= 2 for case in CASES.values())


@pytest.mark.parametrize("rule", sorted(CASES))
def test_it_fires_with_complete_evidence(rule):
    world = fired(rule)
    findings = alone(world, rule)
    assert findings
    blocks = {row["block_number"] for part in CASES[rule].fires for row in part}
    for finding in findings:
        assert finding.evidence
        assert {position.block_number for position in finding.evidence} <= blocks
        assert len(set(finding.evidence)) == len(finding.evidence)
        assert finding.family == RULES[rule].family
        assert 0 <= finding.points <= RULES[rule].max_points
        assert finding.values
        assert "{" not in finding.summary
        assert finding.at <= time_of(NOW_BLOCK)
    assert len({finding.finding_id for finding in findings}) == len(findings)


@pytest.mark.parametrize(("rule", "world"), [(rule, name) for rule in sorted(CASES) for name in CASES[rule].quiet])
def test_look_alikes_stay_quiet(rule, world):
    assert alone(play(CASES[rule], CASES[rule].quiet[world]), rule) == []


@pytest.mark.parametrize("rule", sorted(CASES))
def test_neither_order_nor_an_earlier_look_changes_anything(rule):
    case = CASES[rule]
    whole = fired(rule)
    early = sorted(row["block_number"] for row in case.fires.events)[len(case.fires.events) // 2]
    part = Rows(*([row for row in rows if row["block_number"] <= early] for rows in case.fires))
    known = Known.nothing()
    first = {"chains": chain(head_block=early, head_time=time_of(early))}
    assert play(case, part, known=known, **first).judgement == play(case, part, **first).judgement
    assert play(case, shuffled(case.fires, 1), known=known).judgement == whole.judgement
    fewer = case.fires._replace(events=case.fires.events[1:], logs=case.fires.logs[1:], native=case.fires.native[1:])
    assert play(case, fewer, known=known).judgement == play(case, fewer).judgement


@pytest.mark.parametrize("rule", sorted(set(CASES) - {"T13"}))
def test_labels_of_places_and_declared_names_change_no_score(rule):
    case = CASES[rule]
    plain, other = (play(case, labelled(case.fires, seed)).judgement for seed in (3, 4))
    assert [found.rule for found in plain.findings if found.rule == rule] or RULES[rule].role in {"off", "multiplier"}
    points = [(item.rule, item.cluster_id, item.points) for item in plain.findings if item.rule not in {"T13", "T21"}]
    again = [(item.rule, item.cluster_id, item.points) for item in other.findings if item.rule not in {"T13", "T21"}]
    assert points == again
    assert [(lead.lead_id, lead.score) for lead in plain.leads] == [(lead.lead_id, lead.score) for lead in other.leads]


def upto(rows: Rows, block: int) -> Rows:
    return Rows(*([row for row in part if row["block_number"] <= block] for part in rows))


@pytest.mark.parametrize("rule", sorted(CASES))
def test_going_on_comes_to_what_judging_anew_does(rule):
    case, known, last = CASES[rule], Known.nothing(), 0
    blocks = sorted({row["block_number"] for part in case.fires for row in part})
    middle, late, end = blocks[len(blocks) // 2], blocks[-2 if len(blocks) > 2 else -1], blocks[-1]
    # a first part, most of it, a fork back, all of it, and then the clock alone
    for head, told in ((middle, False), (late, True), (middle, True), (end, False), (NOW_BLOCK, True)):
        now = {"chains": chain(head_block=head, head_time=time_of(head))}
        on = play(case, upto(case.fires, head), known=known, since={1: min(last, head) - 1}, **now)
        if told:
            anew = fired(rule) if head == NOW_BLOCK else play(case, upto(case.fires, head), **now)
            assert on.judgement == anew.judgement
        last = head


@pytest.mark.parametrize("rule", sorted(rule.id for rule in RULES.values() if rule.scope != "market" and rule.hops))
def test_one_transfer_more_is_judged_as_if_it_had_always_been_there(rule):
    """Nothing else is new, so that only whoever the transfer is near to is asked again."""
    case, known = CASES[rule], Known.nothing()
    moves = [("logs", n) for n in range(len(case.fires.logs))] + [("native", n) for n in range(len(case.fires.native))]
    for part, n in random.Random(7).sample(moves, min(len(moves), 8)):
        rows = getattr(case.fires, part)
        play(case, case.fires._replace(**{part: rows[:n] + rows[n + 1 :]}), known=known, since={1: NOW_BLOCK})
        on = play(case, case.fires, known=known, since={1: NOW_BLOCK})
        assert on.judgement == fired(rule).judgement


@pytest.mark.parametrize("rule", ["T05", "T11", "T16", "T19"])
def test_one_event_more_is_judged_as_if_it_had_always_been_there(rule):
    """What a rule asks of the market as a whole is found again for what the event may have changed."""
    case, known = CASES[rule], Known.nothing()
    events = case.fires.events
    some = random.Random(7).sample(range(len(events)), min(len(events), 8))
    for n in sorted(some, key=lambda each: (events[each]["block_number"], each)):
        since = {1: events[n]["block_number"] - 1}
        play(case, case.fires._replace(events=events[:n] + events[n + 1 :]), known=known, since=since)
        assert play(case, case.fires, known=known, since=since).judgement == fired(rule).judgement
