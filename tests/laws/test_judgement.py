"""Clusters, findings and leads do not depend on the order of rows."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from monitor.rules.pipeline import World
from monitor.wallets.watch import Limits
from tests.facts.rows import who
from tests.rules.judged import judged
from tests.wallets.worlds import Rows, broker, crowd, label_rows, lease, pay, send


def same(one: World, other: World) -> None:
    assert one.judgement == other.judgement
    for name in ("leases", "lease_events", "transfers", "capacity", "funders", "links", "members", "hubs"):
        assert_frame_equal(getattr(one.facts, name), getattr(other.facts, name))
    for name in ("watch", "wallets", "clusters"):
        assert_frame_equal(getattr(one, name), getattr(other, name))


def shuffled(rows: Rows, seed: int) -> Rows:
    chance = random.Random(seed)
    return Rows(*(chance.sample(part, len(part)) for part in rows))


@pytest.mark.parametrize("seed", range(4))
def test_a_full_world_is_the_same_in_any_order(seed):
    rows = crowd() + broker() + lease(90, 7, block=30_000, payer=who(8)) + lease(91, 7, block=30_001, payer=who(8))
    labels = label_rows((99, "Some Exchange", "exchange"), (7, "Lab", "owner"), (1003, "Lab", "owner"))
    mixed = labels.sample(fraction=1, shuffle=True, seed=seed)
    for limits in (None, {1: Limits(start=0, native_lookback=9_000, around_funding=500, transfers=True)}):
        same(judged(rows, labels, limits=limits), judged(shuffled(rows, seed), mixed, limits=limits))


step = st.tuples(st.sampled_from(["pay", "send", "lease"]), st.integers(1, 6), st.integers(1, 6), st.integers(0, 9))


@settings(deadline=None, max_examples=40)
@given(st.lists(step, max_size=14), st.integers(0, 2**16))
def test_any_small_world_is_the_same_in_any_order(steps, seed):
    rows = Rows([], [], [])
    for n, (kind, one, other, size) in enumerate(steps):
        block = 1_000 + 700 * n
        if kind == "pay":
            rows += pay(one, other, block=block, nonce=n)
        elif kind == "send":
            rows += send(one, other, 100 * size, block=block)
        else:
            rows += lease(n, one, block=block, payer=who(other), gpus=1 + 2 * size, provider=300 + size % 2)
    same(judged(rows), judged(shuffled(rows, seed)))
