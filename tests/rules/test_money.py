"""Dollars by column, chance in closed form, and hops: exact, bounded, and safe from what a chain may say."""

from decimal import Decimal
from fractions import Fraction
from itertools import combinations, pairwise

import polars as pl
import pytest

from monitor.facts.inputs import TOKENS
from monitor.rules.money import with_micro
from monitor.rules.t11 import tail
from tests.facts.rows import USDC, who
from tests.rules.judged import found, judged
from tests.rules.play import DAY_BLOCKS, START, each, lease, offer, send
from tests.wallets.worlds import Rows, label_rows

OTHER = bytes.fromhex("bb" * 20)
PRICES = pl.DataFrame(
    [(1, USDC, 6, Decimal(1)), (1, OTHER, 18, Decimal("2500.5")), (2, USDC, 2, Decimal("0.35"))],
    schema=TOKENS,
    orient="row",
)


def micro(chain: int, token: bytes | None, amount: int) -> Decimal | None:
    frame = pl.DataFrame(
        [(chain, token, Decimal(amount))],
        schema={"chain_id": pl.Int64(), "token": pl.Binary(), "amount": pl.Decimal(38, 0)},
        orient="row",
    )
    value: Decimal | None = with_micro(frame, PRICES)["micro"][0]
    return value


def test_dollars_are_exact_and_rounded_down():
    assert micro(1, USDC, 1_234_567) == 1_234_567
    assert micro(1, OTHER, 10**18) == 2_500_500_000
    assert micro(1, OTHER, 3 * 10**11) == 0
    assert micro(2, USDC, 199) == 696_500


def test_what_has_no_price_or_is_beyond_belief_is_unknown():
    assert micro(3, USDC, 10**6) is None
    assert micro(1, None, 10**6) is None
    assert micro(1, USDC, 10**15) == 10**15
    assert micro(1, USDC, 10**15 + 1) is None
    assert micro(1, OTHER, 10**37) is None


def test_the_tail_is_what_shuffling_gives():
    sizes = [1, 1, 1, 0, 0, 0, 0]
    draws = list(combinations(sizes, 4))
    assert tail(7, 3, 4, 2) == Fraction(sum(sum(draw) >= 2 for draw in draws), len(draws))
    assert tail(7, 3, 4, 0) == 1
    assert 0 < tail(200_000, 2_000, 20, 18) < Fraction(1, 1000)
    assert 0 < tail(200_000, 100_000, 50_000, 25_000) <= 1


def test_dust_from_a_listed_wallet_makes_no_flood():
    flood = each(*(send(60, 70, 1, block=START - 900 + n, log=3) for n in range(300)))
    onward = each(*(send(70, 1, 50, block=START - 500 + n, log=4) for n in range(300)))
    world = judged(flood + onward + lease(1, 1, block=START), label_rows((60, "Listed", "listed")))
    assert {finding.values["exposed_usd"] for finding in found(world, "T21")} <= {"300"}


def test_what_a_tenant_sent_on_to_a_listed_wallet_counts_too():
    rows = lease(1, 1, block=START) + send(1, 70, 4_000, block=START + DAY_BLOCKS)
    rows += send(70, 60, 3_500, block=START + 2 * DAY_BLOCKS)
    (finding,) = found(judged(rows, label_rows((60, "Listed", "listed"))), "T21")
    assert (finding.values["direction"], finding.values["hops"]) == ("to", "2")
    assert finding.values["exposed_usd"] == "3500"


SOURCES = label_rows((60, "Listed", "listed"), (61, "Mixer", "mixer"), (63, "Some Exchange", "exchange"))


def returned(through: int, usd: int, *, wait: int = DAY_BLOCKS) -> Rows:
    """Provider 300 gives `usd` of 3,840 dollars to a wallet, which passes them on to tenant 1 after `wait`."""
    rows = offer(300, "m300", block=START - 10) + lease(1, 1, block=START)
    return rows + send(300, through, usd, block=START + DAY_BLOCKS) + send(
        through, 1, usd, block=START + DAY_BLOCKS + wait
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "fires"),
    [
        (returned(70, 3_700), True),
        (returned(70, 1_000), False),
        (returned(70, 3_700, wait=4 * DAY_BLOCKS), False),
        (returned(63, 3_700), False),
        (returned(70, 1_000) + send(70, 1, 3_000, block=START + 3 * DAY_BLOCKS), False),
    ],
    ids=["all comes back", "a part", "it lay for days", "through an exchange", "the wallet adds its own"],
)
def test_money_that_comes_back_over_one_wallet_is_self_dealing(rows, fires):
    assert bool(found(judged(rows, SOURCES), "T20")) == fires


def test_a_rebate_that_moves_between_the_tenants_own_wallets_counts_once():
    owner = label_rows((1, "Lab", "owner"), (2, "Lab", "owner"))
    rebate = send(300, 2, 2_000, block=START + DAY_BLOCKS) + send(2, 1, 2_000, block=START + 2 * DAY_BLOCKS)
    rows = offer(300, "m300", block=START - 10) + lease(1, 1, block=START) + lease(2, 2, block=START + 1, amount=10**8)
    assert found(judged(rows + rebate, owner), "T20") == []
    assert found(judged(rows + rebate + send(300, 1, 1_800, block=START + DAY_BLOCKS, log=9), owner), "T20")


def paid_for(source: int, through: int = 0, *, payer: int = 71) -> Rows:
    """Tenant 1's lease is paid by `payer`, who got 5,000 dollars from `source`, perhaps over a wallet in between."""
    rows = send(51, 71, 20_000, block=START - 40 * DAY_BLOCKS) + lease(1, 1, block=START, payer=who(payer))
    hops = (source, through, 71) if through else (source, 71)
    return rows + each(
        *(send(*pair, 5_000, block=START - (3 - n) * DAY_BLOCKS) for n, pair in enumerate(pairwise(hops)))
    )


@pytest.mark.parametrize(("rule", "source"), [("T21", 60), ("T06", 61)])
@pytest.mark.parametrize(("through", "hops"), [(0, "1"), (70, "2")])
def test_a_payer_of_the_lease_is_asked_where_its_money_came_from(rule, source, through, hops):
    (finding,) = found(judged(paid_for(source, through), SOURCES), rule)
    assert (finding.values["whose"], finding.values["hops"]) == ("payer", hops)
    assert finding.values["share_percent"] == "20"
    assert finding.cluster_id == found(judged(paid_for(source, payer=1) + send(source, 1, 9_000, block=START - 9),
                                              SOURCES), rule)[0].cluster_id  # fmt: skip


@pytest.mark.parametrize(("rule", "source"), [("T21", 60), ("T06", 61)])
@pytest.mark.parametrize("story", ["somebody paid another's lease", "an exchange between", "the payer is a service"])
def test_money_of_others_is_not_a_payers(rule, source, story):
    if story == "the payer is a service":
        labels = pl.concat([SOURCES, label_rows((71, "Gasless", "paymaster"))])
        assert found(judged(paid_for(source), labels), rule) == []
        return
    rows = paid_for(source, payer=1) if story.startswith("somebody") else paid_for(source, 63)
    assert found(judged(rows, SOURCES), rule) == []
