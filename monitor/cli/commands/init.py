"""`monitor init`: write the commented config.toml."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.config.resources import bundled
from monitor.errors import InputError


@click.command("init")
@click.argument("path", default="config.toml")
def command(path: str) -> None:
    """Write a commented config.toml to PATH; an existing file is never overwritten."""
    target = Path(path)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(bundled("config.toml").read_text(encoding="utf-8"))
    except FileExistsError as error:
        message = f"{target} exists already"
        raise InputError(message, hint="name another path, or move the old file away") from error
    except OSError as error:
        message = f"{target} cannot be written: {error.strerror}"
        raise InputError(message, hint="check the folder and its permissions") from error
    named = "" if path == "config.toml" else f"--config {target} "
    click.echo(f"wrote {target}; next: set an endpoint in it, then `monitor {named}doctor`", err=True)
