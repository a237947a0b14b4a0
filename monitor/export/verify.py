"""Check an export or a pack by its manifest: every file there, with the bytes, rows and columns the manifest says."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import msgspec

from monitor.export import signature
from monitor.export.manifest import MANIFEST, MAX_MANIFEST_BYTES, SCHEMA_VERSION, FileEntry, Manifest
from monitor.views import clean
from monitor.views.columns import TABLES

if TYPE_CHECKING:
    from Crypto.PublicKey.ECC import EccKey

__all__ = ["Verdict", "verify_manifest"]

_NAME = re.compile(r"README\.txt|[a-z][a-z_]{0,40}\.(csv|json)")
_CHUNK = 1 << 20
_FIELD_LIMIT = 1 << 26
_Place = Path | zipfile.Path


class Verdict(NamedTuple):
    """What came of checking: what differs, one line each, and in words who signed."""

    problems: list[str]
    signed: str = ""


def verify_manifest(path: Path, pinned: EccKey | None = None) -> Verdict:
    """Hold the manifest of a directory or a zip against the files beside it and its signature.

    With a `pinned` public key it must be signed by that one. No problems: all agrees.
    """
    if not path.is_file():
        return _verify(path, pinned)
    try:
        with zipfile.ZipFile(path) as archive:
            wrong = _unsound(archive, path.stat().st_size)
            return Verdict([wrong]) if wrong else _verify(zipfile.Path(archive), pinned)
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        return Verdict([f"{path.name}: is no zip that can be read: {clean.terminal(str(error))}"])


def _unsound(archive: zipfile.ZipFile, size: int) -> str:
    """Say what keeps a zip from being a pack: only files that are stored once, as they are, are read."""
    held = archive.infolist()
    if len({item.filename for item in held}) != len(held):
        return "a name stands twice in the zip"
    if any(item.compress_type != zipfile.ZIP_STORED or item.flag_bits & 1 for item in held):
        return "files in the zip are compressed or encrypted: a pack stores them as they are"
    if sum(item.file_size for item in held) > size:
        return "the files in the zip say they are larger than the zip"
    return ""


def _verify(directory: _Place, pinned: EccKey | None) -> Verdict:
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
    problems += [f"{clean.terminal(name)}: not in the manifest" for name in _others(directory, listed)]
    return Verdict(problems, signed.words)


def _small(path: _Place) -> bytes | None:
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


def _others(directory: _Place, listed: set[str]) -> list[str]:
    """Name files that look like an export's and are not listed; in a zip, whatever it is."""
    tables = {f"{name}.csv" for name in TABLES}
    found = {path.name for path in directory.iterdir()} - listed - tables - {MANIFEST, *signature.FILES}
    whatever = isinstance(directory, zipfile.Path)
    return sorted(name for name in found if whatever or (_NAME.fullmatch(name) and name.endswith(".csv")))


def _check_file(path: _Place, entry: FileEntry) -> list[str]:
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
            if not path.name.endswith(".csv"):
                return problems
            file.seek(0)
            with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
                problems += _check_rows(text, path.name.removesuffix(".csv"), entry)
    except OSError as error:
        problems.append(f"cannot be read: {error.strerror}")
    except (UnicodeDecodeError, csv.Error) as error:
        problems.append(f"is no CSV in UTF-8: {clean.terminal(str(error))}")
    return problems


def _hash(file: IO[bytes]) -> tuple[int, str]:
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
