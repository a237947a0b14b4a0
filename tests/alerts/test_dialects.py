from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from monitor.alerts.dialects import request
from monitor.alerts.payload import render
from monitor.alerts.post import post
from monitor.alerts.probe import send_test
from monitor.config.spec import SinkConfig
from monitor.model.lead import Lead
from tests.alerts.samples import SECRET, make_context, make_finding, make_lead
from tests.alerts.test_post import answering

EVIL = "[pay](https://evil.example) <!channel> <https://evil.example|bank> *bold* @here"
CHAT = ("slack", "teams")


def sink_of(kind: str, url: str = "https://hooks.example/services/T0/B0/x", **changes: Any) -> SinkConfig:
    secrets = {"webhook": ["env:WEBHOOK_SECRET"], "pagerduty": ["env:WEBHOOK_SECRET"]}.get(kind, [])
    return SinkConfig.model_validate({"kind": kind, "url": url, "secrets": secrets, **changes})


def body_of(kind: Any = "lead.opened", lead: Lead | None = None, **finding: Any) -> bytes:
    return render(kind, lead or make_lead(), 1, 1_700_000_000, make_context(make_finding(**finding)))


def texts_of(kind: str, body: bytes) -> list[str]:
    """Every text a chat shows, in order; fails where one is of a sort that reads markup."""
    told = json.loads(request(sink_of(kind), "alert-1", body, 0).body)
    if kind == "slack":
        assert all(block["text"]["type"] == "plain_text" for block in told["blocks"])
        return [block["text"]["text"] for block in told["blocks"]]
    body_blocks = told["attachments"][0]["content"]["body"]
    assert {block["type"] for block in body_blocks} == {"RichTextBlock"}
    return [run["text"] for block in body_blocks for run in block["inlines"]]


def test_a_webhook_gets_the_alert_as_it_stands_and_signed():
    body = body_of()
    made = request(sink_of("webhook"), "alert-1", body, 1_700_000_000)
    assert made.body == body
    assert set(made.headers) == {"webhook-id", "webhook-timestamp", "webhook-signature"}


@pytest.mark.parametrize("kind", CHAT)
def test_a_chat_is_told_what_a_lead_must_say(kind):
    told = "\n".join(texts_of(kind, body_of()))
    for words in (
        "New lead for review: T04, T05 (medium)",
        "for human review; it does not state that a law was broken",
        "64.000 H100-equivalents · 1 leases · 1 wallets · score 50",
        "One wallet first funded 4 renters",
        "• payroll tools fund many wallets",
        "not legal advice",
        "verify by 2027-02-22",
        "monitor leads show lead-1",
    ):
        assert words in told


@pytest.mark.parametrize("kind", CHAT)
def test_a_withdrawal_asks_to_disregard_and_repeats_no_pattern(kind):
    told = "\n".join(texts_of(kind, body_of("lead.retracted", make_lead(state="retracted"))))
    assert "A lead is withdrawn" in told
    assert "Please disregard the earlier alerts" in told
    assert "One wallet first funded" not in told


def test_text_of_a_chain_is_never_where_markup_is_read():
    body = body_of(summary=EVIL, caveats=(EVIL,))
    for kind in CHAT:
        assert any(EVIL in text for text in texts_of(kind, body))
    slack = json.loads(request(sink_of("slack"), "alert-1", body, 0).body)
    assert "evil" not in slack["text"]
    assert slack["unfurl_links"] is slack["unfurl_media"] is False


def test_the_longest_alert_fits_each_receiver():
    findings = [make_finding(f"finding-{at}", summary="\u4e00" * 900, caveats=("\u4e00" * 900,)) for at in range(60)]
    lead = make_lead(
        findings=tuple(each.finding_id for each in findings), typologies=tuple(f"T{n:02}" for n in range(99))
    )
    body = render("lead.opened", lead, 1, 0, make_context(*findings))
    slack = json.loads(request(sink_of("slack"), "alert-1", body, 0).body)
    sections = [block["text"]["text"] for block in slack["blocks"]]
    assert len(sections) <= 50
    assert max(map(len, sections)) <= 3_000
    assert len(sections[0]) <= 150
    assert sum(map(len, sections)) <= 13_000
    assert len(request(sink_of("teams"), "alert-1", body, 0).body) <= 28_000
    page = json.loads(request(sink_of("pagerduty"), "alert-1", body, 0).body)
    assert len(page["payload"]["summary"]) <= 1_024


@pytest.mark.parametrize(
    ("severity", "paged"), [("low", "info"), ("medium", "warning"), ("high", "error"), ("critical", "critical")]
)
def test_a_page_names_the_lead_and_how_severe_it_is(severity, paged):
    page = json.loads(request(sink_of("pagerduty"), "alert-1", body_of(lead=make_lead(severity=severity)), 0).body)
    assert page["routing_key"] == SECRET
    assert page["dedup_key"] == "lead-1"
    assert page["payload"]["severity"] == paged
    assert page["payload"]["custom_details"] == json.loads(body_of(lead=make_lead(severity=severity)))["data"]


def test_a_page_is_resolved_when_its_lead_is_withdrawn():
    actions = [
        json.loads(request(sink_of("pagerduty"), "alert-1", body_of(kind), 0).body)["event_action"]
        for kind in ("lead.opened", "lead.grew", "lead.retracted")
    ]
    assert actions == ["trigger", "trigger", "resolve"]


@pytest.mark.parametrize("kind", ["webhook", "slack", "teams", "pagerduty"])
async def test_each_kind_is_posted_as_json_and_a_test_speaks_of_no_lead(kind):
    came: list[tuple[str, Any]] = []

    async def take(got: web.Request) -> web.Response:
        came.append((got.content_type, await got.json()))
        return web.Response(status=202)

    async with answering(take) as url:
        sink = sink_of(kind, url, local=True)
        assert (await post(sink, "alert-1", body_of(), 1_700_000_000)).kind == "delivered"
        assert (await send_test("team", sink)).kind == "delivered"
    assert [content for content, _ in came] == ["application/json"] * 2
    assert "This is a test. It speaks of no lead." in json.dumps(came[1][1])
    assert "law" not in json.dumps(came[1][1])


async def test_an_alert_the_ledger_garbled_fails_by_name_and_is_not_sent():
    async def take(_request: web.Request) -> web.Response:
        raise AssertionError

    async with answering(take) as url:
        outcome = await post(sink_of("slack", url, local=True), "alert-1", b'{"type": 1}', 0)
    assert outcome.kind == "failed"
    assert outcome.status is None


@pytest.mark.parametrize(
    ("kind", "secrets", "wanted"),
    [
        ("webhook", [], "one to four signing secrets"),
        ("pagerduty", [], "the routing key"),
        ("pagerduty", ["env:A", "env:B"], "the routing key"),
        ("slack", ["env:A"], "its url is the secret"),
        ("teams", ["env:A"], "its url is the secret"),
    ],
)
def test_a_sink_says_which_secrets_its_kind_takes(kind, secrets, wanted):
    with pytest.raises(ValidationError, match=wanted):
        SinkConfig.model_validate({"kind": kind, "url": "https://hooks.example/", "secrets": secrets})
