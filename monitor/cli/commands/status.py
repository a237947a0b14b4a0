"""`monitor status`: where the ledger stands, without computing anything."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.context import load_config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.config import ChainConfig
    from monitor.ledger.rows import ChainRow, EndpointRow, Status, UpgradeRow
    from monitor.views.shortfall import Shortfall

_SHOWN = 20
"""Upgrades that are listed, the newest."""


@click.command("status")
@click.option(
    "--format", "fmt", type=click.Choice(("text", "json")), default="text", show_default=True, help="How it is written."
)
def command(fmt: str) -> None:
    """Say per chain how far the ledger goes, how its endpoints do, and what was found; works while a daemon runs."""
    from monitor.config.resources import ledger_path
    from monitor.ledger.reader import Reader

    config = load_config().config
    with Reader(ledger_path(config.ledger.path)) as reader:
        status = reader.status()
    if fmt == "json":
        click.echo(json.dumps(_as_json(status), indent=2, sort_keys=True))
        return
    configured = {chain.id: chain for chain in config.chains.values()}
    for chain in status.chains:
        _chain(chain, status, configured.get(chain.chain_id))
    if not status.chains:
        click.echo("no chain was indexed yet; `monitor run` starts")
    alerts = ", ".join(f"{count} {state}" for state, count in sorted(status.alerts.items())) or "none"
    click.echo(f"{status.leads} leads, {status.findings} findings, {status.quarantine} logs in quarantine")
    silent = sum(silence.active(int(time.time())) for silence in status.silences)
    click.echo(f"alerts: {alerts}" + (f"; silences in force: {silent} (`monitor silences list`)" if silent else ""))
    _upgraded(status.upgrades)
    for row in _lacking(status.meta.get("lacking", "[]")):
        click.echo(_unread(row, {chain.chain_id: chain.name for chain in status.chains}))
    click.echo(f"ledger {status.size / 1e6:.1f} MB, its write-ahead log {status.wal_size / 1e6:.1f} MB")


def _as_json(status: Status) -> dict[str, Any]:
    import msgspec

    from monitor.views.format import address

    found: dict[str, Any] = msgspec.to_builtins(status)
    found["upgrades"] = [
        {**msgspec.structs.asdict(row), "contract": address(row.contract), "tx_hash": _hex(row.tx_hash)}
        for row in status.upgrades
    ]
    for chain, row in zip(found["chains"], status.chains, strict=True):
        chain["head_hash"] = _hex(row.head_hash)
    found["lacking"] = msgspec.to_builtins(_lacking(found["meta"].pop("lacking", "[]")))
    return found


def _chain(chain: ChainRow, status: Status, configured: ChainConfig | None) -> None:
    """Say how far one chain goes, and how its endpoints do."""
    from monitor.views.clean import terminal
    from monitor.views.native import told

    behind = "" if chain.node_head is None else f", node at {chain.node_head}, {chain.to_read or 0} blocks to read"
    click.echo(f"{chain.name} ({chain.chain_id}): {terminal(chain.state) or 'no daemon has reported'}")
    head = "no block yet" if chain.head is None else f"head {chain.head} of {_time(chain.head_time)}"
    final = "" if chain.finalized is None else f"; final to {chain.finalized}"
    click.echo(f"  {head}{behind}{final}")
    click.echo(
        f"  {status.logs.get(chain.chain_id, 0)} logs, {status.transfers.get(chain.chain_id, 0)} native "
        f"transactions, {status.missing.get(chain.chain_id, 0)} blocks missing, {chain.reorgs} reorgs"
        + (f" (deepest {chain.deepest_reorg} blocks)" if chain.reorgs else "")
        + (f", {chain.splits} requests split" if chain.splits else "")
    )
    if configured is not None:
        text, hint = told(configured, chain)
        click.echo(f"  native value {text}" + (f"\n  hint: {hint}" if hint else ""))
    for row in json.loads(status.meta.get("hops", "[]")):
        if row["chain_id"] == chain.chain_id:
            click.echo(f"  {_hop(row)}")
    for endpoint in status.endpoints:
        if endpoint.chain_id == chain.chain_id:
            click.echo(f"  endpoint {terminal(endpoint.label)}: {_endpoint(endpoint)}")


def _upgraded(rows: Sequence[UpgradeRow]) -> None:
    """Say which contracts were changed since their adapter was last verified."""
    from monitor.views.format import address

    for row in rows[-_SHOWN:]:
        click.echo(
            f"upgraded: {row.market} {row.role} {address(row.contract)} on chain {row.chain_id} "
            f"in block {row.block_number} of {_time(row.block_time)}, "
            f"after the adapter was last verified on {row.verified}"
        )
    if rows:
        click.echo(
            "hint: logs of a new layout stand in quarantine (`monitor markets quarantine`); "
            "`monitor markets show NAME --upgrades` lists all changes"
        )


def _lacking(text: str) -> Sequence[Shortfall]:
    from msgspec.json import decode

    from monitor.views.shortfall import Shortfall

    return decode(text, type=list[Shortfall])


def _unread(row: Shortfall, names: Mapping[int, str]) -> str:
    """Say what was asked of a chain beside logs and not had, and what helps."""
    from monitor.views.clean import terminal
    from monitor.views.shortfall import hint

    where = f"{row.market or 'price feeds'} on {names.get(row.chain_id, row.chain_id)}"
    said = [f"{row.failed} failed, the first: {terminal(row.reason)}"] if row.failed else []
    said += [f"{row.waiting} {'is' if row.waiting == 1 else 'are'} still to come"] if row.waiting else []
    return f"reads of {where}: {'; '.join(said)}\nhint: {hint(row)}"


def _hex(raw: bytes) -> str:
    return f"0x{raw.hex()}"


def _endpoint(endpoint: EndpointRow) -> str:
    """Say how an endpoint does: health and why, calls, latency, errors by kind."""
    from monitor.views.clean import terminal

    why = f": {terminal(endpoint.error)}" if endpoint.error else ""
    errors = ", ".join(f"{count} {kind}" for kind, count in sorted(endpoint.faults.items()))
    seen = (f"{endpoint.calls} calls", f"{endpoint.latency_seconds * 1000:.0f} ms", f"{endpoint.received / 1e6:.1f} MB")
    traffic = f"; {', '.join(seen)}" if endpoint.calls else ""
    return f"{endpoint.health}{why}{traffic}{'; errors: ' + errors if errors else ''}"


def _hop(row: dict[str, int]) -> str:
    """Say how many counterparties are followed at a hop, and how many the budget left out."""
    away = (
        f"{row['wallets']} wallets {row['hop']} {'hop' if row['hop'] == 1 else 'hops'} from people of leases followed"
    )
    return f"{away}; {row['left_out']} left out: wallets.max_wallets is used up" if row["left_out"] else away


def _time(seconds: int | None) -> str:
    return "?" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
