"""Which endpoint is asked next."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.sync.choice import NEAR_SECONDS, Standing, Turn, choose


def one(place=0, cost=1, wait=0.0, *, free=True, **more):
    return Standing(place, cost, wait, free, **more)


def test_the_first_one_named_is_asked():
    assert choose([one(0), one(1)]) == Turn(0)


def test_what_is_full_spills_over_to_another_of_the_same_cost():
    assert choose([one(0, free=False), one(1)]) == Turn(1)
    assert choose([one(0, wait=0.5), one(1)]) == Turn(1)


def test_a_cheaper_one_is_worth_waiting_for():
    assert choose([one(0, cost=5), one(1, cost=1, free=False)]).place is None
    assert choose([one(0, cost=5), one(1, cost=1, wait=0.5)]) == Turn(None, 0.5)
    assert choose([one(0, cost=5), one(1, cost=1, wait=60.0)]) == Turn(0)


def test_a_question_that_failed_goes_elsewhere_first():
    assert choose([one(0, tried=1), one(1, cost=9)]) == Turn(1)
    assert choose([one(0, tried=1), one(1, wait=60.0)]) == Turn(0)


def test_who_lacks_the_block_is_asked_last():
    assert choose([one(0, lacks=True), one(1, tried=3)]) == Turn(1)
    assert choose([one(0, lacks=True)]) == Turn(0)


def test_who_is_away_for_long_is_not_waited_for_so_long_where_others_lack_the_block_now():
    assert choose([one(0, lacks=True), one(1, wait=600.0)]) == Turn(None, NEAR_SECONDS)


def test_who_trails_is_asked_after_those_who_do_not_and_rather_than_nobody():
    assert choose([one(0, trails=True), one(1, cost=9)]) == Turn(1)
    assert choose([one(0, trails=True), one(1, tried=1)]) == Turn(0)
    assert choose([one(0, trails=True), one(1, wait=60.0)]) == Turn(0)
    assert choose([one(0, trails=True), one(1, trails=True)]) == Turn(0)


def test_the_quick_before_the_slow():
    assert choose([one(0, latency=0.9), one(1, latency=0.2)]) == Turn(1)
    assert choose([one(0, latency=0.3), one(1, latency=0.2)]) == Turn(0)


def test_when_all_are_away_the_first_back_is_waited_for():
    assert choose([one(0, wait=1.5), one(1, wait=1.0)]) == Turn(None, 1.0)
    assert choose([one(0, wait=90.0), one(1, wait=30.0)]) == Turn(None, NEAR_SECONDS)
    assert choose([one(0, free=False)]) == Turn(None, NEAR_SECONDS)


STANDINGS = st.lists(
    st.builds(
        Standing,
        st.integers(0, 5), st.integers(0, 3), st.sampled_from([0.0, 0.5, 9.0]), st.booleans(), st.integers(0, 2),
        st.booleans(), st.booleans(), st.floats(0, 2),
    ),
    min_size=1, max_size=6, unique_by=lambda item: item.place,
)  # fmt: skip


@given(STANDINGS)
def test_nobody_is_asked_who_must_not_be_and_no_wait_is_for_nothing(standings):
    turn = choose(standings)
    if turn.place is None:
        assert turn.wait > 0
    else:
        asked = next(item for item in standings if item.place == turn.place)
        assert asked.free
        assert asked.wait == 0
