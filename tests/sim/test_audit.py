"""The demo's audit sees every way in which an export can differ from the chain."""

import pytest

from monitor.sim.audit import Holding, compare

CHAIN = {
    ("reference", "1"): Holding("0xA", "0xB", 50, closed=True),
    ("spheron", "7"): Holding("0xC", "0xD", None, closed=False),
}
ROWS = [
    {
        "market": "reference",
        "lease_id": "1",
        "renter": "0xA",
        "provider": "0xB",
        "settled_total": "50",
        "opened_at": "2026-01-01T00:00:00Z",
        "closed_at": "2026-01-02T00:00:00Z",
    },
    {
        "market": "spheron",
        "lease_id": "7",
        "renter": "0xC",
        "provider": "0xD",
        "settled_total": "",
        "opened_at": "2026-01-01T00:00:00Z",
        "closed_at": "",
    },
]


def test_the_same_is_the_same():
    assert compare(CHAIN, ROWS) == []


def test_orders_that_never_became_leases_do_not_count():
    assert compare(CHAIN, [*ROWS, {**ROWS[1], "lease_id": "8", "opened_at": ""}]) == []


@pytest.mark.parametrize(
    ("column", "value", "word"),
    [
        ("renter", "0xE", "renter"),
        ("provider", "0xE", "provider"),
        ("settled_total", "51", "settled"),
        ("closed_at", "", "closed"),
    ],
)
def test_a_changed_cell_is_named(column, value, word):
    problems = compare(CHAIN, [{**ROWS[0], column: value}, ROWS[1]])
    assert len(problems) == 1
    assert f"reference lease 1: {word}" in problems[0]


def test_missing_and_invented_leases_are_named():
    problems = compare(CHAIN, [ROWS[0], {**ROWS[1], "lease_id": "9"}])
    assert problems == ["spheron lease 7: on chain, not exported", "spheron lease 9: exported, not on chain"]
