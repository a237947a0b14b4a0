"""`monitor demo`: the whole way on a local node."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click


@click.command("demo")
@click.option(
    "--out", default="demo-out", show_default=True, help="Folder for ledger, export, truth and configuration."
)
@click.option("--seed", default=7, show_default=True, help="Another seed plays another world.")
def command(out: str, seed: int) -> int:
    """Play months of rentals with known truth on a local EVM node, run the daemon, show the leads beside the truth.

    Exits 1 when what came out is not what the chain holds. Leaves nothing running.
    """
    from monitor.cli.demo import run_demo

    return asyncio.run(run_demo(Path(out), seed))
