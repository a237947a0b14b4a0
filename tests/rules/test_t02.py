"""T02 by itself: whose money it may be that reached a provider before it had machines."""

from __future__ import annotations

import pytest

from monitor.rules.measure import address_text
from tests.facts.rows import who
from tests.rules.judged import found, judged
from tests.rules.play import DAY_BLOCKS, START, Rows, each, lease, offer, pay, register, send
from tests.wallets.worlds import label_rows

PROVIDER, PAYER, TENANT = 300, 70, 1


def paid_for(*, provider: int = PROVIDER) -> Rows:
    """Wallet 70 sends a provider money, then pays for what wallet 1 leases, at `provider`."""
    ahead = send(PAYER, PROVIDER, 5_000, block=START - 20 * DAY_BLOCKS)
    built = each(*(register(each_, block=START) + offer(each_, f"m{each_}", block=START) for each_ in (300, 301)))
    begun = START + 5 * DAY_BLOCKS
    return ahead + built + lease(1, TENANT, block=begun, provider=provider, days=60, payer=who(PAYER))


def test_money_ahead_from_whoever_pays_for_the_leases_is_a_common_sign():
    (finding,) = found(judged(paid_for()), "T02")
    assert finding.common
    assert any("payer" in caveat for caveat in finding.caveats)


def test_a_tenant_who_sent_some_itself_is_none():
    own = send(TENANT, PROVIDER, 2_000, block=START - 10 * DAY_BLOCKS)
    (finding,) = found(judged(own + paid_for()), "T02")
    assert not finding.common


@pytest.mark.parametrize(
    ("rows", "labels"),
    [(paid_for(provider=301), None), (paid_for(), label_rows((PAYER, "Relay", "relayer")))],
    ids=["it pays elsewhere", "a service pays"],
)
def test_look_alikes_stay_quiet(rows, labels):
    assert found(judged(rows) if labels is None else judged(rows, labels), "T02") == []


def begun(*, further: int = 60, customers: int = 0) -> Rows:
    """The provider's first gas comes from wallet 61, whose own came from `further`; wallet 60 funds the tenant."""
    gas = pay(further, 61, block=START - 21 * DAY_BLOCKS) + pay(61, PROVIDER, block=START - 20 * DAY_BLOCKS)
    gas += each(*(pay(61, 900 + n, block=START - 19 * DAY_BLOCKS + n, nonce=1 + n) for n in range(customers)))
    built = register(PROVIDER, block=START) + offer(PROVIDER, "m300", block=START)
    funded = pay(60, TENANT, block=START + 4 * DAY_BLOCKS, nonce=9)
    return gas + built + funded + lease(1, TENANT, block=START + 5 * DAY_BLOCKS, provider=PROVIDER, days=60)


def test_first_gas_over_a_wallet_used_once_is_that_of_whoever_filled_it():
    (finding,) = found(judged(begun()), "T02")
    assert (finding.values["hops"], finding.values["senders"]) == ("2", address_text(who(60)))


@pytest.mark.parametrize("rows", [begun(further=62), begun(customers=5)], ids=["a stranger's", "of many"])
def test_first_gas_from_elsewhere_says_nothing(rows):
    assert found(judged(rows), "T02") == []
