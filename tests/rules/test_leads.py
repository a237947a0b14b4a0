import re
from decimal import Decimal

import polars as pl
import pytest

from monitor.errors import ConfigError
from monitor.rules.legal import is_stale, legal_status
from monitor.rules.registry import all_rules, problems
from monitor.rules.rule import settle
from monitor.rules.score import severity_of
from tests.facts.rows import DAY, event, time_of, who
from tests.rules.judged import found, judged
from tests.wallets.worlds import DAY_BLOCKS, HOUR_BLOCKS, Rows, broker, crowd, label_rows, lease, pay, send

START = 20_000
RULES = {rule.id: rule for rule in all_rules()}


def landlord() -> Rows:
    """A broker whose four wallets each keep sixteen H100s for over three months."""
    rows = broker()
    for n in range(4):
        block = START + 5 * HOUR_BLOCKS + n
        for renewal in range(1, 12):
            at = block + renewal * 9 * DAY_BLOCKS
            rows += Rows([event("lease.extend", f"L{n}", block=at, log=40 + n, extend_seconds=10 * DAY)], [], [])
    machines = {"L0": "a", "L1": "b", "L2": "c", "L3": "d"}
    size = {"lease.open": {"gpu_count": 16}}
    events = [e | {"machine_id": machines[e["lease_id"]]} | size.get(e["verb"], {}) for e in rows.events]
    return Rows(events, rows.logs, rows.native)


def test_a_broker_that_keeps_machines_is_one_lead():
    world = judged(crowd() + landlord())
    (lead,) = world.judgement.leads
    assert lead.families == ("funding", "lease")
    assert lead.typologies == ("T03", "T04", "T07")
    assert lead.score == 10 + 25 + 15
    assert lead.h100e == "64.000"
    assert lead.severity == "medium"
    assert lead.confidence == "uncalibrated"
    assert lead.opened_at == time_of(START + 5 * HOUR_BLOCKS) + 90 * DAY
    assert lead.first_block == f"1:{START}"
    assert lead.legal_file == legal_status().version
    assert len(lead.wallets) == 5
    assert lead.wallets == tuple(sorted(lead.wallets))
    ids = {finding.finding_id for finding in world.judgement.findings if finding.cluster_id == lead.cluster_id}
    assert set(lead.findings) == ids
    assert lead.leases == tuple(f"reference:1:L{n}" for n in range(4))
    table = world.clusters.filter(pl.col("cluster_id") == lead.cluster_id).row(0, named=True)
    assert (table["leads"], table["size"], table["renters"]) == (1, 5, 4)
    assert world.clusters["leads"].sum() == 1


def test_two_rules_of_one_family_make_no_lead():
    rows = Rows([], [], [])
    for n in range(8):
        rows += pay(50, 1 + n, block=START + n, nonce=n) + lease(n, 1 + n, block=START + 60 + n, provider=300)
    world = judged(crowd() + rows)
    assert found(world, "T03")
    assert found(world, "T04")
    assert world.judgement.leads == ()


def test_a_single_long_term_customer_is_no_lead():
    rows = crowd() + pay(50, 1, block=100)
    for n in range(16):
        rows += lease(n, 1, block=START + n * 24 * DAY_BLOCKS, days=25, machine_id="m")
    world = judged(rows)
    assert found(world, "T07")
    assert world.judgement.leads == ()


def test_common_signs_alone_are_no_lead_however_many():
    rows = crowd() + pay(50, 1, block=START - 60)
    rows += lease(1, 1, block=START, days=60, machine_id="m")
    rows += lease(2, 1, block=START + 60 * DAY_BLOCKS, days=60, machine_id="m")
    world = judged(rows)
    assert {finding.rule for finding in world.judgement.findings} == {"T03", "T07"}
    assert world.judgement.leads == ()
    late = START + 120 * DAY_BLOCKS
    telling = send(60, 1, 50_000, block=late) + lease(3, 1, block=late + 60)
    (lead,) = judged(rows + telling, label_rows((60, "Some Mixer", "mixer"))).judgement.leads
    assert lead.typologies == ("T03", "T06", "T07")
    assert lead.opened_at == time_of(late)


def test_payroll_that_pays_for_staff_is_no_lead():
    rows = crowd()
    for n in range(12):
        rows += pay(80, 1 + n, block=START + n, nonce=n)
        rows += lease(n, 1 + n, block=START + 60 + n, payer=who(80), gpus=8)
        rows += lease(100 + n, 1 + n, block=START + 90 + n, payer=who(80), gpus=8)
    world = judged(rows, label_rows((80, "Payroll", "payroll")))
    assert world.judgement.leads == ()


