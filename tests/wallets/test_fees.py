"""What wallets set for fees: which transactions are asked for, what is a habit, and what sharing a rare one says."""

from __future__ import annotations

import polars as pl

from monitor.model.schema import HABITS, LINKS, READS, WANTED, empty
from monitor.views import format as fmt
from monitor.wallets.evidence import pair_scores
from monitor.wallets.explain import explain
from monitor.wallets.fees import FEES, MONTH_SECONDS, SIGNED, fees, habits, signed
from monitor.wallets.links import links
from tests.facts.rows import event, tx, who
from tests.wallets.worlds import Rows, broker, label_rows, lease, pay, wallets

GWEI = 10**9
DEFAULT, ODD = 15 * GWEI // 10, 1_337_000_000


def tips(wallet: int, *values: int, month: int = 0, what: str = "tip") -> pl.DataFrame:
    """What a wallet set, one transaction after another."""
    rows = [
        (1, who(wallet), bytes([wallet, month, n]).ljust(32, b"\1"), month * MONTH_SECONDS + n, what, value)
        for n, value in enumerate(values)
    ]
    return pl.DataFrame(rows, schema=FEES, orient="row")


def crowd(*values: int, first: int = 100, count: int = 60) -> pl.DataFrame:
    return pl.concat([tips(first + n, *values) for n in range(count)])


def linked(rows: Rows, set_by: pl.DataFrame, labels: pl.DataFrame | None = None) -> pl.DataFrame:
    """The links of family fee."""
    labels = label_rows() if labels is None else labels
    seen = wallets(rows, labels)
    found = links(*seen[:6], labels, fees=set_by)
    assert dict(found.schema) == LINKS
    return found.filter(pl.col("family") == "fee")


def pairs(found: pl.DataFrame) -> set[tuple[str, int, int, str]]:
    number = {who(n): n for n in range(2_000)}
    return {
        (heuristic, *sorted((number[a], number[b])), str(weight))
        for heuristic, a, b, weight in found.select("heuristic", "a", "b", "weight").iter_rows()
    }


def asked(rows: Rows, most: int) -> list[tuple[bytes, bytes]]:
    seen = wallets(rows)
    persons = pl.DataFrame({"chain_id": [1] * 3, "address": [who(n) for n in (1, 2, 3)]})
    found = signed(seen.leases, seen.lease_events, seen.transfers, persons, most)
    assert dict(found.schema) == SIGNED
    return [(address, tx) for address, tx in found.select("address", "tx").iter_rows()]


def test_the_oldest_transactions_of_a_wallet_are_asked_for_each_once():
    native = pay(1, 9, block=5, nonce=1) + pay(9, 1, block=6, nonce=2)
    opened = lease(1, 1, block=10, payer=who(2))
    (paid,) = opened.logs
    more = [
        event("lease.settle", "L1", block=7, log=91, amount=1),
        event("lease.extend", "L1", block=12, log=90, payer=who(3), tx_hash=tx(1)),
        event("lease.close", "L1", block=30, log=90, tx_hash=tx(2)),
        event("lease.withdraw", "L1", block=30, log=92, tx_hash=tx(2), amount=1),
    ]
    rows = native + Rows([*opened.events, *more], [{**paid, "tx_hash": opened.events[0]["tx_hash"]}], [])
    sent, took, began, longer, end = native.native[0]["tx_hash"], native.native[1], opened.events[0], tx(1), tx(2)
    assert took["sender"] == who(9), "a stranger's transaction says nothing"
    assert asked(rows, 9) == [(who(1), sent), (who(1), end), (who(2), began["tx_hash"]), (who(3), longer)]
    assert asked(rows, 1) == [(who(1), sent), (who(2), began["tx_hash"]), (who(3), longer)]
    assert asked(rows, 0) == []


def test_only_what_a_wallet_signed_itself_counts_and_what_is_unknown_is_wanted():
    acted = pl.DataFrame(
        [(1, 10 + n, bytes([n]) * 32, n, who(1)) for n in range(5)], schema=SIGNED, orient="row"
    )  # fmt: skip
    answers = [
        who(1) + b"\1" + ODD.to_bytes(8) + (500_000).to_bytes(8),
        who(1) + b"\0" + DEFAULT.to_bytes(8) + (21_000).to_bytes(8),
        who(7) + b"\1" + ODD.to_bytes(8) + (500_000).to_bytes(8),
    ]
    rows = [(1, 10 + n, "fee", b"", bytes([n]) * 32, raw + who(9), None) for n, raw in enumerate(answers)]
    failed = (1, 13, "fee", b"", bytes([3]) * 32, None, "the transaction is not known to the node")
    found, wanted = fees(acted, pl.DataFrame([*rows, failed], schema=READS, orient="row"))
    assert dict(found.schema) == FEES
    assert dict(wanted.schema) == WANTED
    assert set(found.select("at", "what", "value").iter_rows()) == {
        (0, "tip", ODD), (0, "gas limit", 500_000), (1, "gas price", DEFAULT),
    }  # fmt: skip
    assert wanted.rows() == [(1, 14, "fee", b"", bytes([4]) * 32)]


