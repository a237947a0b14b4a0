"""A crossing joins depositor and recipient where nothing else fits; dust, look-alikes and round amounts join nobody."""

import polars as pl
import pytest

from monitor.model.schema import TRANSFERS
from monitor.wallets.bridges import MATCHES, bridge_matches, crossings
from tests.facts.rows import who
from tests.wallets.worlds import label_rows

BRIDGE, ALICE, ALT, STRANGER = 60, 1, 2, 3
NATIVE = 10**12
LABELS = label_rows((BRIDGE, "Some Bridge", "bridge"))
HOUR = 3600


def transfer(chain, sender, to, amount, at, *, kind="native", number=0):
    row = dict.fromkeys(TRANSFERS)
    row |= {"chain_id": chain, "block_number": at // 12, "block_time": at, "tx_hash": bytes([chain, number]) * 16}
    row |= {"log_index": -1 if kind == "native" else number, "kind": kind, "sender": who(sender)}
    row |= {"token": None if kind == "native" else bytes([chain]) * 20, "recipient": who(to), "amount": amount}
    return row | {"nonce": number if kind == "native" else None}


def crossing(amount=1_234_567 * NATIVE, fee=1000, at=10 * HOUR, waits=600, taker=ALT, number=1):
    out = amount - amount // fee if fee else amount
    return [
        transfer(1, ALICE, BRIDGE, amount, at, number=number),
        transfer(2, BRIDGE, taker, out, at + waits, number=number + 1),
    ]


def uses(wallet=ALT, at=20 * HOUR):
    return [transfer(2, wallet, STRANGER, 5, at, number=9)]


def matched(*rows, labels=LABELS):
    found = bridge_matches(crossings(pl.DataFrame([*rows], schema=TRANSFERS), labels))
    assert dict(found.schema) == MATCHES
    return {(giver, taker) for giver, taker in found.select("giver", "taker").iter_rows()}


PAIR = {(who(ALICE), who(ALT))}


def test_money_that_comes_out_less_a_fee_joins_who_gave_and_who_took():
    assert matched(*crossing(), *uses()) == PAIR
    rows = pl.DataFrame([*crossing(), *uses()], schema=TRANSFERS)
    assert bridge_matches(crossings(rows, LABELS)).height == 2, "both transactions are shown"


def test_tokens_cross_like_native_value_but_never_as_each_other():
    amount = 1_234_567
    inside = transfer(1, ALICE, BRIDGE, amount, 36_000, kind="erc20", number=1)
    out = transfer(2, BRIDGE, ALT, amount - 700, 36_600, kind="erc20", number=2)
    spent = transfer(2, ALT, STRANGER, 9, 40_000, kind="erc20", number=3)
    assert matched(inside, out, spent) == PAIR
    assert matched(inside, transfer(2, BRIDGE, ALT, amount - 700, 36_600, number=2), *uses()) == set()


@pytest.mark.parametrize(
    "rows",
    [
        crossing(amount=1000 * NATIVE, fee=0),
        crossing(fee=100),
        crossing(waits=3 * HOUR),
        crossing(waits=-60),
        [
            transfer(1, ALICE, BRIDGE, 1_234_567, 36_000, number=1),
            transfer(1, BRIDGE, ALT, 1_234_560, 36_600, number=2),
        ],
    ],
    ids=["popular round amount", "too large a fee", "too late", "before it went in", "same chain"],
)
def test_what_is_no_crossing_of_its_own_joins_nobody(rows):
    assert matched(*rows, *uses()) == set()


def test_dust_that_nobody_asked_for_joins_nobody():
    assert matched(*crossing()) == set(), "who never used it did not ask for it"
    assert matched(*crossing(), *uses(at=HOUR)) == set(), "nor who stopped before it came"
    rich = transfer(2, STRANGER, ALT, 2_000 * 1_234_567 * NATIVE, HOUR, number=8)
    assert matched(*crossing(), *uses(), rich) == set(), "nor who has a thousand times as much to use"
    assert matched(*crossing(), *uses(), {**rich, "amount": 900 * 1_234_567 * NATIVE}) == PAIR


def test_a_look_alike_makes_two_fit_and_so_says_nothing():
    same_in = transfer(1, STRANGER, BRIDGE, 1_234_000 * NATIVE, 10 * HOUR + 60, number=5)
    assert matched(*crossing(), *uses(), same_in) == set()
    same_out = transfer(2, BRIDGE, STRANGER, 1_233_000 * NATIVE, 10 * HOUR + 900, number=6)
    assert matched(*crossing(), *uses(), same_out) == set()


def test_money_that_comes_out_where_it_went_in_explains_itself():
    mine = crossing(taker=ALICE)
    assert matched(*mine, *uses(ALICE)) == set()
    late = transfer(2, BRIDGE, ALT, 1_233_500 * NATIVE, 10 * HOUR + 900, number=6)
    assert matched(*mine, *uses(), late) == set()


def test_only_labelled_bridges_are_bridges():
    assert matched(*crossing(), *uses(), labels=label_rows((BRIDGE, "Some Exchange", "exchange"))) == set()
