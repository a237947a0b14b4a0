"""`--fail-on SEVERITY`: exit 4 when an open lead is at or above it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from monitor.config import Config
    from monitor.model.lead import Lead

__all__ = ["SEVERITIES", "at_or_above", "fail_on_option", "reached"]

SEVERITIES = ("low", "medium", "high", "critical")
EXIT_LEADS = 4


def fail_on_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--fail-on low|medium|high|critical`."""
    return click.option(
        "--fail-on", type=click.Choice(SEVERITIES), help="Exit 4 when an open lead has this severity or more."
    )(function)


def at_or_above(leads: Iterable[Lead], severity: str) -> list[Lead]:
    """Choose the open, undismissed leads of a severity or more."""
    least = SEVERITIES.index(severity)
    return [
        lead
        for lead in leads
        if lead.state == "open" and lead.disposition != "dismissed" and SEVERITIES.index(lead.severity) >= least
    ]


def reached(config: Config, severity: str | None, stream: TextIO) -> int:
    """Read the ledger's leads and give the exit code: 4 when one is at or above `severity`, else 0."""
    if severity is None:
        return 0
    from monitor.ledger.reader import Reader
    from monitor.views.bundle import open_path

    with Reader(open_path(config)) as reader:
        found = at_or_above(reader.leads(), severity)
    if found:
        print(f"{len(found)} open leads of severity {severity} or more", file=stream)
    return EXIT_LEADS if found else 0
