"""The daemon's lock: one writer per ledger, released by the system even when the process is killed."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from monitor.errors import LedgerLocked
from monitor.ledger.schema import translated

__all__ = ["Lock"]

_PID_BYTES = 20


class Lock:
    """An exclusive lock on `<ledger>.lock`, held from construction until `release`; raises LedgerLocked."""

    def __init__(self, ledger: Path) -> None:
        path = ledger.with_name(ledger.name + ".lock")
        with translated(ledger):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._file, _PID_BYTES).decode("ascii", "replace").strip()
            os.close(self._file)
            message = f"the ledger {ledger} is being written by process {holder or 'unknown'}"
            raise LedgerLocked(message, hint="stop that daemon first, or use another ledger with --ledger") from error
        os.truncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back; the file stays, since removing it would race with the next holder."""
        os.truncate(self._file, 0)
        os.close(self._file)
