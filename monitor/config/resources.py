"""Where files that ship beside the package are: in a checkout they stand at the top, in a wheel inside the package."""

from __future__ import annotations

from pathlib import Path

from monitor.errors import LedgerError

__all__ = ["bundled", "ledger_path"]

_PACKAGE = Path(__file__).resolve().parent.parent
_IN_WHEEL = {"abis": "_abis", "contracts/artifacts": "_contracts", "config.toml": "_config.toml"}


def bundled(name: str) -> Path:
    """Find `abis`, `contracts/artifacts` or `config.toml`: the wheel's copy first, else the checkout's."""
    inside = _PACKAGE / _IN_WHEEL[name]
    return inside if inside.exists() else _PACKAGE.parent / name


def ledger_path(text: str) -> Path:
    """Say where the ledger is; raises LedgerError when there is none yet."""
    path = Path(text).expanduser()
    if not path.exists():
        message = f"there is no ledger at {path}"
        raise LedgerError(message, hint="`monitor run` makes one, or name another with --ledger")
    return path
