"""Whose head stands still."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.model.chain import Header
from monitor.sync.heads import is_young, lags

NOW = 1_000_000


def told(number, age):
    return Header(number, b"", b"", NOW - age)


def test_who_is_behind_by_blocks_and_by_time_trails():
    assert lags([told(969, 400), told(999, 40), told(998, 52)], NOW) == [29, 0, 0]


def test_a_few_blocks_are_nothing_however_long_they_took():
    assert lags([told(97, 9_000), told(100, 0)], NOW) == [0, 0]
    assert lags([told(96, 9_000), told(100, 0)], NOW) == [4, 0]


def test_many_quick_blocks_are_nothing():
    assert lags([told(800, 60), told(1000, 0)], NOW) == [0, 0]


def test_whoever_is_up_to_date_trails_nothing_whatever_others_claim():
    for age in (0, -(10**9)):
        assert lags([told(999, 12), told(10**9, age)], NOW) == [0, 0]
        assert lags([told(999, 61), told(10**9, age)], NOW) == [10**9 - 999, 0]


def test_a_claim_hides_nobody_behind_it():
    for age in (-(10**6), 10**6):
        assert lags([told(969, 400), told(999, 40), told(10**9, age)], NOW) == [30, 0, 0]


def test_one_that_is_alone_and_none_at_all():
    assert lags([told(5, 10**6)], NOW) == [0]
    assert lags([], NOW) == []


@given(st.lists(st.builds(told, st.integers(0, 50), st.integers(-90, 300)), min_size=1, max_size=5))
def test_somebody_is_always_left_to_ask(newest):
    found = lags(newest, NOW)
    assert not all(found)
    assert not any(blocks for head, blocks in zip(newest, found, strict=True) if is_young(head.timestamp, NOW))
