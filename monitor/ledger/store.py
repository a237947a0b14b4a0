"""Moving chain data: extend, revert, finalise. Each runs inside a transaction of the caller.

Logs that can still change, or come few at a time, are rows of SQLite (the tail); finalised ones in number go to
segments. A log is stored once: what comes again is compared with what is there and left out.
"""

# ruff: noqa: S608 - statements are put together from names in this file; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path

import polars as pl

from monitor.errors import DeepReorg
from monitor.ledger import reads, segments
from monitor.ledger.agree import agreed_blocks, new_rows, said_blocks, with_times
from monitor.ledger.frames import frame_of, tail_rows
from monitor.ledger.rows import Conflict
from monitor.ledger.segments import SEGMENT_ROWS, Segment
from monitor.model.chain import Header, RawTransfer
from monitor.model.page import BLOCKS, PLACE, Page, is_sorted
from monitor.model.schema import LOG_ROWS
from monitor.model.span import Span
from monitor.sync.fragment import NATIVE_KINDS, TRANSFER, Fragment

__all__ = ["Store", "taken"]

_TAIL = ("block_number", "log_index", "tx_index", "tx_hash", "address", "topics", "data")
_KEYS = "chain_id, block_number, tx_index, trace"
_TAKEN = {name: LOG_ROWS[name] for name in ("block_number", "log_index", "address", "topics")}
_AT_ONCE = 5
"""A fifth of a segment's rows that come together make one: by way of the tail they would be written twice."""
_INSERT_HEADER = """INSERT INTO headers VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET parent_hash = excluded.parent_hash WHERE parent_hash = x''"""

_REOPENED = """INSERT INTO meta VALUES ('reopened', '1')
ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + 1"""


