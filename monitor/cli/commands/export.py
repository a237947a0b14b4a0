"""`monitor export`: all tables as CSV with a manifest."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.context import signer
from monitor.cli.listing import at_option, read_snapshot


@click.command("export")
@click.argument("directory")
@at_option
def command(directory: str, at: str | None) -> None:
    """Write every table as CSV into DIRECTORY, with manifest.json.

    The same ledger and configuration give the same bytes. `monitor verify DIRECTORY` checks them. Where the
    configuration names an `[export] signing_key`, the manifest is signed.
    """
    from monitor.errors import InputError
    from monitor.export import export

    if not directory:
        message = "DIRECTORY is empty"
        raise InputError(message, hint="name a folder, or `.` for this one")
    key = signer()
    manifest = export(read_snapshot(at), Path(directory), key)
    rows = sum(entry.rows or 0 for entry in manifest.files.values())
    signed = "manifest.json" if key is None else "a signed manifest.json"
    click.echo(f"wrote {len(manifest.files)} tables, {rows} rows, and {signed} to {directory}", err=True)
    for chain in manifest.chains.values():
        if chain.unread_blocks:
            missing = f"{chain.unread_blocks} blocks up to {chain.last_block} are not read yet for some contract"
            click.echo(f"{chain.name}: {missing}; what they hold is in no table", err=True)
