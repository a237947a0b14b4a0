"""How fast an endpoint is asked, on virtual time."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sync.pace import (
    Batch,
    Bucket,
    Latency,
    Window,
    batch_shrunk,
    batch_took,
    batch_within,
    hedge_after,
    held,
    limited,
    seen,
    spent,
    told_rate,
    wait,
    window_grown,
    window_shrunk,
)


def sent_in(bucket, seconds, *, allowed, now=0.0, took=0.02):
    """Send as fast as the bucket lets to a server that takes `allowed` calls a second: (bucket, taken, refused)."""
    taken, refused = 0, 0
    window: dict[int, int] = {}
    end = now + seconds
    while now < end:
        if (delay := wait(bucket, now)) > 0:
            now += delay + 1e-6
            continue
        bucket = spent(bucket, 1, now)
        window[int(now)] = window.get(int(now), 0) + 1
        if window[int(now)] > allowed:
            refused += 1
            bucket = limited(bucket, now, pause=0.25)
        else:
            taken += 1
        now += took
    return bucket, taken, refused


def test_without_a_limit_nothing_waits():
    bucket, taken, refused = sent_in(Bucket(), 10, allowed=1000)
    assert (taken, refused) == (pytest.approx(500, abs=2), 0)
    assert bucket.rate == inf


@pytest.mark.parametrize("allowed", [5, 10, 15, 30])
def test_a_limit_is_learned_and_used(allowed):
    bucket, _, _ = sent_in(Bucket(), 30, allowed=allowed)
    _, taken, refused = sent_in(bucket, 60, allowed=allowed, now=30.0)
    assert taken > 0.6 * 60 * allowed
    assert refused < 0.3 * taken


def test_it_recovers_when_the_limit_goes():
    bucket, _, _ = sent_in(Bucket(), 30, allowed=10)
    assert bucket.rate < 20
    _, taken, refused = sent_in(bucket, 300, allowed=1000, now=30.0)
    assert refused == 0
    assert taken > 6000


def test_a_lone_refusal_pauses_and_cuts_nothing():
    bucket = Bucket()
    for step in range(100):
        bucket = spent(bucket, 1, step / 10)
    bucket = limited(bucket, 10.0, pause=3.0)
    assert bucket.rate == inf
    assert wait(bucket, 10.0) == 3.0
    assert wait(bucket, 13.0) == 0


def test_refusals_of_what_was_in_flight_cut_once():
    bucket = Bucket()
    for _ in range(20):
        bucket = spent(bucket, 1, 5.0)
    for place in range(6):
        bucket = limited(bucket, 5.0 + place / 100)
    assert bucket.rate == pytest.approx(7, rel=0.05)


def test_what_is_told_is_taken_at_once():
    assert limited(spent(Bucket(), 100, 1.0), 1.0, told=15.0).rate == 15


def test_a_configured_limit_is_kept():
    bucket, taken, refused = sent_in(Bucket(top=5, rate=5), 60, allowed=1000)
    assert refused == 0
    assert taken == pytest.approx(300, abs=6)
    assert held(bucket, 10_000.0).rate == 5


def test_a_budget_spreads_over_the_day():
    bucket = Bucket(top=0.1, rate=0.1, tokens=360, burst=3600)
    for _ in range(360):
        assert wait(bucket, 0.0) == 0
        bucket = spent(bucket, 1, 0.0)
    assert wait(bucket, 0.0) == pytest.approx(10)
    assert held(bucket, 86_400.0).tokens == pytest.approx(360)


@given(st.lists(st.tuples(st.sampled_from(["send", "refuse"]), st.floats(0, 5), st.integers(1, 200)), max_size=60))
def test_it_never_stops_for_good(steps):
    bucket, now = Bucket(), 0.0
    for what, passed, calls in steps:
        now += passed
        bucket = spent(bucket, calls, now) if what == "send" else limited(bucket, now, pause=1.0)
        assert bucket.rate >= 1
        assert wait(bucket, now + wait(bucket, now) + 1e-3) < 1e-6


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("50/second request limit reached - reduce calls per second or upgrade your account", 50),
        ("you have exceeded 15 requests per second", 15),
        ("rps limit of 25", 25),
        ("max 1,000 req/sec", 1000),
        ("limit is 20 calls / s", 20),
        ("your plan allows 40 rps", 40),
        ("daily request count exceeded", None),
        ("HTTP 429, too many requests", None),
        ("0/second", None),
    ],
)
def test_told_rates(text, rate):
    assert told_rate(text) == rate


@given(st.text())
def test_any_text_is_read(text):
    found = told_rate(text)
    assert found is None or found > 0


def test_the_window_grows_by_one_a_round_and_halves():
    window = Window(4.0, 16)
    for _ in range(4):
        window = window_grown(window)
    assert 4.8 < window.size < 5.1
    for _ in range(1000):
        window = window_grown(window)
    assert window.size == 16
    window = window_shrunk(window_shrunk(window, 1.0), 1.5)
    assert window.size == 8
    for step in range(10):
        window = window_shrunk(window, 10.0 + 2 * step)
    assert window.size == 1


def test_a_batch_limit_is_found():
    batch = Batch(100, 100)
    refused = 0
    for _ in range(500):
        size = batch.size
        if size > 10:
            refused += 1
            batch = batch_shrunk(batch, size)
        else:
            batch = batch_took(batch, size)
    assert refused < 20
    assert 5 <= batch.size <= 10
    assert batch_shrunk(Batch(1, 1), 1) == Batch(1, 1)
    assert batch_within(Batch(100, 100), 12.5).size == 12
    assert batch_within(Batch(100, 100), 0.2).size == 2, "a question and its proof"
    assert batch_within(Batch(1, 100), 0.2).size == 1


def test_late_is_measured():
    latency = Latency()
    assert hedge_after(latency) == inf
    for seconds in [0.1, 0.12, 0.09, 0.1] * 20:
        latency = seen(latency, seconds)
    assert 0.1 < hedge_after(latency) < 0.2
    for seconds in [0.1, 1.0] * 20:
        latency = seen(latency, seconds)
    assert hedge_after(latency) > 1.0
