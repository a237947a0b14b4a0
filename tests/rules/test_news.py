"""Who is judged again: here, through which wallets word of a transfer goes on to whoever lies behind them."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from monitor.facts.transfers import transfers
from monitor.rules.pipeline import Known
from tests.facts.rows import native, token_logs, who
from tests.rules.judged import found, judged
from tests.rules.play import DAY_BLOCKS, Rows, each, lease, offer, pay, send
from tests.wallets.worlds import crowd, label_rows

START, HOST, BETWEEN, TENANT = 500_000, 300, 7, 1
FINAL = START + 20 * DAY_BLOCKS
# both began long before with others: what comes late changes nobody's first funder
BEGUN = pay(60, BETWEEN, block=1_000) + send(61, BETWEEN, 9_000, block=1_001)
BEGUN += pay(62, TENANT, block=1_002, nonce=1) + send(63, TENANT, 9_000, block=1_003)
RENTED = BEGUN + lease(1, TENANT, block=START, provider=HOST) + lease(2, BETWEEN, block=START + 5, gpus=1, provider=301)
PASSED = send(BETWEEN, TENANT, 4_000, block=START + DAY_BLOCKS + 50)
GIVEN = send(HOST, BETWEEN, 4_000, block=START + DAY_BLOCKS)
QUIET = Rows([], [], [])


def moved(rows: Rows) -> pl.DataFrame:
    return transfers(token_logs(*rows.logs), native(*rows.native))[0]


@pytest.mark.parametrize("offers", [QUIET, offer(HOST, "m300", block=START - 10)], ids=["no offers", "offers"])
def test_money_back_through_another_tenant_is_heard_of_when_its_beginning_comes_late(offers):
    known, before, after = Known.nothing(), RENTED + PASSED + offers, RENTED + PASSED + GIVEN + offers
    for _ in range(2):
        assert not found(judged(before, known=known, since={1: FINAL}), "T20")
    world = judged(after, known=known, since={1: FINAL}, late=moved(GIVEN))
    assert world.judgement == judged(after).judgement
    assert found(world, "T20")


def test_exposure_through_another_tenant_is_heard_of_when_its_beginning_comes_late():
    listed = label_rows((40, "Listed One", "listed"))
    given = send(40, BETWEEN, 4_000, block=START - 200)
    before = RENTED + send(BETWEEN, TENANT, 4_000, block=START - 100)
    known = Known.nothing()
    for _ in range(2):
        assert not found(judged(before, listed, known=known, since={1: FINAL}), "T21")
    world = judged(before + given, listed, known=known, since={1: FINAL}, late=moved(given))
    assert world.judgement == judged(before + given, listed).judgement
    assert {finding.subject for finding in found(world, "T21")}


def test_a_funder_that_goes_on_to_others_is_counted_anew_where_only_it_moved():
    rows = crowd() + pay(49, 50, block=900) + pay(50, TENANT, block=1_000) + lease(1, TENANT, block=START)
    known = Known.nothing()
    for _ in range(2):
        judged(rows, known=known, since={1: START})
    more = each(*(pay(50, 800 + n, block=START + 10 + n, nonce=10 + n) for n in range(3)))
    on, anew = judged(rows + more, known=known, since={1: START}), judged(rows + more)
    assert known.placing.placed is not None
    for name in ("founders", "origins", "started", "groups"):
        assert_frame_equal(getattr(on.facts, name), getattr(anew.facts, name))
    assert on.facts.origins.filter(pl.col("address") == who(TENANT))["origin"].to_list() == [who(50)]


def test_a_spelling_that_comes_with_a_block_is_looked_up_then():
    first, then = (lease(n, n, block=START + n, provider=HOST, gpu_raw=gpu) for n, gpu in ((1, "H100"), (2, "B200")))
    known = Known.nothing()
    for _ in range(2):
        judged(first, known=known, since={1: START + 1})
    on = judged(first + then, known=known, since={1: START + 1})
    assert_frame_equal(on.facts.leases, judged(first + then).facts.leases)
    assert on.facts.leases["gpu_model"].null_count() == 0
