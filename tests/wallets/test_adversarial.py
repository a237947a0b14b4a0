"""What somebody may do so that strangers look like one owner, or one owner like strangers: from transfers to clusters.

Each story is looked at in full, and block by block with what earlier looks kept, which must come to the same.
"""

from collections import Counter
from decimal import Decimal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from monitor.wallets.evidence import ACCEPT_TENTHS, pair_scores
from monitor.wallets.grouping import Grouped, Grouping, grouped
from tests.facts.rows import token_log, tx, who
from tests.wallets.test_fees import DEFAULT, ODD, tips
from tests.wallets.test_fees import crowd as others
from tests.wallets.worlds import DAY_BLOCKS, Rows, broker, crowd, label_rows, lease, pay, seen, send

NOTHING = Rows([], [], [])
BRANCHES = 9


def upto(rows, block):
    return Rows(*([row for row in part if row["block_number"] <= block] for part in rows))


def same(one, other):
    for mine, theirs in zip(one[:3], other[:3], strict=True):
        assert_frame_equal(mine, theirs)
    assert dict(one.groups) == dict(other.groups)


def judged(rows, labels=None, looks=5) -> Grouped:
    """Group the wallets of a whole story; looking at it in several steps gives the same."""
    whole, kept = grouped(seen(rows, labels)), Grouping()
    blocks = sorted({row["block_number"] for part in rows for row in part})
    for n in range(1, looks + 1):
        found = kept.become(seen(upto(rows, blocks[len(blocks) * n // looks - 1]), labels))
    same(found, whole)
    return whole


def group(found, number):
    return found.groups.get(who(number), who(number))


def apart(found, *numbers):
    """Say that no two of these wallets are together."""
    return len({group(found, number) for number in numbers}) == len(numbers)


def owner(root, block):
    """A hundred wallets of one owner: the first funds nine, each of those ten more, and the ten of one lease alike."""
    rows, wallets = NOTHING, [root]
    for branch in range(9):
        head = root + 1 + branch
        rows += pay(root, head, block=block + branch, nonce=branch)
        rows += lease(head, head, block=block + 60, provider=root + 500)
        fresh = [root + 100 + 10 * branch + n for n in range(10)]
        for n, wallet in enumerate(fresh):
            rows += pay(head, wallet, block=block + 100 + n, nonce=n)
            rows += lease(wallet, wallet, block=block + 200 + n, provider=root + 501 + branch)
        wallets += [head, *fresh]
    return rows, wallets


@pytest.mark.parametrize("strong", [True, False])
def test_one_bad_edge_joins_no_two_owners_of_a_hundred_wallets(strong):
    """A wallet of one sold the other its first money and paid its first lease; and it may be the strongest of links."""
    one, mine = owner(10_000, 20_000)
    other, theirs = owner(20_000, 30_000)
    seller, buyer = mine[-1], theirs[0]
    sold = pay(seller, buyer, block=29_000) + lease(1, buyer, block=29_100, payer=who(seller), provider=333)
    sold += NOTHING if strong else pay(98, buyer, block=29_200)
    found = judged(crowd() + one + other + sold)
    for owned in (mine, theirs):
        ((name, size),) = Counter(group(found, wallet) for wallet in owned).most_common(1)
        assert size >= 99
        assert sum(group(found, wallet) == name for wallet in mine + theirs) - size <= 1


@pytest.mark.parametrize("dealt", [100, 199, 200, 201])
def test_an_owner_whose_funder_becomes_a_hub_falls_apart_at_the_threshold(dealt):
    """Eight wallets that lease alike are one owner's until their funder has dealt with 200 others, the market one."""
    rows, mine, strangers = crowd(), range(1, 9), range(3_000, 3_000 + dealt - 9)
    for n in mine:
        rows += pay(50, n, block=20_000 + n, nonce=n) + lease(n, n, block=20_100 + n, provider=333, payer=who(50))
    rows += sum((pay(50, n, block=27_000 + n, nonce=n) for n in strangers), NOTHING)
    found = judged(rows, looks=8)
    hub = dealt >= 200
    assert (who(50) in found.hubs["address"].to_list()) == hub
    assert len({group(found, n) for n in (50, *mine)}) == (9 if hub else 1)
    assert apart(found, *strangers)


@pytest.mark.parametrize(("label", "count"), [(("Some Exchange", "exchange"), 20), (None, 500)])
def test_customers_of_an_exchange_are_nobodys(label, count):
    """All withdraw and lease the same within the hour; its label tells what it is, or the number of its customers."""
    rows, customers = crowd(), range(5_000, 5_000 + count)
    for n in customers:
        rows += pay(60, n, block=20_000 + n % 60, nonce=n) + send(60, n, 9_000, block=20_000 + n % 60, log=n)
        rows += lease(n, n, block=20_100 + n % 60, provider=333)
    labels = label_rows((60, *label)) if label else label_rows()
    assert apart(judged(rows, labels, looks=3), 60, *customers)


DISPERSE = 80
"""A contract that shares out what it is sent, in one transaction to all."""


def payroll(people, employer=61, months=4):
    """The employer pays everybody at once; they lease what they like, and pay it themselves."""
    rows = pay(99, employer, block=9_000)
    for month in range(months):
        block = 10_000 + month * 30 * DAY_BLOCKS
        rows += send(employer, DISPERSE, 4_000 * len(people), block=block)
        spread = [token_log(who(DISPERSE), who(n), 4_000 * 10**6, block=block, log=200 + n, tx_hash=tx(block))
                  for n in people]  # fmt: skip
        rows += Rows([], spread, [])
    for n in people:
        rows += lease(n, n, block=11_000 + 37 * n % 900, provider=400 + n % 7, gpus=1 + n % 9)
    return rows


@pytest.mark.parametrize("people", [range(6_000, 6_040), range(6_000, 6_400)])
def test_who_is_paid_by_one_payroll_is_somebody_by_himself(people):
    assert apart(judged(crowd() + payroll(people)), 61, DISPERSE, *people)


def test_a_known_multisend_contract_makes_no_owner_of_those_it_pays():
    """Fifteen wallets paid at once, which then lease alike: only the label tells that from a broker."""
    people = range(6_000, 6_015)
    rows = crowd() + payroll(people, months=1)
    rows += sum((lease(n, n, block=10_100 + n % 60, provider=333) for n in people), NOTHING)
    labels = label_rows((DISPERSE, "Multisend", "payroll"))
    assert apart(judged(rows, labels), 61, DISPERSE, *people)
    assert not apart(judged(rows), *people)


@pytest.mark.parametrize(("renters", "bits"), [(50, "8.0"), (200, "3.0"), (201, None)])
def test_who_pays_for_very_many_renters_is_a_service(renters, bits):
    rows = crowd() + sum((lease(n, n, block=20_000 + n, payer=who(61)) for n in range(5_000, 5_000 + renters)), NOTHING)
    links = judged(rows, looks=2).links.filter(pl.col("heuristic") == "payer")
    assert links["weight"].unique().to_list() == ([] if bits is None else [Decimal(bits)])


DUST = [
    lambda victim, to, block: send(victim, to, 0, block=block, log=to % 90),  # anybody can write a transfer of nothing
    lambda victim, to, block: Rows([], [token_log(who(victim), who(to), 1, block=block, log=to % 90)], []),
    lambda victim, to, block: pay(victim, to, block=block, nonce=to % 90, wei=1),
]


@pytest.mark.parametrize("dust", DUST, ids=["nothing", "token", "native"])
def test_dust_from_a_victim_to_many_gives_it_no_family(dust):
    """A dozen strangers lease alike; dust in a victim's name reached each before the money of its own."""
    strangers = range(3_000, 3_012)
    rows = crowd() + broker()
    for n in strangers:
        rows += dust(50, n, 21_000 + n % 60)
        rows += pay(4_000 + n, n, block=21_100, nonce=n % 90) + send(4_000 + n, n, 9_000, block=21_101, log=n % 90)
        rows += lease(n, n, block=21_200 + n % 60, provider=333)
        rows += dust(50, n, 22_000 + n % 60)
    found = judged(rows)
    assert apart(found, 50, *strangers)
    assert len({group(found, n) for n in (50, 1, 2, 3, 4)}) == 1
    assert found.funders.filter(pl.col("address").is_in([who(n) for n in strangers]))["funder"].n_unique() == 12


@pytest.mark.parametrize("answers", [False, True])
def test_who_pays_sends_to_and_imitates_a_stranger_is_not_one_with_it_unless_it_answers(answers):
    """A lease of the victim paid, value sent by two wallets, its odd tip copied: it did nothing until it pays back."""
    victim, one, other = 200, 201, 202
    rows = crowd() + lease(4, victim, block=20_000, payer=who(one), provider=313)
    for n in (victim, one, other):
        rows += pay(4_000 + n, n, block=100 + n, nonce=n % 90) + lease(n, n, block=9_000 + n, provider=n + 130)
    rows += send(one, victim, 500, block=21_000) + send(other, victim, 500, block=21_001, log=101)
    rows += send(victim, one, 20, block=22_000) if answers else NOTHING
    odd = [tips(n, ODD, ODD, ODD) for n in (victim, one)]
    found = grouped(seen(rows)._replace(fees=pl.concat([*odd, others(DEFAULT, DEFAULT, DEFAULT)])))
    (score,) = (pair for pair in pair_scores(found.links) if {pair.a, pair.b} == {who(victim), who(one)})
    assert {"authority", "fee", "sink"} <= {*score.families}
    assert score.tenths >= ACCEPT_TENTHS
    assert apart(found, victim, one) == (not answers)


def test_transfers_of_nothing_in_its_name_make_no_hub_of_a_victim():
    spoofed = sum((send(50, 7_000 + n, 0, block=30_000 + n) + send(7_300 + n, 50, 0, block=30_000 + n, log=101)
                   for n in range(250)), NOTHING)  # fmt: skip
    found = judged(crowd() + broker() + spoofed)
    assert len({group(found, n) for n in (50, 1, 2, 3, 4)}) == 1


def test_a_look_alike_that_victims_take_for_their_own_joins_nobody():
    """An address that begins and ends like the one they pay puts itself into their histories, and some fall for it."""
    real = bytes.fromhex("a1b2c3" + "00" * 14 + "d4e5f6")
    fake, ghost = (bytes.fromhex("a1b2c3" + mark * 14 + "d4e5f6") for mark in ("77", "88"))
    victims = range(3_000, 3_006)
    rows = crowd()
    for n in victims:
        rows += pay(4_000 + n, n, block=20_000, nonce=n % 90) + send(4_000 + n, n, 9_000, block=20_001, log=n % 90)
        rows += lease(n, n, block=20_100 + n % 60, provider=333)
        moved = [
            *[(who(n), real, 200), (fake, who(n), 0), (who(n), ghost, 0), (fake, who(n), 1), (ghost, who(n), 1)],
            *[(who(n), fake, 300), (who(n), real, 200)],
        ]
        rows += Rows([], [token_log(a, b, usd * 10**6, block=20_200 + 10 * step, log=n % 90)
                          for step, (a, b, usd) in enumerate(moved)], [])  # fmt: skip
    found = judged(rows)
    assert apart(found, *victims)
    assert not {real, fake, ghost} & {*found.groups}
    assert not found.links.filter((pl.col("a") == ghost) | (pl.col("b") == ghost)).height
    assert set(found.links.filter(pl.col("b") == fake)["family"]) == {"sink"}


def test_a_fork_that_undoes_all_that_joined_leaves_what_the_other_branch_alone_would():
    """Funders, payers, a hub and dust on one branch, other ones on the other; going to and fro is as if never gone."""
    trunk, kept = crowd() + owner(10_000, 20_000)[0], Grouping()
    one, other = NOTHING, NOTHING
    for n in range(1, 9):
        one += pay(50, n, block=31_000 + n, nonce=n) + lease(n, n, block=31_100 + n, provider=333, payer=who(50))
        other += pay(50 + n, n, block=31_000 + n, nonce=n) + lease(n, n, block=31_100 + n, provider=333)
    one += sum((pay(10_001, 7_000 + n, block=31_500 + n, nonce=n % 90) for n in range(200)), NOTHING)
    branches = [trunk + one, trunk, trunk + other, trunk + one, trunk + other, trunk]
    for branch in branches:
        anew = grouped(seen(branch))
        same(kept.become(seen(branch)), anew)
    joined = [len({group(grouped(seen(branch)), n) for n in range(1, 9)}) for branch in branches[:3]]
    assert joined == [1, 8, 8]
    assert apart(grouped(seen(trunk + one)), 10_001, 10_100)
    assert not apart(grouped(seen(trunk + other)), 10_001, 10_100)
