"""`monitor verify`: an export or a pack against its manifest, a pack's logs or the ledger against a node."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.context import load_config

if TYPE_CHECKING:
    from monitor.config import ChainConfig
    from monitor.daemon.audit import Audit
    from monitor.model.span import Span


@click.command("verify")
@click.argument("path", required=False)
@click.option("--key", metavar="FILE", help="The public key, in PEM, that must have signed the manifest.")
@click.option(
    "--chain",
    metavar="NAME",
    help="Hold logs of this chain, by name or id, against a node: those of the pack, or the ledger's.",
)
@click.option("--range", "blocks", metavar="A-B", help="With --chain and no PATH: the blocks, both included.")
@click.option("--endpoint", metavar="URL", help="With --chain: the node to ask [default: the chain's own].")
def command(path: str | None, key: str | None, chain: str | None, blocks: str | None, endpoint: str | None) -> int:
    """Recompute sizes, row counts and SHA-256 of an export or a pack in PATH; exit 1 when anything differs.

    A signature of the manifest is checked with the key that came with it, or with --key, which has to be given where
    there must be one. With --chain, every log, native transaction and block of a pack is asked of a node, which needs
    no configuration if --chain is an id and --endpoint is given.

    With --chain alone, read the logs that the ledger covers again from another node and compare them: those of the
    markets' contracts, of what factories made, and the followed wallets' transfers. Exit 1 when they differ, 3 when the
    node cannot be asked.
    """
    from monitor.errors import InputError

    if path is None and chain is not None and key is None:
        return _ledger(chain, _span(blocks), endpoint)
    if path is None or blocks is not None or (endpoint is not None and chain is None):
        message = "name the PATH of an export or pack, or a --chain with a --range of the ledger"
        raise InputError(message, hint="`monitor verify --help` shows which options go with which")
    return _files(path, key) or (0 if chain is None else _pack(path, chain, endpoint))


def _files(path: str, key: str | None) -> int:
    from monitor.errors import InputError
    from monitor.export import read_public, verify_manifest
    from monitor.views.clean import terminal

    if not Path(path).exists():
        message = f"there is no {path}"
        raise InputError(message, hint="name the folder of an export, or the file of a pack")
    problems, signed = verify_manifest(Path(path), None if key is None else read_public(Path(key)))
    for problem in problems:
        click.echo(terminal(problem, 1000))
    if not problems:
        click.echo(f"{path}: every file is as its manifest says; {signed}", err=True)
    return 1 if problems else 0


def _pack(path: str, name: str, endpoint: str | None) -> int:
    from monitor.daemon.recheck import read_said, recheck
    from monitor.errors import InputError
    from monitor.export import read_packed

    name, chain = _endpoints(name, endpoint)
    logs, transactions, headers = (
        read_packed(Path(path), part) for part in ("logs.json", "transactions.json", "headers.json")
    )
    said = read_said(logs, transactions, headers, chain.id)
    if not said.logs and not said.blocks:
        message = f"{path} holds no log and no block of chain {chain.id}"
        raise InputError(message, hint="its README.txt names the chains")
    found = asyncio.run(recheck(name, chain, said))
    for line in found.differences:
        click.echo(line)
    differ = len(found.differences) or "none"
    what = f"{found.logs} logs, {found.transactions} native transactions and {found.blocks} blocks"
    click.echo(f"{name}: {what} compared; {differ} differ", err=True)
    if found.inside:
        where = f"{name}: of {found.inside} payments inside of transactions"
        click.echo(f"{where} the transaction is compared, not what was moved: that takes a node's traces", err=True)
    return 1 if found.differences else 0


def _endpoints(name: str, endpoint: str | None) -> tuple[str, ChainConfig]:
    """Choose the chain and the endpoints to ask: its own, or the one that is given."""
    from monitor.config import ChainConfig
    from monitor.config.spec import EndpointConfig
    from monitor.errors import InputError

    config = load_config().config
    name = {str(item.id): known for known, item in config.chains.items()}.get(name, name)
    own = None if endpoint is None else EndpointConfig.model_validate({"url": endpoint})
    if name not in config.chains and own is not None and re.fullmatch(r"[1-9]\d{0,14}", name):
        return name, ChainConfig(id=int(name), rpc=[own])
    if name not in config.chains:
        message = f"there is no chain {name} in the configuration"
        raise InputError(message, hint="`monitor config show` lists the tables [chains.…]")
    chain = config.chains[name]
    # One endpoint is no quorum.
    alone = {"rpc": [own], "distrust": "bloom", "distrust_ranges": []}
    return name, chain if own is None else chain.model_copy(update=alone)


def _ledger(name: str, span: Span, endpoint: str | None) -> int:
    from monitor.daemon.audit import audit
    from monitor.views.bundle import load_bundle

    name, chain = _endpoints(name, endpoint)
    config = load_config().config
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
