"""A hand: wallets whose first value came from one wallet that is no hub, itself or over a wallet used once."""

import pytest

from tests.rules.judged import found, judged
from tests.rules.play import DAY_BLOCKS, HOUR_BLOCKS, NOTHING, START, Rows, each, lease, pay, send
from tests.wallets.worlds import crowd, label_rows


def over_hops(count: int = 8, *, funder: int = 50, own_life: int = 0, further: bool = False) -> Rows:
    """Renter n gets its gas from wallet 600+n, which got it from the funder (over 700+n when `further`)."""
    rows = NOTHING
    for n in range(count):
        at = START - 200 * HOUR_BLOCKS + 60 * n
        source = 700 + n if further else funder
        if further:
            rows += pay(funder, source, block=at - 30, nonce=n)
        rows += pay(source, 600 + n, block=at, nonce=n) + pay(600 + n, 1 + n, block=at + 9, wei=10**16)
        rows += each(*(pay(600 + n, 800 + k, block=at + 12 + k, nonce=1 + k) for k in range(own_life)))
        rows += lease(n, 1 + n, block=START + n, days=20, provider=300 + n)
    return rows


def test_a_funder_behind_wallets_used_once_is_found_with_both_steps():
    world = judged(over_hops())
    findings = found(world, "T04")
    assert {finding.values["renters"] for finding in findings} == {"8"}
    blocks = {position.block_number for finding in findings for position in finding.evidence}
    assert {START - 200 * HOUR_BLOCKS, START - 200 * HOUR_BLOCKS + 9} <= blocks


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (over_hops(own_life=2), "the wallets between have a life of their own"),
        (over_hops(further=True), "two wallets stand between"),
        (over_hops(funder=60), "an exchange stands behind them"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_strangers_are_no_hand(rows, why):
    assert found(judged(rows, label_rows((60, "Some Exchange", "exchange"))), "T04") == [], why


def test_what_a_hand_did_is_told_of_each_cluster_once():
    rows = crowd()
    for n in range(3):
        at = START + n * 35 * DAY_BLOCKS
        rows += pay(50, 601 + n, block=at - 2 * DAY_BLOCKS, nonce=n)
        rows += pay(601 + n, 1 + n, block=at - DAY_BLOCKS, wei=10**16) + send(900 + n, 1 + n, 9, block=at - 60)
        rows += lease(n, 1 + n, block=at, days=35, machine_id="m")
    world = judged(rows)
    findings = found(world, "T07")
    clusters = {finding.cluster_id for finding in findings}
    assert len(findings) == len(clusters)
    assert {finding.values["days"] for finding in findings} == {"105"}
    renters = world.facts.tenancies.filter(world.facts.tenancies["machine_id"] == "m")
    assert clusters == set(renters["cluster_id"])
