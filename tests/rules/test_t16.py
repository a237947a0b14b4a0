import pytest

from monitor.rules.legal import rule_dates
from tests.rules.cases.market import CONTROL, lumps
from tests.rules.judged import found, judged
from tests.wallets.worlds import DAY_BLOCKS, lease


def test_what_a_tenant_never_did_before_is_a_surge_whatever_its_lumps():
    more = lease(99, 1, block=CONTROL - 20 * DAY_BLOCKS, gpus=400)
    sizes = {finding.values.get("ten_days") for finding in found(judged(lumps(70) + more), "T16")}
    assert "478" in sizes


def test_a_tenant_known_for_sixty_days_has_a_past_in_the_last_weeks_before_the_date():
    usual = [lease(n, 1, block=CONTROL - (70 - n * 10) * DAY_BLOCKS, days=9) for n in range(6)]
    rows = sum(usual[1:], usual[0])
    assert found(judged(rows), "T16") == []
    assert found(judged(rows + lease(99, 1, block=CONTROL - 5 * DAY_BLOCKS, gpus=96, days=9)), "T16")


def test_a_rise_that_two_ten_days_share_is_not_its_own_past():
    usual = [lease(n, 1, block=CONTROL - (130 - n * 10) * DAY_BLOCKS, gpus=1, days=9) for n in range(9)]
    # of ten nodes four begin on one side of the border between two stretches of ten days, six on the other
    blocks = [CONTROL - 22 * DAY_BLOCKS + n * 60 for n in range(4)]
    blocks += [CONTROL - 20 * DAY_BLOCKS + n * 60 for n in range(1, 7)]
    nodes = [lease(50 + n, 1, block=block, days=30) for n, block in enumerate(blocks)]
    assert found(judged(sum([*usual[1:], *nodes], usual[0])), "T16")


def known(*more):
    """A tenant of one GPU every ten days until a hundred days before the date, and what it does later."""
    usual = [lease(n, 1, block=CONTROL - (150 - n * 10) * DAY_BLOCKS, gpus=1, days=9) for n in range(9)]
    return sum([*usual[1:], *more], usual[0])


def test_a_rise_of_some_days_is_seen_whole_wherever_it_falls():
    # each lease is a day's work, so money tells nothing; half of it lies before the tenth day, half after it
    halves = [lease(50 + n, 1, block=CONTROL - (31 - n * 2) * DAY_BLOCKS, gpus=40, days=1) for n in range(2)]
    assert {finding.values["ten_days"] for finding in found(judged(known(*halves)), "T16")} == {"80"}
    assert found(judged(known(halves[0])), "T16") == []


def test_who_stocks_up_twice_has_not_made_it_usual_by_the_first_time():
    first = lease(50, 1, block=CONTROL - 38 * DAY_BLOCKS, gpus=60, days=1)
    second = lease(51, 1, block=CONTROL - 13 * DAY_BLOCKS, gpus=70, days=1)
    assert {finding.values["ten_days"] for finding in found(judged(known(first, second)), "T16")} == {"70"}
    assert found(judged(known(first)), "T16") == []


@pytest.mark.parametrize("size", [lambda n: 8 + 8 * n, lambda n: round(4 * 1.25**n)], ids=["evenly", "by a quarter"])
def test_who_grows_as_ever_does_not_surge(size):
    grown = [lease(n, 1, block=CONTROL - (155 - n * 10) * DAY_BLOCKS, gpus=size(n), days=9) for n in range(15)]
    assert found(judged(sum(grown[1:], grown[0])), "T16") == []


def test_every_day_on_which_a_part_of_a_control_took_effect_is_looked_before():
    days = [(day.date, day.id) for day in rule_dates()]
    assert {("2022-10-12", "L01"), ("2024-12-31", "L05"), ("2025-01-13", "L06"), ("2025-05-15", "L06")} < set(days)
    assert days == sorted(days)


def young(gpus: int, *, others: int = 16):
    """A market of sixty-five days: five tenants lease sixteen GPUs every ten, then tenant 1 takes `gpus`."""
    usual = [
        lease(n * 5 + t, 1 + t, block=CONTROL - (65 - n * 10) * DAY_BLOCKS + t, gpus=16, days=9)
        for n in range(4)
        for t in range(5)
    ]
    last = [lease(100 + t, 1 + t, block=CONTROL - 19 * DAY_BLOCKS + t, gpus=others, days=9) for t in range(1, 5)]
    return sum([*usual[1:], *last, lease(99, 1, block=CONTROL - 19 * DAY_BLOCKS, gpus=gpus, days=9)], usual[0])


def test_days_before_there_was_a_market_are_no_past_it_grew_from():
    assert {finding.values["ten_days"] for finding in found(judged(young(70)), "T16")} == {"70"}
    assert found(judged(young(16)), "T16") == []
    assert found(judged(young(70, others=70)), "T16") == []
