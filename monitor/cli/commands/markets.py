"""`monitor markets`: the adapters."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.context import format_option, load_config
from monitor.cli.listing import show

if TYPE_CHECKING:
    from monitor.views.output import Format

_LIST = ("market", "title", "chains", "lease", "gpu", "region", "price", "payer", "missing", "opt_in", "verified")
_SHORT = ("market", "title", "chains", "lease", "gpu", "region", "price", "payer", "verified")
_SHOW = ("role", "event", "verb", "layouts", "fields", "table")
_UPGRADES = ("chain_id", "role", "contract", "event", "detail", "block_number", "block_time", "tx_hash", "state")
_QUARANTINE = ("market", "chain_id", "role", "block_number", "log_index", "reason")
_DECODE = ("market", "chain_id", "role", "event", "verb", "lease_id", "fields", "reason")


@click.group("markets")
def command() -> None:
    """List, show, check and try the market adapters."""


def _load(folder: str | None, *, checked: bool = False) -> Any:
    from monitor.markets.lint import load_checked
    from monitor.markets.load import folders, load_markets

    paths = [Path(folder)] if folder else folders(load_config().config)
    return (load_checked if checked else load_markets)(list(paths))


@command.command("list")
@format_option()
def list_all(fmt: Format) -> None:
    """List markets and what their events tell.

    Their chains, and whether lease, GPU, region, price and payer are told; json and csv say why not.
    """
    from monitor.markets.coverage import coverage

    show([coverage(market)._asdict() for market in _load(None).values()], fmt, columns=_LIST, short=_SHORT)


@command.command("show")
@click.argument("name")
@click.option("--upgrades", is_flag=True, help="List instead when its contracts were changed, as the ledger knows it.")
@format_option()
def show_one(name: str, fmt: Format, *, upgrades: bool) -> None:
    """Show how the events of market NAME are read.

    Each event, its verb and the unified fields it sets.
    """
    from monitor.markets.lifecycle import lifecycle

    markets = _load(None)
    _known(name, markets)
    if upgrades:
        show(_upgrades(name), fmt, columns=_UPGRADES)
        return
    rows = [{**row._asdict(), "layouts": row.layouts} for row in lifecycle(markets[name])]
    show(rows, fmt, columns=_SHOW)


def _upgrades(name: str) -> list[dict[str, Any]]:
    from monitor.ledger.reader import Reader
    from monitor.views.bundle import open_path
    from monitor.views.status import upgrade_row

    with Reader(open_path(load_config().config)) as reader:
        return [upgrade_row(row) for row in reader.upgrades() if row.market == name]


@command.command("quarantine")
@click.argument("name", required=False)
@format_option()
def quarantine(name: str | None, fmt: Format) -> None:
    """List the logs that no adapter could read.

    Of all markets or of NAME, with the reason and any upgrade before them.
    """
    import msgspec

    from monitor.ledger.reader import Reader
    from monitor.views.bundle import open_path

    if name is not None:
        _known(name, _load(None))
    with Reader(open_path(load_config().config)) as reader:
        rows = [msgspec.structs.asdict(row) for row in reader.quarantine() if name in {None, row.market}]
    show(rows, fmt, columns=_QUARANTINE)


@command.command("check")
@click.argument("folder", required=False)
@click.option(
    "--notes", is_flag=True, help="Also list fields no rule reads, missing start blocks, verbs without effect."
)
def check(folder: str | None, *, notes: bool) -> None:
    """Check every adapter, or those in FOLDER.

    Expressions, roles, verbs and clashes; each problem with file and line.
    """
    from monitor.errors import InputError
    from monitor.markets.advice import advice

    markets = _load(folder, checked=True)
    if not markets:
        message = f"there is no market in {folder}"
        raise InputError(message, hint="a market is a folder in it, with a market.toml")
    remarks = advice(markets)
    for remark in remarks if notes else ():
        click.echo(remark.text())
    more = "" if notes or not remarks else f", {len(remarks)} notes (--notes lists them)"
    click.echo(f"{len(markets)} markets: ok{more}", err=True)


@command.command("decode")
@click.argument("file")
@click.option("--chain", "chain_id", type=click.IntRange(min=1), help="Chain id the logs are from.")
@format_option("csv")
def decode(file: str, chain_id: int | None, fmt: Format) -> None:
    """Decode the logs in FILE.

    FILE is a JSON array of RPC logs (- for standard input); one row per log.

    Columns: market, chain_id, role, event, verb, lease_id, fields (JSON of unified fields), reason (why a log is
    quarantined; its verb is empty).
    """
    from monitor.markets.load import bind_everywhere
    from monitor.markets.logfile import decode_file

    config = load_config().config
    markets = _load(None)
    rows = decode_file(_bytes(file), markets, bind_everywhere(markets, config), chain_id)
    show([row._asdict() for row in rows], fmt, columns=_DECODE)


def _known(name: str, markets: Collection[str]) -> None:
    from monitor.errors import InputError

    if name not in markets:
        message = f"there is no market {name!r}"
        raise InputError(message, hint=f"known: {', '.join(markets)}")


def _bytes(file: str) -> bytes:
    from monitor.errors import InputError
    from monitor.markets.logfile import MAX_BYTES

    if file == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        with Path(file).open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}"
        raise InputError(message, hint="check the path") from error
