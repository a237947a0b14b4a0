"""Find, read and check the configuration; report every problem with its line."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from monitor.config.plain import plain
from monitor.config.spec import Config
from monitor.errors import ConfigError

__all__ = ["Loaded", "find_config", "load", "locate", "read_toml"]

MAX_BYTES = 4 * 1024 * 1024
ENV_PREFIX = "MONITOR_"
_HINT = "`monitor init other.toml` writes one that explains every key, to compare with"


class Loaded(NamedTuple):
    """A configuration with where it came from: `origin` maps a dotted key to `file:line`, a variable or `default`."""

    config: Config
    path: Path | None
    origin: dict[str, str]


def find_config(explicit: str | None, cwd: Path) -> Path | None:
    """Choose the file: `--config`, then `MONITOR_CONFIG`, then `./config.toml`, then XDG; None when there is none."""
    named = explicit or os.environ.get(ENV_PREFIX + "CONFIG")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            message = f"config file {path} {'is no file' if path.exists() else 'does not exist'}"
            raise ConfigError(message, hint="`monitor init` writes a commented one")
        return path
    xdg = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return next((p for p in (cwd / "config.toml", xdg / "monitor" / "config.toml") if p.is_file()), None)


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Read a TOML file of bounded size: (table, text); raises ConfigError with the line of a syntax error."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}"
        raise ConfigError(message, hint="check the path and its permissions") from error
    if len(raw) > MAX_BYTES:
        message = f"{path}: larger than {MAX_BYTES} bytes"
        raise ConfigError(message, hint="is this the right file?")
    try:
        text = raw.decode("utf-8")
        return tomllib.loads(text), text
    except UnicodeDecodeError as error:
        message = f"{path}: not UTF-8 at byte {error.start}"
        raise ConfigError(message, hint="save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        message = f"{path}: {error}"
        raise ConfigError(message, hint="fix the TOML syntax at that line") from error


def load(explicit: str | None = None, *, cwd: Path | None = None, overrides: dict[str, str] | None = None) -> Loaded:
    """Build the frozen Config: overrides (flags) > `MONITOR_A__B` variables > file > defaults.

    Raises ConfigError whose message has one line per problem, each with file and line.
    """
    path = find_config(explicit, cwd or Path.cwd())
    table, text = read_toml(path) if path else ({}, "")
    origin = {key: f"{path}:{locate(text, key.split('.'))}" for key in _flatten(table)}
    for name, value in sorted(os.environ.items()):
        if name.startswith(ENV_PREFIX) and ("__" in name or name[len(ENV_PREFIX) :].lower() in Config.model_fields):
            keys = _spelt(table, name[len(ENV_PREFIX) :].lower().split("__"))
            _put(table, keys, value, where=name)
            origin[".".join(keys)] = name
    for dotted, value in (overrides or {}).items():
        _put(table, dotted.split("."), value, where="command line")
        origin[dotted] = "command line"
    try:
        return Loaded(Config.model_validate(table), path, origin)
    except ValidationError as error:
        lines = [_problem(item, path, text, origin) for item in error.errors()]
        raise ConfigError("\n".join(lines), hint=_HINT) from error


def locate(text: str, keys: list[str]) -> int:
    """Find the line (from 1) that defines the longest prefix of a dotted key in TOML text; 1 when there is none."""
    best, best_depth, table = 1, 0, []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if header := re.match(r"\[\[?\s*([^\]]+?)\s*\]\]?", line):
            table = [part.strip().strip("\"'") for part in header[1].split(".")]
            path = table
        elif pair := re.match(r"([A-Za-z0-9_.\"'-]+)\s*=", line):
            path = table + [part.strip("\"'") for part in pair[1].split(".")]
        else:
            continue
        depth = len(path) if path == keys[: len(path)] else 0
        if depth > best_depth:
            best, best_depth = number, depth
    return best


def _flatten(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= _flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def _put(table: dict[str, Any], keys: list[str], value: str, *, where: str) -> None:
    for key in keys[:-1]:
        below: Any = table.setdefault(key, {})
        if isinstance(below, dict):
            table = below
        else:
            message = f"{where}: {'.'.join(keys)} goes below a value that is not a table"
            raise ConfigError(message, hint=_HINT)
    table[keys[-1]] = _typed(value)


def _spelt(table: dict[str, Any], keys: list[str]) -> list[str]:
    """Spell a variable's keys as the file does, letter case apart, and the ids of rules in capitals."""
    spelt: list[str] = []
    below: Any = table
    for key in keys:
        names = below if isinstance(below, dict) else {}
        plain = key.upper() if spelt == ["rules"] else key
        found = next((name for name in names if name.lower() == key), plain)
        spelt.append(found)
        below = names.get(found)
    return spelt


def _typed(value: str) -> Any:
    try:
        return tomllib.loads(f"x = {value}")["x"]
    except tomllib.TOMLDecodeError:
        return value


def _whence(dotted: str, origin: dict[str, str]) -> str | None:
    """Say where a key came from, or the variable that holds it or made its table; None: the file's lines tell."""
    if dotted in origin:
        return origin[dotted]
    above = [origin[name] for name in origin if dotted.startswith(f"{name}.")]
    below = [origin[name] for name in origin if name.startswith(f"{dotted}.")]
    found = above or below
    return found[0] if found and all(where.startswith(ENV_PREFIX) for where in found) else None


def _problem(item: Any, path: Path | None, text: str, origin: dict[str, str]) -> str:
    keys = [str(part) for part in item["loc"] if part != "[key]"]
    dotted = ".".join(keys) or "config"
    what = plain(item["type"], item["msg"])
    named = re.match(r"[a-z_.0-9-]+\.[a-z_.0-9-]+", what) if not keys else None
    line = locate(text, named[0].split(".") if named else keys)
    where = _whence(dotted, origin) or (f"{path}:{line}" if path else "config")
    return f"{where}: {dotted}: {what}"
