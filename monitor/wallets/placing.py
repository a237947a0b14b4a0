"""Wallets and their clusters between looks: only those that news reaches are placed again.

What comes out is what `nodes` and `members` (`monitor.wallets.clusters`) make of everything.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from monitor.facts.folding import Turned
from monitor.facts.inorder import on_every_chain, replaced, under
from monitor.wallets.clusters import WALLET, members, nodes
from monitor.wallets.grouping import Grouped, Touched

__all__ = ["Placed", "Placing"]


class Placed(NamedTuple):
    """The wallets to cluster (NODES) and the cluster of each (MEMBERS), as `monitor.wallets.clusters` has them."""

    nodes: pl.DataFrame
    members: pl.DataFrame


class Placing:
    """Wallets under a stream of news; for one thread."""

    def __init__(self) -> None:
        self.placed: pl.Series | None = None
        """Wallets that the last call placed again; None when it was everybody."""
        self._before: Placed | None = None

    def become(self, people: pl.DataFrame, found: Grouped, turned: Turned | None, touched: Touched | None) -> Placed:
        """Take `people` (PEOPLE) and what was `found` as all there is; the others say what changed, where known."""
        before, placed, self.placed = self._before, None, None
        if before is not None and turned is not None and touched is not None:
            wallets = _touched(turned, touched)
            if 2 * len(wallets) < before.nodes.height:
                placed, self.placed = _onward(before, people, found, wallets, touched)
        if placed is None:
            seen = nodes(people, found.funders, found.links, found.hubs, found.stays)
            placed = Placed(seen, members(seen, found.groups))
        self._before = placed
        return placed


def _touched(turned: Turned, touched: Touched) -> pl.Series:
    """List the wallets of which other roles or times may be known."""
    people = [each.people.get_column("address") for each in (turned.was, turned.now)]
    return pl.concat([touched.looked, touched.moved, touched.linked, *people]).unique()


def _onward(
    before: Placed, people: pl.DataFrame, found: Grouped, wallets: pl.Series, touched: Touched
) -> tuple[Placed, pl.Series]:
    """Place the wallets again, and all that are or were in a cluster with one of them or were grouped again.

    Returns these as well.
    """
    told = wallets.implode()
    here = on_every_chain(wallets, before.nodes, people, found.stays)
    again = nodes(
        under(people, here),
        touched.kept.funded(wallets),
        touched.kept.of(wallets, "chain_id", "a", "b"),
        found.hubs,
        under(found.stays, here),
    ).filter(pl.col("address").is_in(told))
    seen = replaced(before.nodes, here, again, WALLET)
    grouped = pl.Series("address", list(touched.regrouped), pl.Binary)
    moved = pl.concat([wallets, grouped]).unique()
    clusters = under(before.members, on_every_chain(moved, before.members)).get_column("cluster_id").unique()
    mates = before.members.filter(pl.col("cluster_id").is_in(clusters.implode())).get_column("address")
    near = pl.concat([moved, mates]).unique()
    groups = {wallet: found.groups[wallet] for wallet in near if wallet in found.groups}
    there = on_every_chain(near, before.members, seen)
    return Placed(seen, replaced(before.members, there, members(under(seen, there), groups), WALLET)), near
