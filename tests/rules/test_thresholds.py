"""Every parameter of every rule decides something: moved within its bounds, it turns a quiet world to told or back.

Most are decided by the worlds that each rule has anyway. For the others stands here a world on their edge, and a value
that tips it.
"""

from functools import cache
from typing import Any, NamedTuple

import pytest

from monitor.rules.registry import all_rules
from monitor.rules.rule import Parameter, settle
from tests.facts.rows import who
from tests.rules.cases import CASES, funding, lists, market, moving, site, supply
from tests.rules.judged import judged
from tests.rules.play import (
    DAY_BLOCKS,
    HOUR_BLOCKS,
    NOTHING,
    START,
    Rows,
    close,
    deposit,
    each,
    lease,
    offer,
    pay,
    refund,
    register,
    send,
)


class Edge(NamedTuple):
    """A world, and the value of one parameter that changes what the rule says of it."""

    rows: Rows
    value: int


def after(days: int) -> int:
    return START + days * DAY_BLOCKS


def cancelled(usd: int) -> Rows:
    """Four leases of 3,840 dollars, each cancelled after two hours."""
    rows = NOTHING
    for n in range(4):
        rows += lease(n, 1, block=after(n)) + refund(n, 1, usd, block=after(n) + 120) + close(n, block=after(n) + 120)
    return rows


def splitting(wallets: int, providers: int, others: int) -> Rows:
    """Five leases of seven GPUs, forty by strangers of one, `others` more by strangers of seven."""
    mine = each(*(lease(n, n % wallets + 1, block=after(n), gpus=7, provider=300 + n % providers) for n in range(5)))
    small = [lease(100 + n, 1_000 + n, block=START + n, gpus=1, provider=400 + n) for n in range(40)]
    alike = [lease(200 + n, 2_000 + n, block=START + n, gpus=7, provider=400 + n) for n in range(others)]
    return mine + each(*small, *alike)


def brothers(count: int) -> Rows:
    """Providers with one endpoint and one sink."""
    rows = NOTHING
    for provider in range(300, 300 + count):
        rows += register(provider, block=START, endpoint="ab12cd34" * 4) + offer(provider, f"m{provider}", block=START)
        rows += send(provider, 80, 900, block=after(60))
    return rows


