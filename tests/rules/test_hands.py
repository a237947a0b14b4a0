"""A hand: wallets whose first value came from one wallet that is no hub, itself or over a wallet used once."""

from itertools import pairwise

import polars as pl
import pytest

from monitor.rules.pipeline import Known, World
from tests.facts.rows import who
from tests.rules.cases.supply import built, resold
from tests.rules.judged import found, judged
from tests.rules.play import (
    DAY_BLOCKS,
    HOUR_BLOCKS,
    NOTHING,
    START,
    Rows,
    attest,
    each,
    lease,
    offer,
    pay,
    register,
    send,
)
from tests.wallets.worlds import crowd, label_rows


def tenants(world: World) -> set[str]:
    return set(world.facts.tenancies["cluster_id"])


def home(world: World, wallet: int) -> str:
    homes: dict[bytes, str] = dict(world.facts.clusters.iter_rows())
    return homes[who(wallet)]


def over_hops(count: int = 8, *, funder: int = 50, own_life: int = 0, between: int = 1) -> Rows:
    """Renter n gets its gas from wallet 600+n, which got it from the funder over `between` wallets in all."""
    rows = NOTHING
    for n in range(count):
        at = START - 200 * HOUR_BLOCKS + 60 * n
        row = [funder, *(10_000 * k + n for k in range(1, between)), 600 + n]
        for k, (source, to) in enumerate(pairwise(row)):
            rows += pay(source, to, block=at - 3 * (between - 1 - k), nonce=n)
        rows += pay(600 + n, 1 + n, block=at + 9, wei=10**16)
        rows += each(*(pay(600 + n, 800 + k, block=at + 12 + k, nonce=1 + k) for k in range(own_life)))
        rows += lease(n, 1 + n, block=START + n, days=20, provider=300 + n)
    return rows


BEGUN = START - 200 * HOUR_BLOCKS
LATER = START + 100


@pytest.mark.parametrize(
    ("news", "origin"),
    [
        (NOTHING, 50),
        (pay(51, 600, block=BEGUN - 50, nonce=900), 51),
        (lease(99, 600, block=LATER, days=20, provider=399), 600),
        (each(*(pay(600, 800 + k, block=LATER + k, nonce=910 + k) for k in range(3))), 600),
        (pay(70, 71, block=LATER, nonce=930), 50),
    ],
    ids=["nothing", "an earlier funder", "a tenant now", "a life of its own", "elsewhere"],
)
def test_who_is_behind_a_go_between_is_told_anew_where_news_say_otherwise(news: Rows, origin: int):
    # who pays is looked at already when he becomes a tenant himself
    rows = over_hops() + lease(98, 20, block=START, provider=398, payer=who(600))
    known, since = Known.nothing(), {1: BEGUN - 300}
    for _ in range(2):
        judged(rows, known=known, since=since)
    on, anew = judged(rows + news, known=known, since=since), judged(rows + news)
    assert on.facts.origins.equals(anew.facts.origins)
    assert on.judgement == anew.judgement
    theirs = on.facts.origins.filter(pl.col("address") == who(1))
    assert theirs["origin"].to_list() == [who(origin)]


