"""`monitor silences`: hold alerts back for a while, in the open."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.context import format_option, load_config, login_name
from monitor.cli.listing import parse_address, show

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.model.lead import Lead
    from monitor.model.silence import Silence
    from monitor.views.output import Format

_COLUMNS = (
    *("silence_id", "state", "lead_id", "wallet", "patterns", "sinks", "leads", "reason", "author"),
    *("at", "until", "ended_at", "ended_by"),
)
_SHORT = ("silence_id", "state", "lead_id", "wallet", "patterns", "sinks", "leads", "reason", "author", "until")
_MOST = timedelta(days=366)
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}

_reviewer = click.option("--reviewer", default="", help="Who decides [default: the user who is logged in].")


@click.group("silences")
def command() -> None:
    """Hold alerts back for a while; leads are found, listed and exported as ever.

    What is held back is told when the silence ends, if it is still so; a withdrawal is never held back.
    """


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Also show those that have ended.")
@format_option()
def list_all(fmt: Format, *, everything: bool) -> None:
    """List silences: what they hold back, who set them and why."""
    from monitor.ledger.reader import Reader

    with Reader(_ledger()) as reader:
        silences, leads = reader.silences(), [lead for lead in reader.leads() if lead.state != "retracted"]
    now = int(time.time())
    rows = [_row(silence, leads, now) for silence in silences if everything or silence.active(now)]
    show(rows, fmt, columns=_COLUMNS, short=_SHORT)


@command.command("add")
@click.option("--lead", default="", metavar="ID", help="Alerts of this lead.")
@click.option("--wallet", default="", metavar="ADDRESS", help="Leads with this wallet in their cluster.")
@click.option("--pattern", "patterns", multiple=True, metavar="T07", help="Leads that rest on these patterns alone.")
@click.option("--sink", "sinks", multiple=True, metavar="NAME", help="Only alerts to these sinks.")
@click.option("--until", required=True, metavar="TIME", help="A UTC time, or how long: 12h, 7d, 4w; a year at most.")
@click.option("--reason", required=True, help="Why, for whoever reads it years later.")
@_reviewer
def add(reason: str, until: str, reviewer: str, **named: Any) -> None:
    """Hold back alerts that meet everything that is named."""
    from monitor.errors import InputError
    from monitor.ledger.writer import record_silence
    from monitor.model.lead import stable_id
    from monitor.model.silence import Silence
    from monitor.views.format import address
    from monitor.views.format import time as written

    if not any(named.values()):
        message = "a silence of everything is not made"
        raise InputError(message, hint="name --lead, --wallet, --pattern or --sink")
    if not reason.strip():
        message = "the reason is empty"
        raise InputError(message, hint='write --reason "why nobody needs to be told"')
    path, now, who = _ledger(), int(time.time()), reviewer or login_name()
    patterns, sinks = _known_patterns(named["patterns"]), _known_sinks(named["sinks"])
    wallet = address(parse_address(named["wallet"])) or "" if named["wallet"] else ""
    silence = Silence(
        silence_id=stable_id("silence", named["lead"], wallet, *patterns, *sinks, reason, who, repr(time.time())),
        lead_id=_known_lead(path, named["lead"]),
        wallet=wallet,
        patterns=patterns,
        sinks=sinks,
        reason=reason.strip(),
        author=who,
        at=now,
        until=_end(until, now),
    )
    record_silence(path, silence)
    click.echo(f"{silence.silence_id}: holds alerts back until {written(silence.until)}, by {who}", err=True)


@command.command("expire")
@click.argument("silence_id")
@_reviewer
def expire(silence_id: str, reviewer: str) -> None:
    """End a silence now; it stays in the list of all."""
    import msgspec

    from monitor.errors import InputError
    from monitor.ledger.reader import Reader
    from monitor.ledger.writer import record_silence

    path, now, who = _ledger(), int(time.time()), reviewer or login_name()
    with Reader(path) as reader:
        silence = next((silence for silence in reader.silences() if silence.silence_id == silence_id), None)
    if silence is None:
        message = f"there is no silence {silence_id}"
        raise InputError(message, hint="`monitor silences list` shows them")
    if not silence.active(now):
        message = f"{silence_id} has ended already"
        raise InputError(message, hint="`monitor silences list --all` says when")
    record_silence(path, msgspec.structs.replace(silence, ended_at=now, ended_by=who))
    click.echo(f"{silence_id}: ended by {who}; what it held back is told at the next block", err=True)


def _ledger() -> Path:
    from monitor.views.bundle import open_path

    return open_path(load_config().config)


def _row(silence: Silence, leads: Sequence[Lead], now: int) -> dict[str, Any]:
    from monitor.views.format import time as written

    held = sum(silence.holds(lead, silence.sinks[0] if silence.sinks else "") for lead in leads)
    return {
        "silence_id": silence.silence_id,
        "state": "active" if silence.active(now) else "ended",
        "lead_id": silence.lead_id,
        "wallet": silence.wallet,
        "patterns": silence.patterns,
        "sinks": silence.sinks,
        "leads": held,
        "reason": silence.reason,
        "author": silence.author,
        "at": written(silence.at),
        "until": written(silence.until),
        "ended_at": written(silence.ended_at),
        "ended_by": silence.ended_by,
    }


def _known_lead(path: Path, lead_id: str) -> str:
    from monitor.errors import InputError
    from monitor.ledger.reader import Reader

    if not lead_id:
        return ""
    with Reader(path) as reader:
        if all(lead.lead_id != lead_id for lead in reader.leads()):
            message = f"there is no lead {lead_id}"
            raise InputError(message, hint="`monitor leads list --all` shows them")
    return lead_id


def _known_patterns(named: Sequence[str]) -> tuple[str, ...]:
    from monitor.errors import InputError
    from monitor.rules.registry import all_rules

    known = {rule.id for rule in all_rules()}
    wanted = tuple(sorted({name.upper() for name in named}))
    for name in wanted:
        if name not in known:
            message = f"there is no pattern {name!r}"
            raise InputError(message, hint="`monitor rules list` shows them")
    return wanted


def _known_sinks(named: Sequence[str]) -> tuple[str, ...]:
    from monitor.errors import InputError

    known = load_config().config.alerts.sinks
    for name in named:
        if name not in known:
            message = f"there is no sink {name!r}"
            raise InputError(message, hint=f"[alerts.sinks] has: {', '.join(known) or 'none'}")
    return tuple(sorted(set(named)))


def _end(text: str, now: int) -> int:
    """Read when a silence ends, in seconds since the epoch; raises InputError for the past and beyond a year."""
    from monitor.errors import InputError

    if span := re.fullmatch(r"([0-9]{1,4})([hdw])", text):
        moment = datetime.fromtimestamp(now, UTC) + timedelta(**{_UNITS[span[2]]: int(span[1])})
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            message = f"{text!r} is neither a time nor a number of hours, days or weeks"
            raise InputError(message, hint="write 12h, 7d, 4w, 2026-12-31 or 2026-12-31T18:00:00Z") from error
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    end = int(moment.timestamp())
    if not now < end <= now + _MOST.total_seconds():
        message = f"a silence must end within a year from now, not at {moment:%Y-%m-%dT%H:%M:%SZ}"
        raise InputError(message, hint="one that holds for longer is a decision on the lead: `monitor leads dismiss`")
    return end
