"""What commands share: loading the configuration, and the options `--format`, `--at` and `--market`."""

from __future__ import annotations

import getpass
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from Crypto.PublicKey.ECC import EccKey

    from monitor.config import Loaded

__all__ = ["FORMATS", "Settings", "format_option", "load_config", "located", "login_name", "settings", "signer"]

_LOADED = "monitor.loaded"
FORMATS = ("table", "csv", "json", "ndjson")


class Settings(NamedTuple):
    """What the options before the command say."""

    config: str | None
    ledger: str | None
    debug: bool


def settings() -> Settings:
    """Read the options before the command."""
    found: Settings = click.get_current_context().find_root().obj
    return found


def load_config() -> Loaded:
    """Load the configuration with the flags applied; raises ConfigError with every problem."""
    from monitor.config import load

    chosen = settings()
    loaded = load(chosen.config, overrides={"ledger.path": chosen.ledger} if chosen.ledger else None)
    click.get_current_context().find_root().meta[_LOADED] = loaded
    return loaded


def signer() -> EccKey | None:
    """Read the key that signs exports, None where the configuration names none; raises ConfigError."""
    from monitor.export import read_signer

    reference = load_config().config.export.signing_key
    return None if reference is None else read_signer(reference)


def login_name() -> str:
    """Name the user who is logged in; raises InputError where the machine knows none, as in a bare container."""
    from monitor.errors import InputError

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError) as error:
        message = "it is not known who decides: this user has no name here"
        raise InputError(message, hint="name somebody with --reviewer, or export USER=…") from error


def located(message: str, ctx: click.Context) -> str:
    """Put `file:line` before each line that begins with a dotted key of the configuration, as the loader does."""
    loaded: Loaded | None = ctx.meta.get(_LOADED)
    if loaded is None or loaded.path is None:
        return message
    from monitor.config import locate

    text = loaded.path.read_text(encoding="utf-8")
    lines = []
    for line in message.splitlines():
        key = re.match(r"(?:rules|markets)(?:\.[\w-]+)+", line)
        lines.append(f"{loaded.path}:{locate(text, key[0].split('.'))}: {line}" if key else line)
    return "\n".join(lines)


def format_option(default: str = "table") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `--format table|csv|json|ndjson`."""
    return click.option(
        "--format", "fmt", type=click.Choice(FORMATS), default=default, show_default=True, help="How rows are written."
    )
