"""Say an alert as its receiver reads it: signed as it stands, Slack blocks, a Teams card, or a PagerDuty event.

The ledger keeps one body per alert, the one a Standard Webhooks receiver gets; the others are made of it when it is
sent. Text that stems from a chain stands only where the receiver reads no markup.
Sources: Slack "Reference: blocks", Adaptive Cards 1.2 `RichTextBlock`, PagerDuty "Events API v2".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from monitor.alerts.signature import headers
from monitor.config.spec import SinkConfig

__all__ = ["Request", "request"]

_HEADER = 150
"""Slack: characters of a header."""
_SECTION = 2_900
"""Slack allows 3,000 characters in a section and about 13,200 in a message."""
_PATTERNS = 4
_EXPLANATIONS = 6
_SUMMARY = 1_024
"""PagerDuty: characters of a summary."""
_PAGED = {"low": "info", "medium": "warning", "high": "error", "critical": "critical"}
_WHAT = {
    "lead.opened": "New lead for review",
    "lead.grew": "A lead grew",
    "lead.retracted": "A lead is withdrawn",
    "monitor.test": "Test of this channel",
}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt sends: the body, JSON, and the headers that go with it."""

    body: bytes
    headers: dict[str, str]


class _List(msgspec.Struct, frozen=True):
    total: int = 0


class _Pattern(msgspec.Struct, frozen=True):
    rule: str
    summary: str


class _Legal(msgspec.Struct, frozen=True):
    legal_file: str = ""
    jurisdiction: str = ""
    verify_by: str = ""
    status: str = ""
    statement: str = ""
    disclaimer: str = ""


class _Links(msgspec.Struct, frozen=True):
    show: str = ""


class _Data(msgspec.Struct, frozen=True):
    """What people are told of a body's `data`; a test has only a message."""

    message: str = ""
    lead_id: str = ""
    severity: str = "low"
    score: int = 0
    confidence: str = ""
    typologies: tuple[str, ...] = ()
    h100e: str = ""
    opened_at: str = ""
    summary: str = ""
    leases: _List = _List()
    wallets: _List = _List()
    patterns: tuple[_Pattern, ...] = ()
    lawful_explanations: tuple[str, ...] = ()
    legal: _Legal = _Legal()
    links: _Links = _Links()


class _Message(msgspec.Struct, frozen=True):
    type: str
    timestamp: str
    data: _Data


_read = msgspec.json.Decoder(_Message)


def request(sink: SinkConfig, alert_id: str, body: bytes, at: int) -> Request:
    """Write the body of an alert for a sink's kind, signed at wall-clock second `at` where the kind signs.

    Raises ConfigError for a secret that cannot be read.
    """
    secrets = [secret.reveal() for secret in sink.secrets]
    if sink.kind == "webhook":
        return Request(body=body, headers=headers(alert_id, at, body, secrets))
    if sink.kind == "pagerduty":
        return Request(body=_pagerduty(body, secrets[0]), headers={})
    write: Callable[[_Message], dict[str, Any]] = _slack if sink.kind == "slack" else _teams
    return Request(body=msgspec.json.encode(write(_read.decode(body)), order="sorted"), headers={})


def _title(message: _Message) -> str:
    what = _WHAT.get(message.type, message.type)
    data = message.data
    return f"{what}: {', '.join(data.typologies[:8])} ({data.severity})" if data.lead_id else what


def _paragraphs(message: _Message) -> list[tuple[str, str]]:
    """Write what people are told, as headed paragraphs in the order they are read."""
    data, legal = message.data, message.data.legal
    if not data.lead_id:
        return [("", data.message)]
    size = (
        f"{data.h100e} H100-equivalents · {data.leases.total} leases · {data.wallets.total} wallets · "
        f"score {data.score} · opened {data.opened_at}"
    )
    told = [
        ("", data.summary),
        ("", size),
    ]
    if message.type != "lead.retracted":
        told += [(each.rule, each.summary) for each in data.patterns[:_PATTERNS]]
        lawful = [f"• {text}" for text in data.lawful_explanations[:_EXPLANATIONS]]
        told += [("Common lawful explanations", "\n".join(lawful))] if lawful else []
    law = (
        f"{legal.statement} Legal file {legal.legal_file}; {legal.jurisdiction}; verify by {legal.verify_by}: "
        f"{legal.status}; {legal.disclaimer}."
    )
    return [*told, ("Legal status", law.strip()), ("Look closer", data.links.show)]


def _slack(message: _Message) -> dict[str, Any]:
    """Write blocks of plain text: nothing in them is a link, a mention or markup."""
    title = _title(message)
    said = [f"{head}\n{text}" if head else text for head, text in _paragraphs(message)]
    sections = [{"type": "section", "text": _plain(text, _SECTION)} for text in said]
    return {
        # Shown in notifications and read as markup: only words of this program stand in it.
        "text": title,
        "blocks": [{"type": "header", "text": _plain(title, _HEADER)}, *sections],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _plain(text: str, limit: int) -> dict[str, Any]:
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return {"type": "plain_text", "text": cut or "-", "emoji": False}


def _teams(message: _Message) -> dict[str, Any]:
    """Write an adaptive card of text runs, the one kind of text in which a card reads no markup."""
    body = [_runs((_title(message), True), size="large")]
    for head, text in _paragraphs(message):
        body += [_runs((head, True))] if head else []
        body.append(_runs((text or "-", False)))
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": body,
        "msteams": {"width": "Full"},
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _runs(*parts: tuple[str, bool], size: str = "default") -> dict[str, Any]:
    inlines: Sequence[dict[str, Any]] = [
        {"type": "TextRun", "text": text, "size": size, **({"weight": "bolder"} if bold else {})}
        for text, bold in parts
    ]
    return {"type": "RichTextBlock", "inlines": inlines}


def _pagerduty(body: bytes, key: str) -> bytes:
    """Write an event that opens, adds to or resolves the incident of a lead; the whole alert is in its details."""
    message = _read.decode(body)
    data = message.data
    event = {
        "routing_key": key,
        "event_action": "resolve" if message.type == "lead.retracted" else "trigger",
        "dedup_key": data.lead_id or "monitor-test",
        "client": "compute-market-monitor",
        "payload": {
            "summary": f"{_title(message)}. {data.summary or data.message}"[:_SUMMARY],
            "source": "compute-market-monitor",
            "severity": _PAGED.get(data.severity, "warning"),
            "timestamp": message.timestamp,
            "class": message.type,
            "custom_details": msgspec.json.decode(body)["data"],
        },
    }
    return msgspec.json.encode(event, order="sorted")
