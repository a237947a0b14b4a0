"""The manifest of an export: what it was made from, and the hash of every file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from monitor.errors import InputError
from monitor.views import clean
from monitor.views import format as fmt
from monitor.views.snapshot import Snapshot
from monitor.views.status import legal_is_stale

__all__ = [
    "MANIFEST",
    "MAX_MANIFEST_BYTES",
    "SCHEMA_VERSION",
    "ChainRange",
    "FileEntry",
    "LegalBlock",
    "Manifest",
    "digest",
    "encode",
    "previous_hash",
]

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
MAX_MANIFEST_BYTES = 1_048_576
_TEXT_LIMIT = 2_000


class FileEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file: rows without the header (null where it holds no rows), bytes, lower-case hex SHA-256, sort columns."""

    rows: int | None
    bytes: int
    sha256: str
    sort_key: tuple[str, ...]


class ChainRange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The blocks of one chain the export was made from."""

    name: str
    first_block: int | None
    last_block: int | None
    head_hash: str | None
    unread_blocks: int = 0
    """Blocks up to the last of which some contract's logs were not read yet: what they hold is not in the export."""


class LegalBlock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The legal file findings were judged under; `stale` compares `verify_by` with the newest block, not a clock."""

    version: str
    jurisdiction: str
    verify_by: str
    stale: bool
    statement: str
    notice: str = "For human review; no file states that a law was broken. Not legal advice."


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `manifest.json` holds, in its order."""

    schema_version: int
    tool_version: str
    config_digest: str
    as_of: str | None
    """Newest block time of any chain, UTC ISO-8601."""
    rules: dict[str, int]
    legal: LegalBlock
    chains: dict[str, ChainRange]
    """By decimal chain id."""
    files: dict[str, FileEntry]
    lead: str | None = None
    """The lead that a pack is about; null for an export of everything."""
    previous_manifest: str | None = None
    """SHA-256 of the manifest of the different export that stood here before."""


def digest(data: bytes) -> str:
    """Hash bytes with SHA-256, lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def describe(snapshot: Snapshot, files: dict[str, FileEntry], lead: str | None = None) -> Manifest:
    """Describe an export of this snapshot, or the pack of a `lead`, without a previous one."""
    as_of = snapshot.as_of
    legal = snapshot.legal
    chains = sorted(snapshot.chains, key=lambda chain: chain.chain_id)
    # `now` is the moment of reading: with it in, the same ledger would give other bytes tomorrow.
    timeless = msgspec.structs.replace(snapshot, now=0)
    return Manifest(
        schema_version=SCHEMA_VERSION,
        tool_version=snapshot.tool_version,
        config_digest=snapshot.config_digest,
        as_of=fmt.time(as_of),
        rules={rule.rule: rule.version for rule in sorted(snapshot.rules, key=lambda rule: rule.rule)},
        legal=LegalBlock(
            version=legal.version,
            jurisdiction=legal.jurisdiction,
            verify_by=legal.verify_by,
            stale=legal_is_stale(timeless),
            statement=clean.terminal(legal.statement, _TEXT_LIMIT),
        ),
        chains={
            str(chain.chain_id): ChainRange(
                name=clean.terminal(chain.name),
                first_block=chain.first_block,
                last_block=chain.last_block,
                head_hash=fmt.hex_text(chain.head_hash or None),
                unread_blocks=chain.unread_blocks,
            )
            for chain in chains
        },
        files=files,
        lead=lead,
    )


def encode(manifest: Manifest) -> bytes:
    """Write a manifest as indented JSON with a final newline."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def previous_hash(manifest: Manifest, directory: Path) -> str | None:
    """Choose `previous_manifest` for a new manifest of this directory; raises InputError when the old is unreadable.

    Nothing there: None. The same export there: what it says itself, so that exporting again changes no byte. Another
    export, or a manifest this version cannot read: the hash of its bytes, so that replacing one leaves a trace.
    """
    try:
        with (directory / MANIFEST).open("rb") as file:
            old = file.read(MAX_MANIFEST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"the manifest in {directory} cannot be read: {error.strerror}"
        raise InputError(message, hint="check its permissions, or export to another directory") from error
    if len(old) <= MAX_MANIFEST_BYTES:
        try:
            found = msgspec.json.decode(old, type=Manifest)
        except msgspec.DecodeError:
            return digest(old)
        if msgspec.structs.replace(found, previous_manifest=None) == manifest:
            return found.previous_manifest
    return digest(old)
