"""`monitor backup`: a copy of the ledger, also while a daemon writes."""

from __future__ import annotations

import click

from monitor.cli.context import load_config


@click.command("backup")
@click.argument("file", metavar="FILE")
def command(file: str) -> None:
    """Copy the ledger as it is at one moment to FILE, and its segments to FILE.segments; the daemon may go on.

    Every segment is checked against its SHA-256. To restore, stop the daemon and point `ledger.path` at FILE.
    """
    from pathlib import Path

    from monitor.config.resources import ledger_path
    from monitor.ledger.care import backup

    size = backup(Path(ledger_path(load_config().config.ledger.path)), Path(file))
    click.echo(f"copied {size / 2**20:.1f} MiB to {file}", err=True)
