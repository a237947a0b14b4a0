"""Facts do not depend on the order of rows, and what comes later never needs what came before to be forgotten."""

from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from monitor.facts.capacity import capacity
from monitor.facts.fold import LEASE_VERBS
from monitor.facts.lease_events import lease_events
from monitor.facts.leases import leases
from monitor.facts.people import people
from monitor.facts.transfers import transfers
from tests.facts.rows import (
    BLOCK_SECONDS,
    USDC,
    event,
    events,
    hardware,
    native,
    native_tx,
    time_of,
    token_log,
    token_logs,
    tokens,
    who,
)  # fmt: skip

amounts = st.one_of(st.none(), st.integers(0, 10**9), st.sampled_from([10**31, 10**38 - 1]))
people_st = st.one_of(st.none(), st.integers(0, 4).map(who))
times = st.one_of(st.none(), st.integers(0, 200).map(time_of), st.just(2**62))
row: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({
    "verb": st.sampled_from([*LEASE_VERBS, "capacity.upsert", "capacity.remove", "attest"]),
    "lease_id": st.sampled_from(["a", "b", "c", None]),
    "market": st.sampled_from(["reference", "marlin"]),
    "renter": people_st, "payer": people_st, "actor": people_st, "provider": people_st,
    "order_id": st.sampled_from([None, "a", "b", "z"]),
    "amount": amounts, "price_amount": amounts,
    "price_per": st.sampled_from([None, "second", "hour", "block", "job"]),
    "price_scale": st.sampled_from([None, 0, 6, 18, 99]),
    "price_token": st.sampled_from([None, USDC]),
    "gpu_raw": st.sampled_from([None, "H100", "8x H100", "mystery"]),
    "gpu_count": st.sampled_from([None, 0, 1, 8, 2**60]),
    "planned_end": times, "start": times,
    "duration_seconds": st.sampled_from([None, 60, 2**62]), "extend_seconds": st.sampled_from([None, 60, 2**62]),
    "machine_id": st.sampled_from([None, "m1"]), "region_raw": st.sampled_from([None, "DE", "nowhere"]),
})  # fmt: skip
histories = st.lists(row, max_size=14).map(
    lambda rows: [event(block=n // 3, log=n % 3, **r) for n, r in enumerate(rows)]
)


def facts(rows: list[dict[str, Any]]) -> tuple[pl.DataFrame, ...]:
    frame = events(*rows)
    return (
        leases(frame, hardware(), tokens(), {"marlin": "stream"}, BLOCK_SECONDS),
        lease_events(frame), capacity(frame, hardware()), people(frame, providers=True),
    )  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(histories, st.randoms())
def test_any_order_of_rows_gives_the_same_facts(history, chance):
    shuffled = history.copy()
    chance.shuffle(shuffled)
    for straight, mixed in zip(facts(history), facts(shuffled), strict=True):
        assert_frame_equal(straight, mixed)


@settings(deadline=None, max_examples=40)
@given(histories)
def test_facts_of_separate_markets_are_the_facts_of_all(history):
    parts = [[r for r in history if r["market"] == name] for name in ("marlin", "reference")]
    together = facts(history)[0]
    apart = pl.concat([facts(part)[0] for part in parts])
    assert_frame_equal(together, apart.sort("market", "chain_id", "lease_id"))


@settings(deadline=None, max_examples=40)
@given(histories)
def test_facts_hold_no_float_and_money_only_grows_with_deposits(history):
    for frame in facts(history):
        assert not any(kind.is_float() for kind in frame.dtypes)
    frame = facts(history)[0]
    assert all(total >= 0 for name in ("deposit_total", "settled_total", "refunded_total") for total in frame[name])


moves = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from([0, 5, 10**38])), max_size=12)


@settings(deadline=None, max_examples=40)
@given(moves, st.randoms())
def test_any_order_of_logs_gives_the_same_transfers(history, chance):
    logs = [token_log(who(a), who(b), n, block=i) for i, (a, b, n) in enumerate(history)]
    sent = [native_tx(who(a), who(b), min(n, 9), block=i, nonce=i) for i, (a, b, n) in enumerate(history)]
    straight = transfers(token_logs(*logs), native(*sent))
    chance.shuffle(logs)
    chance.shuffle(sent)
    mixed = transfers(token_logs(*logs), native(*sent))
    for first, second in zip(straight, mixed, strict=True):
        assert_frame_equal(first, second)
    assert straight[0].get_column("amount").sum() <= Decimal(10**38 - 1)
