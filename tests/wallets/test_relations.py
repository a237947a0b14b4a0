"""Who dealt with whom, without times and values: farms are found, crowds around a service are not."""

import random

import numpy as np
import polars as pl
import pytest

from monitor.wallets.relations import LARGEST, MOVES, related

NOBODY = np.array([], np.int64)


def groups(pairs, count=None, services=NOBODY, kinds=None):
    count = count or 1 + max(max(pair) for pair in pairs)
    rows = [(a, b, "" if kinds is None else kinds[at]) for at, (a, b) in enumerate(pairs)]
    return related(count, pl.DataFrame(rows, schema=MOVES, orient="row"), services).tolist()


def farm(start, size, chance):
    """Wallets that pass money among themselves, three times over."""
    ring = [(start + at, start + (at + 1) % size) for at in range(size)]
    return ring + [(start + chance.randrange(size), start + chance.randrange(size)) for _ in range(3 * size)]


def real(pairs):
    return [pair for pair in pairs if pair[0] != pair[1]]


def test_one_bad_edge_between_two_hundred_wallet_clusters():
    chance = random.Random(1)
    pairs = real(farm(0, 100, chance) + farm(100, 100, chance))
    apart = groups(pairs)
    assert set(apart) == {0, 100}
    for bridge in ([(3, 140)], [(3, 140), (140, 3)] * 2):
        assert groups(pairs + bridge) == apart


def test_dust_to_many_joins_nobody():
    victims = [(10 + 2 * at, 11 + 2 * at) for at in range(60)] * 2
    found = groups(victims + [(0, 10 + 2 * at) for at in range(60)])
    assert found == groups(victims, count=len(found))


def test_withdrawals_of_five_hundred_strangers():
    assert len(set(groups([(0, at) for at in range(1, 501)]))) == 501


def test_a_payroll_every_month():
    found = groups([(0, at) for at in range(1, 81)] * 12)
    assert len(set(found)) == 81


def test_a_wallet_becomes_a_hub():
    star = [pair for at in range(1, 121) for pair in ((0, at), (at, 0))]
    strangers = [(at, 0) for at in range(121, 201)]
    assert groups(star + strangers) == [0] * 121 + list(range(121, 201))
    assert len(set(groups([*star, *strangers, (201, 0)]))) == 202


def test_a_service_connects_nobody_whatever_its_degree():
    star = [pair for at in range(1, 9) for pair in ((0, at), (at, 0))]
    assert set(groups(star)) == {0}
    assert len(set(groups(star, services=np.array([0])))) == 9


def test_a_fleet_behind_a_bridge_is_found_and_its_other_customers_are_not():
    chance = random.Random(2)
    bridge, fleet, crowd = 0, range(1, 41), range(41, 441)
    pairs = [pair for wallet in fleet for pair in ((bridge, wallet), (wallet, bridge))]
    for wallet in crowd:
        times = 1 + chance.randrange(4)
        pairs += [(bridge, wallet)] * times
        # Others at the bridge know somebody beside it.
        pairs += [(wallet, 441 + wallet)] if chance.random() < 0.8 else []
    found = groups(pairs)
    assert {found[wallet] for wallet in fleet} == {1}
    assert found.count(1) == len(fleet)


def test_where_all_customers_do_the_same_there_is_no_fleet():
    assert len(set(groups([pair for at in range(1, 261) for pair in ((0, at), (at, 0))]))) == 261


def test_nothing_outgrows_the_limit():
    chance = random.Random(3)
    pairs = real([(chance.randrange(900), chance.randrange(900)) for _ in range(9000)] * 2)
    assert np.bincount(groups(pairs)).max() <= LARGEST


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_rows_changes_nothing(seed):
    chance = random.Random(seed)
    pairs = real([(chance.randrange(300), chance.randrange(300)) for _ in range(900)])
    kinds = [chance.choice(["a", "b"]) for _ in pairs]
    first = groups(pairs, 300, kinds=kinds)
    order = list(range(len(pairs)))
    chance.shuffle(order)
    assert groups([pairs[at] for at in order], 300, kinds=[kinds[at] for at in order]) == first
