"""What commands share: loading the configuration, and the options `--format`, `--at` and `--market`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from monitor.cli.main import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.config import Loaded

__all__ = ["FORMATS", "format_option", "load_config", "settings"]

FORMATS = ("table", "csv", "json", "ndjson")


def settings() -> Settings:
    """Read the options before the command."""
    found: Settings = click.get_current_context().find_root().obj
    return found


def load_config() -> Loaded:
    """Load the configuration with the flags applied; raises ConfigError with every problem."""
    from monitor.config import load

    chosen = settings()
    return load(chosen.config, overrides={"ledger.path": chosen.ledger} if chosen.ledger else None)


def format_option(default: str = "table") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `--format table|csv|json|ndjson`."""
    return click.option(
        "--format", "fmt", type=click.Choice(FORMATS), default=default, show_default=True, help="How rows are written."
    )