@pytest.mark.parametrize("between", [1, 2, 3])
def test_a_funder_behind_wallets_used_once_is_found_with_every_step(between: int):
    world = judged(over_hops(between=between))
    findings = found(world, "T04")
    assert {finding.values["renters"] for finding in findings} == {"8"}
    blocks = {position.block_number for finding in findings for position in finding.evidence}
    at = START - 200 * HOUR_BLOCKS
    assert {at + 9, *(at - 3 * k for k in range(between))} <= blocks


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (over_hops(own_life=2), "the wallets between have a life of their own"),
        (over_hops(own_life=2, between=3), "the last of three has"),
        (over_hops(between=4), "four wallets stand between"),
        (over_hops(funder=60), "an exchange stands behind them"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_strangers_are_no_hand(rows, why):
    assert found(judged(rows, label_rows((60, "Some Exchange", "exchange"))), "T04") == [], why


@pytest.mark.parametrize("between", [0, 1])
@pytest.mark.parametrize("funder", [50, 60])
def test_gas_from_an_exchange_does_not_hide_whose_money_it_is(between: int, funder: int):
    rows = crowd()
    for n in range(8):
        at = START - 200 * HOUR_BLOCKS + 60 * n
        row = [funder, *([600 + n] if between else []), 1 + n]
        rows += each(*(pay(60, to, block=at - 30, nonce=n) for to in row[1:]))
        rows += each(*(send(a, b, 9_000, block=at + 3 * k, log=80 + n) for k, (a, b) in enumerate(pairwise(row))))
        rows += lease(n, 1 + n, block=START + n, days=20, provider=300 + n)
    found_in = found(judged(rows, label_rows((60, "Some Exchange", "exchange"))), "T04")
    assert {finding.values["renters"] for finding in found_in} == ({"8"} if funder == 50 else set())


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


def test_who_funds_a_front_of_its_own_is_of_one_hand_with_it():
    apart = resold(260, seller=90)
    assert found(judged(apart), "T09") == []
    fronted = pay(1, 90, block=START - DAY_BLOCKS, wei=10**16) + apart
    assert {finding.rule for finding in found(judged(fronted), "T09")} == {"T09"}


def test_a_hand_that_takes_a_new_site_in_parts_is_its_one_customer():
    shared = built(tenants=4)
    assert found(judged(shared), "T01") == []
    begun = each(*(pay(50, 1 + n, block=START - 9 * DAY_BLOCKS + n, nonce=n) for n in range(4)))
    world = judged(begun + shared)
    findings = found(world, "T01")
    assert {finding.values["share_percent"] for finding in findings} == {"100"}
    assert {finding.cluster_id for finding in findings} == set(world.facts.tenancies["cluster_id"])


def test_what_a_hand_that_is_a_site_s_market_leases_is_told_of_each_of_its_tenants():
    """No tenant has most of the site that is not where it says; the hand has it all."""
    rows = built(tenants=4) + register(300, block=START, region_raw="Singapore")
    told = [attest("m0", block=START + (1 + 4 * n) * DAY_BLOCKS, region_raw="Germany") for n in range(4)]
    shared = each(rows, *told)
    assert {finding.cluster_id for finding in found(judged(shared), "T13")}.isdisjoint(tenants(judged(shared)))
    begun = each(*(pay(50, 1 + n, block=START - 9 * DAY_BLOCKS + n, nonce=n) for n in range(4)))
    assert tenants(judged(begun + shared)) <= {finding.cluster_id for finding in found(judged(begun + shared), "T13")}


def test_a_customer_of_the_hand_s_site_who_is_none_of_it_is_left_alone():
    rows = built(tenants=4) + register(300, block=START, region_raw="Singapore")
    told = [attest("m0", block=START + (1 + 4 * n) * DAY_BLOCKS, region_raw="Germany") for n in range(4)]
    begun = each(*(pay(50, 1 + n, block=START - 9 * DAY_BLOCKS + n, nonce=n) for n in range(4)))
    guest = pay(70, 20, block=START - DAY_BLOCKS) + lease(90, 20, block=START + 6 * DAY_BLOCKS, days=1)
    world = judged(each(rows, begun, guest, *told))
    assert home(world, 20) not in {finding.cluster_id for finding in found(world, "T13")}


@pytest.mark.parametrize(("source", "pairs"), [(80, 2), (60, 0)])
def test_sites_that_one_hand_began_over_go_betweens_have_their_beginning_in_common(source: int, pairs: int):
    """Of what they share the endpoint is strong; who began them, and the day, make it enough."""
    rows = crowd()
    for n, provider in enumerate((300, 301)):
        at = START - DAY_BLOCKS + 9 * n
        rows += pay(source, 600 + n, block=at, nonce=n) + pay(600 + n, provider, block=at + 3, wei=10**16)
        rows += register(provider, block=START + n, endpoint="0x" + "ab12cd34" * 8)
        rows += offer(provider, f"m{provider}", block=START + n + 5)
    world = judged(rows, label_rows((60, "Some Exchange", "exchange")))
    assert len(found(world, "T30")) == pairs


def test_money_for_a_provider_counts_for_tenants_started_over_a_go_between():
    rows = send(50, 300, 5_000, block=START - 30 * DAY_BLOCKS) + built(2)
    assert found(judged(rows), "T02") == []
    begun = pay(50, 600, block=START - 8 * DAY_BLOCKS) + pay(600, 1, block=START - 7 * DAY_BLOCKS, wei=10**16)
    (finding,) = found(judged(rows + begun), "T02")
    assert finding.values["sent_usd"] == "5000"
