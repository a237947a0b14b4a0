from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alerts.payload import MAX_BYTES, NOTICE, clean, render
from monitor.model.chain import Position
from tests.alerts.samples import make_context, make_finding, make_lead


def test_the_body_says_what_a_lead_must_say():
    body = render("lead.opened", make_lead(), 1, 1_700_000_000, make_context())
    message = json.loads(body)
    data = message["data"]
    assert message["type"] == "lead.opened"
    assert message["timestamp"] == "2023-11-14T22:13:20Z"
    assert data["notice"] == NOTICE == "This is a lead for human review; it does not state that a law was broken."
    assert data["legal"] == {
        "legal_file": "2026-11-22",
        "jurisdiction": "US (EAR)",
        "verify_by": "2027-02-22",
        "status": "within its verify-by date",
        "statement": "remote access: bill pending",
        "disclaimer": "not legal advice",
    }
    assert data["evidence"] == {"shown": [f"8453:100:0x{'01' * 32}:4"], "total": 1}
    assert data["leases"] == {"shown": ["spheron:8453:7"], "total": 1}
    assert data["lawful_explanations"] == ["payroll tools fund many wallets"]
    assert data["summary"].startswith(
        "Patterns T04, T05 matched, confidence uncalibrated. Evidence: 1 log position in 1"
    )
    assert data["links"]["show"] == "monitor leads show lead-1"
    assert (data["severity"], data["score"], data["h100e"], data["sequence"]) == ("medium", 50, "64.000", 1)


def test_the_body_is_canonical():
    body = render("lead.opened", make_lead(), 1, 0, make_context())
    again = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert body == again


def test_a_legal_file_past_its_date_is_called_stale():
    body = render("lead.opened", make_lead(), 1, 1_900_000_000, make_context())
    assert json.loads(body)["data"]["legal"]["status"] == "legal file stale"


def test_ten_thousand_leases_fit_and_are_counted():
    leases = tuple(f"spheron:8453:0x{number:064x}" for number in range(10_000))
    wallets = tuple(f"8453:0x{number:040x}" for number in range(10_000))
    evidence = tuple(Position(8453, number, number.to_bytes(32, "big"), 1) for number in range(10_000))
    finding = make_finding(evidence=evidence, leases=leases)
    body = render("lead.opened", make_lead(leases=leases, wallets=wallets), 1, 0, make_context(finding))
    data = json.loads(body)["data"]
    assert len(body) < MAX_BYTES
    for name in ("leases", "wallets", "evidence"):
        assert data[name]["total"] == 10_000
        assert len(data[name]["shown"]) >= 8


HOSTILE = st.text(
    st.characters(codec=None, categories=None) | st.sampled_from('\x1b\u202e\u2066\x00\ud800"\\\U0001f5a5'),
    max_size=400,
)


@given(HOSTILE, st.integers(0, 400))
@settings(deadline=None)
def test_hostile_text_is_cleaned_and_still_fits(text, many):
    finding = make_finding(summary=text, threshold=text * 3, caveats=tuple(f"{text}{n}" for n in range(many)))
    lead = make_lead(
        leases=(text,) * many, wallets=(text,) * many, families=(text,) * 20, confidence=text, cluster_id=text * 9
    )
    body = render("lead.grew", lead, 2, 2**62, make_context(finding))
    assert len(body) < MAX_BYTES
    shown = body.decode()
    assert not [char for char in shown if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert json.loads(body)["data"]["leases"]["total"] == many


def test_even_the_worst_fixed_fields_fit():
    wide = "\U0001f5a5" * 2000
    lead = make_lead(
        lead_id=wide,
        cluster_id=wide,
        confidence=wide,
        families=tuple(f"{n}{wide}" for n in range(99)),
        typologies=tuple(f"{n}{wide}" for n in range(99)),
        h100e=wide,
        first_block=wide,
        last_block=wide,
        leases=(wide,) * 99,
    )
    context = make_context()
    legal = type(context.legal)(version=wide, jurisdiction=wide, verify_by=wide, statement='"' * 9000)
    body = render("lead.opened", lead, 1, 0, type(context)(findings={}, legal=legal, at=0))
    assert len(body) < MAX_BYTES


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\x1b[31mb", "a\ufffd[31mb"),
        ("a\u202eb\u200bc", "a\ufffdb\ufffdc"),
        ("a\r\n\tb", "a   b"),
        ("\ud800", "\ufffd"),
        ("é🖥", "é🖥"),
        ("x" * 10, "xxxx…"),
    ],
)
def test_clean(text, shown):
    assert clean(text, 5 if text == "x" * 10 else 200) == shown
