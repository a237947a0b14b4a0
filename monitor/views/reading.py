"""Reading on: what is final and was decoded is held, so that a look reads and decodes what is new, not what there is.

Rows of final blocks cannot change, they can only become more, when a wallet's history is fetched. So what was decoded
of them is held, blocks above are read and decoded at every look, and a fork needs no care. Everything is read anew when
older rows were added, when the chain was asked something beside logs, and when a factory announced a contract: then
rows that are held may mean something else. What comes out is what `read_rows` and `decode` give, in another order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from monitor.facts.transfers import appended
from monitor.ledger.reader import Reader
from monitor.ledger.scan import Limits
from monitor.markets.decode import find_children
from monitor.markets.load import Bound
from monitor.markets.lookup import TABLES
from monitor.model.schema import EVENTS, QUARANTINE, READS, TRANSFERS, WANTED, empty
from monitor.sync.fragment import TRANSFER
from monitor.views.assemble import Read, Rows, decode, parted
from monitor.views.bundle import Bundle

__all__ = ["Reading"]

_MOST_CHUNKS = 64
"""Parts a held frame may consist of before they are put together."""


class _Held(NamedTuple):
    """What is kept of final blocks: up to which, of how many rows (logs, native), under which reads and children."""

    upto: Mapping[int, int]
    counts: tuple[int, int]
    reads: pl.DataFrame
    children: tuple[Bound, ...]
    read: Read


class _Found(NamedTuple):
    """Rows above what is held, where all logs of any contract stand, and whether a contract was born in them."""

    rows: Rows
    logs: pl.DataFrame
    born: bool


_NOTHING = _Held(
    {},
    (0, 0),
    empty(READS),
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

    def read(self) -> tuple[Read, Rows]:
        """Give everything decoded, and the rows that are new with what stands beside logs."""
        with self.reader.snapshot():
            found, counts = self._above(self._held), self.reader.row_counts()
            if not self._goes_on(found, counts):
                self._held, self.anew = _NOTHING, self.anew + 1
                found = self._above(_NOTHING)
        held, rows = self._held, found.rows._replace(since=self._held.upto)
        fresh = decode(rows, self.bundle, held.read.tables)
        final = {row.chain_id: -1 if row.finalized is None else row.finalized for row in rows.chains}
        settled = Limits(upto=final).predicate()
        counts = (found.logs.filter(settled).height, rows.native.filter(settled).height)
        self._held = _Held(
            final,
            (held.counts[0] + counts[0], held.counts[1] + counts[1]),
            rows.reads,
            rows.children,
            _joined(held.read, Read(*(frame.filter(settled) for frame in fresh))),
        )
        return _joined(held.read, fresh), rows

    def _above(self, held: _Held) -> _Found:
        """Read what stands above the blocks that are held."""
        logs = self.reader.logs_frame(above=held.upto)
        born = find_children(logs, self.bundle.markets, [*self.bundle.bound, *held.children])
        children = (*held.children, *born)
        ours = sorted({item.address for item in (*self.bundle.bound, *children)})
        money = sorted({address for _, address in self.bundle.tokens})
        first = pl.col("topics").list.first()
        spent = pl.col("address").is_in(money) & (first == TRANSFER)
        reads, about = parted(self.reader.reads_frame())
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

    def _goes_on(self, found: _Found, counts: tuple[int, int]) -> bool:
        """Say whether what is held still means what it meant: nothing came to it, and nothing else was said or born."""
        held = self._held
        whole = (held.counts[0] + found.logs.height, held.counts[1] + found.rows.native.height)
        return bool(held.upto) and whole == counts and not found.born and found.rows.reads.equals(held.reads)


def _joined(old: Read, new: Read) -> Read:
    joined = Read(*(pl.concat(pair) for pair in zip(old, new, strict=True)))._replace(
        transfers=appended(old.transfers, new.transfers)
    )
    parts = (frame.rechunk() if frame.n_chunks() > _MOST_CHUNKS else frame for frame in joined)
    return Read(*parts)._replace(wanted=joined.wanted.unique().sort(list(WANTED)))
