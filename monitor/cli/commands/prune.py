"""`monitor prune`: forget what no configured market needs, or everything above a block."""

from __future__ import annotations

import click

from monitor.cli.context import load_config
from monitor.errors import InputError


@click.command("prune")
@click.option("--chain", metavar="NAME", help="With --above: the chain, by name or id.")
@click.option("--above", type=click.IntRange(min=0), metavar="BLOCK", help="Forget all of the chain above this block.")
def command(chain: str | None, above: int | None) -> None:
    """Forget the logs of contracts that no configured market names, and give their space back.

    With --chain and --above: forget everything above a block, final or not, so that the next run reads it again. That
    is the way back after a fork deeper than finality, and from a lost segment. Stop the daemon first.
    """
    from pathlib import Path

    from monitor.config.resources import ledger_path
    from monitor.daemon.watch import contract_wants
    from monitor.ledger import care
    from monitor.views.bundle import load_bundle

    if (chain is None) != (above is None):
        message = "--chain and --above go together"
        raise InputError(message, hint="write both to forget a span, neither to forget what no market needs")
    config = load_config().config
    ledger = Path(ledger_path(config.ledger.path))
    if chain is None or above is None:
        bundle = load_bundle(config)
        chains = {item.chain_id for item in bundle.bound}
        wants = [(chain_id, want.fragment) for chain_id in chains for want in contract_wants(chain_id, bundle.bound)]
        events = [(chain_id, fragment) for chain_id, fragment in wants if fragment.kind == "events"]
        found = care.prune(ledger, {*((item.chain_id, item.address) for item in bundle.bound), *bundle.tokens}, events)
    else:
        by_name = {name: item.id for name, item in config.chains.items()}
        chain_id = by_name.get(chain, int(chain) if chain.isascii() and chain.isdigit() else None)
        if chain_id is None:
            message = f"there is no chain {chain!r}"
            raise InputError(message, hint=f"configured are {', '.join(sorted(by_name)) or 'none'}")
        found = care.prune_above(ledger, chain_id, above)
    click.echo(f"forgot {found.logs} logs, freed {max(0, found.freed) / 2**20:.1f} MiB", err=True)
