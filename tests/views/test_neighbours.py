from decimal import Decimal

import polars as pl

from monitor.model.schema import LINKS, WALLETS
from monitor.views.neighbours import drawn, neighbours, rows
from tests.facts.rows import who


def link(a, b, *families, txs=()):
    ends = sorted((who(a), who(b)))
    return [(1, *ends, f"h-{family}", family, Decimal(9), list(txs), 0, True, True) for family in families]


LINKED = pl.DataFrame(
    link(1, 2, "funding", "sink", txs=[b"\2" * 32]) + link(2, 3, "funding") + link(1, 3, "sink") + link(3, 4, "sink"),
    schema=LINKS,
    orient="row",
)


def test_each_wallet_stands_once_at_its_nearest_strongest_first():
    found = neighbours(LINKED, pl.DataFrame(schema=WALLETS), who(1), 2)
    assert [item.address for item in found] == [who(2), who(3)]
    assert [item.pair.accepted for item in found] == [True, False]
    assert found[0].txs == (b"\2" * 32,)
    assert (found[0].beyond, [item.address for item in found[1].beyond]) == ((), [who(4)])
    assert neighbours(LINKED, pl.DataFrame(schema=WALLETS), who(9), 2) == ()


def test_the_drawing_and_the_json_say_the_same():
    found = neighbours(LINKED, pl.DataFrame(schema=WALLETS), who(1), 2)
    lines = list(drawn(found))
    assert [line[:5] for line in lines] == ["├══ 0", "└── 0", "    └"]
    assert "17.6 bits from funding, sink; 1 transactions" in lines[0]
    told = rows(found)
    assert [item["merges"] for item in told] == [True, False]
    assert told[1]["neighbours"][0]["step"] == 2


def test_of_very_many_neighbours_the_strongest_are_drawn():
    crowd = pl.DataFrame([row for n in range(30) for row in link(1, 100 + n, "sink")], schema=LINKS, orient="row")
    lines = list(drawn(neighbours(crowd, pl.DataFrame(schema=WALLETS), who(1), 1)))
    assert len(lines) == 21
    assert lines[-1] == "└── … and 10 more: --format json shows all"
