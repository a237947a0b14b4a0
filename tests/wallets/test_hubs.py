"""Who is a hub: very many counterparties, or a crowd on each side."""

import pytest

from tests.facts.rows import who
from tests.wallets.worlds import Rows, label_rows, pay, wallets

DESK = 50


def deals(*, given: int = 0, taken: int = 0, both: int = 0) -> Rows:
    """Wallet 50 gives to some, takes from others, and deals both ways with the rest."""
    gifts = [pay(DESK, 1_000 + n, block=100 + n, nonce=n) for n in range(given + both)]
    payments = [pay(1_000 + given + n, DESK, block=900 + n) for n in range(both + taken)]
    return sum([*gifts, *payments], Rows([], [], []))


def is_hub(rows: Rows, *labels: tuple[int, str, str]) -> bool:
    return who(DESK) in wallets(rows, label_rows(*labels)).hubs.get_column("address").to_list()


@pytest.mark.parametrize(
    "rows", [deals(given=25, taken=25), deals(given=200), deals(taken=200)], ids=["two crowds", "payroll", "till"]
)
def test_hubs(rows):
    assert is_hub(rows)


@pytest.mark.parametrize(
    "rows",
    [deals(given=199), deals(given=100, taken=24), deals(given=24, taken=100), deals(both=90), deals(given=9, both=99)],
    ids=["199 straws", "pays many", "is paid by many", "deals both ways", "pays back"],
)
def test_no_hubs(rows):
    assert not is_hub(rows)


def test_a_wallet_that_the_user_knows_as_somebodys_own_stays_one():
    assert not is_hub(deals(given=25, taken=25), (DESK, "Lab", "owner"))