def test_a_habit_is_what_most_transactions_have_and_three_at_least():
    found = habits(pl.concat([tips(1, ODD, ODD, ODD, 5, 6), tips(2, ODD, ODD), tips(3, ODD, ODD, ODD, 5, 6, 7)]))
    assert dict(found.schema) == HABITS
    assert found.drop("txs").rows() == [(1, who(1), "tip", ODD, 3, 5)]
    kept_to = tips(1, ODD, ODD, ODD, 5, 6).filter(pl.col("value") == ODD)["tx"]
    assert found["txs"].to_list() == [sorted(kept_to)]
    assert habits(empty(FEES)).rows() == []


def test_wallets_of_one_funder_that_share_a_rare_habit_are_linked_to_it():
    mine = pl.concat([tips(1, ODD, ODD, ODD), tips(2, ODD, ODD, 5, ODD), tips(3, ODD, ODD)])
    found = linked(broker(), pl.concat([mine, crowd(DEFAULT, DEFAULT, DEFAULT)]))
    assert pairs(found) == {("siblings_fee", 1, 50, "4.0"), ("siblings_fee", 2, 50, "4.0")}
    assert sorted(found["evidence"].list.len()) == [3, 3]
    assert not linked(broker(), tips(1, ODD, ODD, ODD)).height, "one alone shares nothing"


def test_what_the_crowd_used_in_one_of_the_months_says_nothing():
    both = pl.concat([tips(n, ODD, ODD, ODD) for n in (1, 2)])
    once = crowd(DEFAULT, DEFAULT, ODD)
    assert not linked(broker(), pl.concat([both, once])).height, "used once by others is used"
    later = pl.concat([tips(n, ODD, month=3) for n in (1, 2)])
    then = pl.concat([tips(180 + n, ODD, month=3) for n in range(60)])
    assert linked(broker(), pl.concat([both, crowd(DEFAULT), then])).height == 2
    assert not linked(broker(), pl.concat([both, later, crowd(DEFAULT), then])).height


def test_a_payer_with_the_renters_habit_is_linked_to_it_and_a_service_never():
    rows = lease(1, 1, block=1_000, payer=who(80)) + lease(2, 2, block=2_000, payer=who(81))
    set_by = pl.concat([*(tips(n, ODD, ODD, ODD, what="gas price") for n in (1, 2, 80, 81)), crowd(DEFAULT)])
    assert pairs(linked(rows, set_by)) == {("same_fee", 1, 80, "4.0"), ("same_fee", 2, 81, "4.0")}
    relayer = label_rows((80, "Relayer", "relayer"))
    assert pairs(linked(rows, set_by, relayer)) == {("same_fee", 2, 81, "4.0")}


def test_a_fee_beside_a_funder_joins_nobody():
    mine = pl.concat([*(tips(n, ODD, ODD, ODD) for n in (1, 2)), crowd(DEFAULT)])
    rows = pay(50, 1, block=10, nonce=1) + pay(50, 2, block=90_000, nonce=2)
    rows += lease(1, 1, block=80_000, gpus=1, provider=301) + lease(2, 2, block=190_000, gpus=2, provider=302)
    seen = wallets(rows)
    found = links(*seen[:6], label_rows(), fees=mine)
    scores = [pair for pair in pair_scores(found) if "fee" in pair.families]
    assert [(pair.families, pair.accepted) for pair in scores] == [(("fee", "funding"), False)] * 2


def test_an_explanation_names_the_setting_and_how_often_it_was_made():
    rows = lease(1, 1, block=1_000, payer=who(80))
    set_by = pl.concat([tips(1, ODD, ODD, 5, ODD), tips(80, ODD, ODD, ODD), tips(9, ODD, ODD, ODD), crowd(DEFAULT)])
    found = explain(linked(rows, set_by), who(1), who(80), habits(set_by))
    (note,) = found.hops[0].links
    assert [habit[:5] for habit in note.habits] == [(who(1), "tip", ODD, 3, 4), (who(80), "tip", ODD, 3, 3)]
    assert [len(habit.txs) for habit in note.habits] == [3, 3]


def test_an_explanation_shows_the_habits_of_all_siblings_that_share_them_and_of_nobody_else():
    mine = [tips(1, ODD, ODD, ODD), tips(2, ODD, ODD, 5, ODD), tips(3, ODD, ODD, ODD), tips(4, 77, 77, 77)]
    own = tips(1, 500_000, 500_000, 500_000, what="gas limit")
    set_by = pl.concat([*mine, own, tips(50, 88, 88, 88), crowd(DEFAULT, DEFAULT, DEFAULT)])
    rows = broker()
    found = explain(linked(rows, set_by), who(1), who(50), habits(set_by), wallets(rows).funders)
    (note,) = (link for hop in found.hops for link in hop.links if link.family == "fee")
    assert note.funding == (who(50), who(1))
    assert note.siblings == (who(2), who(3))
    assert [habit[:5] for habit in note.habits] == [
        (who(1), "tip", ODD, 3, 3), (who(2), "tip", ODD, 3, 4), (who(3), "tip", ODD, 3, 3)
    ]  # fmt: skip
    assert set(note.txs) <= {tx for habit in note.habits for tx in habit.txs}


def test_fees_are_written_as_wallets_show_them():
    assert [fmt.fee("tip", ODD), fmt.fee("gas limit", 500_000)] == ["tip of 1.337 gwei", "gas limit of 500000"]
