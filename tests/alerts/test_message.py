from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alerts.message import SEVERITIES, Alert, Announced, Severity, alert_id, announced, diff
from monitor.alerts.outbox import outbox_rows
from monitor.errors import LedgerError
from monitor.model.lead import Lead
from tests.alerts.samples import make_context, make_finding, make_lead

ALL: dict[str, Severity] = {"team": "low"}


def test_a_new_lead_opens_once():
    first = diff([], [make_lead()], {}, sinks=ALL, context=make_context())
    assert [(alert.kind, alert.sequence, alert.sink) for alert in first] == [("lead.opened", 1, "team")]
    assert json.loads(first[0].payload)["timestamp"] == "2023-11-14T22:13:20Z"
    assert first[0].alert_id == alert_id("lead-1", "lead.opened", 1, "team")
    assert diff([], [make_lead()], announced(first), sinks=ALL, context=make_context()) == []


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"severity": "high"}, "lead.grew"),
        ({"typologies": ("T03", "T04", "T05")}, "lead.grew"),
        ({"severity": "low"}, None),
        ({"typologies": ("T04",)}, None),
        ({"score": 90}, None),
        ({"state": "retracted"}, "lead.retracted"),
    ],
)
def test_what_a_told_sink_hears_next(changes, kind):
    told = announced(diff([], [make_lead()], {}, sinks=ALL, context=make_context()))
    after = diff([make_lead()], [make_lead(**changes)], told, sinks=ALL, context=make_context())
    assert [(alert.kind, alert.sequence) for alert in after] == ([(kind, 2)] if kind else [])


def test_growth_is_dated_by_its_newest_evidence_and_withdrawal_by_the_head():
    told = announced(diff([], [make_lead()], {}, sinks=ALL, context=make_context()))
    grown = diff([], [make_lead(severity="critical")], told, sinks=ALL, context=make_context())
    assert json.loads(grown[0].payload)["timestamp"] == "2023-11-14T22:21:40Z"
    withdrawn = diff([make_lead()], [], told, sinks=ALL, context=make_context(at=1_700_009_000))
    assert json.loads(withdrawn[0].payload)["timestamp"] == "2023-11-15T00:43:20Z"


def test_a_withdrawn_lead_that_comes_back_is_opened_under_a_new_id():
    said: list[Alert] = []
    for after in ([make_lead()], [], [make_lead()]):
        said += diff([], after, announced(said), sinks=ALL, context=make_context())
    assert [(alert.kind, alert.sequence) for alert in said] == [
        ("lead.opened", 1),
        ("lead.retracted", 2),
        ("lead.opened", 3),
    ]
    assert len({alert.alert_id for alert in said}) == 3


def test_a_lead_forgotten_by_a_restart_is_still_withdrawn():
    told = {("lead-9", "team"): Announced(sequence=4, kind="lead.grew", severity="high", typologies=("T07",))}
    (alert,) = diff([], [], told, sinks=ALL, context=make_context())
    data = json.loads(alert.payload)["data"]
    assert (alert.kind, alert.sequence, data["typologies"], data["severity"]) == (
        "lead.retracted",
        5,
        ["T07"],
        "high",
    )
    assert data["summary"].startswith("Withdrawn: Pattern T07 no longer holds")


def test_each_sink_has_its_own_least_severity_and_its_own_count():
    sinks: dict[str, Severity] = {"all": "low", "urgent": "high"}
    first = diff([], [make_lead()], {}, sinks=sinks, context=make_context())
    assert [alert.sink for alert in first] == ["all"]
    second = diff([], [make_lead(severity="high")], announced(first), sinks=sinks, context=make_context())
    assert [(alert.sink, alert.kind, alert.sequence) for alert in second] == [
        ("all", "lead.grew", 2),
        ("urgent", "lead.opened", 1),
    ]


def test_a_told_sink_follows_a_lead_below_its_least_severity():
    sinks: dict[str, Severity] = {"urgent": "high"}
    told = announced(diff([], [make_lead(severity="high")], {}, sinks=sinks, context=make_context()))
    lead = make_lead(severity="low", typologies=("T03", "T04", "T05"))
    assert [alert.kind for alert in diff([], [lead], told, sinks=sinks, context=make_context())] == ["lead.grew"]
    assert [alert.kind for alert in diff([lead], [], told, sinks=sinks, context=make_context())] == ["lead.retracted"]


def test_a_dismissed_lead_is_not_opened_but_its_growth_is_told():
    dismissed = make_lead(disposition="dismissed")
    assert diff([], [dismissed], {}, sinks=ALL, context=make_context()) == []
    told = announced(diff([], [make_lead()], {}, sinks=ALL, context=make_context()))
    grown = make_lead(disposition="dismissed", severity="critical")
    assert [alert.kind for alert in diff([], [grown], told, sinks=ALL, context=make_context())] == ["lead.grew"]


