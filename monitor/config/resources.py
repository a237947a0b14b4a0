"""Where files that ship beside the package are: in a checkout they stand at the top, in a wheel inside the package."""

from __future__ import annotations

from pathlib import Path

__all__ = ["bundled"]

_PACKAGE = Path(__file__).resolve().parent.parent
_IN_WHEEL = {"abis": "_abis", "contracts/artifacts": "_contracts", "config.toml": "_config.toml"}


def bundled(name: str) -> Path:
    """Find `abis`, `contracts/artifacts` or `config.toml`: the wheel's copy first, else the checkout's."""
    inside = _PACKAGE / _IN_WHEEL[name]
    return inside if inside.exists() else _PACKAGE.parent / name
