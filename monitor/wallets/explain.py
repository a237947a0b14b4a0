"""Why two wallets stand in one cluster: the strongest chain of links, and how much of it could fall away.

The path is the one whose weakest hop is strongest (the path in the maximum spanning forest). One edge-disjoint path
means that a single wrong link is all that joins the two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow

from monitor.model.schema import HABITS, empty
from monitor.wallets.evidence import PairScore, pair_scores

__all__ = ["Explanation", "Habit", "Hop", "LinkNote", "Remainder", "explain"]

_NO_HABITS = empty(HABITS)


class Habit(NamedTuple):
    """What a wallet set for fees in `times` of its `transactions`; as in `HABITS`."""

    address: bytes
    what: str
    value: int
    times: int
    transactions: int


class LinkNote(NamedTuple):
    """One link of a hop; `weight` in bits, `txs` = transaction hashes, `at` = newest block seconds.

    `habits` = of a link of family fee, what either end sets.
    """

    chain_id: int
    heuristic: str
    family: str
    weight: Decimal
    txs: tuple[bytes, ...]
    at: int | None
    habits: tuple[Habit, ...] = ()


class Hop(NamedTuple):
    """One step from `a` to `b`; `bits` = families added up, `accepted` = enough to merge on its own."""

    a: bytes
    b: bytes
    bits: Decimal
    families: tuple[str, ...]
    accepted: bool
    links: tuple[LinkNote, ...]


class Remainder(NamedTuple):
    """What is left without the links of `family`: `joined`, and the `bits` of the weakest hop then (else None)."""

    family: str
    joined: bool
    bits: Decimal | None


class Explanation(NamedTuple):
    """Why two wallets are together; `hops` is empty when no evidence connects them.

    `weakest` = the hop of fewest bits, `disjoint` = edge-disjoint paths over accepted pairs (1 = fragile, 0 = not
    joined), `without` = one remainder per family on the path, by name.
    """

    hops: tuple[Hop, ...]
    weakest: Hop | None
    disjoint: int
    without: tuple[Remainder, ...]


def explain(links: pl.DataFrame, a: bytes, b: bytes, habits: pl.DataFrame = _NO_HABITS) -> Explanation:
    """Explain what joins `a` and `b` (`LINKS` and `HABITS` in any order).

    Only accepted pairs are walked, so the answer explains a merge; where they do not connect, all pairs are, and the
    hops that are mere candidates say so.
    """
    pairs = pair_scores(links)
    accepted = [pair for pair in pairs if pair.accepted]
    hops = tuple(_hops(links, habits, _route(accepted, a, b) or _route(pairs, a, b)))
    families = sorted({family for hop in hops for family in hop.families})
    return Explanation(
        hops,
        min(hops, key=lambda hop: hop.bits, default=None),
        _disjoint(accepted, a, b),
        tuple(_without(links, family, a, b) for family in families),
    )


def _hops(links: pl.DataFrame, habits: pl.DataFrame, route: list[tuple[bytes, PairScore]]) -> Iterator[Hop]:
    for here, pair in route:
        there = pair.b if here == pair.a else pair.a
        yield Hop(here, there, Decimal(pair.tenths) / 10, pair.families, pair.accepted, _notes(links, habits, pair))


def _without(links: pl.DataFrame, family: str, a: bytes, b: bytes) -> Remainder:
    rest = pair_scores(links.filter(pl.col("family") != family))
    route = _route([pair for pair in rest if pair.accepted], a, b)
    weakest = min((pair.tenths for _, pair in route), default=None)
    return Remainder(family, bool(route), None if weakest is None else Decimal(weakest) / 10)


def _disjoint(accepted: list[PairScore], a: bytes, b: bytes) -> int:
    """Count edge-disjoint paths: the maximum flow where every pair carries one, in either direction."""
    wallets = {name: at for at, name in enumerate(sorted({end for pair in accepted for end in (pair.a, pair.b)}))}
    if a == b or a not in wallets or b not in wallets:
        return 0
    ends = np.array([(wallets[pair.a], wallets[pair.b]) for pair in accepted], np.int32)
    both = np.concatenate([ends, ends[:, ::-1]])
    ones = np.ones(len(both), np.int32)
    graph = csr_matrix((ones, (both[:, 0], both[:, 1])), shape=(len(wallets), len(wallets)))
    return int(maximum_flow(graph, wallets[a], wallets[b]).flow_value)


def _route(pairs: list[PairScore], a: bytes, b: bytes) -> list[tuple[bytes, PairScore]]:
    """Walk the maximum spanning forest, where the path between two wallets is the widest one."""
    neighbours: dict[bytes, list[tuple[bytes, PairScore]]] = {}
    root: dict[bytes, bytes] = {}

    def find(address: bytes) -> bytes:
        while (up := root.setdefault(address, address)) != address:
            root[address] = root[up]
            address = root[address]
        return address

    for pair in pairs:
        low, high = find(pair.a), find(pair.b)
        if low != high:
            root[high] = low
            neighbours.setdefault(pair.a, []).append((pair.b, pair))
            neighbours.setdefault(pair.b, []).append((pair.a, pair))
    came: dict[bytes, tuple[bytes, PairScore]] = {}
    queue = deque([a])
    while queue and b not in came:
        here = queue.popleft()
        for there, pair in neighbours.get(here, []):
            if there != a and there not in came:
                came[there] = (here, pair)
                queue.append(there)
    route: list[tuple[bytes, PairScore]] = []
    while b != a and b in came:
        route.append(came[b])
        b = came[b][0]
    return route[::-1]


def _notes(links: pl.DataFrame, habits: pl.DataFrame, pair: PairScore) -> tuple[LinkNote, ...]:
    mine = habits.filter(pl.col("address").is_in([pair.a, pair.b])).sort("address", "what")

    def set_there(chain_id: int) -> tuple[Habit, ...]:
        return tuple(Habit(*row) for row in mine.filter(pl.col("chain_id") == chain_id).drop("chain_id").iter_rows())

    rows = links.filter((pl.col("a") == pair.a) & (pl.col("b") == pair.b)).sort(
        ["weight", "heuristic", "chain_id"], descending=[True, False, False]
    )
    columns = ("chain_id", "heuristic", "family", "weight", "evidence", "at")
    return tuple(
        LinkNote(chain, heuristic, family, weight, tuple(txs), at, set_there(chain) if family == "fee" else ())
        for chain, heuristic, family, weight, txs, at in rows.select(columns).iter_rows()
    )
