"""From accepted pairs to groups of wallets.

Declared pairs first, then the others from the strongest down (Kruskal, with a cap): two groups of more than two wallets
each merge up to `MAX_SOFT_UNION`, so that one wrong pair does not join two crowds, and groups of different declared
owners never do. What grows beyond that leaf by leaf, where a wrong pair may have come early, is looked at as a whole
and split into communities of at most `LARGEST`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from monitor.wallets.evidence import ACCEPT_TENTHS, PairScore

__all__ = ["LARGEST", "MAX_SOFT_UNION", "merge"]

MAX_SOFT_UNION = 100
LARGEST = 300
_RESOLUTION = (2 / MAX_SOFT_UNION) ** 2
"""One pair that just merges holds two halves of `MAX_SOFT_UNION` wallets together, and no larger ones."""
_ALWAYS = 2
_DECLARED = "declared"


def merge(pairs: Iterable[PairScore], owners: Mapping[bytes, str]) -> dict[bytes, bytes]:
    """Group the wallets of accepted pairs, in any order; each group is named by its lowest address.

    `owners` = owner labels.
    """
    ordered = sorted(
        (pair for pair in pairs if pair.accepted),
        key=lambda pair: (_DECLARED not in pair.families, -pair.tenths, pair.a, pair.b),
    )
    root: dict[bytes, bytes] = {}
    size: dict[bytes, int] = {}
    owner: dict[bytes, str] = {}

    def find(address: bytes) -> bytes:
        path = []
        while (up := root.setdefault(address, address)) != address:
            path.append(address)
            address = up
        for each in path:
            root[each] = address
        return address

    for pair in ordered:
        low, high = sorted((find(pair.a), find(pair.b)))
        if low == high:
            continue
        sizes = sorted((size.get(low, 1), size.get(high, 1)))
        if sizes[0] > _ALWAYS and sum(sizes) > MAX_SOFT_UNION and _DECLARED not in pair.families:
            continue
        names = {name for each in (low, high) if (name := owner.get(each, owners.get(each))) is not None}
        if len(names) > 1:
            continue
        root[high] = low
        size[low] = sum(sizes)
        for name in names:
            owner[low] = name
    groups = {address: find(address) for address in root}
    large = {name for name, wallets in size.items() if wallets > MAX_SOFT_UNION and root[name] == name}
    return groups | _split(ordered, groups, large) if large else groups


def _split(pairs: list[PairScore], groups: Mapping[bytes, bytes], large: set[bytes]) -> dict[bytes, bytes]:
    """Split the large groups into communities; wallets that declared pairs join go as one."""
    # Few ledgers have such a group, and SciPy takes a quarter of a second to load.
    import numpy as np

    from monitor.wallets.graph import Edges, communities, components

    inside = [pair for pair in pairs if groups[pair.a] in large and groups[pair.a] == groups[pair.b]]
    wallets = sorted({end for pair in inside for end in (pair.a, pair.b)})
    at = {wallet: number for number, wallet in enumerate(wallets)}
    hard = np.array([(at[pair.a], at[pair.b]) for pair in inside if _DECLARED in pair.families], np.int64).reshape(
        -1, 2
    )
    unit = components(len(wallets), hard[:, 0], hard[:, 1])
    weights: dict[tuple[int, int], float] = {}
    for pair in inside:
        low, high = sorted((int(unit[at[pair.a]]), int(unit[at[pair.b]])))
        if low != high:
            weights[low, high] = weights.get((low, high), 0.0) + pair.tenths / ACCEPT_TENTHS
    ends = np.array(sorted(weights), np.int64).reshape(-1, 2)
    edges = Edges(ends[:, 0], ends[:, 1], np.array([weights[low, high] for low, high in sorted(weights)]))
    found = communities(len(wallets), edges, _RESOLUTION, MAX_SOFT_UNION, LARGEST)
    return {wallet: wallets[int(found[unit[number]])] for wallet, number in at.items()}
