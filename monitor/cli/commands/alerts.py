"""`monitor alerts`: what was sent, what waits, and whether a sink works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.context import format_option, load_config
from monitor.cli.listing import read_snapshot, show

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config import Config
    from monitor.ledger.rows import OutboxRow
    from monitor.views.output import Format

_SHORT = ("alert_id", "lead_id", "sink", "kind", "state", "attempts", "delivered_at", "last_error")


@click.group("alerts")
def command() -> None:
    """List, replay and test alert deliveries."""


@command.command("list")
@click.option("--state", type=click.Choice(("pending", "delivered", "dead")), help="Only this state.")
@format_option()
def list_all(state: str | None, fmt: Format) -> None:
    """List alerts with their delivery state."""
    from monitor.views.columns import TABLES
    from monitor.views.tables import export_rows

    rows = [row for row in export_rows(read_snapshot(), "alerts") if state is None or row["state"] == state]
    show(rows, fmt, columns=TABLES["alerts"].columns, short=_SHORT)


@command.command("replay")
@click.argument("alert_id", required=False)
@click.option("--dead", is_flag=True, help="Every alert that was given up.")
def replay(alert_id: str | None, *, dead: bool) -> None:
    """Send an alert again under its old id.

    With --dead every alert that was given up. The daemon must not be running.
    """
    import asyncio

    from monitor.errors import InputError
    from monitor.ledger.reader import Reader
    from monitor.views.bundle import open_path

    config = load_config().config
    if (alert_id is None) == (not dead):
        message = "name one alert, or use --dead"
        raise InputError(message, hint="`monitor alerts list` shows the ids")
    path = open_path(config)
    with Reader(path) as reader:
        rows = [row for row in reader.outbox() if row.alert_id == alert_id or (dead and row.state == "dead")]
    if not rows and alert_id is not None:
        message = f"there is no alert {alert_id}"
        raise InputError(message, hint="`monitor alerts list` shows the ids")
    delivered, failed = asyncio.run(_replay(path, rows, config))
    click.echo(f"{delivered} delivered, {failed} failed", err=True)


async def _replay(path: Path, rows: list[OutboxRow], config: Config) -> tuple[int, int]:
    from monitor.alerts.deliver import Deliverer
    from monitor.alerts.outbox import replayed
    from monitor.ledger.writer import Writer

    async with Writer(path) as writer:
        await writer.update_delivery([replayed(row) for row in rows])
        counts = await Deliverer(writer, config.alerts.sinks).drain(60)
    return counts.delivered, counts.failed + counts.dead


@command.command("test")
@click.argument("sink")
def test(sink: str) -> None:
    """Send one signed test message to SINK; it speaks of no lead."""
    import asyncio

    from monitor.alerts.probe import send_test
    from monitor.errors import DeliveryError, InputError

    sinks = load_config().config.alerts.sinks
    if sink not in sinks:
        message = f"there is no sink {sink!r}"
        raise InputError(message, hint=f"[alerts.sinks] has: {', '.join(sinks) or 'none'}")
    outcome = asyncio.run(send_test(sink, sinks[sink]))
    if outcome.kind != "delivered":
        message = f"sink {sink} did not take it: {outcome.error}"
        raise DeliveryError(
            message, hint="`monitor doctor` checks addresses and secrets; docs/alerts.md, how to set one up"
        )
    click.echo(f"{sink}: took it (HTTP {outcome.status})", err=True)
