"""Reading on: what is final and was decoded is held, so that a look reads and decodes what is new, not what there is.

Rows of final blocks cannot change, they can only become more, when a wallet's history is fetched. So what was decoded
of them is held, blocks above are read at every look, and a fork needs no care. Of the blocks above, those that say what
they said at the last look are not decoded again. Transfers of final blocks that come later are taken out of the pages
that bring them (`heard`). Everything is read anew when other older rows were added, when the chain was asked something
beside logs, and when a factory announced a contract: then rows that are held may mean something else. What comes out is
what `read_rows` and `decode` give, in another order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from monitor.facts.inorder import extended, replaced, under
from monitor.facts.transfers import CHAIN_ORDER, appended
from monitor.ledger.reader import Reader
from monitor.ledger.scan import Limits
from monitor.markets.decode import find_children
from monitor.markets.load import Bound
from monitor.markets.lookup import TABLES
from monitor.model.page import Page
from monitor.model.schema import EVENTS, QUARANTINE, READS, TRANSFERS, WANTED, empty
from monitor.sync.fragment import TRANSFER
from monitor.views.assemble import Read, Rows, decode_markets, parted, with_transfers
from monitor.views.bundle import Bundle
from monitor.views.late import late_transfers

__all__ = ["Reading"]

_BLOCK = CHAIN_ORDER[:2]
_MOST_CHUNKS = 64
"""Parts a held frame may consist of before they are put together."""
_MOST_LATE = 20_000
"""Rows of pages that are kept until the ledger is seen to have them."""
_TRIES = 8
"""Pages that may be on their way into the ledger at once."""


class _Held(NamedTuple):
    """What is kept of final blocks: up to which, of how many rows (logs, native), under which reads and children.

    Of what was asked beside logs (READS; of markets `reads`, `about` wallets) all is kept, and how much of it was asked
    and answered as of final blocks.
    """

    upto: Mapping[int, int]
    counts: tuple[int, int]
    reads: pl.DataFrame
    about: pl.DataFrame
    answers: tuple[int, int]
    children: tuple[Bound, ...]
    read: Read

    def with_transfers(self, late: pl.DataFrame) -> _Held:
        """Add transfers (TRANSFERS) that came later."""
        native = int((late.get_column("kind") == "native").sum())
        blocks, before = late.select(_BLOCK), self.read.transfers
        moved = replaced(before, blocks, pl.concat([under(before, blocks), late]), CHAIN_ORDER)
        counts = (self.counts[0] + late.height - native, self.counts[1] + native)
        return self._replace(counts=counts, read=self.read._replace(transfers=moved))


class _Window(NamedTuple):
    """Logs of markets above final blocks at the last look, up to which block of each chain, and what they said."""

    head: Mapping[int, int]
    logs: pl.DataFrame
    said: Read


class _Found(NamedTuple):
    """Rows above what is held, where all logs of any contract stand, and whether a contract was born in them."""

    rows: Rows
    logs: pl.DataFrame
    born: bool


_NOTHING = _Held(
    {},
    (0, 0),
    empty(READS),
    empty(READS),
    (0, 0),
    (),
    Read(empty(EVENTS), empty(QUARANTINE), empty(TABLES), empty(WANTED), empty(TRANSFERS)),
)


class Reading:
    """Reads a ledger again and again; for one thread."""

    def __init__(self, reader: Reader, bundle: Bundle) -> None:
        self.reader = reader
        self.bundle = bundle
        self.anew = 0
        """How often everything was read."""
        self._held = _NOTHING
        self._reopened = ""
        self._window: _Window | None = None
        self._pages: list[tuple[int, Page]] = []
        """Pages heard of, in the order they are written in; the ledger may not have the newest of them yet."""

    def heard(self, chain_id: int, page: Page) -> None:
        """Take note of a page that is about to be written; from any thread. Without it older rows are read anew."""
        if len(page.logs) or page.transfers:
            if sum(len(each.logs) + len(each.transfers) for _, each in self._pages) > _MOST_LATE:
                # a history is coming in: reading it anew is what costs least
                self._pages = []
            self._pages.append((chain_id, page))

    def read(self) -> tuple[Read, Rows]:
        """Give everything decoded, and the rows that are new with what stands beside logs."""
        with self.reader.snapshot():
            found, counts = self._above(self._held), self.reader.row_counts()
            # what was final was not, for once
            before, self._reopened = self._reopened, self.reader.meta().get("reopened", "")
            late = self._older(found, counts) if before == self._reopened else None
            if late is None:
                self._held, self._window, self._pages, self.anew = _NOTHING, None, [], self.anew + 1
                found = self._above(_NOTHING)
        if late is not None and late.height:
            self._held = self._held.with_transfers(late)
        held = self._held
        rows = found.rows._replace(since=held.upto, late=empty(TRANSFERS) if late is None else late)
        fresh = self._decoded(rows, held.read.tables)
        final = {row.chain_id: -1 if row.finalized is None else row.finalized for row in rows.chains}
        settled = Limits(upto=final).predicate()
        counts = (found.logs.filter(settled).height, rows.native.filter(settled).height)
        self._held = _Held(
            final,
            (held.counts[0] + counts[0], held.counts[1] + counts[1]),
            rows.reads,
            rows.about,
            _answers(rows, final),
            rows.children,
            _joined(held.read, Read(*(frame.filter(settled) for frame in fresh))),
        )
        return _joined(held.read, fresh), rows

    def _decoded(self, rows: Rows, tables: pl.DataFrame) -> Read:
        """Decode rows above final blocks; `tables` are what was held of them. What stood is not decoded again."""
        fresh, said = rows.logs, None
        if self._window is not None:
            above = Limits(above=rows.since).predicate()
            stood = Limits(upto=self._window.head).predicate()
            if fresh.filter(stood).equals(self._window.logs.filter(above)):
                said = Read(*(frame.filter(above) for frame in self._window.said))
                fresh, tables = fresh.filter(~stood), pl.concat([tables, said.tables])
        read = decode_markets(rows._replace(logs=fresh), self.bundle, tables) if said is None or len(fresh) else said
        if said is not None and read is not said:
            read = _joined(said, read)
        head = {row.chain_id: -1 if row.head is None else row.head for row in rows.chains}
        self._window = _Window(head, rows.logs, read)
        return with_transfers(read, rows)

    def _older(self, found: _Found, counts: tuple[int, int]) -> pl.DataFrame | None:
        """Give the transfers of blocks that are held which came since, in chain order.

        None where what is held may mean something else now: another row came to it, or something else was said or born.
        """
        held, pages = self._held, self._pages
        if not held.upto or found.born or not found.rows.reads.equals(held.reads):
            return None
        ours = [item.address for item in (*self.bundle.bound, *found.rows.children)]
        for many in range(len(pages), max(-1, len(pages) - _TRIES), -1):
            late = late_transfers(pages[:many], held.upto, held.read.transfers, ours, self.bundle)
            if late is None:
                continue
            native = int((late.get_column("kind") == "native").sum())
            logs = held.counts[0] + found.logs.height + late.height - native
            if (logs, held.counts[1] + found.rows.native.height + native) == counts:
                del pages[:many]
                return late
        return None

    def _above(self, held: _Held) -> _Found:
        """Read what stands above the blocks that are held."""
        logs = self.reader.logs_frame(above=held.upto)
        born = find_children(logs, self.bundle.markets, [*self.bundle.bound, *held.children])
        children = (*held.children, *born)
        ours = sorted({item.address for item in (*self.bundle.bound, *children)})
        money = sorted({address for _, address in self.bundle.tokens})
        first = pl.col("topics").list.first()
        spent = pl.col("address").is_in(money) & (first == TRANSFER)
        # as of final blocks answers only become more, and take the place of failures
        stand = held.upto if self.reader.read_counts(held.upto) == held.answers else {}
        asked = zip((held.reads, held.about), parted(self.reader.reads_frame(above=stand)), strict=True)
        reads, about = (extended(old, "block_number", stand, new) for old, new in asked)
        rows = Rows(
            logs.filter(pl.col("address").is_in(ours) | first.is_in(self.bundle.anywhere)),
            logs.filter(spent),
            self.reader.transfers_frame(above=held.upto),
            tuple(self.reader.chains()),
            reads,
            children,
            about,
        )
        return _Found(rows, logs.select("chain_id", "block_number"), bool(born))


def _answers(rows: Rows, upto: Mapping[int, int]) -> tuple[int, int]:
    """Count what was asked beside logs, and answered, as `Reader.read_counts` does."""
    told = ["chain_id", "block_number", pl.col("result").is_not_null()]
    counted = pl.concat([each.select(told) for each in (rows.reads, rows.about)]).filter(Limits(upto=upto).predicate())
    return counted.height, int(counted.get_column("result").sum())


def _joined(old: Read, new: Read) -> Read:
    joined = Read(*(pl.concat(pair) for pair in zip(old, new, strict=True)))._replace(
        transfers=appended(old.transfers, new.transfers)
    )
    parts = (frame.rechunk() if frame.n_chunks() > _MOST_CHUNKS else frame for frame in joined)
    return Read(*parts)._replace(wanted=joined.wanted.unique().sort(list(WANTED)))
