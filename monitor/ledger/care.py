"""Care of a ledger: take away what nobody needs, open a span again after a deep fork, copy it while a daemon writes."""

# ruff: noqa: S608 - statements are put together from names in this file; values are always bound

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from monitor.errors import InputError, LedgerError
from monitor.ledger import segments
from monitor.ledger.lock import Lock
from monitor.ledger.reader import Reader
from monitor.ledger.schema import open_writer, segment_folder, transaction, translated
from monitor.ledger.segments import Segment
from monitor.ledger.store import Store, taken
from monitor.model.schema import LOG_ROWS
from monitor.sync.fragment import Fragment

__all__ = ["Pruned", "backup", "prune", "prune_above"]


class Pruned(NamedTuple):
    """How many logs went, and how many bytes of files with them."""

    logs: int
    freed: int


def prune(path: Path, wanted: Callable[[], Collection[tuple[int, Fragment]]]) -> Pruned:
    """Forget logs, native value and coverage that none of the `wanted` fragments (chain id, fragment) takes.

    `wanted` is called once no daemon can write any more. Segments without such logs stay as they are. Raises
    LedgerLocked while a daemon writes, LedgerError, and what `wanted` raises.
    """
    return _done(path, lambda: partial(_forget, wanted=wanted()))


def prune_above(path: Path, chain_id: int, above: int) -> Pruned:
    """Forget everything of a chain above a block, final or not, and open its coverage again from there.

    The way back after a fork deeper than finality, and from a segment that is lost. Raises as `prune` does.
    """
    return _done(path, lambda: lambda store: store.reopen(chain_id, above))


def backup(path: Path, target: Path) -> int:
    """Copy a ledger as it is at one moment, also while a daemon writes; returns the bytes copied.

    Every segment is checked on the way. Raises InputError when something stands at `target`, LedgerError otherwise.
    """
    target = target.expanduser().resolve()
    folder = segment_folder(target)
    if target.exists() or folder.exists():
        message = f"{target} exists"
        raise InputError(message, hint="name a file that does not; a backup never overwrites")
    with Reader(path) as reader, translated(target), closing(sqlite3.connect(target)) as copy:
        reader.copy_to(copy)
        copy.execute("PRAGMA journal_mode=WAL")
        held = [Segment(*row) for row in copy.execute(f"SELECT {', '.join(Segment._fields)} FROM segments").fetchall()]
        for segment in held:
            folder.mkdir(exist_ok=True)
            segments.check(segment_folder(reader.path), segment)
            shutil.copyfile(segment_folder(reader.path) / segment.name, folder / segment.name)
            segments.check(folder, segment)
    return target.stat().st_size + sum(segment.size for segment in held)


def _forget(store: Store, wanted: Collection[tuple[int, Fragment]]) -> None:
    for segment in store.held():
        kept = taken([fragment for chain_id, fragment in wanted if chain_id == segment.chain_id])
        lazy = segments.scan(store.folder, [segment]).filter(kept)
        rows = segments.collected(store.folder, lazy.select(*LOG_ROWS))
        if rows.height < segment.rows:
            store.replace(segment, rows)
    store.forget(wanted)


def _done(path: Path, plan: Callable[[], Callable[[Store], None]]) -> Pruned:
    path = path.expanduser().resolve()
    if not path.exists():
        message = f"there is no ledger at {path}"
        raise LedgerError(message, hint="`monitor run` makes one, or name another with --ledger")
    lock = Lock(path)
    try:
        with closing(open_writer(path)) as connection:
            store = Store(connection, segment_folder(path))
            before, work = _size(store), plan()
            transaction(connection, path, lambda _: work(store))
            # Nobody writes now; who still reads by an older snapshot is told that a file is missing.
            with translated(path):
                store.clean()
                connection.execute("VACUUM")
            after = _size(store)
    finally:
        lock.release()
    return Pruned(before.logs - after.logs, before.freed - after.freed)


def _size(store: Store) -> Pruned:
    logs, size = store.connection.execute(
        """SELECT (SELECT coalesce(sum(tail), 0) FROM chains) + coalesce(sum(rows), 0), coalesce(sum(size), 0)
           FROM segments"""
    ).fetchone()
    pages, each = (store.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return Pruned(logs, size + pages * each)
