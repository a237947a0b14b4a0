"""`monitor prune`: forget what nothing needs that is configured now, or everything above a block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.context import load_config
from monitor.errors import InputError

if TYPE_CHECKING:
    from monitor.sync.fragment import Fragment


@click.command("prune")
@click.option("--chain", metavar="NAME", help="With --above: the chain, by name or id.")
@click.option("--above", type=click.IntRange(min=0), metavar="BLOCK", help="Forget all of the chain above this block.")
def command(chain: str | None, above: int | None) -> None:
    """Forget what no configured market needs, and give its space back.

    That is the logs of contracts that none names nor made, and what wallets moved that no lease leads to any more.
    What is shown, exported and judged stays the same.

    With --chain and --above: forget everything above a block, final or not, so that the next run reads it again. That
    is the way back after a fork deeper than finality, and from a lost segment. Stop the daemon first.
    """
    from pathlib import Path

    from monitor.config.resources import ledger_path
    from monitor.daemon.watch import Watched, needed
    from monitor.ledger import care
    from monitor.ledger.reader import Reader
    from monitor.views.assemble import assemble
    from monitor.views.bundle import load_bundle

    if (chain is None) != (above is None):
        message = "--chain and --above go together"
        raise InputError(message, hint="write both to forget a span, neither to forget what no market needs")
    config = load_config().config
    ledger = Path(ledger_path(config.ledger.path))
    if chain is None or above is None:
        bundle = load_bundle(config)

        def wanted() -> set[tuple[int, Fragment]]:
            with Reader(ledger) as reader:
                found = assemble(reader, bundle, config)
            watched = [Watched(*row) for row in found.world.watch.iter_rows()]
            return needed([*bundle.bound, *found.children], bundle.tokens, watched)

        found = care.prune(ledger, wanted)
    else:
        # Of a chain that is configured no longer the ledger still knows name and id.
        with Reader(ledger) as reader:
            ids = {row.name: row.chain_id for row in reader.chains()}
        ids |= {name: item.id for name, item in config.chains.items()}
        chain_id = (ids | {str(number): number for number in ids.values()}).get(chain)
        if chain_id is None:
            message = f"there is no chain {chain!r}"
            raise InputError(message, hint=f"known: {', '.join(sorted(ids)) or 'none'}")
        found = care.prune_above(ledger, chain_id, above)
    click.echo(f"forgot {found.logs} logs, freed {max(0, found.freed) / 2**20:.1f} MiB", err=True)
