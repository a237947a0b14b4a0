"""`monitor leads`: list, show and review."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from monitor.cli.context import format_option, load_config, login_name
from monitor.cli.failon import EXIT_LEADS, at_or_above, fail_on_option
from monitor.cli.listing import at_option, chosen_lead, read_snapshot, show

if TYPE_CHECKING:
    from monitor.views.output import Format

_SHORT = ("lead_id", "severity", "score", "families", "typologies", "h100e", "opened_at", "state", "disposition")


@click.group("leads")
def command() -> None:
    """List, show and review leads: for human review, never an accusation."""


@command.command("list")
@at_option
@click.option("--all", "everything", is_flag=True, help="Also show dismissed and retracted leads.")
@fail_on_option
@format_option()
def list_all(at: str | None, fail_on: str | None, fmt: Format, *, everything: bool) -> int:
    """List leads, highest score first."""
    from monitor.views.columns import TABLES
    from monitor.views.tables import export_rows

    snapshot = read_snapshot(at)
    rows = export_rows(snapshot, "leads")
    if not everything:
        rows = [row for row in rows if row["state"] != "retracted" and row["disposition"] != "dismissed"]
    scores = {lead.lead_id: lead.score for lead in snapshot.leads}
    rows.sort(key=lambda row: (-scores[str(row["lead_id"])], str(row["lead_id"])))
    show(rows, fmt, columns=TABLES["leads"].columns, short=_SHORT)
    return EXIT_LEADS if fail_on and at_or_above(snapshot.leads, fail_on) else 0


@command.command("show")
@click.argument("lead_id")
@at_option
@click.option(
    "--format", "fmt", type=click.Choice(("text", "json")), default="text", show_default=True, help="How it is written."
)
def show_one(lead_id: str, at: str | None, fmt: str) -> None:
    """Show one lead whole.

    Evidence with positions, wallets with their paths, lawful explanations, legal status. JSON has everything; text
    shortens long lists.
    """
    from monitor.views.dossier import dossier, dossier_text

    snapshot = read_snapshot(at)
    lead = chosen_lead(snapshot, lead_id, at)
    if fmt == "json":
        # DEL is the one control character that JSON leaves as it is.
        click.echo(json.dumps(dossier(snapshot, lead), indent=2, ensure_ascii=True).replace("\x7f", "\\u007f"))
    else:
        click.echo(dossier_text(snapshot, lead))


def _review(name: str, disposition: str, help_text: str, *, needs_reason: bool) -> None:
    @command.command(name, help=help_text)
    @click.argument("lead_id")
    @click.option("--reason", help="Why, for whoever reads it years later.", required=needs_reason)
    @click.option("--reviewer", default="", help="Who decides [default: the user who is logged in].")
    def decide(lead_id: str, reason: str | None, reviewer: str) -> None:
        from monitor.errors import InputError
        from monitor.ledger.writer import record_disposition
        from monitor.views.bundle import open_path

        why = (reason or "").strip()
        if needs_reason and not why:
            message = "the reason is empty"
            raise InputError(message, hint='write --reason "why it is explained"')
        path = open_path(load_config().config)
        who = reviewer or login_name()
        record_disposition(path, lead_id, disposition, why, who, int(time.time()))  # type: ignore[arg-type]
        click.echo(f"{lead_id}: {disposition or 'reopened'} by {who}", err=True)


_review("ack", "acknowledged", "Say that somebody looks at it.", needs_reason=False)
_review("dismiss", "dismissed", "Close a lead that is explained; the reason is kept.", needs_reason=True)
_review("escalate", "escalated", "Hand a lead on.", needs_reason=False)
_review("reopen", "", "Take a decision back; the history stays.", needs_reason=False)
