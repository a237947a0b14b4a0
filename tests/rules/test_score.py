"""How findings add up: caps, company, multipliers, screening items, and the story of a lead."""

from typing import Any

import msgspec

from monitor.model.lead import Finding
from monitor.rules.registry import all_rules
from monitor.rules.score import FAMILY_CAP, core_families, opened, score
from tests.facts.rows import DAY, time_of
from tests.rules.cases import CASES
from tests.rules.judged import NOW_BLOCK, alone, chain, found, judged
from tests.rules.play import DAY_BLOCKS, START, lease, pay, send
from tests.rules.test_leads import landlord
from tests.wallets.worlds import crowd, label_rows

RULES = {rule.id: rule for rule in all_rules()}


def point(rule: str, points: int, **more) -> Finding:
    known: dict[str, Any] = {
        "finding_id": f"f{rule}{points}", "rule": rule, "rule_version": 1, "typology": rule,
        "family": RULES[rule].family, "subject": "", "cluster_id": "c", "points": points, "summary": "",
        "threshold": "", "values": {}, "evidence": (), "caveats": (), "at": 0,
    }  # fmt: skip
    return Finding(**(known | more))


def test_points_are_capped_per_rule_and_family():
    assert score([point("T03", 10), point("T03", 10)], RULES) == 10
    assert score([point("T03", 10), point("T04", 25), point("T07", 15), point("T05", 15)], RULES) == 65
    assert score([point("T04", 25), point("T06", 20)], RULES) == FAMILY_CAP
    assert score([point("T21", 60)], RULES) == FAMILY_CAP


def test_a_finding_that_needs_company_counts_beside_it_and_makes_no_family():
    bridge = point("T06", 5, needs=("lease", "relation"))
    assert score([bridge], RULES) == 0
    assert score([bridge, point("T05", 15)], RULES) == 15
    assert score([bridge, point("T07", 15)], RULES) == 20
    assert core_families([bridge, point("T07", 15)], RULES) == {"lease"}


def test_two_families_make_a_lead_once_one_of_them_tells():
    renewals, newcomer = point("T07", 15, at=5, common=True), point("T03", 10, at=2, common=True)
    assert opened([renewals, newcomer], RULES) is None
    assert opened([point("T07", 15, at=5), point("T01", 25, at=6)], RULES) is None
    assert opened([renewals, newcomer, point("T05", 15, at=9)], RULES) == 9
    assert opened([renewals, point("T05", 15, at=3)], RULES) == 5


def test_context_adds_points_but_no_family_and_remarks_add_nothing():
    assert score([point("T07", 15), point("T10", 5)], RULES) == 20
    assert core_families([point("T10", 5), point("T29", 5), point("T21", 0)], RULES) == frozenset()


def test_multipliers_come_last_and_make_nothing():
    base = [point("T04", 25), point("T06", 20), point("T07", 15), point("T05", 15)]
    assert score(base, RULES) == 70
    assert score([*base, point("T12", 10)], RULES) == 77
    assert score([*base, point("T26", 0)], RULES) == 87
    assert score([*base, point("T12", 10), point("T26", 0)], RULES) == 96
    assert score([point("T12", 10), point("T26", 0)], RULES) == 0
    assert core_families([point("T12", 10)], RULES) == frozenset()


def test_a_capped_multiplier_adds_no_more_than_its_maximum():
    capped = RULES | {"T12": msgspec.structs.replace(RULES["T12"], percent=300)}
    assert score([point("T07", 15), point("T05", 15), point("T12", 10)], capped) == 40


def test_a_listed_wallet_opens_a_screening_item_and_no_lead():
    case = CASES["T21"]
    world = judged(case.fires, case.labels, **case.fields)
    (item,) = world.judgement.leads
    assert (item.kind, item.severity, item.score) == ("screening", "critical", 60)
    assert item.lead_id.startswith("screening-")
    assert item.families == ("list",)
    kinds = {
        finding.values.get("hops", "name" if "wanted" in finding.values else "direct"): finding
        for finding in found(world, "T21")
    }
    assert set(kinds) == {"1", "direct", "name"}
    assert kinds["name"].points == 0
    assert kinds["name"].values["declared"] == "Example Shipping Trading GmbH"
    assert kinds["name"].values["wanted"] == "Example Trading Shipping"
    assert int(kinds["name"].values["percent"]) >= 85
    assert kinds["1"].values["exposed_usd"] == "5000"


def test_money_one_hop_further_weighs_less():
    labels = label_rows((60, "Listed", "listed"))
    rows = lease(1, 1, block=START) + send(60, 70, 5_000, block=START - 200) + send(70, 1, 4_000, block=START - 100)
    (finding,) = found(judged(rows, labels), "T21")
    assert (finding.points, finding.values["hops"], finding.values["exposed_usd"]) == (20, "2", "4000")


def test_a_lead_tells_its_story_and_goes_stale():
    rows = crowd() + landlord()
    (lead,) = judged(rows).judgement.leads
    assert (lead.history[0].what, lead.history[0].detail) == ("opened", "T03, T04, T07")
    assert lead.state == "stale"
    assert lead.history[-1].what == "stale"
    at = lead.opened_at
    block = next(block for block in range(NOW_BLOCK) if time_of(block) >= at) + DAY_BLOCKS
    soon = judged(rows, chains=chain(head_block=block, head_time=at + DAY)).judgement.leads
    assert [(each.lead_id, each.state) for each in soon] == [(lead.lead_id, "open")]


def test_what_joins_later_makes_a_lead_grow():
    rows = crowd() + landlord()
    late = NOW_BLOCK - 20 * DAY_BLOCKS
    more = rows + send(60, 1, 50_000, block=late) + lease(60, 1, block=late + 60)
    (lead,) = judged(more, label_rows((60, "Some Mixer", "mixer"))).judgement.leads
    assert [(step.what, step.detail) for step in lead.history] == [("opened", "T03, T04, T07"), ("grew", "T06")]
    assert lead.state == "open"


def test_providers_without_tenants_can_become_a_lead():
    site, twins = CASES["T15"].fires, CASES["T30"].fires
    funded = pay(50, 300, block=10) + pay(51, 301, block=11)
    world = judged(site + twins + funded)
    families = {finding.family for finding in world.judgement.findings if finding.rule in {"T15", "T30"}}
    assert families == {"location", "relation"}
    assert {lead.h100e for lead in world.judgement.leads} == {"0.000"}
    assert len(world.judgement.leads) == 2


def test_a_multiplier_is_told_only_beside_what_it_multiplies():
    world = judged(CASES["T26"].fires)
    assert alone(world, "T26")
    assert found(world, "T26") == []
    beside = judged(CASES["T07"].fires + lease(70, 1, block=START, gpu_raw="B200", machine_id="b"))
    assert found(beside, "T07")
    assert found(beside, "T26")
