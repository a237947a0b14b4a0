from __future__ import annotations

import pytest

from monitor.sim.score import Claim, Rate, Tally, score, wilson
from monitor.sim.script import Truth


def truth(
    actor: str, label: str, wallets: str, *, typologies: tuple[str, ...] = (), expected: bool = False, care: str = ""
) -> Truth:
    names = tuple(wallets)
    return Truth(actor, f"kind of {actor}", label, "all", names, names, typologies, expected, "because", care)


TRUTHS = [
    truth("broker", "proxy", "ab", typologies=("T04", "T05"), expected=True, care="naive"),
    truth("owner", "proxy", "cd", typologies=("T07",), expected=True, care="careful"),
    truth("ghost", "proxy", "e", care="careful"),
    truth("lab", "benign", "f", typologies=("T07",)),
    truth("farm", "benign", "g"),
]


def test_leads_findings_and_honest_people_are_counted():
    leads = [
        Claim("lead-1", ("T04", "T05"), frozenset("ab")),
        Claim("lead-2", ("T03",), frozenset("g")),
        Claim("lead-3", ("T03",), frozenset("z")),
    ]
    findings = [
        Claim("f1", ("T04",), frozenset("a")),
        Claim("f2", ("T07",), frozenset("f")),
        Claim("f3", ("T07",), frozenset("g")),
    ]
    found = score(TRUTHS, leads, findings)
    assert found.precision == Rate(1, 3)
    assert found.recall == {"naive": Rate(1, 1), "careful": Rate(0, 1)}
    assert found.missed == {"kind of broker, naive": Rate(0, 1), "kind of owner, careful": Rate(1, 1)}
    assert found.patterns_found == {"T04": Rate(1, 1), "T05": Rate(0, 1), "T07": Rate(0, 1)}
    assert found.patterns_right == {"T04": Rate(1, 1), "T07": Rate(1, 2)}
    assert found.honest == {"kind of farm": Rate(1, 1), "kind of lab": Rate(0, 1)}
    assert found.false_alarms == (
        "lead-2 (T03): kind of farm (farm)",
        "lead-3 (T03): nobody of the truth",
    )
    assert found.undetectable == {"kind of ghost": "because"}
    assert found.unplanned == Rate(0, 1)


def test_a_lead_on_one_nobody_expected_is_right_all_the_same():
    found = score(TRUTHS, [Claim("lead-1", ("T04",), frozenset("e"))], [])
    assert found.precision == Rate(1, 1)
    assert found.unplanned == Rate(1, 1)


def test_a_lead_that_mixes_honest_people_in_flags_them():
    found = score(TRUTHS, [Claim("lead-1", ("T04",), frozenset("af"))], [])
    assert found.precision == Rate(1, 1)
    assert found.honest["kind of lab"] == Rate(1, 1)


def test_worlds_add_up():
    one = score(TRUTHS, [Claim("lead-1", ("T04",), frozenset("a"))], [])
    tally = Tally()
    tally.add(one)
    tally.add(score(TRUTHS, [], []))
    total = tally.total()
    assert total.precision == Rate(1, 1)
    assert total.recall == {"naive": Rate(1, 2), "careful": Rate(0, 2)}
    assert Tally().total().precision.value is None


def test_wilson_knows_small_counts():
    # Values of the published formula for 9 of 10 and 0 of 10.
    assert wilson(Rate(9, 10)) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert wilson(Rate(0, 10)) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(Rate(0, 0)) == (0.0, 1.0)
