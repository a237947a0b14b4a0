"""`monitor run`: the daemon."""

from __future__ import annotations

import signal

import click

from monitor.cli.context import load_config


@click.command("run")
@click.option("--once", is_flag=True, help="Index to the head, judge, deliver what is due, and stop.")
def command(*, once: bool) -> int:
    """Run the daemon: index every enabled chain, judge after each change, deliver alerts.

    Ctrl-C (exit 130) or SIGTERM (exit 0) stops it after the transaction under way; starting again resumes. Other
    commands and the dashboard read the ledger while it runs.
    """
    from monitor.daemon.session import run
    from monitor.daemon.setup import Mode

    config = load_config().config
    click.echo(f"ledger {config.ledger.path}; Ctrl-C stops, starting again resumes", err=True)
    caught = run(config, Mode(until_head=once))
    click.echo("stopped" if caught else "done: the head is reached and judged", err=True)
    # A supervisor ends a daemon by SIGTERM: that is its work done. A person's Ctrl-C is an interruption.
    return 130 if caught is not None and (once or caught is signal.SIGINT) else 0
