"""Each way in which news about one wallet changes the links of another."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from monitor.facts.lease_events import lease_events
from monitor.facts.leases import leases
from monitor.facts.people import people
from monitor.facts.transfers import transfers
from monitor.wallets.linking import Links
from monitor.wallets.links import payments
from tests.facts.rows import BLOCK_SECONDS, MARKET, USDC, events, hardware, native, token_logs, tokens, who
from tests.wallets.worlds import Rows, broker, crowd, label_rows, lease, pay, send, wallets

NOBODY = label_rows()
NONE = Rows([], [], [])


def two_tenants(*products: int) -> Rows:
    """Two tenants of one funder, and a third tenant funded by somebody else."""
    rows = pay(99, 70, block=10, nonce=3)
    for n, gpus in zip((1, 2), products, strict=True):
        rows += pay(70, n, block=1_000 * n) + lease(n, n, block=9_000 * n, gpus=gpus, provider=300 + n)
    return rows + pay(71, 3, block=500) + lease(3, 3, block=700, provider=303, gpus=7)


def taken(kept: Links, rows: Rows, labels: pl.DataFrame) -> pl.DataFrame:
    decoded = events(*rows.events)
    rented = leases(decoded, hardware(), tokens(), {}, BLOCK_SECONDS)
    moved, _ = transfers(token_logs(*rows.logs), native(*rows.native))
    paid = payments(rented, lease_events(decoded))
    kept.become(moved, rented, paid, people(decoded, providers=True), labels)
    return kept.links


NEWS = {
    "a sibling leases alike": (two_tenants(4, 2), lease(9, 1, block=8_000, gpus=2, provider=302), NOBODY),
    "strangers lease what two siblings do": (two_tenants(4, 4) + crowd(2), crowd(12), NOBODY),
    "a sibling comes": (two_tenants(1, 2), pay(70, 5, block=1_500) + lease(5, 5, block=9_000, gpus=9), NOBODY),
    "a sender becomes a tenant": (
        two_tenants(1, 2) + send(1, 77, 40, block=20_000) + send(5, 77, 40, block=20_001),
        lease(5, 5, block=30_000), NOBODY,
    ),
    "a sink's second tenant comes": (
        two_tenants(1, 2) + send(1, 77, 40, block=20_000), send(2, 77, 40, block=20_001), NOBODY,
    ),
    "a sink becomes a provider": (
        two_tenants(1, 2) + send(1, 77, 40, block=20_000) + send(2, 77, 40, block=20_001),
        lease(8, 3, block=30_000, provider=77), NOBODY,
    ),
    "a sink gets many senders": (
        two_tenants(1, 2) + send(1, 77, 40, block=20_000) + send(2, 77, 40, block=20_001),
        sum((send(3_000 + n, 77, 40, block=21_000 + n) for n in range(30)), NONE), NOBODY,
    ),
    "a sink is labelled an exchange": (
        two_tenants(1, 2) + send(1, 77, 40, block=20_000) + send(2, 77, 40, block=20_001),
        NONE, label_rows((77, "Some Exchange", "exchange")),
    ),
    "a sink turns out to have funded its sender": (
        two_tenants(1, 2) + send(1, 77, 40, block=20_000) + send(2, 77, 40, block=20_001) + send(5, 77, 1, block=20_002)
        + lease(5, 5, block=30_000),
        pay(77, 1, block=400, nonce=8), NOBODY,
    ),
    "a sibling leased soon after": (two_tenants(1, 2), lease(9, 2, block=9_100, gpus=2, provider=302), NOBODY),
    "money goes back": (two_tenants(1, 2), send(1, 70, 40, block=20_000), NOBODY),
    "a funder gets busy": (
        two_tenants(1, 2), sum((pay(70, 3_000 + n, block=21_000 + n, nonce=n) for n in range(60)), NONE), NOBODY,
    ),
    "a funder becomes a hub": (
        two_tenants(1, 2), sum((pay(3_000 + n, 70, block=21_000 + n, nonce=n) for n in range(210)), NONE), NOBODY,
    ),
    "an earlier funding comes late": (two_tenants(1, 2), pay(55, 1, block=400, nonce=8), NOBODY),
    "siblings get one payer": (
        two_tenants(1, 2) + lease(11, 1, block=30_000, payer=who(80)),
        lease(12, 2, block=30_100, payer=who(80)), NOBODY,
    ),
    "a funder is labelled an exchange": (broker(), NONE, label_rows((50, "Some Exchange", "exchange"))),
    "two tenants are labelled one owner's": (
        two_tenants(1, 2), NONE, label_rows((1, "Lab", "owner"), (3, "Lab", "owner")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NEWS)
def test_news_of_one_wallet_reaches_the_links_of_others_and_is_forgotten_with_a_reorg(name):
    first, more, labels = NEWS[name]
    kept = Links({MARKET, USDC}, 200)
    before, after = wallets(first).links, wallets(first + more, labels).links
    assert not before.drop("evidence").equals(after.drop("evidence"))
    assert_frame_equal(taken(kept, first, NOBODY), before)
    assert_frame_equal(taken(kept, first + more, labels), after)
    assert_frame_equal(taken(kept, first, NOBODY), before)