def test_every_finding_of_a_full_world_is_complete():
    world = judged(crowd() + landlord())
    assert world.judgement.findings
    for finding in world.judgement.findings:
        assert finding.evidence
        assert list(finding.evidence) == sorted(finding.evidence)
        assert finding.caveats
        assert 0 < finding.points <= RULES[finding.rule].max_points
        assert finding.cluster_id.startswith("cluster-")
        assert re.fullmatch(r"0x[0-9a-fA-F]{40}", finding.subject)


@pytest.mark.parametrize("region", ["DE", "Brisbane", "cn-north-1", None])
def test_where_hardware_stands_changes_no_score(region):
    rows = crowd() + landlord()
    plain = judged(rows).judgement
    moved = judged(Rows([e | {"region_raw": region} for e in rows.events], rows.logs, rows.native)).judgement
    assert moved == plain


@pytest.mark.parametrize(
    ("h100e", "usd", "steps", "severity"),
    [
        ("8", None, 0, "low"), ("32", None, 0, "medium"), ("127.999", "49999", 0, "medium"), ("128", None, 0, "high"),
        ("8", "500000", 0, "high"), ("512", None, 0, "critical"), ("8", None, 1, "medium"),
        ("600", None, 2, "critical"),
    ],
)  # fmt: skip
def test_severity_is_size_or_value_raised_by_time(h100e, usd, steps, severity):
    assert severity_of(Decimal(h100e), None if usd is None else Decimal(usd), steps) == severity


def test_overrides_are_checked_all_at_once():
    wrong = {"T03": {"nope": 1, "min_h100e": 1.5, "max_prior_txs": -1, "enabled": 1}, "T99": {}}
    text = problems(wrong)
    assert len(text) == 5
    assert any("rules.T99 is no rule" in line for line in text)
    assert any("rules.T03.nope is no parameter of T03" in line for line in text)
    with pytest.raises(ConfigError, match=r"rules\.T03\.min_h100e must be a whole number"):
        judged(crowd(2), overrides=wrong)


def test_a_rule_can_be_switched_off():
    world = judged(crowd() + landlord(), overrides={"T07": {"enabled": False}})
    assert found(world, "T07") == []
    assert "T07: switched off" in world.judgement.not_assessable
    assert world.judgement.leads == ()


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.id)
def test_a_rule_is_complete(rule):
    params, wrong = settle(rule, {})
    assert wrong == []
    assert rule.inputs
    assert (rule.role == "multiplier") == (rule.percent > 100)
    assert all(each.low <= each.default <= each.high and each.unit and each.meaning for each in rule.parameters)
    assert rule.lawful
    assert rule.blind_spots
    assert rule.guidance
    assert params.keys() == {each.name for each in rule.parameters} | {"enabled"}


def test_thresholds_are_those_of_the_typologies():
    assert settle(RULES["T03"], {})[0].items() >= {
        "max_age_hours": 72, "max_prior_txs": 5, "min_h100e": 8, "min_escrow_usd": 5000}.items()  # fmt: skip
    assert settle(RULES["T04"], {})[0].items() >= {
        "min_renters": 3, "min_h100e_each": 8, "min_h100e_combined": 64, "window_days": 90,
        "max_out_degree": 200}.items()  # fmt: skip
    assert settle(RULES["T05"], {})[0].items() >= {
        "min_share_percent": 50, "min_payments": 2, "window_days": 30}.items()  # fmt: skip
    assert settle(RULES["T07"], {})[0].items() >= {
        "min_days": 90, "max_gap_hours": 24, "min_h100e": 8, "severe_days": 180,
        "very_severe_days": 365}.items()  # fmt: skip
    points = {
        "T01": 25, "T02": 30, "T03": 10, "T04": 25, "T05": 15, "T06": 20, "T07": 15, "T08": 15, "T09": 20,
        "T10": 5, "T11": 25, "T12": 10, "T13": 25, "T14": 30, "T15": 30, "T16": 10, "T17": 10, "T18": 5, "T19": 10,
        "T20": 20, "T21": 60, "T22": 0, "T23": 10, "T24": 15, "T25": 0, "T26": 0, "T27": 15, "T28": 15, "T29": 5,
        "T30": 15,
    }  # fmt: skip
    assert {name: rule.max_points for name, rule in RULES.items()} == points


def test_legal_file_is_dated_and_goes_stale():
    legal = legal_status()
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", legal.version)
    assert not is_stale(legal, legal.verify_by)
    assert is_stale(legal, "2999-01-01")
    assert legal.lines[-1] == "Not legal advice."
    assert len({rule.id for rule in legal.rule}) == len(legal.rule)


def test_an_empty_world_is_silent():
    world = judged(Rows([], [], []))
    assert world.judgement.findings == ()
    assert world.judgement.leads == ()
    assert world.clusters.is_empty()