EDGES = {
    ("T01", "min_share_percent"): Edge(supply.built(tenants=2), 40),
    ("T03", "max_prior_txs"): Edge(
        funding.newcomer(5 * HOUR_BLOCKS) + each(*(pay(1, 900 + n, block=START - 90 + n, nonce=n) for n in range(7))),
        10,
    ),
    ("T03", "first_hours"): Edge(
        funding.newcomer(5 * HOUR_BLOCKS, gpus=4) + lease(2, 1, block=START + 30 * HOUR_BLOCKS, gpus=4, days=1), 48
    ),
    ("T04", "window_days"): Edge(
        each(*(pay(50, 1 + n, block=START - 900 + n, nonce=n) for n in range(8)))
        + each(*(lease(n, 1 + n, block=after(20 * n), days=20, provider=300 + n) for n in range(8))),
        365,
    ),
    ("T05", "window_days"): Edge(
        lease(1, 1, block=START, amount=10**9)
        + deposit(1, 70, 600, block=START + 100) + deposit(1, 70, 600, block=after(40)),
        60,
    ),
    ("T05", "hub_renters"): Edge(
        each(*(lease(n, 1 + n // 2, block=START + n, payer=who(70)) for n in range(6))), 2
    ),
    ("T05", "open_tenants"): Edge(funding.sponsored(), 4),
    ("T05", "max_tied_percent"): Edge(
        funding.sponsored()
        + each(*(pay(50, 80 + n, block=after(-6 - n), nonce=n) for n in range(2)))
        + each(*(pay(80 + n, 1 + n, block=after(-4 - n), wei=9 * 10**16) for n in range(2))),
        70,
    ),
    ("T05", "max_met_percent"): Edge(funding.sponsored(), 30),
    ("T05", "min_fronts"): Edge(funding.fronts(3), 4),
    ("T09", "open_customers"): Edge(supply.resold(260, offered=3), 4),
    ("T06", "min_share_percent"): Edge(funding.mixed(60, 400), 1),
    ("T06", "hop_days"): Edge(
        funding.mixed(62, 1) + send(60, 70, 5_000, block=after(-12)) + send(70, 1, 5_000, block=after(-2)), 15
    ),
    ("T07", "severe_days"): Edge(funding.rolling(6, HOUR_BLOCKS), 100),
    ("T07", "very_severe_days"): Edge(funding.rolling(8, HOUR_BLOCKS), 190),
    ("T10", "window_days"): Edge(
        each(*(send(500 + n, 1, 50, block=START + n * 2_000, log=3) for n in range(60)))
        + lease(1, 1, block=START + 1_000, amount=2_000 * 10**6),
        120,
    ),
    ("T11", "limit_usd"): Edge(market.split(5, 8), 4_000),
    ("T11", "min_providers"): Edge(splitting(2, 3, 0), 10),
    ("T11", "max_p_permille"): Edge(splitting(5, 1, 20), 5),
    ("T15", "max_owners"): Edge(
        each(*(site.attested(300 + n, 1, 60, ("ab12" * 8,), 1) for n in range(3))), 2
    ),
    ("T16", "min_usd"): Edge(
        market.surge(8)
        + lease(98, 1, block=market.CONTROL - 26 * DAY_BLOCKS, gpus=1, days=9, amount=60_000 * 10**6),
        10**9,
    ),
    ("T16", "min_bins"): Edge(
        each(*(lease(n, 1, block=market.CONTROL - (70 - n * 10) * DAY_BLOCKS, days=9) for n in range(6)))
        + lease(99, 1, block=market.CONTROL - 5 * DAY_BLOCKS, gpus=96, days=9),
        9,
    ),
    ("T20", "return_hours"): Edge(
        offer(300, "m300", block=START - 10) + lease(1, 1, block=START) + send(300, 1, 4_000, block=after(15)), 200
    ),
    ("T21", "min_share_percent"): Edge(lists.exposed(60, 400), 1),
    ("T21", "hop_days"): Edge(
        lists.exposed(62, 1) + send(60, 64, 5_000, block=after(-45)) + send(64, 1, 5_000, block=after(-1)), 60
    ),
    ("T21", "min_name_percent"): Edge(lists.named("Example Trading Shipping Lines"), 95),
    ("T24", "overlap_hours"): Edge(moving.rotation(3, gap=-1), 0),
    ("T28", "min_back_percent"): Edge(cancelled(3_000), 70),
    ("T30", "max_owners"): Edge(brothers(3), 2),
}  # fmt: skip


@cache
def facts(rule: str, name: str):
    case = CASES[rule]
    rows = case.fires if name == "fires" else case.quiet[name]
    return judged(rows, case.labels, **case.fields).facts


def said(rule: str, world, **values: Any) -> list[tuple[str, int, bool, str]]:
    known = next(each for each in all_rules() if each.id == rule)
    found = known.check(world, settle(known, values)[0]).findings
    return sorted((each.cluster_id, each.points, each.common, each.values.get("severity_steps", "")) for each in found)


@pytest.mark.parametrize("rule", sorted(CASES))
def test_every_parameter_decides(rule):
    known = next(each for each in all_rules() if each.id == rule)
    idle = [item.name for item in known.parameters if not decides(rule, item)]
    assert idle == []


def decides(rule: str, item: Parameter) -> bool:
    edge = EDGES.get((rule, item.name))
    if edge is not None:
        world = judged(edge.rows, CASES[rule].labels, **CASES[rule].fields).facts
        return said(rule, world) != said(rule, world, **{item.name: edge.value})
    moves = [(name, value) for name in ("fires", *CASES[rule].quiet) for value in (item.low, item.high)]
    return any(
        said(rule, facts(rule, name)) != said(rule, facts(rule, name), **{item.name: value}) for name, value in moves
    )
