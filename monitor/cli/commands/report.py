"""`monitor report [LEAD]`: one lead, or all of a period, as a page to print or send."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.listing import at_option, chosen_lead, read_snapshot


@click.command("report")
@click.argument("lead_id", required=False)
@click.option("--out", "path", metavar="FILE", help="The page to write [default: LEAD_ID.html, or report.html].")
@click.option("--since", metavar="TIME", help="Without a lead: those opened from this day or time on, like 2026-03-01.")
@click.option("--until", metavar="TIME", help="Without a lead: those opened before this day or time.")
@at_option
def command(lead_id: str | None, path: str | None, since: str | None, until: str | None, at: str | None) -> None:
    """Write a lead or screening item as one HTML file, or without LEAD_ID an overview of all leads of a period.

    What matched and why it may be lawful, leases over time, wallets and how they hang together, positions of the
    evidence, reviews, legal file, and what could not be seen. The page loads and runs nothing; the same ledger and
    configuration give the same bytes.
    """
    from monitor.errors import InputError
    from monitor.export import lead_page, period_page, write_page
    from monitor.views.backtest import seconds

    if lead_id is not None and (since or until):
        message = "--since and --until choose leads for the overview, which names no lead"
        raise InputError(message, hint="leave out the lead, or the two options")
    first, last = (None if text is None else seconds(text) for text in (since, until))
    if first is not None and last is not None and last <= first:
        message = f"--until {until} is not after --since {since}"
        raise InputError(message, hint="the overview has what opened from --since to before --until")
    snapshot = read_snapshot(at)
    if lead_id is None:
        text = period_page(snapshot, first, last)
    else:
        text = lead_page(snapshot, chosen_lead(snapshot, lead_id, at))
    target = Path(path or f"{lead_id or 'report'}.html")
    write_page(target, text)
    click.echo(f"wrote {target}", err=True)
