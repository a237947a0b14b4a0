"""Degrees kept up to date: who dealt with whom is counted, so that news costs what it brings, however busy a wallet is.

An exchange stands in many blocks and in millions of transfers; counting its counterparties anew for every block would
read them all. So the transfers of each pair of wallets are counted, and a degree moves where a pair's count comes from
nothing or goes to nothing. What comes out is what `monitor.wallets.hubs.degrees` counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitor.model.schema import empty
from monitor.wallets.held import Changed
from monitor.wallets.hubs import DEGREES
from monitor.wallets.numbers import (
    NOBODY,
    NULL,
    Ids,
    Number,
    Numbers,
    Pairs,
    ascending,
    firsts,
    paired,
    together,
    turned,
)

__all__ = ["Counterparties", "Spread"]

Counts = NDArray[np.int64]

_GROWTH = 2
_SMALL = 1 << 14
"""As in `monitor.wallets.held`: counts stand in parts that double in size."""
_ROOM = 8
"""Columns by wallet grow by an eighth at least, so that not every new wallet copies them."""
_ROWS = ("degree", "out_degree")


class Spread(NamedTuple):
    """Wallets whose degrees changed, and those of them whose degree or out-degree passed one of the steps asked for."""

    changed: Ids
    stepped: Ids


class _Tally:
    """How often pairs were seen; never zero in sum."""

    def __init__(self) -> None:
        self._parts: list[tuple[Pairs, Counts]] = []

    def count(self, pairs: Pairs) -> Counts:
        found = np.zeros(len(pairs), np.int64)
        for known, times in self._parts:
            at = np.minimum(known.searchsorted(pairs), len(known) - 1)
            found += np.where(known[at] == pairs, times[at], 0)
        return found

    def add(self, pairs: Pairs, times: Counts) -> None:
        while self._parts and len(self._parts[-1][0]) < max(_GROWTH * len(pairs), _SMALL):
            others, theirs = self._parts.pop()
            both = np.concatenate([others, pairs])
            pairs = ascending(both)
            times = _summed(pairs, both, np.concatenate([theirs, times]))
            pairs, times = pairs[times != 0], times[times != 0]
        if len(pairs):
            self._parts.append((pairs, times))


class _Chain:
    """The pairs of one chain, and per wallet number its degree and out-degree."""

    def __init__(self) -> None:
        self._tally = _Tally()
        self.degrees = np.zeros((2, 0), np.int64)

    def take(self, sent: Pairs, signs: Counts, wallets: int) -> tuple[Ids, Counts, Counts]:
        """Count transfers that came or went; returns wallets, and their degrees before and after."""
        room = self.degrees.shape[1]
        if wallets > room:
            self.degrees = np.pad(self.degrees, ((0, 0), (0, max(wallets - room, room // _ROOM))))
        pairs = ascending(np.concatenate([sent, turned(sent)]))
        changes = _summed(pairs, sent, signs)
        was = self._tally.count(pairs)
        self._tally.add(pairs[changes != 0], changes[changes != 0])
        before, after = was > 0, was + changes > 0
        back = pairs.searchsorted(turned(pairs))
        ends = firsts(pairs)
        met = (after | after[back]).astype(np.int64) - (before | before[back])
        gave = after.astype(np.int64) - before
        ours = ascending(ends)
        then = self.degrees[:, ours]
        self.degrees[:, ours] += np.stack([_summed(ours, ends, each) for each in (met, gave)])
        return ours, then, self.degrees[:, ours]


class Counterparties:
    """DEGREES under a stream of transfers."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._chains: dict[int, _Chain] = {}

    def take(self, moved: Changed, steps: tuple[int, ...]) -> Spread:
        """Count transfers that came and went (TRANSFERS, keys sender and recipient)."""
        rows = pl.concat([each.select("chain_id", "amount") for each in (moved.gone, moved.fresh)])
        signs = np.repeat(np.array([-1, 1]), [moved.gone.height, moved.fresh.height])
        sender, recipient = moved.numbers["sender"], moved.numbers["recipient"]
        valued = rows.get_column("amount").gt(0).fill_null(value=False).to_numpy()
        counted = valued & (recipient != NULL) & (sender != recipient)
        chains = rows.get_column("chain_id").to_numpy()
        changed, stepped = [NOBODY], [NOBODY]
        for chain_id in np.unique(chains[counted]).tolist():
            here = counted & (chains == chain_id)
            sent = paired(sender[here], recipient[here])
            chain = self._chains.setdefault(chain_id, _Chain())
            wallets, before, after = chain.take(sent, signs[here], len(self._numbers))
            passed = [np.searchsorted(steps, each) for each in (before, after)]
            changed.append(wallets[(before != after).any(axis=0)])
            stepped.append(wallets[(passed[0] != passed[1]).any(axis=0)])
        return Spread(together(*changed), together(*stepped))

    def of(self, wallets: Ids) -> pl.DataFrame:
        """Give the rows (DEGREES) of these wallets, sorted by chain."""
        return pl.concat([empty(DEGREES), *self._rows(wallets)])

    def _rows(self, wallets: Ids) -> Iterator[pl.DataFrame]:
        for chain_id, chain in sorted(self._chains.items()):
            known = wallets[wallets < chain.degrees.shape[1]]
            ours = known[chain.degrees[0, known] > 0]
            degree, out_degree = chain.degrees[:, ours]
            yield pl.DataFrame(
                {
                    "chain_id": np.full(len(ours), chain_id), "address": self._numbers.addresses(ours),
                    "degree": degree, "out_degree": out_degree,
                },
                schema=DEGREES,
            )  # fmt: skip

    def out(self, chain_id: int, wallets: Ids) -> Counts:
        """Give the out_degree on a chain of wallets that dealt with somebody there, row by row."""
        found: Counts = self._chains[chain_id].degrees[_ROWS.index("out_degree"), wallets]
        return found

    def within(self, wallets: Ids, column: str, least: int, most: float = np.inf) -> Ids:
        """Keep the wallets that have a row whose degree or out_degree, as `column` says, is from `least` to `most`."""
        found = [NOBODY]
        for chain in self._chains.values():
            known = wallets[wallets < chain.degrees.shape[1]]
            degree = chain.degrees[_ROWS.index(column), known]
            found.append(known[(chain.degrees[0, known] > 0) & (degree >= least) & (degree <= most)])
        return together(*found)

    def between(self, wallets: Ids, least: int) -> Ids:
        """Keep the wallets that on one chain gave to `least` others and took from as many whom they never paid."""
        found = [NOBODY]
        for chain in self._chains.values():
            known = wallets[wallets < chain.degrees.shape[1]]
            degree, out_degree = chain.degrees[:, known]
            found.append(known[(out_degree >= least) & (degree - out_degree >= least)])
        return together(*found)


def _summed(keys: NDArray[Number], each: NDArray[Number], times: Counts) -> Counts:
    """Add up by key; every one of `each` is among the sorted `keys`."""
    total = np.zeros(len(keys), np.int64)
    np.add.at(total, keys.searchsorted(each), times)
    return total
