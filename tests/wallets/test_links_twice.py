"""One transfer speaks once: a first funding is no payment into a sink as well."""

import polars as pl

from monitor.facts.lease_events import LEASE_EVENTS
from monitor.model.schema import LEASES, TRANSFERS, empty
from monitor.wallets.evidence import pair_scores
from monitor.wallets.funding import first_funders
from monitor.wallets.hubs import degrees, hubs
from monitor.wallets.labels import labels_frame
from monitor.wallets.links import links

CHAIN = 1
FUNDER, TENANT, STRANGER = (bytes([number]) * 20 for number in (1, 2, 3))


def transfer(at, sender, recipient):
    row = dict.fromkeys(TRANSFERS)
    row |= {"chain_id": CHAIN, "block_number": at, "block_time": at * 100_000, "tx_hash": bytes([at]) * 32}
    row |= {"log_index": -1, "kind": "native", "sender": sender, "recipient": recipient, "amount": 10**18, "nonce": 0}
    return row


def test_a_funder_that_is_a_tenant_too_is_not_joined_by_its_own_gift():
    moved = pl.DataFrame([transfer(1, FUNDER, TENANT), transfer(2, STRANGER, TENANT)], schema=TRANSFERS)
    renters = [FUNDER, TENANT, STRANGER]
    leases = pl.DataFrame({"chain_id": [CHAIN] * 3, "renter": renters}, schema_overrides=LEASES)
    leases = pl.concat([empty(LEASES), leases], how="diagonal")
    people = pl.DataFrame({"chain_id": [CHAIN] * 3, "address": renters})
    labels = labels_frame([])
    counted = degrees(moved)
    busy, funders = hubs(counted, labels, frozenset(), 200), first_funders(moved, counted, people, frozenset())
    found = links(leases, empty(LEASE_EVENTS), moved, counted, funders, busy, labels)
    pair = {FUNDER, TENANT}
    scores = [score for score in pair_scores(found) if {score.a, score.b} == pair]
    assert [score.families for score in scores] == [("funding",)]
    assert not any(score.accepted for score in scores)
