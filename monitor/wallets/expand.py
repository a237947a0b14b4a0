"""Hop by hop: whose transfers are read because a watched wallet dealt with them.

Counterparties of people are one hop away, their counterparties two. Each is looked at around its first dealing before
anything else: whoever shows there, or is known, to serve many (`monitor.wallets.hubs`) is followed no further. Who is
taken hangs on the transfers seen and the configuration alone, so any node and any order of reading end with the same.
What was found is kept between looks (`monitor.wallets.reached`): news costs what it brings.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitor.facts.folding import Turned
from monitor.facts.inorder import under
from monitor.facts.people import PEOPLE
from monitor.model.schema import empty
from monitor.wallets.hubs import DEGREES, ZERO_ADDRESS, hubs_among
from monitor.wallets.labels import OWNER
from monitor.wallets.numbers import Ids, Numbers
from monitor.wallets.reached import Reached
from monitor.wallets.watch import WATCH, Limits
from monitor.wallets.watching import Flags

__all__ = ["HOPS", "Expanded", "Following", "Reach"]

HOPS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "hop": pl.Int64(),
    "wallets": pl.Int64(),
    "left_out": pl.Int64(),
}
"""Wallets that are read at a hop, and those the budget left out there."""

_WALLET = ["chain_id", "address"]
_PERSONS = [*_WALLET, "first_block"]
_NONE = np.zeros(0, np.int64)
_ROOM = 8
"""Columns by wallet grow by an eighth at least."""


class Reach(NamedTuple):
    """How far counterparties are followed.

    `depth` = hops from people (0: none), `max_degree` = counterparties from which on a wallet is followed no further,
    `max_wallets` = wallets beyond people per chain: nearer hops first, then whoever was met first.
    """

    depth: int = 0
    max_degree: int = 200
    max_wallets: int = 5_000


class Expanded(NamedTuple):
    """`watch` (WATCH) with all within reach, sorted; `hops` (`HOPS`); whether each transfer is `within` that."""

    watch: pl.DataFrame
    hops: pl.DataFrame
    inside: Flags


class _Terms(NamedTuple):
    """What else decides whom to follow; where it changes all is found anew."""

    limits: Mapping[int, Limits]
    reach: Reach
    named: frozenset[bytes]
    owned: frozenset[bytes]
    contracts: frozenset[bytes]


class Following:
    """Whom to watch, between looks; for one thread."""

    def __init__(self) -> None:
        self._begin(_Terms({}, Reach(), frozenset(), frozenset(), frozenset()))

    def become(
        self,
        moved: pl.DataFrame,
        people: pl.DataFrame,
        limits: Mapping[int, Limits],
        reach: Reach,
        labels: pl.DataFrame,
        contracts: Collection[bytes],
        since: Mapping[int, int],
        late: NDArray[np.int64] = _NONE,
        *,
        turned: Turned | None = None,
    ) -> Expanded:
        """Say whom to watch: `people` (PEOPLE, sorted), whoever funded them, and the wallets within reach of these.

        `moved` are all transfers (TRANSFERS) in chain order, of which those inside what is watched are looked at; up to
        the blocks of `since` they are as they were, but that the rows `late` came; `turned` says of which people
        something else may be known than at the last call, where that is known. Stage 2h looks around the first
        dealing of each wallet of hop h, stage 2h + 1 reads all token transfers of those that are no hubs.
        """
        named = hubs_among(empty(DEGREES), labels, contracts, reach.max_degree).get_column("address")
        owned = labels.filter(pl.col("kind") == OWNER).get_column("address")
        fixed = {chain_id: limit._replace(final=None) for chain_id, limit in sorted(limits.items())}
        terms = _Terms(fixed, reach, frozenset(named), frozenset(owned), frozenset(contracts))
        if terms != self._terms or not self._take(moved, limits, since, late):
            self._begin(terms)
            self._take(moved, limits, since, late)
        self._look(people, turned)
        return self._expanded(moved)

    def _begin(self, terms: _Terms) -> None:
        self._terms = terms
        self._numbers = numbers = Numbers()
        self._served, self._owned = (
            numbers.of(pl.Series(sorted(wallets), dtype=pl.Binary)) for wallets in (terms.named, terms.owned)
        )
        sources = numbers.of(pl.Series([ZERO_ADDRESS, *sorted(terms.contracts)], dtype=pl.Binary))
        depth = terms.reach.depth
        self._chains = {
            chain_id: Reached(chain_id, limit, depth, numbers, sources) for chain_id, limit in terms.limits.items()
        }
        self._people = pl.DataFrame(schema=PEOPLE).select(_PERSONS)
        self._busy: list[Flags] = [np.zeros(0, np.bool_)] * (2 * depth + 1)

    def _take(
        self, moved: pl.DataFrame, limits: Mapping[int, Limits], since: Mapping[int, int], late: NDArray[np.int64]
    ) -> bool:
        """Take the transfers; False where too little is known of them to go on."""
        taken = []
        for chain_id, chain in self._chains.items():
            mine, first = _of(moved, chain_id), _start(moved, chain_id)
            came = late[slice(*late.searchsorted([first, first + mine.height]))] - first
            taken.append(chain.take(mine, since.get(chain_id, -1), came.astype(np.uint32), limits[chain_id].final))
        return all(taken)

    def _look(self, people: pl.DataFrame, turned: Turned | None) -> None:
        changed = self._changed(people, turned)
        self._numbers.of(changed.get_column("address"))
        size, room = len(self._numbers), len(self._busy[0])
        room = room if size <= room else max(size, room + room // _ROOM)
        self._busy = [np.pad(each, (0, room - len(each))) for each in self._busy]
        for chain_id, chain in self._chains.items():
            chain.widen(room)
            chain.meet_people(changed.filter(pl.col("chain_id") == chain_id))
        reach = self._terms.reach
        for hop in range(1, reach.depth + 1):
            busy, freed = self._count(2 * hop - 1)
            for chain in self._chains.values():
                chain.follow(hop, busy, freed, reach.max_wallets)
            busy, _ = self._count(2 * hop)
            for chain in self._chains.values():
                chain.read_whole(hop, busy)

    def _changed(self, people: pl.DataFrame, turned: Turned | None) -> pl.DataFrame:
        """List whose first lease is another than at the last look, with its block, null for none (`_PERSONS`)."""
        before, self._people = self._people, people.select(_PERSONS)
        both = before, self._people
        if turned is None or before.is_empty():
            told = [one.join(two, on=_PERSONS, how="anti") for one, two in (both, both[::-1])]
        else:
            told = [each.people for each in (turned.was, turned.now)]
        wallets = pl.concat(each.select(_WALLET) for each in told).unique()
        was, now = (under(each, wallets).group_by(_WALLET).agg(pl.col("first_block").min()) for each in both)
        return wallets.join(now, on=_WALLET, how="left").join(was, on=_PERSONS, how="anti")

    def _count(self, stage: int) -> tuple[Flags, Ids]:
        """Say who serves many in what is read up to a stage, on any chain, and who no longer does."""
        before, most = self._busy[stage], self._terms.reach.max_degree
        busy = np.zeros(len(before), np.bool_)
        for chain in self._chains.values():
            chain.count(stage, most)
            busy |= chain.over[stage]
        busy[self._owned] = False
        busy[self._served] = True
        self._busy[stage] = busy
        return busy, np.flatnonzero(before & ~busy).astype(np.uint32)

    def _expanded(self, moved: pl.DataFrame) -> Expanded:
        hops: list[tuple[int, int, int, int]] = []
        inside = np.zeros(moved.height, np.bool_)
        for chain_id, chain in self._chains.items():
            chain.rest()
            start = _start(moved, chain_id)
            inside[start : start + chain.rows.height] = chain.rows.marked()
            counted = [(hop.taken, hop.left_out) for hop in chain.hops]
            hops += [(chain_id, at, *each) for at, each in enumerate(counted, 1) if any(each)]
        return Expanded(
            pl.concat([empty(WATCH), *(chain.watching.frame for chain in self._chains.values())]),
            pl.DataFrame(hops, schema=HOPS, orient="row"),
            inside,
        )


def _of(moved: pl.DataFrame, chain_id: int) -> pl.DataFrame:
    first = _start(moved, chain_id)
    return moved.slice(first, _start(moved, chain_id + 1) - first)


def _start(moved: pl.DataFrame, chain_id: int) -> int:
    return bisect_left(moved.get_column("chain_id"), chain_id)
