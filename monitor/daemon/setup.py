"""What a run is given, and how far it is to go: what the parts of the daemon share, and nobody changes."""

from __future__ import annotations

from typing import NamedTuple

from monitor.config import Config
from monitor.daemon.progress import Progress
from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from monitor.views.bundle import Bundle

__all__ = ["Mode", "Setup"]


class Mode(NamedTuple):
    """How far to go: for ever, or to the head once; `first` and `last` bound the blocks of a backfill."""

    until_head: bool = False
    first: int | None = None
    last: int | None = None
    deliver: bool = True


class Setup(NamedTuple):
    """The configuration and what it binds, the ledger's two ends, where to say things, and how far to go."""

    config: Config
    bundle: Bundle
    writer: Writer
    reader: Reader
    progress: Progress
    mode: Mode
