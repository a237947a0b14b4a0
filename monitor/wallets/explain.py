"""Why two wallets stand in one cluster: the strongest chain of links between them."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from monitor.wallets.evidence import PairScore, pair_scores

__all__ = ["Hop", "LinkNote", "explain"]


class LinkNote(NamedTuple):
    """One link of a hop; `weight` in bits, `txs` = transaction hashes, `at` = newest block seconds."""

    chain_id: int
    heuristic: str
    family: str
    weight: Decimal
    txs: tuple[bytes, ...]
    at: int | None


class Hop(NamedTuple):
    """One step from `a` to `b`; `bits` = families added up, `accepted` = enough to merge on its own."""

    a: bytes
    b: bytes
    bits: Decimal
    families: tuple[str, ...]
    accepted: bool
    links: tuple[LinkNote, ...]


def explain(links: pl.DataFrame, a: bytes, b: bytes) -> list[Hop]:
    """Find the path from `a` to `b` whose weakest hop is strongest (`LINKS` in any order); empty when none.

    Only accepted pairs are walked, so the answer explains a merge; where they do not connect, all pairs are, and the
    hops that are mere candidates say so.
    """
    pairs = pair_scores(links)
    route = _route([pair for pair in pairs if pair.accepted], a, b) or _route(pairs, a, b)
    hops = []
    for here, pair in route:
        there = pair.b if here == pair.a else pair.a
        hops.append(Hop(here, there, Decimal(pair.tenths) / 10, pair.families, pair.accepted, _notes(links, pair)))
    return hops


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


def _notes(links: pl.DataFrame, pair: PairScore) -> tuple[LinkNote, ...]:
    rows = links.filter((pl.col("a") == pair.a) & (pl.col("b") == pair.b)).sort(
        ["weight", "heuristic", "chain_id"], descending=[True, False, False]
    )
    columns = ("chain_id", "heuristic", "family", "weight", "evidence", "at")
    return tuple(
        LinkNote(chain, heuristic, family, weight, tuple(txs), at)
        for chain, heuristic, family, weight, txs, at in rows.select(columns).iter_rows()
    )
