"""Connected components of ten million random edges, ours (SciPy) and a compiled union-find (rustworkx), in one run.

Run with `uv run --with rustworkx bench/components.py`, or after `pip install rustworkx`. Prints seconds from columns of
numbers to named components, and the ratio; exits with 1 when ours takes more than twice as long.
"""

from __future__ import annotations

import sys
from time import perf_counter

import numpy as np

from monitor.wallets.graph import components

EDGES, WALLETS, ROUNDS = 10_000_000, 5_000_000, 3
LIMIT = 2.0


def main() -> int:
    try:
        import rustworkx
    except ImportError:
        print("skipped: rustworkx is not installed")
        return 0
    chance = np.random.default_rng(1)
    a, b = (chance.integers(0, WALLETS, EDGES) for _ in range(2))
    ours, theirs = [], []
    for _ in range(ROUNDS):
        start = perf_counter()
        mine = np.unique(components(WALLETS, a, b)).size
        ours.append(perf_counter() - start)
        start = perf_counter()
        graph = rustworkx.PyGraph()
        graph.add_nodes_from(range(WALLETS))
        graph.add_edges_from_no_data(list(zip(a.tolist(), b.tolist(), strict=True)))
        other = rustworkx.number_connected_components(graph)
        theirs.append(perf_counter() - start)
        assert mine == other
    ratio = min(ours) / min(theirs)
    print(
        f"components: ours {min(ours):.2f} s, rustworkx {min(theirs):.2f} s, ratio {ratio:.2f} (at most {LIMIT} wanted)"
    )
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
