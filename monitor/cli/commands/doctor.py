"""`monitor doctor`: what is wrong, and how to mend it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from monitor.cli.context import load_config

if TYPE_CHECKING:
    from monitor.config import Config

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command("doctor")
def command() -> int:
    """Check config, adapters, ledger, nodes, contracts, sinks and the age of the catalogues; exit 1 on a failure."""
    return asyncio.run(_examine(load_config().config))


async def _examine(config: Config) -> int:
    from monitor.daemon.doctor import examine
    from monitor.views.clean import terminal

    failed = 0
    async for check in examine(config):
        failed += check.level == "fail"
        click.echo(
            f"{click.style(check.level.ljust(4), _COLOURS[check.level])}  {check.what}: {terminal(check.detail, 400)}"
        )
        if check.fix:
            click.echo(f"      fix: {terminal(check.fix, 400)}")
    return 1 if failed else 0
