from __future__ import annotations

from typing import Any

import pytest

from monitor.alerts.message import Severity, announced, diff
from monitor.model.silence import Silence
from tests.alerts.samples import make_context, make_lead

SINKS: dict[str, Severity] = {"pager": "low", "team": "low"}
WALLET = "0x00000000000000000000000000000000000000AA"


def silence(**named: object) -> Silence:
    fields = {"silence_id": "silence-1", "reason": "known", "author": "kim", "at": 100, "until": 200, **named}
    return Silence(**fields)  # type: ignore[arg-type]


def told(*silences: Silence, **changes: Any) -> list[str]:
    alerts = diff([], [make_lead(**changes)], {}, sinks=SINKS, context=make_context(), silences=silences)
    return [alert.sink for alert in alerts]


@pytest.mark.parametrize(
    ("named", "sinks"),
    [
        ({"lead_id": "lead-1"}, []),
        ({"lead_id": "lead-2"}, ["pager", "team"]),
        ({"wallet": WALLET}, []),
        ({"wallet": "0x00000000000000000000000000000000000000BB"}, ["pager", "team"]),
        ({"patterns": ("T04", "T05")}, []),
        ({"patterns": ("T04", "T05", "T07")}, []),
        ({"patterns": ("T04",)}, ["pager", "team"]),
        ({"sinks": ("pager",)}, ["team"]),
        ({"wallet": WALLET, "patterns": ("T04",)}, ["pager", "team"]),
        ({"lead_id": "lead-1", "sinks": ("team",)}, ["pager"]),
    ],
)
def test_a_silence_holds_back_what_meets_everything_it_names(named, sinks):
    assert told() == ["pager", "team"]
    assert told(silence(**named)) == sinks


def test_growth_is_held_back_and_told_after_and_a_withdrawal_is_never_held_back():
    context, held = make_context(), [silence(lead_id="lead-1")]
    known = announced(diff([], [make_lead()], {}, sinks=SINKS, context=context))
    grown = make_lead(severity="high")
    assert diff([make_lead()], [grown], known, sinks=SINKS, context=context, silences=held) == []
    later = diff([grown], [grown], known, sinks=SINKS, context=context)
    assert {(alert.kind, alert.sequence) for alert in later} == {("lead.grew", 2)}
    for after in ([], [make_lead(state="retracted")]):
        gone = diff([make_lead()], after, known, sinks=SINKS, context=context, silences=held)
        assert {alert.kind for alert in gone} == {"lead.retracted"}


@pytest.mark.parametrize(
    ("ended_at", "active"), [(None, [False, True, True, False]), (150, [False, True, False, False])]
)
def test_a_silence_holds_from_its_start_until_its_end(ended_at, active):
    assert [silence(ended_at=ended_at).active(now) for now in (99, 100, 199, 200)] == active