class Store:
    """An open ledger's chain data: its connection, and the folder of its segments.

    `segment_rows` is how many finalised rows of the tail make a segment; a fifth of them do when they come together.
    """

    def __init__(self, connection: sqlite3.Connection, folder: Path, segment_rows: int | None = None) -> None:
        self.connection = connection
        self.folder = folder
        self.segment_rows = SEGMENT_ROWS if segment_rows is None else segment_rows

    def clean(self) -> None:
        """Remove the files a kill left behind; only while no other writer can be at work."""
        segments.clean(self.folder, {name for (name,) in self.connection.execute("SELECT name FROM segments")})

    def put_chain(self, chain_id: int, name: str) -> None:
        """Name a chain."""
        self.connection.execute(
            "INSERT INTO chains (chain_id, name) VALUES (?, ?) ON CONFLICT DO UPDATE SET name = excluded.name",
            (chain_id, name),
        )

    def put_native_way(self, chain_id: int, way: str) -> None:
        """Note how native value of a known chain is read."""
        self.connection.execute("UPDATE chains SET native_way = ? WHERE chain_id = ?", (way, chain_id))

    def extend(self, chain_id: int, pages: Sequence[Page]) -> None:
        """Add headers, rows and the coverage they stand for; what is there already is left alone.

        Raises Conflict when a block or a row differs from the ledger's or another page's, LedgerError when nobody said
        the time of a row's block.
        """
        self.connection.execute(
            "INSERT OR IGNORE INTO chains (chain_id, name) VALUES (?, ?)", (chain_id, str(chain_id))
        )
        headers = [header for page in pages for header in page.headers]
        transfers = [item for page in pages for item in page.transfers]
        logs, blocks = self._agreed(chain_id, pages)
        final = self._final(chain_id)
        kept = logs
        if (logs["block_number"] <= final).sum() >= max(1, self.segment_rows // _AT_ONCE):
            done, kept = _parted(logs, pl.col("block_number") <= final)
            self._put_segment(chain_id, self._beside_tail(chain_id, done))
        used = {*kept["block_number"].unique(), *(item.block_number for item in transfers)}
        self._insert_headers(chain_id, headers, [row for row in blocks.rows() if row[0] in used], final)
        rows = [(chain_id, *row) for row in kept[list(_TAIL)].rows()]
        added = self._insert("logs", ("log_index",), rows)
        self._insert("native", ("tx_index", "trace"), [_native_row(chain_id, item) for item in transfers])
        for page in pages:
            for fragment, span in page.coverage.items():
                self._cover(chain_id, fragment, span)
        self._count(chain_id, added)
        if headers:
            head = max(header.number for header in headers)
            self.connection.execute(
                "UPDATE chains SET head = max(coalesce(head, -1), ?) WHERE chain_id = ?", (head, chain_id)
            )
        self._seal(chain_id)

    def revert(self, chain_id: int, to_number: int) -> None:
        """Forget every row above a block and re-open the coverage above it; raises DeepReorg below the finalised."""
        final = self._final(chain_id)
        if to_number < final:
            message = f"chain {chain_id} would have to go back to block {to_number}, but block {final} was final"
            repair = f"`monitor prune --chain {chain_id} --above {to_number}`, then run again"
            raise DeepReorg(message, hint=f"check the endpoint; if the chain really changed: {repair}")
        self._cut(chain_id, to_number)

    def finalize(self, chain_id: int, upto: int) -> None:
        """Move the finalised block up, and drop older headers that no row needs for its hash and time."""
        before = self._final(chain_id)
        if upto > before:
            self.connection.execute("UPDATE chains SET finalized = ? WHERE chain_id = ?", (upto, chain_id))
            self._drop_headers(chain_id, before, upto)
            self._seal(chain_id)

    def held(self) -> list[Segment]:
        """List all segments."""
        rows = self.connection.execute(
            f"SELECT {', '.join(Segment._fields)} FROM segments ORDER BY chain_id, first, name"
        )
        return [Segment(*row) for row in rows.fetchall()]

    def replace(self, segment: Segment, rows: pl.DataFrame) -> None:
        """Put `rows` in the place of a segment, or nothing where there are none; its file stays till `clean`."""
        self.connection.execute(
            "DELETE FROM segments WHERE chain_id = ? AND name = ?", (segment.chain_id, segment.name)
        )
        self._put_segment(segment.chain_id, rows)

    def reopen(self, chain_id: int, above: int) -> None:
        """Forget rows and coverage above a block, also where it was final."""
        for segment in self.held():
            if segment.chain_id != chain_id or segment.last <= above:
                continue
            rows = pl.DataFrame(schema=LOG_ROWS)
            if segment.first <= above:
                lazy = segments.scan(self.folder, [segment]).filter(pl.col("block_number") <= above)
                rows = segments.collected(self.folder, lazy.select(*LOG_ROWS))
            self.replace(segment, rows)
        self._cut(chain_id, above)
        self.connection.execute("UPDATE chains SET finalized = min(finalized, ?) WHERE chain_id = ?", (above, chain_id))
        self.connection.execute(_REOPENED)

    def forget(self, wanted: Collection[tuple[int, Fragment]]) -> None:
        """Forget the tail, native value and coverage that none of the `wanted` fragments (chain id, fragment) takes."""
        execute, many = self.connection.execute, self.connection.executemany
        keys = {(chain_id, fragment.key) for chain_id, fragment in wanted}
        covered = set(execute("SELECT DISTINCT chain_id, fragment FROM coverage").fetchall())
        many("DELETE FROM coverage WHERE chain_id = ? AND fragment = ?", sorted(covered - keys))
        for (chain_id,) in execute("SELECT chain_id FROM chains").fetchall():
            mine = [fragment for chain, fragment in wanted if chain == chain_id]
            gone = tail_rows(self.connection, "logs.chain_id = ?", (chain_id,), _TAKEN).filter(~taken(mine))
            places = gone.select("block_number", "log_index").rows()
            many(f"DELETE FROM logs WHERE chain_id = {chain_id:d} AND block_number = ? AND log_index = ?", places)
            self._count(chain_id, -len(places))
            wallets = {fragment.wallet for fragment in mine if fragment.kind in NATIVE_KINDS}
            where = "chain_id = ? AND block_number = ? AND tx_index = ? AND trace = ?"
            moved = execute(f"SELECT {_KEYS}, sender, recipient FROM native WHERE chain_id = ?", (chain_id,)).fetchall()
            many(
                f"DELETE FROM native WHERE {where}",
                [key for *key, sender, recipient in moved if wallets.isdisjoint((sender, recipient))],
            )
            self._drop_headers(chain_id, 0, self._final(chain_id))

    def _cut(self, chain_id: int, to_number: int) -> None:
        execute, above = self.connection.execute, (chain_id, to_number)
        execute("DELETE FROM headers WHERE chain_id = ? AND number > ?", above)
        for table in ("native", "quarantine", "upgrades"):
            execute(f"DELETE FROM {table} WHERE chain_id = ? AND block_number > ?", above)
        self._count(chain_id, -execute("DELETE FROM logs WHERE chain_id = ? AND block_number > ?", above).rowcount)
        reads.revert(self.connection, chain_id, to_number)
        execute("DELETE FROM coverage WHERE chain_id = ? AND start > ?", above)
        stop = to_number + 1
        execute("UPDATE coverage SET stop = ? WHERE chain_id = ? AND stop > ?", (stop, chain_id, stop))
        execute("UPDATE chains SET head = min(head, ?) WHERE chain_id = ?", (to_number, chain_id))

    def _seal(self, chain_id: int) -> None:
        """Turn the oldest finalised rows of the tail into a segment, once there are enough of them."""
        (waiting,) = self.connection.execute("SELECT tail FROM chains WHERE chain_id = ?", (chain_id,)).fetchone()
        if waiting < self.segment_rows:
            return
        found = self.connection.execute(
            """SELECT block_number FROM logs WHERE chain_id = ? AND block_number <= ?
               ORDER BY block_number LIMIT 1 OFFSET ?""",
            (chain_id, self._final(chain_id), self.segment_rows - 1),
        ).fetchone()
        if found is None:
            return
        keys = (chain_id, found[0])
        rows = tail_rows(self.connection, "logs.chain_id = ? AND block_number <= ?", keys)
        self._put_segment(chain_id, rows)
        self.connection.execute("DELETE FROM logs WHERE chain_id = ? AND block_number <= ?", keys)
        self._count(chain_id, -rows.height)
        self._drop_headers(chain_id, rows["block_number"][0], min(found[0] + 1, self._final(chain_id)))

    def _agreed(self, chain_id: int, pages: Sequence[Page]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Hold pages against the ledger: their new logs, each with its time, and every block they speak of."""
        said = said_blocks(pages)
        # Pages come in any order, each in order by itself: laid in order, their rows need not be sorted.
        frames = sorted((page.logs for page in pages if page.logs.height), key=lambda rows: rows["block_number"][0])
        logs = pl.concat([pl.DataFrame(schema=LOG_ROWS), *frames], rechunk=True)
        if said.is_empty():
            return logs, said
        first, last = said["block_number"].min(), said["block_number"].max()
        query = "SELECT number, hash, timestamp FROM headers WHERE chain_id = ? AND number BETWEEN ? AND ?"
        known = frame_of(self.connection.execute(query, (chain_id, first, last)).fetchall(), BLOCKS)
        overlapping = self._overlapping(chain_id, first, last)
        if not overlapping:
            blocks = agreed_blocks(chain_id, said, [known])
            return new_rows(chain_id, with_times(logs, blocks), pl.DataFrame(schema=LOG_ROWS)), blocks
        lazy = segments.scan(self.folder, overlapping)
        near = lazy.select(*BLOCKS, "log_index").join(said.lazy(), on="block_number", how="semi")
        sealed = segments.collected(self.folder, near)
        blocks = agreed_blocks(chain_id, said, [known, sealed])
        logs = with_times(logs, blocks)
        same = sealed.select(PLACE).join(logs, on=PLACE, how="semi")
        held = pl.DataFrame(schema=LOG_ROWS)
        if same.height:
            held = segments.collected(self.folder, lazy.select(*LOG_ROWS).join(same.lazy(), on=PLACE, how="semi"))
        return new_rows(chain_id, logs, held), blocks

    def _beside_tail(self, chain_id: int, logs: pl.DataFrame) -> pl.DataFrame:
        """Leave out the logs that the tail holds already."""
        keys = (chain_id, logs["block_number"].min(), logs["block_number"].max())
        where = "logs.chain_id = ? AND block_number BETWEEN ? AND ?"
        if not self.connection.execute(f"SELECT EXISTS (SELECT 1 FROM logs WHERE {where})", keys).fetchone()[0]:
            return logs
        return new_rows(chain_id, logs, tail_rows(self.connection, where, keys))

    def _overlapping(self, chain_id: int, first: object, last: object) -> list[Segment]:
        query = f"SELECT {', '.join(Segment._fields)} FROM segments WHERE chain_id = ? AND first <= ? AND last >= ?"
        return [Segment(*row) for row in self.connection.execute(query, (chain_id, last, first)).fetchall()]

    def _put_segment(self, chain_id: int, rows: pl.DataFrame) -> None:
        if rows.height:
            segment = segments.write(self.folder, chain_id, rows if is_sorted(rows) else rows.sort(PLACE))
            marks = ", ".join("?" * len(segment))
            self.connection.execute(f"INSERT INTO segments ({', '.join(Segment._fields)}) VALUES ({marks})", segment)

    def _insert_headers(
        self, chain_id: int, headers: Sequence[Header], used: Sequence[tuple[int, bytes, int]], final: int
    ) -> None:
        # A final block's parent matters to nobody: where its logs brought its time, it needs no header from the node.
        rows = {
            number: (chain_id, number, block_hash, b"", time) for number, block_hash, time in used if number <= final
        }
        rows |= {
            item.number: (chain_id, item.number, item.hash, item.parent_hash, item.timestamp)
            for item in headers
            if item.number >= final or item.number in rows
        }
        self.connection.executemany(_INSERT_HEADER, list(rows.values()))

    def _final(self, chain_id: int) -> int:
        row = self.connection.execute("SELECT finalized FROM chains WHERE chain_id = ?", (chain_id,)).fetchone()
        return -1 if row is None or row[0] is None else int(row[0])

    def _count(self, chain_id: int, rows: int) -> None:
        self.connection.execute("UPDATE chains SET tail = tail + ? WHERE chain_id = ?", (rows, chain_id))

    def _drop_headers(self, chain_id: int, start: int, stop: int) -> None:
        unused = " AND ".join(
            f"NOT EXISTS (SELECT 1 FROM {table} AS t WHERE (t.chain_id, t.block_number) = (h.chain_id, h.number))"
            for table in ("logs", "native")
        )
        self.connection.execute(
            f"DELETE FROM headers AS h WHERE chain_id = ? AND number >= ? AND number < ? AND {unused}",
            (chain_id, start, stop),
        )

    def _insert(self, table: str, place: Sequence[str], rows: Sequence[tuple[object, ...]]) -> int:
        """Insert rows that begin with their key: chain, block and `place`; returns how many were new."""
        if not rows:
            return 0
        marks = ", ".join("?" * len(rows[0]))
        added = self.connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows).rowcount
        if added < len(rows):
            # Some were there: a replay is fine, a different row under the same key is not.
            key = ("chain_id", "block_number", *place)
            query = f"SELECT * FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in key)}"
            for row in rows:
                if self.connection.execute(query, row[: len(key)]).fetchone() != row:
                    message = f"row {row[2]} of block {row[1]} of chain {row[0]} differs from the one in the ledger"
                    raise Conflict(message, hint="the chain changed, or an endpoint lies: `monitor doctor` tests each")
        return added

    def _cover(self, chain_id: int, fragment: str, span: Span) -> None:
        if span.blocks == 0:
            return
        start, stop = span
        touching = "chain_id = ? AND fragment = ? AND start <= ? AND stop >= ?"
        keys = (chain_id, fragment, stop, start)
        found = self.connection.execute(f"SELECT start, stop FROM coverage WHERE {touching}", keys).fetchall()
        for low, high in found:
            start, stop = min(start, low), max(stop, high)
        self.connection.execute(f"DELETE FROM coverage WHERE {touching}", keys)
        self.connection.execute("INSERT INTO coverage VALUES (?, ?, ?, ?)", (chain_id, fragment, start, stop))


def taken(fragments: Collection[Fragment]) -> pl.Expr:
    """Tell which logs (LOG_ROWS) of one chain any of the fragments takes; events are told by contract, else topic0."""
    contracts = {item.addresses[0] for item in fragments if item.kind in {"logs", "events"} and item.addresses}
    anywhere = {word for item in fragments if item.topics and not item.addresses for word in item.topics[0] or ()}
    tokens = {token for item in fragments if item.kind == "transfers" for token in item.addresses}
    wallets = [item.wallet.rjust(32, b"\0") for item in fragments if item.kind == "transfers"]
    first, *ends = (pl.col("topics").bin.slice(32 * place, 32) for place in range(3))
    spent = (
        pl.col("address").is_in(tokens) & (first == TRANSFER) & pl.any_horizontal(end.is_in(wallets) for end in ends)
    )
    return pl.col("address").is_in(contracts) | first.is_in(anywhere) | spent


def _parted(rows: pl.DataFrame, condition: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    fitting = rows.select(condition).to_series()
    return (rows, rows.clear()) if fitting.all() else (rows.filter(fitting), rows.filter(~fitting))


def _native_row(chain_id: int, item: RawTransfer) -> tuple[object, ...]:
    return (
        chain_id,
        item.block_number,
        item.tx_index,
        item.trace,
        item.tx_hash,
        item.sender,
        item.recipient,
        str(item.value),
        item.nonce,
    )
