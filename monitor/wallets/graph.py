"""Graphs of numbered wallets: connected components, and the communities inside a component too large to be one owner.

Wallets are numbers from 0 in the order of their addresses, edges are columns of numbers, so the same graph gives the
same groups whatever the order of its rows. Components are found in whole columns, communities by the Leiden algorithm
under the constant Potts model (Traag, Waltman, van Eck 2019; graspologic-native): two groups stay joined while the
weight between them exceeds `resolution` times the product of their sizes, so one wrong edge never joins two crowds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from graspologic_native import leiden_csr
from numpy.typing import NDArray
from scipy.sparse import coo_matrix

__all__ = ["Edges", "Ids", "communities", "components"]

Ids = NDArray[np.int64]
Weights = NDArray[np.float64]

_INT32 = 2**31
_STRETCH = 1 << 16
"""So many numbers are worked on at once: what is made of them on the way stays in the processor's cache."""
_SEED = 7
_ITERATIONS = 2
_RANDOMNESS = 0.001


class Edges(NamedTuple):
    """Undirected edges: `a` and `b` = wallet numbers, `weight` > 0; each pair once."""

    a: Ids
    b: Ids
    weight: Weights

    def only(self, keep: NDArray[np.bool_]) -> Edges:
        """Keep the edges where `keep` is true."""
        return Edges(self.a[keep], self.b[keep], self.weight[keep])


def components(count: int, a: Ids, b: Ids) -> Ids:
    """Name the component of each of `count` wallets by its lowest number.

    By labels that go down (Liu and Tarjan 2019): each wallet hangs under its lowest neighbour if that is lower, paths
    are made flat, and what is left of the graph, its roots and the edges between them, is named in the same way.
    """
    kind = np.dtype(np.int32 if count < _INT32 else np.int64)
    names, levels = np.arange(count, dtype=kind), []
    one: NDArray[np.integer] = a
    other: NDArray[np.integer] = b
    while len(one):
        root = np.arange(len(names), dtype=kind)
        for edges in _stretches(len(one)):
            ends = one[edges].astype(kind, copy=False), other[edges].astype(kind, copy=False)
            np.minimum.at(root, ends[0], ends[1])
            np.minimum.at(root, ends[1], ends[0])
        for part in map(root.__getitem__, _stretches(len(root))):
            # Paths go down, and below this stretch all are flat by now.
            while not np.array_equal(above := root[part], part):
                part[:] = above
        head = root == np.arange(len(root), dtype=kind)
        at = (np.cumsum(head, dtype=kind) - 1)[root]
        levels.append(at)
        names = names[head]
        one, other = _apart(at, one, other)
    for at in reversed(levels):
        names = names[at]
    return names.astype(np.int64)


def _apart(
    at: NDArray[np.integer], one: NDArray[np.integer], other: NDArray[np.integer]
) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Name the ends of edges by `at`, and leave out edges with one name at both."""
    kept = [[at[:0]], [at[:0]]]
    for edges in _stretches(len(one)):
        ends = at[one[edges]], at[other[edges]]
        apart = np.flatnonzero(ends[0] != ends[1])
        for side, numbers in zip(kept, ends, strict=True):
            side.append(numbers[apart])
    return np.concatenate(kept[0]), np.concatenate(kept[1])


def _stretches(count: int) -> Iterator[slice]:
    return (slice(first, first + _STRETCH) for first in range(0, count, _STRETCH))


def communities(count: int, edges: Edges, resolution: float, whole: int, largest: int) -> Ids:
    """Group `count` wallets, each group named by its lowest member.

    A component of up to `whole` wallets is one group; a larger one is split into communities at `resolution`, and a
    community above `largest` again at twice the resolution until none is. Components do not influence each other.
    """
    groups = components(count, edges.a, edges.b)
    sizes = np.bincount(groups, minlength=count)
    order = np.argsort(groups[edges.a], kind="stable")
    sorted_groups = groups[edges.a][order]
    for name in np.flatnonzero(sizes > whole):
        first, last = np.searchsorted(sorted_groups, [name, name + 1])
        inside = edges.only(np.sort(order[first:last]))
        members = np.flatnonzero(groups == name) if sizes[name] > count // 64 else np.unique([*inside.a, *inside.b])
        groups[members] = _split(members, inside, resolution, largest)
    return groups


def _split(members: Ids, edges: Edges, resolution: float, largest: int) -> Ids:
    """Split one component; returns the group of each of `members`, named by its lowest wallet."""
    local = Edges(np.searchsorted(members, edges.a), np.searchsorted(members, edges.b), edges.weight)
    labels = _leiden(len(members), local, resolution)
    sizes = np.bincount(labels)
    for label in np.flatnonzero(sizes > largest):
        part = np.flatnonzero(labels == label)
        inside = local.only((labels[local.a] == label) & (labels[local.b] == label))
        labels[part] = labels.max() + 1 + _split(part, inside, 2 * resolution, largest)
    lowest = np.full(labels.max() + 1, members[-1], np.int64)
    np.minimum.at(lowest, labels, members)
    return lowest[labels]


def _leiden(count: int, edges: Edges, resolution: float) -> Ids:
    ends = np.concatenate([edges.a, edges.b]), np.concatenate([edges.b, edges.a])
    matrix = coo_matrix((np.tile(edges.weight, 2), ends), shape=(count, count)).tocsr()
    matrix.sort_indices()
    _, found = leiden_csr(
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int32),
        matrix.data.astype(np.float64),
        count,
        resolution=resolution,
        randomness=_RANDOMNESS,
        iterations=_ITERATIONS,
        use_modularity=False,
        seed=_SEED,
    )
    labels = np.arange(len(found), len(found) + count)
    labels[np.fromiter(found.keys(), np.int64, len(found))] = np.fromiter(found.values(), np.int64, len(found))
    dense: Ids = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    return dense
