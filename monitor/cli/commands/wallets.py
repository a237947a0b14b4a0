"""`monitor wallets`: everyone with a role in a lease, and the neighbourhood of one."""

from __future__ import annotations

import json
from typing import Any

import click

from monitor.cli.listing import Filter, at_option, listing, parse_address, read_snapshot

_DEPTH = 5
_listed = listing(
    "wallets",
    "List wallets with their roles, labels and clusters; `show ADDRESS` draws whom evidence ties to one.",
    "wallets",
    short=("chain_id", "address", "cluster_id", "roles", "first_seen", "last_seen", "leases", "h100e_hours"),
    filters=(
        Filter("cluster", "cluster_id", "Only members of this cluster.", known=tuple),
        Filter("role", "roles", "Only this role.", ("renter", "payer", "beneficiary", "provider", "funder", "hub")),
        Filter("address", "address", "Only this wallet (0x…).", address=True),
    ),
)


def _wallets(**options: Any) -> None:
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        context.invoke(_listed, **options)


command = click.Group(
    "wallets", callback=_wallets, params=_listed.params, help=_listed.help, invoke_without_command=True
)


@command.command("show")
@click.argument("address")
@click.option("--depth", type=click.IntRange(1, _DEPTH), default=2, show_default=True, help="Steps from the wallet.")
@at_option
@click.option(
    "--format", "fmt", type=click.Choice(("text", "json")), default="text", show_default=True, help="How it is written."
)
def show_one(address: str, depth: int, at: str | None, fmt: str) -> None:
    """Draw whom evidence ties to wallet ADDRESS.

    `═` joins two wallets, `─` is a mere candidate.
    """
    import polars as pl

    from monitor.errors import InputError
    from monitor.views import format as shown
    from monitor.views.account import account_rows, account_text
    from monitor.views.neighbours import drawn, neighbours, rows

    raw = parse_address(address)
    snapshot = read_snapshot(at)
    own = snapshot.wallets.filter(pl.col("address") == raw)
    if own.is_empty():
        message = f"no wallet {address} in the ledger"
        raise InputError(message, hint="`monitor wallets` lists those there are")
    found = neighbours(snapshot.links, snapshot.wallets, raw, depth)
    roles = sorted({role for row in own["roles"].to_list() for role in row or ()})
    labels = sorted({label for row in own["labels"].to_list() for label in row or ()})
    known = account_rows(snapshot, raw)
    head = {"address": shown.address(raw), "cluster_id": own["cluster_id"][0], "roles": roles, "labels": labels}
    if fmt == "json":
        click.echo(json.dumps({**head, "accounts": known, "neighbours": rows(found)}, indent=2))
        return
    from monitor.views.clean import terminal

    click.echo(terminal(f"{head['address']}  {head['cluster_id']}  {', '.join([*roles, *labels])}", 400))
    for row in known:
        click.echo(terminal(f"  {account_text(row)}", 2_000))
    for line in drawn(found):
        click.echo(line)
    if not found:
        click.echo("no evidence ties it to another wallet", err=True)
