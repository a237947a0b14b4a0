"""`monitor config`: show what is in force and where it came from, check it, print its schema."""

from __future__ import annotations

import json
from typing import Any

import click

from monitor.cli.context import load_config


@click.group("config")
def command() -> None:
    """Show or check the configuration."""


@command.command("show")
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
def show(*, origin: bool) -> None:
    """Print the configuration in force; URLs and secrets are masked."""
    loaded = load_config()
    flat = _flatten(loaded.config.model_dump(mode="json"))
    if not origin:
        for key, value in flat.items():
            click.echo(f"{key} = {json.dumps(value, ensure_ascii=True)}")
        return
    for key, value in flat.items():
        click.echo(f"{key} = {json.dumps(value, ensure_ascii=True)}  # {loaded.origin.get(key, 'default')}")


@command.command("check")
def check() -> None:
    """Check the configuration and the adapters.

    The file, the rule parameters and the market adapters; every problem is shown at once.
    """
    from monitor.views.bundle import load_bundle

    loaded = load_config()
    load_bundle(loaded.config)
    where = loaded.path or "defaults (no config file found)"
    click.echo(f"{where}: ok", err=True)


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema of config.toml, for editors."""
    from monitor.config import Config

    click.echo(json.dumps(Config.model_json_schema(), indent=2, sort_keys=True))


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict) and value:
        flat: dict[str, Any] = {}
        for key, item in value.items():
            flat |= _flatten(item, f"{prefix}.{key}" if prefix else str(key))
        return flat
    return {prefix: value}
