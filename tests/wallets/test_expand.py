"""Who is followed because watched wallets dealt with them, and that reading hop by hop finds the very same."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.daemon.watch import Watched, admitted, wants
from monitor.facts.people import people
from monitor.model.span import Span, Spans
from monitor.wallets.expand import HOPS, Following, Reach
from monitor.wallets.watch import WATCH, Limits, watch_people, within
from tests.facts.rows import MARKET, USDC, events, who
from tests.wallets.worlds import Rows, label_rows, lease, pay, send, wallets

LIMITS = {1: Limits(start=0, native_lookback=0, around_funding=100, transfers=True)}
RENTED = lease(1, 1, block=5_000)
CHAIN = RENTED + send(1, 2, 50, block=6_000) + send(2, 3, 40, block=7_000) + send(3, 4, 30, block=8_000)


def expanded(rows: Rows, reach: Reach, labels=None, limits=LIMITS):
    """The watch and the hops over a whole world of transfers."""
    return evaluated(wallets(rows).transfers, rows, reach, label_rows() if labels is None else labels, limits)


def evaluated(moved, rows, reach, labels, limits):
    persons = people(events(*rows.events), providers=True)
    found = Following().become(moved, persons, limits, reach, labels, [MARKET, USDC], {})
    assert moved.filter(found.inside).equals(within(moved, found.watch, limits))
    return found.watch, found.hops


def followed(watch, hop):
    """Numbers of the wallets whose transfers are all read at a hop."""
    rows = watch.filter(pl.col("stage") == 2 * hop + 1)
    return sorted(int.from_bytes(address) for address in rows["address"])


@pytest.mark.parametrize(("depth", "hops"), [(0, []), (1, [[2]]), (2, [[2], [3]]), (3, [[2], [3], [4]])])
def test_counterparties_are_followed_over_as_many_hops_as_the_depth_says(depth, hops):
    watch, counts = expanded(CHAIN, Reach(depth=depth))
    assert [followed(watch, hop + 1) for hop in range(depth)] == hops
    assert dict(watch.schema) == WATCH
    assert counts.rows() == [(1, hop + 1, 1, 0) for hop in range(depth)]
    assert dict(counts.schema) == HOPS
    assert watch.filter(pl.col("stage") == 2).select("start", "stop").rows() == [(5_900, 6_200)] * (depth > 0)


def test_a_wallet_that_shows_many_counterparties_is_followed_no_further():
    busy = CHAIN
    for n in range(6):
        busy += send(2, 20 + n, 1, block=6_050, log=10 + n)
    watch, _ = expanded(busy, Reach(depth=2, max_degree=5))
    assert 2 in [int.from_bytes(address) for address in watch["address"]], "it is looked at around its first dealing"
    assert followed(watch, 1) == []
    assert followed(watch, 2) == []
    assert followed(expanded(busy, Reach(depth=2, max_degree=9))[0], 2) == [3, *range(20, 26)]


@pytest.mark.parametrize("kind", ["exchange", "bridge", "mixer"])
def test_labelled_services_and_contracts_of_markets_are_not_read_at_all(kind):
    watch, counts = expanded(CHAIN, Reach(depth=2), label_rows((2, "Some service", kind)))
    assert {int.from_bytes(address) for address in watch["address"]} == {1, 300}
    assert counts.is_empty()
    assert MARKET not in watch["address"].to_list(), "the lease itself was paid to it"


def test_an_owner_label_keeps_a_busy_wallet_followed():
    busy = CHAIN
    for n in range(6):
        busy += send(2, 20 + n, 1, block=6_050, log=10 + n)
    watch, _ = expanded(busy, Reach(depth=1, max_degree=5), label_rows((2, "Lab", "owner")))
    assert followed(watch, 1) == [2]


def test_what_a_wallet_never_asked_for_leads_nowhere():
    poisoned = RENTED + send(1, 2, 50, block=6_000)
    for n in range(9):
        poisoned += send(40 + n, 1, 0, block=6_500, log=n)  # no value
        poisoned += send(60 + n, 1, 90, block=6_600, log=n)  # never spent on
    assert followed(expanded(poisoned, Reach(depth=1))[0], 1) == [2]


def test_the_budget_takes_near_hops_first_then_whoever_was_met_first():
    rows = RENTED + send(1, 9, 5, block=6_000) + send(1, 8, 5, block=6_001) + send(1, 7, 5, block=6_001, log=101)
    rows += send(9, 3, 1, block=6_100)
    watch, counts = expanded(rows, Reach(depth=2, max_wallets=2))
    assert followed(watch, 1) == [7, 9], "of two met at one block the lower address"
    assert counts.rows() == [(1, 1, 2, 1), (1, 2, 0, 1)]
    watch, counts = expanded(rows, Reach(depth=2, max_wallets=4))
    assert (followed(watch, 1), followed(watch, 2)) == ([7, 8, 9], [3])
    assert counts.rows() == [(1, 1, 3, 0), (1, 2, 1, 0)]


def test_native_value_is_read_around_the_first_dealing_where_it_is_read_at_all():
    limits = {1: LIMITS[1]._replace(native_lookback=40)}
    watch, _ = expanded(CHAIN + pay(1, 5, block=4_990), Reach(depth=1), limits=limits)
    seen = watch.filter((pl.col("stage") == 2) & (pl.col("kind") == "native"))
    assert seen.select("address", "start", "stop").rows() == [(who(2), 5_960, 6_200), (who(5), 4_950, 5_100)]
    off = {1: LIMITS[1]._replace(transfers=False)}
    assert expanded(CHAIN, Reach(depth=1), limits=off)[0].is_empty()


def read_by_stages(rows, reach, labels, final):
    """Read as the daemon does: a look, then what it admits is fetched, until a look asks for nothing new."""
    world = wallets(rows).transfers
    covered: dict[str, Spans] = {}
    before: list[Watched] = []
    held = world.clear()
    while True:
        watch, hops = evaluated(held, rows, reach, labels, LIMITS)
        looked = (Watched(*row) for row in watch.iter_rows())
        now = admitted(looked, [USDC], covered, Span(0, final + 1), frozenset(before))
        if set(now) == set(before):
            return watch, hops, {row for row in now if not row.awaited}
        for want in wants(1, [], [USDC], now):
            stop = final + 1 if want.later else 10_000
            span = Spans.of(want.start, stop if want.stop is None else min(want.stop, stop))
            covered[want.fragment.key] = covered.get(want.fragment.key, Spans()) | span
        place = {key[-40:]: spans for key, spans in covered.items()}
        sides = [(side, pl.col(side).bin.encode("hex")) for side in ("sender", "recipient")]
        near = pl.any_horizontal(
            (hexed == wallet)
            & pl.any_horizontal(pl.col("block_number").is_between(*span, closed="left") for span in spans)
            for _, hexed in sides
            for wallet, spans in place.items()
            if spans
        )
        held, before = world.filter(near), now


edges = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 99)).filter(lambda edge: edge[0] != edge[1]),
    max_size=25,
)


@settings(deadline=None, max_examples=60)
@given(edges, st.integers(2, 5), st.integers(0, 6), st.integers(0, 3))
def test_reading_stage_by_stage_ends_where_the_whole_chain_would(steps, max_degree, max_wallets, depth):
    rows = RENTED
    for n, (one, other, minute) in enumerate(steps):
        rows += send(one, other, 5, block=4_000 + 40 * minute, log=n + 200)
    reach = Reach(depth, max_degree, max_wallets)
    watch, hops, later = read_by_stages(rows, reach, label_rows(), final=9_000)
    whole, all_hops = expanded(rows, reach)
    assert watch.equals(whole)
    assert hops.equals(all_hops)
    assert later == {row for row in (Watched(*row) for row in whole.iter_rows()) if not row.awaited}


def test_a_hub_is_not_read_whole_before_it_had_the_chance_to_show_itself():
    rows = CHAIN
    for n in range(6):
        rows += send(2, 20 + n, 1, block=6_050, log=10 + n)
    looked = [Watched(*row) for row in evaluated(
        within(wallets(rows).transfers, watch_people(people(events(*rows.events), providers=True), LIMITS), LIMITS),
        rows, Reach(depth=2, max_degree=5), label_rows(), LIMITS)[0].iter_rows()]  # fmt: skip
    assert any(row.stage == 3 for row in looked), "with people's transfers alone it looks like anybody"
    people_read = {want.fragment.key: Spans.of(0, 10_000) for want in wants(1, [], [USDC], looked) if not want.later}
    allowed = admitted(looked, [USDC], people_read, Span(0, 9_001), ())
    assert {row.stage for row in allowed} == {0, 2}
    assert {row.stage for row in admitted(looked, [USDC], {}, Span(0, 9_001), ())} == {0}
    assert admitted(looked, [USDC], {}, Span(0, 9_001), frozenset(looked)) == sorted(looked, key=lambda row: row.stage)


def test_what_was_read_is_not_asked_where_nobody_new_hangs_on_it():
    class Unasked(dict[str, Spans]):
        def get(self, *_):
            raise AssertionError

    looked = [Watched(*row) for row in expanded(CHAIN, Reach(depth=2))[0].iter_rows()]
    assert admitted(looked, [USDC], Unasked(), Span(0, 9_001), looked) == sorted(looked, key=lambda row: row.stage)
    fresh = max(looked, key=lambda row: row.stage)._replace(address=who(77))
    with pytest.raises(AssertionError):
        admitted([*looked, fresh], [USDC], Unasked(), Span(0, 9_001), looked)
