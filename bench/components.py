"""Connected components of ten million random edges: ours, a compiled union-find (Numba), and SciPy, in one run.

Needs Numba (`uv sync --group bench`, or `pip install numba`). Prints seconds of processor time from columns of numbers
to named components, the best of `ROUNDS` taken in turns, and the ratios; exits with 1 when ours takes more than twice
as long as the compiled union-find.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import process_time

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from monitor.wallets.graph import Ids, components

EDGES, WALLETS, ROUNDS = 10_000_000, 5_000_000, 3
LIMIT = 2.0


def by_scipy(count: int, a: Ids, b: Ids) -> Ids:
    graph = coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(count, count))
    labels: Ids = connected_components(graph, directed=False)[1]
    return labels


def union_find(count: int, a: Ids, b: Ids) -> Ids:
    """Join by lower number, with path halving; compiled by Numba before it is timed."""
    root = np.arange(count)
    for edge in range(len(a)):
        x, y = a[edge], b[edge]
        while root[x] != x:
            root[x] = root[root[x]]
            x = root[x]
        while root[y] != y:
            root[y] = root[root[y]]
            y = root[y]
        if x < y:
            root[y] = x
        elif y < x:
            root[x] = y
    for each in range(count):
        root[each] = root[root[each]]
    return root


def main() -> int:
    try:
        from numba import njit
    except ImportError:
        print("skipped: numba is not installed")
        return 0
    compiled: Callable[[int, Ids, Ids], Ids] = njit(union_find)
    compiled(2, np.array([0]), np.array([1]))
    chance = np.random.default_rng(1)
    a, b = (chance.integers(0, WALLETS, EDGES) for _ in range(2))
    ways = {"ours": components, "numba": compiled, "scipy": by_scipy}
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        found = {}
        for name, way in ways.items():
            start = process_time()
            found[name] = way(WALLETS, a, b)
            took[name].append(process_time() - start)
        assert (found["ours"] == found["numba"]).all()
        assert np.unique(found["scipy"]).size == np.unique(found["ours"]).size
    best = {name: min(times) for name, times in took.items()}
    ratio = best["ours"] / best["numba"]
    print(
        f"components of {EDGES} edges: ours {best['ours']:.2f} s, compiled union-find {best['numba']:.2f} s, SciPy "
        f"{best['scipy']:.2f} s: {ratio:.2f} times the union-find (at most {LIMIT:.0f} wanted), "
        f"{best['scipy'] / best['ours']:.1f} times as fast as SciPy"
    )
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
