"""Write all tables and the manifest into a directory, each file whole or not at all, the manifest last."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from monitor.errors import InputError
from monitor.export.manifest import MANIFEST, FileEntry, Manifest, describe, encode, previous_hash
from monitor.export.signature import FILES, sign
from monitor.views.columns import TABLES
from monitor.views.output import csv_lines
from monitor.views.snapshot import Snapshot
from monitor.views.tables import export_rows

if TYPE_CHECKING:
    from Crypto.PublicKey.ECC import EccKey

__all__ = ["export", "write_file"]

_FILE_HINT = "check that the folder is there, that you may write to it and that the disk has room"
_HINT = "check that the path is a directory you may write to and that the disk has room"


def export(snapshot: Snapshot, directory: Path, key: EccKey | None = None) -> Manifest:
    """Write every table as CSV and `manifest.json` into `directory`, made if absent; raises InputError if it cannot.

    Each file is written beside its place and renamed, the manifest after what it lists: whoever finds a manifest whose
    hashes agree holds a complete export. With a private `key` the manifest's signature follows; without one a signature
    of what stood there before is removed. Equal snapshots, and equal keys, give equal bytes.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=directory) as staging:
            return _write(snapshot, directory, Path(staging), key)
    except OSError as error:
        message = f"cannot export to {directory}: {error.strerror or error}"
        raise InputError(message, hint=_HINT) from error


def write_file(path: Path, data: bytes) -> None:
    """Write one file, whole or not at all; raises InputError where it cannot."""
    try:
        with tempfile.TemporaryDirectory(prefix=".write-", dir=path.parent) as staging:
            _write_bytes(Path(staging) / "whole", [data])
            (Path(staging) / "whole").replace(path)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror or error}"
        raise InputError(message, hint=_FILE_HINT) from error


def _write(snapshot: Snapshot, directory: Path, staging: Path, key: EccKey | None) -> Manifest:
    files: dict[str, FileEntry] = {}
    for name, table in TABLES.items():
        rows = export_rows(snapshot, name)
        lines = csv_lines(rows, table.columns)
        size, sha256 = _write_bytes(staging / f"{name}.csv", (line.encode("utf-8") for line in lines))
        files[f"{name}.csv"] = FileEntry(rows=len(rows), bytes=size, sha256=sha256, sort_key=table.sort_key)
    alone = describe(snapshot, files)
    manifest = msgspec.structs.replace(alone, previous_manifest=previous_hash(alone, directory))
    data = encode(manifest)
    last = {MANIFEST: data, **({} if key is None else sign(key, data))}
    for name, content in last.items():
        _write_bytes(staging / name, [content])
    for name in set(FILES) - last.keys():
        (directory / name).unlink(missing_ok=True)
    for name in (*files, *last):
        (staging / name).replace(directory / name)
    return manifest


def _write_bytes(path: Path, parts: Iterable[bytes]) -> tuple[int, str]:
    size = 0
    sha256 = hashlib.sha256()
    with path.open("wb") as file:
        for data in parts:
            size += file.write(data)
            sha256.update(data)
        file.flush()
        os.fsync(file.fileno())
    return size, sha256.hexdigest()
