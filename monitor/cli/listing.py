"""How every list command works: read a snapshot, choose rows, write them in one of four formats."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.context import format_option, load_config

if TYPE_CHECKING:
    from monitor.views.snapshot import Snapshot

__all__ = ["at_option", "listing", "read_snapshot", "show"]

Row = dict[str, Any]


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
    from monitor.views.assemble import load_bundle, open_path, snapshot

    loaded = load_config()
    bundle = load_bundle(loaded.config)
    with Reader(open_path(loaded.config)) as reader:
        return snapshot(reader, bundle, loaded.config, at=at)


def show(rows: Sequence[Row], fmt: str, *, columns: Sequence[str], short: Sequence[str] = ()) -> None:
    """Write rows to stdout; a table on a terminal shows the `short` columns, everything else all of them."""
    from monitor.views.output import write

    names = short if fmt == "table" and short else columns
    write([{name: row[name] for name in names} for row in rows], fmt, sys.stdout, columns=tuple(names))  # type: ignore[arg-type]


def listing(
    name: str, help_text: str, table: str, *, short: Sequence[str], filters: Sequence[tuple[str, str, str]] = ()
) -> click.Command:
    """Make the command that lists one table of `monitor.views.columns`.

    `filters` are (option, column, help): a row is shown when the column's text equals the option's, letter case apart.
    """

    @click.command(name, help=help_text)
    @at_option
    @click.option("--limit", type=click.IntRange(min=1), help="Show at most this many rows.")
    @format_option()
    def command(at: str | None, limit: int | None, fmt: str, **wanted: str | None) -> None:
        from monitor.views.columns import TABLES
        from monitor.views.tables import export_rows

        rows = export_rows(read_snapshot(at), table)
        for option, column, _ in filters:
            text = wanted.get(option)
            if text is not None:
                rows = [row for row in rows if _matches(row[column], text)]
        show(rows[:limit], fmt, columns=TABLES[table].columns, short=short)

    for option, _, text in reversed(filters):
        command = click.option(f"--{option}", metavar="TEXT", help=text)(command)
    return command


def _matches(value: Any, wanted: str) -> bool:
    if isinstance(value, list | tuple):
        return any(_matches(item, wanted) for item in value)
    return str("" if value is None else value).casefold() == wanted.casefold()
