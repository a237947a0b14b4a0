"""Segments: finalised logs in files that are written once, whole, before the ledger names them.

A segment holds logs of one chain, sorted, as zstd Parquet: `chain_id` and the columns of LOG_ROWS. It never changes.
Whoever scans segments has checked their size and SHA-256 first, once per process.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import polars as pl

from monitor.errors import LedgerError
from monitor.model.schema import LOG_ROWS

__all__ = ["SEGMENT_ROWS", "Segment", "check", "clean", "collected", "scan", "write"]

SEGMENT_ROWS = 50_000
"""Fewer finalised rows wait in SQLite: enough for a file to be scanned well, few enough to keep the tail quick."""

STORED: dict[str, pl.DataType] = {"chain_id": pl.Int64(), **LOG_ROWS}
"""Columns of a segment."""

_checked: set[tuple[str, int, int]] = set()


class Segment(NamedTuple):
    """A segment as the ledger knows it: blocks `first` to `last`, their times, and what tells the file is whole."""

    chain_id: int
    first: int
    last: int
    name: str
    first_time: int
    last_time: int
    rows: int
    size: int
    """Bytes of the file."""
    sha256: bytes


def write(folder: Path, chain_id: int, rows: pl.DataFrame) -> Segment:
    """Write sorted LOG_ROWS to a new file, safe on disk under its final name when this returns; raises OSError."""
    buffer = io.BytesIO()
    rows.select(pl.lit(chain_id, dtype=pl.Int64).alias("chain_id"), *LOG_ROWS).write_parquet(
        buffer, compression="zstd", compression_level=1
    )
    with buffer.getbuffer() as content:
        digest = hashlib.sha256(content).digest()
        first, last = rows["block_number"][0], rows["block_number"][-1]
        # Not random: a page written again after a kill gives the same file.
        name = f"{chain_id}-{first}-{last}-{digest[:4].hex()}.parquet"
        folder.mkdir(exist_ok=True)
        _put(folder, name, content)
        size = len(content)
    _checked.add(_key(folder / name))
    times = rows["block_time"]
    return Segment(chain_id, first, last, name, times[0], times[-1], rows.height, size, digest)


def _put(folder: Path, name: str, content: memoryview) -> None:
    unfinished = folder / f"{name}.part"
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(folder / name)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    # A name is only safe once its folder is.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def clean(folder: Path, named: Collection[str]) -> None:
    """Remove the files the ledger does not name: left by a kill between file and commit, or by a prune."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name not in named and path.suffix in {".parquet", ".part"}:
                path.unlink(missing_ok=True)


def check(folder: Path, segment: Segment) -> None:
    """Make sure a file is the one that was written; raises LedgerError when it is missing, torn or altered."""
    path = folder / segment.name
    try:
        key = _key(path)
        if key in _checked:
            return
        if key[1] == segment.size and hashlib.sha256(path.read_bytes()).digest() == segment.sha256:
            _checked.add(key)
            return
    except FileNotFoundError as error:
        raise _lost(path, segment, "is missing") from error
    raise _lost(path, segment, "is torn or was altered")


def _key(path: Path) -> tuple[str, int, int]:
    found = path.stat()
    return str(path), found.st_size, found.st_mtime_ns


def _lost(path: Path, segment: Segment, what: str) -> LedgerError:
    message = f"the segment {path} {what}"
    hint = (
        f"put it back from a copy, or `monitor prune --chain {segment.chain_id} --above {segment.first - 1}`: "
        "the next run reads the blocks again"
    )
    return LedgerError(message, hint=hint)


def scan(folder: Path, segments: Iterable[Segment]) -> pl.LazyFrame:
    """Look at segments as one lazy frame of STORED columns, each file checked; raises LedgerError as `check` does."""
    paths = []
    for segment in segments:
        check(folder, segment)
        paths.append(folder / segment.name)
    return pl.scan_parquet(paths, schema=STORED) if paths else pl.LazyFrame(schema=STORED)


def collected(folder: Path, lazy: pl.LazyFrame) -> pl.DataFrame:
    """Collect a scan; raises LedgerError for what polars finds wrong with a file."""
    try:
        return lazy.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        message = f"a segment in {folder} cannot be read: {str(error).splitlines()[0]}"
        raise LedgerError(message, hint="put the folder back from a copy, or index into a new ledger") from error
