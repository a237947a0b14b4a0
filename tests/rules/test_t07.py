import pytest

from tests.facts.rows import DAY, event, time_of, who
from tests.rules.judged import NOW_BLOCK, found, judged, only
from tests.wallets.worlds import DAY_BLOCKS, HOUR_BLOCKS, Rows, lease

START = 10_000


def rolling(
    count: int = 4, *, days: int = 25, gap: int = HOUR_BLOCKS, gpus: int = 8, renter: int = 1, machine: str = "m"
) -> Rows:
    rows = Rows([], [], [])
    for n in range(count):
        block = START + n * (days * DAY_BLOCKS + gap)
        rows += lease(n, renter, block=block, days=days, gpus=gpus, machine_id=machine)
    return rows


def test_back_to_back_leases_of_one_machine_match_when_ninety_days_are_over():
    (finding,) = found(judged(rolling()), "T07")
    assert finding.values["days"] == "100"
    assert finding.values["renewals"] == "3"
    assert finding.values["severity_steps"] == "0"
    assert finding.at == time_of(START) + 90 * DAY
    assert len(finding.evidence) == 4
    assert finding.points == 15


def test_one_lease_extended_again_and_again_matches():
    rows = lease(1, 1, block=START, days=30)
    for n in range(1, 4):
        rows += Rows(
            [event("lease.extend", "L1", block=START + n * 20 * DAY_BLOCKS, log=5, extend_seconds=30 * DAY)], [], []
        )
    (finding,) = found(judged(rows), "T07")
    assert finding.values["days"] == "120"
    assert finding.values["renewals"] == "3"


def test_small_machines_held_together_add_up():
    rows = Rows([], [], [])
    for n in range(8):
        rows += Rows(
            [e | {"lease_id": f"{e['lease_id']}-{n}"} for e in rolling(gpus=1, machine=f"m{n}").events], [], []
        )
    (finding,) = found(judged(rows), "T07")
    assert finding.values["machines"] == "8"
    assert finding.values["h100e"] == "8"


@pytest.mark.parametrize(
    "rows",
    [
        rolling(3),
        rolling(gap=24 * HOUR_BLOCKS),
        rolling(gpus=7),
        lease(1, 1, block=START, days=120),
        rolling(2, renter=1) + rolling(2, renter=2, machine="other"),
        Rows([e | {"machine_id": e["lease_id"]} for e in rolling().events], [], []),
    ],
    ids=["75 days", "a day between", "small", "one prepaid term", "two tenants", "another machine each time"],
)
def test_look_alikes_stay_quiet(rows):
    assert found(judged(rows), "T07") == []


def test_long_runs_raise_severity():
    assert found(judged(rolling(8)), "T07")[0].values["severity_steps"] == "1"
    assert found(judged(rolling(16)), "T07")[0].values["severity_steps"] == "2"


def test_what_lies_ahead_is_not_held_yet():
    block = NOW_BLOCK - 10 * DAY_BLOCKS
    rows = lease(1, 1, block=block, days=5) + lease(2, 1, block=block + 4 * DAY_BLOCKS, days=200)
    assert found(judged(rows), "T07") == []


def test_a_closed_lease_ends_its_run():
    rows = rolling()
    early = event("lease.close", "L3", block=START + 76 * DAY_BLOCKS, log=9)
    assert found(judged(Rows([*rows.events, early], [], [])), "T07") == []


def test_markets_without_machines_are_said():
    silent = event("lease.open", "x", block=START, renter=who(1), provider=who(3), market="marlin")
    world = judged(Rows([silent], [], []))
    assert "T07: not assessable: marlin on chain 1: leases name no machine" in world.judgement.not_assessable


def test_parameters_move_the_line():
    assert found(judged(lease(1, 1, block=START, days=120), overrides=only("T07", min_renewals=0)), "T07")
    assert found(judged(rolling(3), overrides=only("T07", min_days=60)), "T07")
