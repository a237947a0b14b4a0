"""Render an alert's body: canonical JSON below 20 kB, every text cleaned, in the words a lead must carry."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from monitor.model.chain import Position
from monitor.model.lead import Finding, Lead

__all__ = ["MAX_BYTES", "NOTICE", "Context", "Kind", "LegalStatus", "clean", "render", "said_typologies"]

Kind = Literal["lead.opened", "lead.grew", "lead.retracted"]

MAX_BYTES = 20_000
"""Standard Webhooks, "Payload size": below 20 kB; the receiver asks for more by id."""
NOTICE = "This is a lead for human review; it does not state that a law was broken."
DISCLAIMER = "not legal advice"

_LENGTHS = (50, 20, 8, 3, 0)
"""Items shown of each list, tried until the body fits."""
_MAX_TYPOLOGIES = 64
_MAX_TIME = 253_402_300_799
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})


class LegalStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The legal file a lead was judged under; `version` and `verify_by` are dates (YYYY-MM-DD)."""

    version: str
    jurisdiction: str
    verify_by: str
    statement: str


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What an alert needs beside the lead: its findings by id, the legal file, and the block time (seconds) of now."""

    findings: Mapping[str, Finding]
    legal: LegalStatus
    at: int


def clean(text: str, limit: int = 200) -> str:
    """Make text safe to print anywhere: line breaks and tabs become spaces, hidden characters U+FFFD, `…` where cut.

    Hidden are controls, escapes, bidi and zero-width characters, private use, unassigned and lone surrogates.
    """
    shown = "".join(_safe(char) for char in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _safe(char: str) -> str:
    if char in "\t\r\n":
        return " "
    return "\ufffd" if unicodedata.category(char) in _HIDDEN else char


def said_typologies(lead: Lead) -> tuple[str, ...]:
    """Name the typologies an alert mentions: sorted, distinct, bounded."""
    return tuple(sorted({clean(item, 16) for item in lead.typologies})[:_MAX_TYPOLOGIES])


def render(kind: Kind, lead: Lead, sequence: int, at: int, context: Context) -> bytes:
    """Write the body of one alert: UTF-8 JSON with sorted keys and no spaces, fewer than `MAX_BYTES` bytes.

    `type`, `timestamp` (ISO 8601, block time `at`), `data`. Long lists are `{"shown": […], "total": n}`; the longer the
    lists, the fewer of their items are shown.
    """
    findings = [context.findings[name] for name in lead.findings if name in context.findings]
    body = b""
    for length in _LENGTHS:
        data = _data(kind, lead, sequence, findings, length) | {"legal": _legal(context.legal, at)}
        message = {"type": kind, "timestamp": _iso(at), "data": data}
        body = msgspec.json.encode(message, order="sorted")
        if len(body) < MAX_BYTES:
            break
    return body


def _data(kind: Kind, lead: Lead, sequence: int, findings: Sequence[Finding], length: int) -> dict[str, Any]:
    evidence = sorted({position for finding in findings for position in finding.evidence})
    explanations = dict.fromkeys(text for finding in findings for text in finding.caveats)
    return {
        "lead_id": clean(lead.lead_id, 80),
        "sequence": sequence,
        "severity": lead.severity,
        "score": lead.score,
        "confidence": clean(lead.confidence, 40),
        "families": [clean(item, 40) for item in lead.families[:16]],
        "typologies": list(said_typologies(lead)),
        "h100e": clean(lead.h100e, 40),
        "opened_at": _iso(lead.opened_at),
        "first_block": clean(lead.first_block, 40),
        "last_block": clean(lead.last_block, 40),
        "leases": _some(lead.leases, length),
        "wallets": _some(lead.wallets, length),
        "evidence": _positions(evidence, length),
        "patterns": [_pattern(finding) for finding in findings[: length // 3]],
        "lawful_explanations": [clean(text, 240) for text in list(explanations)[:length]],
        "summary": _summary(kind, lead, findings, len(evidence)),
        "notice": NOTICE,
        "links": {
            "cluster_id": clean(lead.cluster_id, 80),
            "findings": _some(lead.findings, length),
            "show": f"monitor leads show {clean(lead.lead_id, 80)}",
        },
    }


def _summary(kind: Kind, lead: Lead, findings: Sequence[Finding], evidence: int) -> str:
    typologies = said_typologies(lead)
    named = ", ".join(typologies[:12]) + (", …" if len(typologies) > 12 else "")  # noqa: PLR2004 - one line of text
    pattern = f"Pattern{'' if len(typologies) == 1 else 's'} {named}"
    if kind == "lead.retracted" and lead.history and lead.history[-1].what == "merged":
        return f"Merged: this lead now is part of {clean(lead.history[-1].detail, 80)}, with what it found."
    if kind == "lead.retracted":
        return (
            f"Withdrawn: {pattern} no longer hold{'s' if len(typologies) == 1 else ''} on the chain as it is now. "
            "Please disregard the earlier alerts of this lead."
        )
    again = "Further evidence: " if kind == "lead.grew" else ""
    proof = f"Evidence: {evidence} log position{'' if evidence == 1 else 's'} in {len(findings)} findings."
    return f"{again}{pattern} matched, confidence {clean(lead.confidence, 40)}. {proof} {NOTICE}"


def _pattern(finding: Finding) -> dict[str, Any]:
    return {
        "finding_id": clean(finding.finding_id, 80),
        "rule": f"{clean(finding.rule, 40)} v{finding.rule_version}",
        "summary": clean(finding.summary, 300),
        "threshold": clean(finding.threshold, 200),
    }


def _legal(legal: LegalStatus, at: int) -> dict[str, Any]:
    stale = bool(legal.verify_by) and _iso(at)[:10] > legal.verify_by
    return {
        "legal_file": clean(legal.version, 40),
        "jurisdiction": clean(legal.jurisdiction, 80),
        "verify_by": clean(legal.verify_by, 40),
        "status": "legal file stale" if stale else "within its verify-by date",
        "statement": clean(legal.statement, 1500),
        "disclaimer": DISCLAIMER,
    }


def _some(items: Sequence[str], length: int) -> dict[str, Any]:
    return {"shown": [clean(item, 120) for item in items[:length]], "total": len(items)}


def _positions(items: Iterable[Position], length: int) -> dict[str, Any]:
    return _some([position.text() for position in items], length)


def _iso(seconds: int) -> str:
    """Write block seconds as `2026-01-31T00:00:00Z`; a time no calendar holds is clamped, blocks may say anything."""
    moment = datetime.fromtimestamp(min(max(seconds, 0), _MAX_TIME), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
