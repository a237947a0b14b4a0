from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.wallets import graph
from monitor.wallets.graph import Edges, communities, components


def edges(pairs, weight=1.0):
    pairs = sorted({(min(p), max(p)) for p in pairs if p[0] != p[1]})
    a, b = (np.array([p[i] for p in pairs], np.int64) for i in (0, 1))
    return Edges(a, b, np.full(len(a), weight))


def clique(start, size):
    return [(x, y) for x in range(start, start + size) for y in range(x + 1, start + size)]


def naive(count, pairs):
    names = list(range(count))
    for _ in range(count):
        for a, b in pairs:
            names[a] = names[b] = min(names[a], names[b])
    return names


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.sampled_from([1, 2, 5, 64]), st.data())
def test_components_are_named_by_their_lowest_wallet(count, stretch, data):
    ends = st.integers(0, count - 1)
    pairs = data.draw(st.lists(st.tuples(ends, ends), max_size=20))
    a, b = (np.array([p[i] for p in pairs], np.int64) for i in (0, 1))
    with patch.object(graph, "_STRETCH", stretch):
        assert components(count, a, b).tolist() == naive(count, pairs)


def test_one_wrong_edge_joins_no_two_crowds():
    made = edges([*clique(0, 100), *clique(100, 100), (5, 150)])
    groups = communities(201, made, resolution=0.001, whole=30, largest=300)
    assert groups.tolist() == [0] * 100 + [100] * 100 + [200]


def test_no_community_is_larger_than_allowed():
    made = edges(clique(0, 120))
    groups = communities(120, made, resolution=1e-6, whole=10, largest=50)
    assert np.bincount(groups).max() <= 50


@pytest.mark.parametrize("seed", range(3))
def test_other_components_change_nothing(seed):
    chance = np.random.default_rng(seed)
    here = [tuple(sorted(chance.integers(0, 80, 2).tolist())) for _ in range(160)]
    there = [tuple(sorted(chance.integers(80, 160, 2).tolist())) for _ in range(160)]
    alone = communities(160, edges(here), 0.01, 10, 60)
    both = communities(160, edges(here + there), 0.01, 10, 60)
    assert both[:80].tolist() == alone[:80].tolist()


def test_no_wallets_and_no_edges():
    nothing = edges([])
    assert communities(0, nothing, 0.001, 30, 300).tolist() == []
    assert communities(3, nothing, 0.001, 30, 300).tolist() == [0, 1, 2]
