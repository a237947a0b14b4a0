"""Check an export against its manifest: every file there, with the bytes, rows and columns the manifest says."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from monitor.export import signature
from monitor.export.manifest import MANIFEST, MAX_MANIFEST_BYTES, SCHEMA_VERSION, FileEntry, Manifest
from monitor.views import clean
from monitor.views.columns import TABLES

if TYPE_CHECKING:
    from Crypto.PublicKey.ECC import EccKey

__all__ = ["Verdict", "verify_manifest"]

_NAME = re.compile(r"[a-z][a-z_]{0,40}\.csv")
_CHUNK = 1 << 20
_FIELD_LIMIT = 1 << 26


class Verdict(NamedTuple):
    """What came of checking: what differs, one line each, and in words who signed."""

    problems: list[str]
    signed: str = ""


def verify_manifest(directory: Path, pinned: EccKey | None = None) -> Verdict:
    """Hold a manifest against the files beside it and its signature; with a `pinned` public key it must be that one's.

    No problems: all agrees.
    """
    if (directory / MANIFEST).exists() and not (directory / MANIFEST).is_file():
        return Verdict([f"{MANIFEST}: is no file"])
    try:
        with (directory / MANIFEST).open("rb") as file:
            data = file.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        return Verdict([f"{MANIFEST}: cannot be read: {error.strerror}"])
    if len(data) > MAX_MANIFEST_BYTES:
        return Verdict([f"{MANIFEST}: larger than {MAX_MANIFEST_BYTES} bytes"])
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Verdict([f"{MANIFEST}: malformed: {clean.terminal(str(error))}"])
    signed = signature.check(lambda name: _small(directory / name), data, pinned)
    problems = [*signed.problems, *_check_version(manifest)]
    problems += [f"{name}.csv: not in the manifest" for name in TABLES if f"{name}.csv" not in manifest.files]
    for name, entry in manifest.files.items():
        if _NAME.fullmatch(name):
            problems += [f"{name}: {problem}" for problem in _check_file(directory / name, entry)]
        else:
            problems.append(f"{MANIFEST}: {clean.terminal(name)!r} is no name of an export's file")
    listed = set(manifest.files)
    problems += [f"{path.name}: not in the manifest" for path in _others(directory, listed)]
    return Verdict(problems, signed.words)


def _small(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(signature.MAX_KEY_BYTES)
    except FileNotFoundError:
        return None
    except OSError:
        # A folder, or a file of somebody else: there, but no signature or key.
        return b""


def _check_version(manifest: Manifest) -> list[str]:
    if manifest.schema_version == SCHEMA_VERSION:
        return []
    return [f"{MANIFEST}: schema version {manifest.schema_version}, this program knows {SCHEMA_VERSION}"]


def _others(directory: Path, listed: set[str]) -> list[Path]:
    found = sorted(directory.glob("*.csv"))
    return [
        path for path in found if _NAME.fullmatch(path.name) and path.name not in listed and path.stem not in TABLES
    ]


def _check_file(path: Path, entry: FileEntry) -> list[str]:
    if path.exists() and not path.is_file():
        return ["is no file"]
    problems: list[str] = []
    try:
        with path.open("rb") as file:
            size, sha256 = _hash(file)
            if size != entry.bytes:
                problems.append(f"{size} bytes, the manifest says {entry.bytes}")
            if sha256 != entry.sha256:
                problems.append(f"SHA-256 {sha256}, the manifest says {clean.terminal(entry.sha256, 80)}")
            file.seek(0)
            with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
                problems += _check_rows(text, path.stem, entry)
    except OSError as error:
        problems.append(f"cannot be read: {error.strerror}")
    except (UnicodeDecodeError, csv.Error) as error:
        problems.append(f"is no CSV in UTF-8: {clean.terminal(str(error))}")
    return problems


def _hash(file: io.BufferedReader) -> tuple[int, str]:
    size = 0
    sha256 = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        size += len(chunk)
        sha256.update(chunk)
    return size, sha256.hexdigest()


def _check_rows(text: io.TextIOWrapper, name: str, entry: FileEntry) -> list[str]:
    csv.field_size_limit(_FIELD_LIMIT)
    reader = csv.reader(text, strict=True)
    header = next(reader, [])
    problems: list[str] = []
    if name in TABLES and tuple(header) != TABLES[name].columns:
        problems.append("columns differ from the documented ones")
    ragged = 0
    rows = 0
    for row in reader:
        rows += 1
        ragged += len(row) != len(header)
    if ragged:
        problems.append(f"{ragged} rows with another number of fields than the header")
    if rows != entry.rows:
        problems.append(f"{rows} rows, the manifest says {entry.rows}")
    return problems
