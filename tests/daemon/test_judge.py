"""What is told now, what waits for transfers still to come, and how long the judge rests."""

import pytest

from monitor.daemon.engine import rest_after
from monitor.daemon.judge import reach, ready_leads
from monitor.rules.measure import address_text
from tests.alerts.samples import make_lead
from tests.facts.rows import who
from tests.rules.judged import judged
from tests.wallets.worlds import label_rows, lease, pay

WALLETS = {n: f"1:0x{n:040x}" for n in (1, 2, 3)}
UNREAD = {WALLETS[2]}


def lead(name, *wallets, **more):
    return make_lead(name, wallets=tuple(WALLETS[n] for n in wallets), **more)


def test_a_lead_with_a_wallet_still_unread_waits_as_it_was():
    known, new, grown = lead("known", 1), lead("new", 2), lead("old", 3)
    changed = lead("old", 2, 3)
    ready, kept = ready_leads([known, new, changed], [grown], UNREAD)
    assert (ready, kept) == ([known], [grown])


def test_a_lead_whose_cluster_goes_over_into_a_waiting_one_is_not_withdrawn():
    before, merged = lead("before", 3), lead("merged", 2, 3)
    assert ready_leads([merged], [before], UNREAD) == ([], [before])


def test_a_direct_match_and_a_world_that_is_read_do_not_wait():
    listed = lead("listed", 2, kind="screening")
    assert ready_leads([listed], [], UNREAD) == ([listed], [])
    assert ready_leads([lead("new", 2)], [], frozenset()) == ([lead("new", 2)], [])


def test_an_unread_wallet_reaches_whom_it_dealt_with_and_who_leases_from_them_and_a_hub_nobody():
    rows = lease(1, 1, block=1_000, provider=300) + lease(2, 2, block=1_010, provider=301)
    rows += pay(5, 300, block=500) + lease(3, 4, block=1_020, provider=302)
    facts = judged(rows).facts
    names = {n: f"1:{address_text(who(n))}" for n in (1, 2, 4, 5, 300)}
    assert reach(facts, {(1, who(5))}) == {names[5], names[300], names[1]}
    assert reach(facts, set()) == frozenset()
    labelled = judged(rows, label_rows((5, "Some Exchange", "exchange"))).facts
    assert reach(labelled, {(1, who(5))}) == frozenset()


@pytest.mark.parametrize(("seconds", "most"), [(0.3, 0.01), (1.0, 0.06), (10.0, 50.0), (60.0, 300.0)])
def test_the_rest_grows_with_the_cube_up_to_five_times(seconds, most):
    assert 0 < rest_after(seconds) <= most
