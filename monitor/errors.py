"""The error tree: one class per thing the reader should do, each with a one-line message and a hint.

    MonitorError
    ├── ConfigError          fix config.toml or the command line                     exit 2
    ├── MarketError          fix a market file                                       exit 2
    ├── InputError           fix a file or argument given to a command               exit 2
    ├── ChainUnreachable     check the endpoint, the network, the key                exit 3
    │   ├── WrongChain       the endpoint serves another chain                       exit 3
    │   └── NodeRefused      the endpoint answered, but not with what was asked      exit 3
    ├── DeepReorg            the chain changed below finality: repair by hand        exit 1
    ├── LedgerError          the disk, the file or its permissions                   exit 1
    │   ├── LedgerLocked     another daemon writes this ledger                       exit 5
    │   └── LedgerNewer      the ledger was written by a newer version               exit 5
    ├── DeliveryError        a webhook receiver refused                              exit 1
    └── ToolMissing          a program this command starts is not installed          exit 1

Exit codes are mapped in `monitor.cli` only. Undecodable logs are data (quarantine), not exceptions.
"""

from __future__ import annotations

__all__ = [
    "ChainUnreachable",
    "ConfigError",
    "DeepReorg",
    "DeliveryError",
    "InputError",
    "LedgerError",
    "LedgerLocked",
    "LedgerNewer",
    "MarketError",
    "MonitorError",
    "NodeRefused",
    "ToolMissing",
    "WrongChain",
]


class MonitorError(Exception):
    """A failure the user can act on: `message` is one plain line, `hint` says what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(MonitorError):
    """The configuration is wrong; `message` may hold several lines, one per problem, each with file and line."""


class MarketError(MonitorError):
    """A market file is wrong; `message` may hold several lines, one per problem, each with file and line."""


class InputError(MonitorError):
    """A file or argument handed to a command cannot be used."""


class ChainUnreachable(MonitorError):
    """No endpoint of a chain answers."""


class WrongChain(ChainUnreachable):
    """An endpoint answers for another chain id than configured."""


class NodeRefused(ChainUnreachable):
    """An endpoint answered with an error that no smaller or later request mends."""


class DeepReorg(MonitorError):
    """The chain changed below the finalised block: the ledger's history is no longer the chain's."""


class LedgerError(MonitorError):
    """The ledger file cannot be opened, read or written."""


class LedgerLocked(LedgerError):
    """Another process holds the write lock of this ledger."""


class LedgerNewer(LedgerError):
    """The ledger's schema is newer than this program."""


class DeliveryError(MonitorError):
    """An alert could not be delivered."""


class ToolMissing(MonitorError):
    """An external program is not installed."""