def test_a_vanished_lead_is_withdrawn_with_its_particulars():
    told = announced(diff([], [make_lead()], {}, sinks=ALL, context=make_context()))
    (alert,) = diff([make_lead()], [], told, sinks=ALL, context=make_context())
    assert json.loads(alert.payload)["data"]["leases"]["shown"] == ["spheron:8453:7"]


def test_rows_of_the_outbox_tell_what_was_announced_like_the_alerts_they_were_made_of():
    alerts = diff([], [make_lead(), make_lead("lead-2")], {}, sinks=SINKS, context=make_context())
    assert announced(outbox_rows(alerts)) == announced(alerts) != {}


def test_a_broken_payload_in_the_ledger_is_named():
    alert = diff([], [make_lead()], {}, sinks=ALL, context=make_context())[0]
    with pytest.raises(LedgerError, match=alert.alert_id):
        announced([msgspec.structs.replace(alert, payload=b"{}")])


STATES = st.none() | st.builds(
    lambda severity, typologies, state: make_lead(
        severity=severity, typologies=tuple(sorted(typologies)), state=state, findings=("finding-1",)
    ),
    st.sampled_from(SEVERITIES),
    st.frozensets(st.sampled_from(["T03", "T04", "T05", "T07"]), min_size=1),
    st.sampled_from(["open", "open", "open", "retracted"]),
)
WORLDS = st.lists(st.tuples(STATES, STATES), max_size=12)
SINKS: dict[str, Severity] = {"all": "low", "urgent": "high"}


def play(worlds, *, forget_at: int | None = None) -> list[list[Alert]]:
    """Let leads live through `worlds`; `forget_at` loses the leads of before, as a restart does."""
    before: list[Lead] = []
    said: list[Alert] = []
    steps = []
    for number, world in enumerate(worlds):
        after = [
            msgspec.structs.replace(lead, lead_id=name)
            for name, lead in zip(("lead-a", "lead-b"), world, strict=True)
            if lead is not None
        ]
        known = [] if number == forget_at else before
        step = diff(known, after, announced(said), sinks=SINKS, context=make_context(make_finding()))
        said += step
        steps.append(step)
        before = after
    return steps


@given(WORLDS)
@settings(deadline=None)
def test_no_transition_is_lost_and_none_is_told_twice(worlds):
    steps = play(worlds)
    known: dict[tuple[str, str], tuple[str, set[str]]] = {}
    count: dict[tuple[str, str], int] = {}
    for world, step in zip(worlds, steps, strict=True):
        told = {(alert.lead_id, alert.sink): alert for alert in step}
        assert len(told) == len(step)
        for name, lead in zip(("lead-a", "lead-b"), world, strict=True):
            for sink, least in SINKS.items():
                key = (name, sink)
                alert = told.get(key)
                expected = expect(lead, known.get(key), least)
                assert (alert.kind if alert else None) == expected
                if alert is None:
                    continue
                count[key] = count.get(key, 0) + 1
                assert alert.sequence == count[key]
                if expected == "lead.retracted":
                    del known[key]
                else:
                    known[key] = (lead.severity, set(lead.typologies))


def expect(lead: Lead | None, known: tuple[str, set[str]] | None, least: Severity) -> str | None:
    """Say in other words than the code what a sink must hear: `known` is what it believes, None for nothing."""
    if lead is None or lead.state == "retracted":
        return "lead.retracted" if known else None
    if not known:
        return "lead.opened" if SEVERITIES.index(lead.severity) >= SEVERITIES.index(least) else None
    severity, typologies = known
    order: tuple[str, ...] = SEVERITIES
    if order.index(lead.severity) > order.index(severity) or not set(lead.typologies) <= typologies:
        return "lead.grew"
    return None


@given(WORLDS, st.integers(0, 11))
@settings(deadline=None)
def test_a_replay_names_every_alert_alike_even_after_a_restart(worlds, forget_at):
    told = play(worlds)
    assert play(worlds) == told
    names = [[alert.alert_id for alert in step] for step in told]
    assert [[alert.alert_id for alert in step] for step in play(worlds, forget_at=forget_at)] == names
    flat = [name for step in names for name in step]
    assert len(set(flat)) == len(flat)


@given(WORLDS, st.randoms())
@settings(deadline=None)
def test_order_of_leads_and_of_alerts_means_nothing(worlds, random):
    told = [alert for step in play(worlds) for alert in step]
    shuffled = list(told)
    random.shuffle(shuffled)
    assert announced(shuffled) == announced(told)
    leads = [make_lead("lead-b"), make_lead("lead-a")]
    there = diff([], leads, announced(told), sinks=SINKS, context=make_context())
    assert (
        diff(
            [],
            leads[::-1],
            announced(told),
            sinks={name: SINKS[name] for name in sorted(SINKS, reverse=True)},
            context=make_context(),
        )
        == there
    )
