import pytest

from tests.facts.rows import time_of, who
from tests.rules.judged import chain, found, judged, only
from tests.rules.play import deposit, each
from tests.wallets.worlds import DAY_BLOCKS, HOUR_BLOCKS, Rows, label_rows, lease, pay, send

START = 20_000


def newcomer(*, wait: int = 5 * HOUR_BLOCKS, gpus: int = 8, days: int = 2, sent: int = 0, funder: int = 50) -> Rows:
    rows = pay(funder, 1, block=START - wait) + send(funder, 1, 10_000, block=START - wait + 1)
    for nonce in range(sent):
        rows += pay(1, 70, block=START - 30 + nonce, nonce=nonce, wei=0)
    return rows + lease(1, 1, block=START, gpus=gpus, days=days)


def test_fresh_wallet_with_a_large_lease_matches_with_its_evidence():
    (finding,) = found(judged(newcomer(sent=5)), "T03")
    assert finding.values["age_hours"] == "5"
    assert finding.values["prior_txs"] == "5"
    assert finding.values["h100e"] == "8"
    assert finding.points == 10
    assert finding.family == "funding"
    assert {p.block_number for p in finding.evidence} == {START, START - 5 * HOUR_BLOCKS}
    assert finding.at == time_of(START)
    assert finding.leases == ("reference:1:L1",)


def test_escrow_counts_where_size_does_not():
    assert found(judged(newcomer(gpus=4, days=30)), "T03")[0].values["escrow_usd"] == "5760"


@pytest.mark.parametrize(
    "rows",
    [
        newcomer(wait=72 * HOUR_BLOCKS),
        newcomer(sent=6),
        newcomer(gpus=4, days=1),
        newcomer(wait=20 * DAY_BLOCKS // 2) + lease(2, 1, block=START + DAY_BLOCKS, gpus=64),
    ],
    ids=["old wallet", "used wallet", "small lease", "old customer takes more"],
)
def test_look_alikes_stay_quiet(rows):
    assert found(judged(rows), "T03") == []


def test_exchange_funded_newcomers_match_but_make_no_lead():
    rows = newcomer(funder=60)
    for n in range(2, 12):
        rows += pay(60, n, block=START + 900 * n, nonce=n) + lease(n, n, block=START + 900 * n + 60, provider=300 + n)
    world = judged(rows, label_rows((60, "Some Exchange", "exchange")))
    assert len(found(world, "T03")) == 11
    assert world.judgement.leads == ()


def test_a_newcomer_who_stays_is_no_lead_whoever_funded_the_wallet():
    labels = label_rows((60, "Some Exchange", "exchange"))
    stay = lease(2, 1, block=START + 3 * DAY_BLOCKS, days=60) + lease(3, 1, block=START + 63 * DAY_BLOCKS, days=60)
    customer = judged(newcomer(funder=60) + stay, labels)
    assert {finding.rule for finding in customer.judgement.findings} >= {"T03", "T07"}
    assert customer.judgement.leads == ()
    private = judged(newcomer() + stay, labels)
    assert {finding.rule for finding in private.judgement.findings} >= {"T03", "T07"}
    assert private.judgement.leads == ()


def test_beside_something_telling_only_a_private_purse_makes_it_a_family():
    labels = label_rows((60, "Some Exchange", "exchange"))
    kept = each(*(deposit(1, 70, 60_000, block=START + 60 + n) for n in range(2)))
    assert judged(newcomer(funder=60) + kept, labels).judgement.leads == ()
    (lead,) = judged(newcomer() + kept, labels).judgement.leads
    assert set(lead.families) == {"funding", "payment"}


def test_later_leases_of_a_wallet_are_not_first_leases():
    rows = newcomer(gpus=1, days=1) + lease(2, 1, block=START + 25 * HOUR_BLOCKS, gpus=64)
    assert found(judged(rows), "T03") == []


def test_machines_leased_one_by_one_on_the_first_day_count_together():
    rows = newcomer(gpus=1, days=1)
    for n in range(7):
        rows += lease(2 + n, 1, block=START + 1 + n, gpus=1, days=1)
    (finding,) = found(judged(rows), "T03")
    assert (finding.values["h100e"], finding.values["leases_opened"]) == ("8", "8")
    assert len(finding.evidence) == 9
    assert len(finding.leases) == 8
    assert finding.at == time_of(START + 7)


@pytest.mark.parametrize(("seconds", "words"), [(0, "no native transfers"), (3600, "1 h of native transfers")])
def test_without_native_transfers_nothing_is_said(seconds, words):
    world = judged(newcomer(), chains=chain(native_lookback_seconds=seconds))
    assert found(world, "T03") == []
    assert any("T03: not assessable: chain 1" in line and words in line for line in world.judgement.not_assessable)


def test_wallets_without_seen_funding_are_counted():
    world = judged(lease(1, 1, block=START))
    assert "T03: not assessable: chain 1: no funding seen for 1 renters" in world.judgement.not_assessable


def test_parameters_move_the_line():
    assert found(judged(newcomer(), overrides=only("T03", min_h100e=9, min_escrow_usd=10**6)), "T03") == []
    assert found(judged(newcomer(), overrides=only("T03", max_age_hours=4)), "T03") == []


def test_a_renter_that_is_no_wallet_is_passed_over():
    rows = newcomer() + lease(5, 0, block=START + 9, payer=who(1))
    assert len(found(judged(rows), "T03")) == 1
