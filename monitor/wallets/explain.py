"""Why two wallets stand in one cluster: the strongest chain of links, and how much of it could fall away.

The path is the one whose weakest hop is strongest (the path in the maximum spanning forest). One edge-disjoint path
means that a single wrong link is all that joins the two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow

from monitor.model.schema import ACCOUNTS, HABITS, empty
from monitor.wallets.evidence import PairScore, pair_scores

__all__ = ["Explanation", "Habit", "Hop", "LinkNote", "Remainder", "Told", "explain"]

_NO_HABITS = empty(HABITS)
_NOBODY = empty(ACCOUNTS)
_OF_SIBLINGS = frozenset({"shared_funder", "leased_alike", "siblings_payer", "siblings_sink", "siblings_fee"})
"""Heuristics that tell of a wallet what it has in common with others of its first funder."""


class Habit(NamedTuple):
    """What a wallet set for fees in `times` of its `transactions`, and in which; as in `HABITS`."""

    address: bytes
    what: str
    value: int
    times: int
    transactions: int
    txs: tuple[bytes, ...]


class Told(NamedTuple):
    """What a Safe answers as of block `as_of`: that `owner` alone is its owner and needs no other signature."""

    safe: bytes
    owner: bytes
    as_of: int


class LinkNote(NamedTuple):
    """One link of a hop; `weight` in bits, `txs` = transaction hashes, `at` = newest block seconds.

    `acted` = whether the hop's `a`, and its `b`, did its part by an act of its own; `adds` = the hop counts it, for it
    is the strongest of its family; `funding` = the end that was the first to fund the other, and that other; `siblings`
    = of evidence about several wallets of that funder, the others. `habits` = of a link of family fee, the settings
    that are shared, of every wallet that shares them. `told` = of a Safe and its only owner, what says so.
    """

    chain_id: int
    heuristic: str
    family: str
    weight: Decimal
    txs: tuple[bytes, ...]
    at: int | None
    acted: tuple[bool, bool]
    adds: bool = True
    funding: tuple[bytes, bytes] | None = None
    siblings: tuple[bytes, ...] = ()
    habits: tuple[Habit, ...] = ()
    told: Told | None = None


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


def explain(
    links: pl.DataFrame, a: bytes, b: bytes, habits: pl.DataFrame = _NO_HABITS, accounts: pl.DataFrame = _NOBODY
) -> Explanation:
    """Explain what joins `a` and `b` (`LINKS`, `HABITS`, `ACCOUNTS`, in any order).

    Only accepted pairs are walked, so the answer explains a merge; where they do not connect, all pairs are, and the
    hops that are mere candidates say so.
    """
    pairs = pair_scores(links)
    accepted = [pair for pair in pairs if pair.accepted]
    route = _route(accepted, a, b) or _route(pairs, a, b)
    hops = tuple(_hop(links, habits, accounts, here, pair) for here, pair in route)
    families = sorted({family for hop in hops for family in hop.families})
    return Explanation(
        hops,
        min(hops, key=lambda hop: hop.bits, default=None),
        _disjoint(accepted, a, b),
        tuple(_without(links, family, a, b) for family in families),
    )


def _hop(links: pl.DataFrame, habits: pl.DataFrame, accounts: pl.DataFrame, here: bytes, pair: PairScore) -> Hop:
    there = pair.b if here == pair.a else pair.a
    return Hop(
        *(here, there, Decimal(pair.tenths) / 10, pair.families, pair.accepted),
        tuple(_notes(links, habits, accounts, here, pair)),
    )


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


def _notes(
    links: pl.DataFrame, habits: pl.DataFrame, accounts: pl.DataFrame, here: bytes, pair: PairScore
) -> Iterator[LinkNote]:
    rows = links.filter((pl.col("a") == pair.a) & (pl.col("b") == pair.b)).sort(
        ["weight", "heuristic", "chain_id"], descending=[True, False, False]
    )
    seen: set[str] = set()
    columns = ("chain_id", "heuristic", "family", "weight", "evidence", "at", "volition_a", "volition_b")
    for chain, heuristic, family, weight, txs, at, *acted in rows.select(columns).iter_rows():
        funded = _funded(accounts, chain, pair)
        others = _siblings(links, accounts, chain, heuristic, funded) if funded and heuristic in _OF_SIBLINGS else ()
        sharing = (funded[1], *others) if others and funded else (pair.a, pair.b)
        common = _shared(habits, chain, sharing) if family == "fee" else ()
        told = _told(accounts, chain, pair) if heuristic == "sole_owner" else None
        both = (bool(acted[0]), bool(acted[1]))
        sides = both if here == pair.a else both[::-1]
        counts = family not in seen
        yield LinkNote(chain, heuristic, family, weight, tuple(txs), at, sides, counts, funded, others, common, told)
        seen.add(family)


def _told(accounts: pl.DataFrame, chain_id: int, pair: PairScore) -> Told | None:
    """Say which end is a Safe that names the other as its only owner."""
    here = accounts.filter((pl.col("chain_id") == chain_id) & pl.col("address").is_in([pair.a, pair.b]))
    for safe, owners, as_of in here.select("address", "owners", "as_of").drop_nulls().iter_rows():
        if owners == [pair.b if safe == pair.a else pair.a]:
            return Told(safe, owners[0], as_of)
    return None


def _funded(accounts: pl.DataFrame, chain_id: int, pair: PairScore) -> tuple[bytes, bytes] | None:
    """Say which end was the first to fund the other: funder, wallet."""
    first = accounts.filter((pl.col("chain_id") == chain_id) & pl.col("address").is_in([pair.a, pair.b]))
    known = dict(first.select("address", "funder").iter_rows())
    ways = ((pair.a, pair.b), (pair.b, pair.a))
    return next(((funder, wallet) for funder, wallet in ways if known.get(wallet) == funder), None)


def _siblings(
    links: pl.DataFrame, accounts: pl.DataFrame, chain_id: int, heuristic: str, funded: tuple[bytes, bytes]
) -> tuple[bytes, ...]:
    """List the other wallets of the funder about which the same evidence speaks."""
    funder, wallet = funded
    near = links.filter((pl.col("chain_id") == chain_id) & (pl.col("heuristic") == heuristic))
    ends = {end for end, other in (*near.select("a", "b").iter_rows(), *near.select("b", "a").iter_rows())
            if other == funder}  # fmt: skip
    mine = accounts.filter((pl.col("chain_id") == chain_id) & (pl.col("funder") == funder))["address"]
    return tuple(sorted((ends & {*mine}) - {wallet}))


def _shared(habits: pl.DataFrame, chain_id: int, wallets: Iterable[bytes]) -> tuple[Habit, ...]:
    """List the habits of the first of the wallets that others of them have too, each with those others'."""
    first, *others = wallets
    here = habits.filter((pl.col("chain_id") == chain_id) & pl.col("address").is_in([first, *others]))
    mine = here.filter(pl.col("address") == first).select("what", "value")
    both = here.join(mine, on=["what", "value"], how="semi").filter(pl.len().over("what", "value") > 1)
    ordered = both.sort("what", "value", pl.col("address") != first, "address").drop("chain_id")
    return tuple(
        Habit(address, what, value, times, transactions, tuple(txs))
        for address, what, value, times, transactions, txs in ordered.iter_rows()
    )
