"""`monitor verify`: an export against its manifest."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("verify")
@click.argument("directory")
def command(directory: str) -> int:
    """Recompute sizes, row counts and SHA-256 of an export in DIRECTORY; exit 1 when anything differs."""
    from monitor.export import verify_manifest
    from monitor.views.clean import terminal

    problems = verify_manifest(Path(directory))
    for problem in problems:
        click.echo(terminal(problem, 1000))
    if not problems:
        click.echo(f"{directory}: every file is as its manifest says", err=True)
    return 1 if problems else 0
