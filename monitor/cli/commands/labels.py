"""`monitor labels`: who says what a wallet is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from monitor.cli.context import format_option, load_config
from monitor.cli.listing import show
from monitor.config.spec import LabelKind

if TYPE_CHECKING:
    from monitor.views.output import Format
    from monitor.wallets.labelfiles import Format as FileFormat

_COLUMNS = ("address", "label", "kind", "origin", "source", "date", "licence", "confidence")
_SHORT = ("address", "label", "kind", "origin", "date")
_KINDS = get_args(LabelKind)
_FILES = ("csv", "json", "tagpack", "ofac-xml", "ofac-json")


@click.group("labels")
def command() -> None:
    """List and import labels. A service connects nobody; no label takes a wallet out."""


@command.command("list")
@click.option("--kind", type=click.Choice(_KINDS), help="Only this kind.")
@click.option("--address", metavar="ADDRESS", help="Only this wallet (0x…).")
@format_option()
def list_all(kind: str | None, address: str | None, fmt: Format) -> None:
    """List all labels.

    Those of your configuration, imported ones, and the few that ship.
    """
    from monitor.views import format as shown
    from monitor.views.labelstore import all_labels

    rows = [
        {"origin": origin, **label._asdict(), "address": shown.address(label.address)}
        for origin, label in all_labels(load_config().config)
        if kind in {None, label.kind}
    ]
    wanted = [row for row in rows if address is None or str(row["address"]).lower() == address.lower()]
    show(sorted(wanted, key=lambda row: str(row["address"]).lower()), fmt, columns=_COLUMNS, short=_SHORT)


@command.command("import")
@click.argument("file", metavar="FILE")
@click.option("--as", "fmt", type=click.Choice(_FILES), help="What the file is; guessed when left out.")
@click.option("--kind", type=click.Choice(_KINDS), help="The kind of all its labels; by their words when left out.")
@click.option("--source", metavar="TEXT", help="Who says so, where the file does not; its name when left out.")
@click.option(
    "--date", metavar="YYYY-MM-DD", help="When it was true, where the file does not say; its own date if left out."
)
@click.option("--licence", metavar="TEXT", default="", help="Under what licence, where the file does not say.")
@click.option("--confidence", metavar="TEXT", default="", help="How sure, where the file does not say.")
def import_file(
    file: str,
    fmt: FileFormat | None,
    kind: str | None,
    source: str | None,
    date: str | None,
    licence: str,
    confidence: str,
) -> None:
    """Add the labels of FILE.

    It is CSV, explorer JSON, a GraphSense TagPack, or OFAC's list (XML or JSON).
    """
    from datetime import UTC, datetime

    from monitor.errors import InputError
    from monitor.views.labelstore import MAX_BYTES, label_file, store
    from monitor.wallets.labelfiles import Filled, read_labels

    path = Path(file)
    try:
        facts = path.stat()
        if facts.st_size > MAX_BYTES:
            message = f"{path} is larger than {MAX_BYTES} bytes"
            raise InputError(message, hint="split it")
        data = path.read_bytes()
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise InputError(message, hint="check the path") from error
    when = date or datetime.fromtimestamp(facts.st_mtime, UTC).strftime("%Y-%m-%d")
    labels, skipped = read_labels(data, fmt, Filled(source or path.name, when, licence, confidence, kind or ""))
    config = load_config().config
    new, total = store(config, labels)
    words = f"; {skipped} entries of other chains skipped" if skipped else ""
    click.echo(f"{len(labels)} labels read, {new} new, {total} in {label_file(config)}{words}", err=True)
