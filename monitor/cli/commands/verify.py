"""`monitor verify`: an export against its manifest, or the ledger against a node."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.context import load_config

if TYPE_CHECKING:
    from monitor.daemon.audit import Audit
    from monitor.model.span import Span


@click.command("verify")
@click.argument("directory", required=False)
@click.option("--key", metavar="FILE", help="The public key, in PEM, that must have signed the manifest.")
@click.option(
    "--chain",
    metavar="NAME",
    help="Hold the ledger's logs of this chain, by name or id, against a node instead of an export.",
)
@click.option("--range", "blocks", metavar="A-B", help="With --chain: the blocks, both included.")
@click.option("--endpoint", metavar="URL", help="With --chain: the node to ask [default: the chain's own].")
def command(directory: str | None, key: str | None, chain: str | None, blocks: str | None, endpoint: str | None) -> int:
    """Recompute sizes, row counts and SHA-256 of an export in DIRECTORY; exit 1 when anything differs.

    A signature of the manifest is checked with the key that came with it, or with --key, which has to be given for an
    export that must be signed.

    With --chain, read the logs that the ledger covers again from another node and compare them: those of the markets'
    contracts, of what factories made, and the followed wallets' transfers. Exit 1 when they differ, 3 when the node
    cannot be asked.
    """
    from monitor.errors import InputError

    if chain is not None and directory is None:
        return _chain(chain, _span(blocks), endpoint)
    if directory is None or chain is not None:
        message = "name either the DIRECTORY of an export or a --chain"
        raise InputError(message, hint="`monitor verify --help` shows both")
    return _export(directory, key)


def _export(directory: str, key: str | None) -> int:
    from monitor.export import read_public, verify_manifest
    from monitor.views.clean import terminal

    problems, signed = verify_manifest(Path(directory), None if key is None else read_public(Path(key)))
    for problem in problems:
        click.echo(terminal(problem, 1000))
    if not problems:
        click.echo(f"{directory}: every file is as its manifest says; {signed}", err=True)
    return 1 if problems else 0


def _chain(name: str, span: Span, endpoint: str | None) -> int:
    from monitor.config.spec import EndpointConfig
    from monitor.daemon.audit import audit
    from monitor.errors import InputError
    from monitor.views.bundle import load_bundle

    config = load_config().config
    name = {str(item.id): known for known, item in config.chains.items()}.get(name, name)
    if name not in config.chains:
        message = f"there is no chain {name} in the configuration"
        raise InputError(message, hint="`monitor config show` lists the tables [chains.…]")
    chain = config.chains[name]
    if endpoint is not None:
        # One endpoint is no quorum.
        own = EndpointConfig.model_validate({"url": endpoint})
        chain = chain.model_copy(update={"rpc": [own], "distrust": "bloom", "distrust_ranges": []})
    found = asyncio.run(audit(config, load_bundle(config), name, span, chain))
    return _told(name, span, found)


def _told(name: str, span: Span, found: Audit) -> int:
    for one in found.differences:
        click.echo(f"block {one.block}, log {one.log_index}: {one.what}")
    if found.differing > len(found.differences):
        click.echo(f"and {found.differing - len(found.differences)} more")
    where = f"{name}, blocks {span.start}-{span.last}"
    click.echo(
        f"{where}: {found.logs} logs compared, of {found.contracts} contracts and {found.wallets} wallets; "
        f"{found.differing or 'none'} differ",
        err=True,
    )
    if found.missing:
        first, blocks = next(iter(found.missing)), sum(span.blocks for span in found.missing)
        click.echo(
            f"{where}: {blocks} blocks are not read yet for some contract, the first {first.start}: nothing is said of "
            "them",
            err=True,
        )
    return 1 if found.differing else 0


def _span(text: str | None) -> Span:
    from monitor.errors import InputError
    from monitor.model.span import Span

    parts = re.fullmatch(r"(\d{1,15})-(\d{1,15})", text or "")
    if parts is None or int(parts[1]) > int(parts[2]):
        message = f"--range wants two block numbers like 100-200, not {text or 'nothing'}"
        raise InputError(message, hint="the first block comes first; both are included")
    return Span(int(parts[1]), int(parts[2]) + 1)
