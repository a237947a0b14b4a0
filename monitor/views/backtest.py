"""Read a draft of rules and hold it against the ledger's history; reads only, so a daemon may go on beside it."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from monitor.config import Config, locate
from monitor.errors import ConfigError, InputError
from monitor.ledger.reader import Reader
from monitor.rules.backtest import Comparison, compare, overlaid
from monitor.rules.registry import problems
from monitor.rules.rule import Override
from monitor.views.assemble import assemble
from monitor.views.bundle import Bundle
from monitor.views.fromledger import parse_at

__all__ = ["backtest", "read_draft", "seconds"]

_MAX_BYTES = 1_000_000


class _Draft(msgspec.Struct, forbid_unknown_fields=True):
    rules: dict[str, dict[str, Override]] = {}


def read_draft(path: Path) -> dict[str, dict[str, Override]]:
    """Read `[rules.<id>]` tables from a file; raises ConfigError naming every wrong key with its line."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode("utf-8")
        found = msgspec.convert(tomllib.loads(text), _Draft).rules
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise InputError(message, hint="name a readable file with [rules.<id>] tables") from error
    except UnicodeDecodeError as error:
        message = f"{path} cannot be read: {error}"
        raise InputError(message, hint="it is a text file in UTF-8 with [rules.<id>] tables") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        message = f"{path} is no draft of rules: {error}"
        raise InputError(message, hint="it holds tables like [rules.T04] with `min_renters = 4`") from error
    wrong = problems(found)
    if wrong:
        lines = [f"{path}:{locate(text, line.split(maxsplit=1)[0].split('.'))}: {line}" for line in wrong]
        raise ConfigError("\n".join(lines), hint="`monitor rules show RULE` has the parameters and their bounds")
    return found


def seconds(text: str | None) -> int:
    """Read a UTC time as seconds; 0 for none. Raises InputError for anything else."""
    if text is None:
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is no time"
        raise InputError(message, hint="write 2026-03-01 or 2026-03-01T12:00:00Z") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def backtest(
    reader: Reader,
    bundle: Bundle,
    config: Config,
    draft: dict[str, dict[str, Override]],
    since: str | None,
    until: str | None,
) -> Comparison:
    """Compare the rules in force with the draft over the ledger as of `until`, from `since` on.

    Raises InputError for what is no time, and where nothing lies between the two.
    """
    start = seconds(since)
    if since and until and not until.isdigit() and seconds(until) < start:
        message = f"--until {until} is before --since {since}"
        raise InputError(message, hint="a backtest looks from --since to --until")
    facts = assemble(reader, bundle, config, parse_at(reader, until)).world.facts
    return compare(facts, config.rules, overlaid(config.rules, draft), start)
