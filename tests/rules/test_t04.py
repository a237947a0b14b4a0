import pytest

from tests.facts.rows import time_of, who
from tests.rules.judged import chain, found, judged, only
from tests.wallets.worlds import DAY_BLOCKS, HOUR_BLOCKS, Rows, label_rows, lease, pay

START = 50_000


def group(count: int = 8, *, funder: int = 50, gpus: int = 8, apart: int = 60, days: int = 20) -> Rows:
    rows = Rows([], [], [])
    for n in range(count):
        block = START + apart * n
        rows += pay(funder, 1 + n, block=block - 200 * HOUR_BLOCKS, nonce=n)
        rows += lease(n, 1 + n, block=block, gpus=gpus, days=days, provider=300 + n)
    return rows


def test_one_funder_of_eight_renters_matches_when_the_line_is_crossed():
    findings = found(judged(group(9)), "T04")
    assert findings
    assert {f.values["renters"] for f in findings} == {"8"}
    assert {f.values["renters_funded"] for f in findings} == {"9"}
    assert {f.values["h100e"] for f in findings} == {"64"}
    assert {f.at for f in findings} == {time_of(START + 60 * 7)}
    assert len({f.subject for f in findings}) == 1
    assert len(findings[0].evidence) == 16
    assert len(findings[0].leases) == 8
    assert len({f.finding_id for f in findings}) == len(findings) == len({f.cluster_id for f in findings})


def test_three_renters_of_large_machines_match():
    assert found(judged(group(3, gpus=24)), "T04")


def test_many_small_leases_at_once_count_like_a_large_one():
    rows = group(3, gpus=16)
    for n in range(8 * 3):
        rows += lease(50 + n, 1 + n % 3, block=START + 500 + n, gpus=2, days=20, provider=300 + n)
    assert found(judged(rows), "T04")


def exchange_like() -> Rows:
    rows = group()
    for n in range(200):
        rows += pay(50, 5_000 + n, block=100 + n, nonce=100 + n)
    return rows


@pytest.mark.parametrize(
    "rows",
    [
        group(2, gpus=64),
        group(7),
        group(30, gpus=4),
        group(8, apart=40 * DAY_BLOCKS),
        exchange_like(),
    ],
    ids=["two renters", "below 64 together", "grantees with small machines", "spread over years", "busy funder"],
)
def test_look_alikes_stay_quiet(rows):
    assert found(judged(rows), "T04") == []


@pytest.mark.parametrize("kind", ["exchange", "payroll", "bridge", "marketplace"])
def test_a_labelled_service_is_no_funder(kind):
    assert found(judged(group(), label_rows((50, "Service", kind))), "T04") == []


def test_a_label_that_is_no_service_does_not_excuse():
    assert found(judged(group(), label_rows((50, "Someone", "other"))), "T04")


def test_what_was_not_read_is_said():
    world = judged(group(), chains=chain(native_lookback_seconds=0))
    assert any(line.startswith("T04: partly assessable: chain 1") for line in world.judgement.not_assessable)
    world = judged(group(), chains=chain(native_lookback_seconds=0, token_transfers=False))
    assert any(line.startswith("T04: not assessable: chain 1") for line in world.judgement.not_assessable)


def test_parameters_move_the_line():
    assert found(judged(group(2, gpus=32), overrides=only("T04", min_renters=2)), "T04")
    assert found(judged(group(8), overrides=only("T04", max_out_degree=8)), "T04") == []


def test_the_funder_itself_is_no_renter_of_its_own():
    rows = group(2, gpus=32) + lease(9, 50, block=START, gpus=32)
    assert found(judged(rows), "T04") == []
    assert who(50) != who(1)
