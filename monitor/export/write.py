"""Write all tables and the manifest into a directory, each file whole or not at all, the manifest last."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from monitor.errors import InputError
from monitor.export.manifest import MANIFEST, FileEntry, Manifest, describe, encode, previous_hash
from monitor.views.columns import TABLES
from monitor.views.output import csv_lines
from monitor.views.snapshot import Snapshot
from monitor.views.tables import export_rows

__all__ = ["export"]

_HINT = "check that the path is a directory you may write to and that the disk has room"


def export(snapshot: Snapshot, directory: Path) -> Manifest:
    """Write every table as CSV and `manifest.json` into `directory`, made if absent; raises InputError if it cannot.

    Each file is written beside its place and renamed, the manifest last: whoever finds a manifest whose hashes agree
    holds a complete export. Equal snapshots give equal bytes.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=directory) as staging:
            return _write(snapshot, directory, Path(staging))
    except OSError as error:
        message = f"cannot export to {directory}: {error.strerror or error}"
        raise InputError(message, hint=_HINT) from error


def _write(snapshot: Snapshot, directory: Path, staging: Path) -> Manifest:
    files: dict[str, FileEntry] = {}
    for name, table in TABLES.items():
        rows = export_rows(snapshot, name)
        size, sha256 = _write_lines(staging / f"{name}.csv", csv_lines(rows, table.columns))
        files[f"{name}.csv"] = FileEntry(rows=len(rows), bytes=size, sha256=sha256, sort_key=table.sort_key)
    alone = describe(snapshot, files)
    manifest = msgspec.structs.replace(alone, previous_manifest=previous_hash(alone, directory))
    _write_lines(staging / MANIFEST, [encode(manifest).decode()])
    for name in (*files, MANIFEST):
        (staging / name).replace(directory / name)
    return manifest


def _write_lines(path: Path, lines: Iterable[str]) -> tuple[int, str]:
    size = 0
    sha256 = hashlib.sha256()
    with path.open("wb") as file:
        for line in lines:
            data = line.encode("utf-8")
            size += file.write(data)
            sha256.update(data)
        file.flush()
        os.fsync(file.fileno())
    return size, sha256.hexdigest()
