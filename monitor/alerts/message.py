"""Decide what must be said about leads: opened, grew, retracted; once per sink, under ids that every replay repeats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from monitor.alerts.payload import Context, Kind, render, said_typologies
from monitor.errors import LedgerError
from monitor.model.lead import Lead, stable_id
from monitor.model.silence import Silence

__all__ = ["SEVERITIES", "Alert", "Announced", "Sent", "Severity", "alert_id", "announced", "diff"]

Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one sink; `alert_id` is its `webhook-id` for ever, `sequence` counts per lead and sink from 1."""

    alert_id: str
    lead_id: str
    sink: str
    kind: Kind
    sequence: int
    payload: bytes
    """The body exactly as it is signed and sent: JSON, fewer than 20,000 bytes."""


class Sent(Protocol):
    """What is left of an alert in the ledger: an `Alert`, or a row of the outbox."""

    @property
    def alert_id(self) -> str: ...  # noqa: D102
    @property
    def lead_id(self) -> str: ...  # noqa: D102
    @property
    def sink(self) -> str: ...  # noqa: D102
    @property
    def sequence(self) -> int: ...  # noqa: D102
    @property
    def payload(self) -> bytes: ...  # noqa: D102


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """What a sink was last told about a lead."""

    sequence: int
    kind: Kind
    severity: Severity
    typologies: tuple[str, ...]


class _SaidData(msgspec.Struct, frozen=True):
    severity: Severity
    typologies: tuple[str, ...]


class _Said(msgspec.Struct, frozen=True):
    type: Kind
    data: _SaidData


_read = msgspec.json.Decoder(_Said)


def alert_id(lead_id: str, kind: Kind, sequence: int, sink: str) -> str:
    """Name an alert by what it says, to whom, and the how-manieth it is."""
    return stable_id("alert", lead_id, kind, str(sequence), sink)


def announced(alerts: Iterable[Sent]) -> dict[tuple[str, str], Announced]:
    """Fold the alerts ever written into what each (lead_id, sink) was last told; order does not matter.

    Needs at least the newest alert of each lead and sink, delivered or not. Raises LedgerError on a broken payload.
    """
    newest: dict[tuple[str, str], Sent] = {}
    for alert in alerts:
        key = (alert.lead_id, alert.sink)
        if key not in newest or newest[key].sequence < alert.sequence:
            newest[key] = alert
    return {key: _said(alert) for key, alert in newest.items()}


def _said(alert: Sent) -> Announced:
    try:
        said = _read.decode(alert.payload)
    except msgspec.DecodeError as error:
        message = f"alert {alert.alert_id} in the ledger is unreadable: {error}"
        raise LedgerError(message, hint="another program changed it: restore the ledger from a backup") from error
    return Announced(
        sequence=alert.sequence,
        kind=said.type,
        severity=said.data.severity,
        typologies=tuple(sorted(said.data.typologies)),
    )


def diff(
    before: Sequence[Lead],
    after: Sequence[Lead],
    announced: Mapping[tuple[str, str], Announced],
    *,
    sinks: Mapping[str, Severity],
    context: Context,
    silences: Sequence[Silence] = (),
) -> list[Alert]:
    """Say what each sink does not know yet, at most one alert per lead and sink, sorted by both.

    Opened: the lead stands, reaches the sink's least severity, was not dismissed, and the sink knows nothing of it or
    was told it is withdrawn. Grew: the severity is higher or a typology is new. Retracted: the sink knows of a lead
    that is gone or withdrawn. A sink that was told of a lead follows it to its end, whatever its least severity.

    `before` only lends a vanished lead's particulars; `sinks` maps names to the least severity; `silences` are those in
    force. What they hold back is said once they end, if it is still so.
    """
    standing = {lead.lead_id: lead for lead in after if lead.state != "retracted"}
    gone = {lead.lead_id: lead for lead in [*before, *(lead for lead in after if lead.state == "retracted")]}
    names = sorted({*standing, *(lead_id for lead_id, _ in announced)})
    alerts: list[Alert] = []
    for lead_id in names:
        for sink in sorted(sinks):
            said = announced.get((lead_id, sink))
            lead = standing.get(lead_id)
            kind = _kind(lead, said, sinks[sink])
            # A withdrawn lead does not stand, so no silence holds its end back.
            held = lead is not None and any(silence.holds(lead, sink) for silence in silences)
            if kind is None or held:
                continue
            subject = lead or gone.get(lead_id) or _forgotten(lead_id, said, context.at)
            alerts.append(_alert(kind, subject, sink, (said.sequence if said else 0) + 1, context))
    return alerts


def _kind(lead: Lead | None, said: Announced | None, least: Severity) -> Kind | None:
    known = said if said is not None and said.kind != "lead.retracted" else None
    if lead is None:
        return "lead.retracted" if known else None
    if known is None:
        wanted = _rank(lead.severity) >= _rank(least) and lead.disposition != "dismissed"
        return "lead.opened" if wanted else None
    rose = _rank(lead.severity) > _rank(known.severity)
    return "lead.grew" if rose or set(said_typologies(lead)) - set(known.typologies) else None


def _rank(severity: Severity) -> int:
    return SEVERITIES.index(severity)


def _alert(kind: Kind, lead: Lead, sink: str, sequence: int, context: Context) -> Alert:
    at = _moment(kind, lead, context)
    return Alert(
        alert_id=alert_id(lead.lead_id, kind, sequence, sink),
        lead_id=lead.lead_id,
        sink=sink,
        kind=kind,
        sequence=sequence,
        payload=render(kind, lead, sequence, at, context),
    )


def _moment(kind: Kind, lead: Lead, context: Context) -> int:
    """Date an alert by its evidence, so that a replay dates it alike; a withdrawal takes the head's time."""
    match kind:
        case "lead.opened":
            return lead.opened_at
        case "lead.grew":
            found = [context.findings[name].at for name in lead.findings if name in context.findings]
            return max([lead.opened_at, *found])
        case "lead.retracted":
            return context.at


def _forgotten(lead_id: str, said: Announced | None, at: int) -> Lead:
    """Stand in for a lead of which only its announcement is left (the process restarted before it vanished)."""
    return Lead(
        lead_id=lead_id,
        cluster_id="",
        score=0,
        severity=said.severity if said else "low",
        confidence="withdrawn",
        families=(),
        typologies=said.typologies if said else (),
        leases=(),
        h100e="0.000",
        opened_at=at,
        state="retracted",
        legal_file="",
        first_block="",
        last_block="",
        findings=(),
        wallets=(),
    )
