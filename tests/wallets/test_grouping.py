"""Groups kept between looks: those of looking once, and only what news reaches is told of."""

import pytest
from polars.testing import assert_frame_equal

from monitor.wallets.grouping import Grouping, grouped
from tests.facts.rows import MARKET, USDC, who
from tests.wallets.worlds import broker, crowd, label_rows, lease, pay, seen


def equal(one, other):
    for mine, theirs in zip(one[:3], other[:3], strict=True):
        assert_frame_equal(mine, theirs)
    assert_frame_equal(one.stays, other.stays, check_row_order=False)
    assert dict(one.groups) == dict(other.groups)


OLD = crowd() + broker()
NEW = broker(funder=70, wallets=(11, 12, 13), block=40_000)


def touched(kept):
    assert kept.touched is not None
    return kept.touched


def test_a_look_tells_whose_cluster_changed():
    kept = Grouping()
    equal(kept.become(seen(OLD)), grouped(seen(OLD)))
    assert kept.touched is None, "all of it was found"
    equal(kept.become(seen(OLD)), grouped(seen(OLD)))
    assert (len(touched(kept).looked), len(touched(kept).regrouped)) == (0, 0)
    equal(kept.become(seen(OLD + NEW)), grouped(seen(OLD + NEW)))
    assert {who(n) for n in (70, 11, 12, 13)} <= set(touched(kept).regrouped)
    assert who(1003) not in touched(kept).regrouped
    joined = label_rows((1000, "Lab", "owner"), (1001, "Lab", "owner"))
    equal(kept.become(seen(OLD + NEW, joined)), grouped(seen(OLD + NEW, joined)))
    assert touched(kept).regrouped == {who(1000), who(1001)}


@pytest.mark.parametrize("more", [pay(1, 2, block=50_000), lease(77, 1005, block=50_000)], ids=["transfer", "lease"])
def test_a_contract_that_was_not_known_before_makes_all_be_found_again(more):
    kept = Grouping()
    kept.become(seen(OLD))
    wider = seen(OLD + more, contracts=frozenset({MARKET, USDC, who(50)}))
    equal(kept.become(wider), grouped(wider))
