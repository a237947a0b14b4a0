"""Wallets and their clusters between looks: only those that news reaches are placed again.

What comes out is what `nodes` and `members` (`monitor.wallets.clusters`) make of everything.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from monitor.facts.folding import Turned
from monitor.facts.inorder import replaced, under
from monitor.wallets.clusters import WALLET, members, nodes
from monitor.wallets.grouping import Grouped, Touched

__all__ = ["Placed", "Placing"]

_ENDS = ["chain_id", "a", "b"]


class Placed(NamedTuple):
    """The wallets to cluster (NODES) and the cluster of each (MEMBERS), as `monitor.wallets.clusters` has them."""

    nodes: pl.DataFrame
    members: pl.DataFrame


class _Before(NamedTuple):
    """The last look: who ends links, and who was placed where."""

    ends: pl.DataFrame
    placed: Placed


class Placing:
    """Wallets under a stream of news; for one thread."""

    def __init__(self) -> None:
        self._before: _Before | None = None

    def become(self, people: pl.DataFrame, found: Grouped, turned: Turned | None, touched: Touched | None) -> Placed:
        """Take `people` (PEOPLE) and what was `found` as all there is; the others say what changed, where known."""
        before, placed = self._before, None
        ends = found.links.select(_ENDS)
        if before is not None and turned is not None and touched is not None:
            wallets = _touched(before.ends, ends, turned, touched)
            if 2 * len(wallets) < before.placed.nodes.height:
                placed = _onward(before.placed, people, found, wallets, touched)
        if placed is None:
            seen = nodes(people, found.funders, found.links, found.hubs, found.stays)
            placed = Placed(seen, members(seen, found.groups))
        self._before = _Before(ends, placed)
        return placed


def _touched(was: pl.DataFrame, now: pl.DataFrame, turned: Turned, touched: Touched) -> pl.Series:
    """List the wallets of which other roles or times may be known."""
    near = pl.any_horizontal(pl.col(end).is_in(touched.looked.implode()) for end in ("a", "b"))
    before, after = (each.filter(near).unique() for each in (was, now))
    changed = pl.concat([before.join(after, on=_ENDS, how="anti"), after.join(before, on=_ENDS, how="anti")])
    people = [each.people.get_column("address") for each in (turned.was, turned.now)]
    ends = [changed.get_column(end).alias("address") for end in ("a", "b")]
    return pl.concat([touched.looked, touched.moved, *people, *ends]).unique()


def _onward(before: Placed, people: pl.DataFrame, found: Grouped, wallets: pl.Series, touched: Touched) -> Placed:
    """Place the wallets again, and all that are or were in a cluster with one of them or were grouped again."""
    told = wallets.implode()
    here = _keys(wallets, before.nodes, people, found.stays)
    again = nodes(
        under(people, here),
        found.funders.filter(pl.col("funder").is_in(told)),
        found.links.select(_ENDS).filter(pl.col("a").is_in(told) | pl.col("b").is_in(told)),
        found.hubs,
        under(found.stays, here),
    ).filter(pl.col("address").is_in(told))
    seen = replaced(before.nodes, here, again, WALLET)
    grouped = pl.Series("address", list(touched.regrouped), pl.Binary)
    moved = pl.concat([wallets, grouped]).unique()
    clusters = under(before.members, _keys(moved, before.members)).get_column("cluster_id").unique()
    mates = before.members.filter(pl.col("cluster_id").is_in(clusters.implode())).get_column("address")
    near = pl.concat([moved, mates]).unique()
    groups = {wallet: found.groups[wallet] for wallet in near if wallet in found.groups}
    there = _keys(near, before.members, seen)
    return Placed(seen, replaced(before.members, there, members(under(seen, there), groups), WALLET))


def _keys(wallets: pl.Series, *frames: pl.DataFrame) -> pl.DataFrame:
    """Name the wallets on every chain that a frame speaks of."""
    chains = pl.concat([frame.get_column("chain_id").unique() for frame in frames]).unique()
    return chains.to_frame().join(wallets.alias("address").to_frame(), how="cross")
