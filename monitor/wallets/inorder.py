"""Links in order, kept so: what news brings is put in its places, and nothing else is sorted again."""

from __future__ import annotations

import numpy as np
import polars as pl

from monitor.model.schema import LINKS, empty
from monitor.wallets.numbers import NOBODY, Ids, Numbers

__all__ = ["ORDER", "Ordered"]

ORDER = ("chain_id", "a", "b", "heuristic")


class Ordered:
    """LINKS sorted by `ORDER`; `numbers` knows the wallets in them."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._ends: tuple[Ids, Ids] = (NOBODY, NOBODY)
        self.frame = empty(LINKS)

    def replace(self, wallets: Ids, links: pl.DataFrame) -> None:
        """Take `links`, in any order, as all there is that end at one of the wallets."""
        if not len(wallets):
            return
        ends = self._ends
        theirs = np.isin(ends[0], wallets) | np.isin(ends[1], wallets)
        # Whatever begins at a wallet at which something new begins is sorted with it, so that no place is a tie.
        beside = np.isin(ends[0], self._numbers.of(links.get_column("a"))) & ~theirs
        fresh = pl.concat([self.frame.filter(pl.Series(beside)), links]).sort(ORDER)
        keep = np.flatnonzero(~(theirs | beside))
        order = np.insert(keep, keep.searchsorted(self._places(fresh)), len(theirs) + np.arange(fresh.height))
        # In one piece, for rows with lists are picked from several a row at a time.
        self.frame = pl.concat([self.frame, fresh], rechunk=True)[pl.Series(order)]
        one, other = (
            np.concatenate([mine, self._numbers.of(fresh.get_column(end))])[order]
            for mine, end in zip(ends, ("a", "b"), strict=True)
        )
        self._ends = one, other

    def _places(self, fresh: pl.DataFrame) -> Ids:
        """Say before which row each of the sorted `fresh` goes, by chain and `a`."""
        chains, begins = self.frame.get_column("chain_id"), self.frame.get_column("a")
        found = [NOBODY]
        for chain_id in fresh.get_column("chain_id").unique(maintain_order=True):
            first, stop = (int(chains.search_sorted(chain_id, side)) for side in ("left", "right"))
            here = begins.slice(first, stop - first)
            wanted = fresh.filter(pl.col("chain_id") == chain_id).get_column("a")
            found.append(first + here.search_sorted(wanted).to_numpy())
        return np.concatenate(found)
