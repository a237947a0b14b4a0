"""The evidence pack of one lead: a zip that can be checked years later with any node, without this program.

Stored, not compressed, with fixed times and order: compressors differ between versions, and the same lead must give the
same bytes. What stands in it is told by its own README.txt and by docs/exports.md.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from monitor.errors import InputError
from monitor.export.manifest import MANIFEST, FileEntry, Manifest, describe, digest, encode
from monitor.export.packtext import readme
from monitor.export.signature import sign
from monitor.export.write import write_file
from monitor.model.lead import Lead
from monitor.views import format as fmt
from monitor.views.clean import json_text
from monitor.views.columns import TABLES, Table
from monitor.views.dossier import dossier
from monitor.views.evidence import Evidence, about, labels_of
from monitor.views.output import csv_lines
from monitor.views.snapshot import Snapshot
from monitor.views.tables import Row, export_rows, sort_rows
from monitor.wallets.labels import Label

if TYPE_CHECKING:
    from Crypto.PublicKey.ECC import EccKey

__all__ = ["README", "pack", "read_packed"]

README = "README.txt"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest time a zip can hold."""
_MODE = 0o100644 << 16
_UNIX = 3
_EVIDENCE = Table(
    ("chain_id", "block", "tx", "log_index", "named_by", "in_ledger"), ("chain_id", "block", "tx", "log_index")
)
_LABELS = Table(("address", "label", "kind", "source", "date", "licence", "confidence"), ("address", "label", "source"))


def pack(
    snapshot: Snapshot,
    lead: Lead,
    found: Evidence,
    labels: Iterable[Label],
    path: Path,
    key: EccKey | None = None,
) -> Manifest:
    """Write the pack of a lead to `path`, whole or not at all; raises InputError where it cannot.

    Equal leads with equal evidence, and equal keys, give equal bytes.
    """
    # The moment of reading would make a stale legal file of tomorrow another pack.
    snapshot = msgspec.structs.replace(snapshot, now=0)
    files, entries = _files(snapshot, lead, found, labels)
    manifest = describe(snapshot, entries, lead.lead_id)
    data = encode(manifest)
    whole = {**files, MANIFEST: data, **({} if key is None else sign(key, data))}
    write_file(path, _zipped(whole))
    return manifest


def read_packed(path: Path, name: str) -> bytes:
    """Read one file of a pack, zipped or unpacked; raises InputError where it is not there."""
    try:
        if path.is_dir():
            return (path / name).read_bytes()
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        message = f"{path} holds no {name}: it is no pack"
        raise InputError(message, hint="`monitor pack` writes them") from error


def _zipped(files: Mapping[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system, info.external_attr = _UNIX, _MODE
            archive.writestr(info, data)
    return whole.getvalue()


def _files(
    snapshot: Snapshot, lead: Lead, found: Evidence, labels: Iterable[Label]
) -> tuple[dict[str, bytes], dict[str, FileEntry]]:
    """Write every file but the manifest: those to read first, then what they rest on, then the tables of an export."""
    part = about(snapshot, lead)
    made: dict[str, tuple[bytes, int | None, Table | None]] = {
        README: (readme(part, lead, found).encode(), None, None),
        "lead.json": (_json(dossier(snapshot, lead)), None, None),
        "evidence.csv": _csv(_evidence_rows(found), _EVIDENCE),
        "logs.json": _list(_logs(found)),
        "transactions.json": _list(_transactions(found)),
        "headers.json": _list(_headers(found)),
        "labels.csv": _csv(_label_rows(labels_of(part, labels)), _LABELS),
        **{f"{name}.csv": _csv(export_rows(part, name), table) for name, table in TABLES.items()},
    }
    entries = {
        name: FileEntry(rows=rows, bytes=len(data), sha256=digest(data), sort_key=table.sort_key if table else ())
        for name, (data, rows, table) in made.items()
    }
    return {name: data for name, (data, *_) in made.items()}, entries


def _csv(rows: Sequence[Row], table: Table) -> tuple[bytes, int, Table]:
    return "".join(csv_lines(rows, table.columns)).encode(), len(rows), table


def _json(value: Any) -> bytes:
    return f"{json_text(value)}\n".encode()


def _list(rows: Sequence[Mapping[str, Any]]) -> tuple[bytes, int, None]:
    """Write a JSON array with one object per line, so that two packs can be compared line by line."""
    lines = ",\n".join(json_text(dict(row)) for row in rows)
    return f"[\n{lines}\n]\n".encode() if rows else b"[]\n", len(rows), None


def _evidence_rows(found: Evidence) -> list[Row]:
    rows: list[Row] = [
        {
            "chain_id": chain_id,
            "block": block,
            "tx": fmt.hex_text(tx),
            "log_index": index,
            "named_by": names,
            "in_ledger": "yes" if (chain_id, block, tx, index) in found.held else "no",
        }
        for (chain_id, block, tx, index), names in found.named.items()
    ]
    return sort_rows(rows, _EVIDENCE)


def _label_rows(labels: Iterable[Label]) -> list[Row]:
    rows: list[Row] = [{**label._asdict(), "address": fmt.address(label.address)} for label in labels]
    return sort_rows(rows, _LABELS)


def _logs(found: Evidence) -> list[dict[str, Any]]:
    """Write logs as nodes do, with their chain, which `monitor markets decode` reads."""
    return [
        {
            "chainId": hex(row["chain_id"]),
            "address": fmt.hex_text(row["address"]),
            "topics": [fmt.hex_text(row["topics"][at : at + 32]) for at in range(0, len(row["topics"]), 32)],
            "data": fmt.hex_text(row["data"]),
            "blockNumber": hex(row["block_number"]),
            "blockHash": fmt.hex_text(row["block_hash"]),
            "blockTimestamp": hex(row["block_time"]),
            "transactionHash": fmt.hex_text(row["tx_hash"]),
            "transactionIndex": hex(row["tx_index"]),
            "logIndex": hex(row["log_index"]),
            "removed": False,
        }
        for row in found.logs.iter_rows(named=True)
    ]


def _transactions(found: Evidence) -> list[dict[str, Any]]:
    """Write native transactions as nodes do; `trace` names a payment inside of one, which has no nonce."""
    return [
        {
            "chainId": hex(row["chain_id"]),
            "hash": fmt.hex_text(row["tx_hash"]),
            "from": fmt.hex_text(row["sender"]),
            "to": fmt.hex_text(row["recipient"]) if row["recipient"] else None,
            "value": hex(int(row["value"])),
            "nonce": None if row["nonce"] is None else hex(row["nonce"]),
            "blockNumber": hex(row["block_number"]),
            "blockHash": fmt.hex_text(row["block_hash"]),
            "transactionIndex": hex(row["tx_index"]),
            "trace": row["trace"],
        }
        for row in found.transactions.iter_rows(named=True)
    ]


def _headers(found: Evidence) -> list[dict[str, Any]]:
    return [
        {
            "chainId": hex(chain_id),
            "number": hex(header.number),
            "hash": fmt.hex_text(header.hash),
            "parentHash": fmt.hex_text(header.parent_hash or None),
            "timestamp": hex(header.timestamp),
        }
        for chain_id, header in found.headers
    ]
