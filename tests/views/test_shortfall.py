"""Reads that failed are counted for the market that asked, with the oldest reason and what helps."""

from __future__ import annotations

import polars as pl
import pytest

from monitor.markets.load import Bound
from monitor.markets.reads import selectors
from monitor.model.schema import EVENTS, READS, WANTED, empty
from monitor.views.shortfall import Shortfall, hint, shortfall
from tests.markets.chain_of_logs import built_in

DIAMOND, STRANGER = b"\xd1" * 20, b"\xd2" * 20
BOUND = [Bound(1, "iexec_poco", "diamond", DIAMOND, 0, None, None, None)]
TX = b"\xee" * 32
Row = tuple[int, int, str, bytes, bytes, bytes | None, str | None]


def counted(*rows: Row, wanted: tuple[tuple[int, int, str, bytes, bytes], ...] = ()) -> tuple[Shortfall, ...]:
    event = dict.fromkeys(EVENTS) | {"chain_id": 1, "tx_hash": TX, "market": "swan_chain"}
    return shortfall(
        pl.DataFrame(list(rows), schema=READS, orient="row"),
        pl.DataFrame(list(wanted), schema=WANTED, orient="row"),
        pl.DataFrame([event], schema=EVENTS),
        BOUND,
        built_in(),
    )


def test_nothing_is_said_where_everything_was_answered():
    assert counted((1, 5, "call", DIAMOND, b"abcd", b"x", None)) == ()


def test_a_failure_belongs_to_who_asked_and_the_oldest_reason_is_told():
    morpheus = min(selectors(built_in()["morpheus"]))
    found = counted(
        (1, 9, "call", DIAMOND, b"abcd", None, "execution reverted"),
        (1, 5, "call", DIAMOND, b"efgh", None, "missing trie node"),
        (1, 5, "call", STRANGER, morpheus, None, "execution reverted"),
        (1, 6, "transaction", b"", TX, None, "the transaction is not known to the node"),
        (1, 6, "fee", b"", TX, None, "the transaction is not known to the node"),
        (2, 6, "call", DIAMOND, b"efgh", None, "execution reverted"),
        wanted=((1, 12, "call", DIAMOND, b"ijkl"), (1, 13, "call", DIAMOND, b"ijkl")),
    )
    assert found == (
        Shortfall("", 2, 1, "execution reverted", 0),
        Shortfall("iexec_poco", 1, 2, "missing trie node", 2),
        Shortfall("morpheus", 1, 1, "execution reverted", 0),
        Shortfall("swan_chain", 1, 2, "the transaction is not known to the node", 0),
    )
    assert counted(*[]) == ()
    assert shortfall(empty(READS), empty(WANTED), empty(EVENTS), BOUND, {}) == ()


@pytest.mark.parametrize(
    ("reason", "fix"),
    [
        ("execution reverted: no such deal", "the contract itself refuses"),
        ("missing trie node 12ab", "an archive endpoint"),
        ("the answer has 70000 bytes", "larger than what is kept"),
        ("the transaction is not known to the node", "`monitor doctor` tests the endpoints"),
    ],
)
def test_each_reason_has_its_hint(reason, fix):
    assert fix in hint(Shortfall("m", 1, 1, reason, 0))


def test_what_is_only_waiting_names_the_budget():
    assert "max_reads" in hint(Shortfall("m", 1, 0, "", 3))
