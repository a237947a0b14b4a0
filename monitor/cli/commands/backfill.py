"""`monitor backfill`: index a range and stop."""

from __future__ import annotations

import sys

import click

from monitor.cli.context import load_config
from monitor.cli.failon import fail_on_option, reached


@click.command("backfill")
@click.option("--from", "first", type=click.IntRange(min=0), help="First block [default: each market's own].")
@click.option("--to", "last", type=click.IntRange(min=0), help="Last block [default: the head].")
@click.option("--quiet", is_flag=True, help="Say nothing while it works.")
@fail_on_option
def command(first: int | None, last: int | None, fail_on: str | None, *, quiet: bool) -> int:
    """Index up to the head, or a range of blocks, on every enabled chain; judge; stop. Sends no alerts."""
    from monitor.daemon.session import run
    from monitor.daemon.setup import Mode
    from monitor.errors import InputError

    if first is not None and last is not None and first > last:
        message = f"the range is empty: --from {first} is above --to {last}"
        raise InputError(message, hint="the first block comes first")
    config = load_config().config
    if run(config, Mode(until_head=True, first=first, last=last, deliver=False), quiet=quiet):
        click.echo("stopped; starting again resumes", err=True)
        return 130
    return reached(config, fail_on, sys.stderr)
