"""How every list command works: read a snapshot, choose rows, write them in one of four formats."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from monitor.cli.context import format_option, load_config

if TYPE_CHECKING:
    from monitor.model.lead import Lead
    from monitor.views.output import Format
    from monitor.views.snapshot import Snapshot

__all__ = [
    "Filter",
    "at_option",
    "chosen_lead",
    "listing",
    "market_names",
    "parse_address",
    "read_snapshot",
    "show",
]

Row = dict[str, Any]
_ADDRESS_BYTES = 20
_NAMED = 40
"""Names in a hint at most: of more, those like the one that was asked for."""


class Filter(NamedTuple):
    """An option of a list command: `--option TEXT` keeps the rows whose `column` is the text."""

    option: str
    column: str
    help: str
    choices: tuple[str, ...] = ()
    address: bool = False
    """The text must be an address: a mistyped one would list nothing, as if there were nothing."""
    known: Callable[[], Collection[str]] | None = None
    """The names there are, beside those in the rows (`tuple`: only those): another is refused for the same reason."""


def at_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--at BLOCK|TIME`."""
    return click.option(
        "--at",
        metavar="BLOCK|TIME",
        help="Look at the past: a block number, or a UTC time like 2026-03-01 or 2026-03-01T12:00:00Z.",
    )(function)


def read_snapshot(at: str | None = None) -> Snapshot:
    """Read the ledger that the configuration names, as of now or of `at`."""
    from monitor.ledger.reader import Reader
    from monitor.views.bundle import load_bundle, open_path
    from monitor.views.fromledger import snapshot

    loaded = load_config()
    bundle = load_bundle(loaded.config)
    with Reader(open_path(loaded.config)) as reader:
        return snapshot(reader, bundle, loaded.config, at=at)


def chosen_lead(snapshot: Snapshot, lead_id: str, at: str | None) -> Lead:
    """Find a lead by its id; raises InputError when there is none."""
    from monitor.errors import InputError

    lead = next((lead for lead in snapshot.leads if lead.lead_id == lead_id), None)
    if lead is None:
        message = f"there is no lead {lead_id}" + (f" at {at}" if at else "")
        raise InputError(message, hint="`monitor leads list --all` shows them")
    return lead


def show(rows: Sequence[Row], fmt: Format, *, columns: Sequence[str], short: Sequence[str] = ()) -> None:
    """Write rows to stdout; a table shows the `short` columns, everything else all of them."""
    from monitor.views.output import write

    names = short if fmt == "table" and short else columns
    write([{name: row[name] for name in names} for row in rows], fmt, sys.stdout, columns=tuple(names))
    if not rows and fmt == "table":
        click.echo("nothing to show", err=True)


def listing(
    name: str, help_text: str, table: str, *, short: Sequence[str], filters: Sequence[Filter] = ()
) -> click.Command:
    """Make the command that lists one table of `monitor.views.columns`.

    A row is shown when each filter's column holds the option's text, letter case apart.
    """

    @click.command(name, help=help_text)
    @at_option
    @click.option("--limit", type=click.IntRange(min=1), help="Show at most this many rows.")
    @format_option()
    def command(at: str | None, limit: int | None, fmt: Format, **wanted: str | None) -> None:
        from monitor.views.columns import TABLES
        from monitor.views.format import address
        from monitor.views.tables import export_rows

        asked = {item: text for item in filters if (text := wanted.get(item.option)) is not None}
        asked |= {item: str(address(parse_address(text))) for item, text in asked.items() if item.address}
        rows = export_rows(read_snapshot(at), table)
        for item, text in asked.items():
            _known(item, text, rows)
            rows = [row for row in rows if _matches(row[item.column], text)]
        show(rows[:limit], fmt, columns=TABLES[table].columns, short=short)

    for item in reversed(filters):
        choice = click.Choice(item.choices, case_sensitive=False) if item.choices else None
        metavar = None if item.choices else "TEXT"
        command = click.option(f"--{item.option}", type=choice, metavar=metavar, help=item.help)(command)
    return command


def _known(item: Filter, text: str, rows: Sequence[Row]) -> None:
    from monitor.errors import InputError

    if item.known is None:
        return
    names = sorted({*item.known(), *(str(row[item.column]) for row in rows)})
    if text.casefold() not in map(str.casefold, names):
        message = f"there is no {item.column.removesuffix('_id')} {text!r}"
        near = names if len(names) <= _NAMED else get_close_matches(text, names, 5)
        known = ", ".join(near) or f"{len(names)}, too many to name here"
        raise InputError(message, hint=f"known: {known}; without --{item.option} all are listed")


def _matches(value: Any, wanted: str) -> bool:
    if isinstance(value, list | tuple):
        return any(_matches(item, wanted) for item in value)
    return str("" if value is None else value).casefold() == wanted.casefold()


def market_names() -> Collection[str]:
    """Name the markets that have an adapter; raises MarketError."""
    from monitor.markets.load import folders, load_markets

    return load_markets(list(folders(load_config().config)))


def parse_address(text: str) -> bytes:
    """Read an address argument, with or without `0x`; raises InputError for anything else."""
    from monitor.errors import InputError

    digits = text.removeprefix("0x")
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        raw = b""
    if len(raw) != _ADDRESS_BYTES or len(digits) != 2 * _ADDRESS_BYTES:
        message = f"{text!r} is no address"
        raise InputError(message, hint="write 0x and 40 hex digits")
    return raw
