from __future__ import annotations

from decimal import Decimal

from monitor.views.paths import Edge, edges, paths_from
from tests.surfaces_fixture import CHAIN, links, tx, wallet


def test_edges_stay_inside_the_members():
    found = edges(links(), CHAIN, [wallet(11), wallet(20)])
    assert found == [Edge(wallet(11), wallet(20), "payer", Decimal("6.5"), (tx(1), tx(2)))]
    assert edges(links(), CHAIN + 1, [wallet(11), wallet(20)]) == []


def test_the_path_has_fewest_links_then_most_bits():
    weak = Edge(wallet(1), wallet(2), "gas", Decimal(1), ())
    strong = Edge(wallet(1), wallet(2), "payer", Decimal(5), ())
    onward = Edge(wallet(3), wallet(2), "gas", Decimal(9), ())
    found = paths_from(wallet(1), [weak, strong, onward])
    assert found == {wallet(1): (), wallet(2): (strong,), wallet(3): (strong, onward)}
    direct = Edge(wallet(1), wallet(3), "gas", Decimal(1), ())
    assert paths_from(wallet(1), [weak, strong, onward, direct])[wallet(3)] == (direct,)


def test_a_wallet_nobody_links_reaches_itself():
    assert paths_from(wallet(9), []) == {wallet(9): ()}
