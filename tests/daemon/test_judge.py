"""What is told now, what waits for transfers still to come, and how long the judge rests."""

import pytest

from monitor.daemon.engine import rest_after
from monitor.daemon.judge import ready_leads
from tests.alerts.samples import make_lead

WALLETS = {n: f"1:0x{n:040x}" for n in (1, 2, 3)}
UNREAD = {(1, (2).to_bytes(20, "big"))}


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
    assert ready_leads([lead("new", 2)], [], ()) == ([lead("new", 2)], [])


@pytest.mark.parametrize(("seconds", "most"), [(0.3, 0.1), (1.0, 0.5), (10.0, 50.0), (60.0, 300.0)])
def test_the_rest_grows_with_the_square_up_to_five_times(seconds, most):
    assert 0 < rest_after(seconds) <= most
