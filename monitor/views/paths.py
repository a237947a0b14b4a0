"""Why two wallets hang together: the strongest chain of links between them."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import polars as pl

__all__ = ["Edge", "edges", "paths_from"]


class Edge(NamedTuple):
    """One link between two wallets; `weight` in bits, `evidence` = transaction hashes."""

    a: bytes
    b: bytes
    heuristic: str
    weight: Decimal
    evidence: tuple[bytes, ...]


def edges(links: pl.DataFrame, chain_id: int, members: Iterable[bytes]) -> list[Edge]:
    """List the links of one chain of which both ends are members, in a fixed order."""
    inside = set(members)
    rows = links.filter(pl.col("chain_id") == chain_id).select("a", "b", "heuristic", "weight", "evidence").iter_rows()
    found = [Edge(a, b, heuristic, weight, tuple(evidence or ())) for a, b, heuristic, weight, evidence in rows]
    return sorted(edge for edge in found if edge.a in inside and edge.b in inside)


def paths_from(start: bytes, links: Iterable[Edge]) -> dict[bytes, tuple[Edge, ...]]:
    """Find the path of fewest links from `start` to every wallet it reaches; among equals the one of more bits."""
    around: dict[bytes, list[Edge]] = {}
    for edge in links:
        around.setdefault(edge.a, []).append(edge)
        around.setdefault(edge.b, []).append(edge)
    found: dict[bytes, tuple[Edge, ...]] = {}
    queue: list[tuple[int, Decimal, bytes, tuple[Edge, ...]]] = [(0, Decimal(0), start, ())]
    while queue:
        steps, lightness, wallet, path = heapq.heappop(queue)
        if wallet in found:
            continue
        found[wallet] = path
        for edge in around.get(wallet, ()):
            other = edge.b if edge.a == wallet else edge.a
            if other not in found:
                heapq.heappush(queue, (steps + 1, lightness - edge.weight, other, (*path, edge)))
    return found
