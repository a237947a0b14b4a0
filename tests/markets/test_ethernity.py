"""Ethernity: orders that name their parties only by a call."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode

from tests.markets.chain_of_logs import PAYER, PROVIDER, RENTER, START, Chain, by_verb, declared
from tests.markets.theatre import Theatre

M = "ethernity"
ASKED, OFFERED, PLACED = (declared(M, name) for name in ("_addDORequestEV", "_addDPRequestEV", "_placeOrderEV"))


@pytest.mark.node
async def test_an_order_of_a_request_and_an_offer():
    async with Theatre(M, ["pox"]) as play:
        await play.tx(("pox", ASKED, [RENTER, 3]), ("pox", OFFERED, [PROVIDER, 8]))
        answer = encode(["address", "address", "uint256", "uint256", "uint256"], [RENTER, PROVIDER, 3, 8, 0])
        await play.teach("pox", "_getOrder(uint256)", [1], answer)
        await play.tx(("pox", PLACED, [PAYER, 1]), seconds=50)
        (lease,) = (await play.leases()).values()
    assert (lease["lease_id"], lease["order_id"], lease["machine_id"]) == ("1", "do-3", "dp-8")
    assert (lease["renter"], lease["provider"], lease["opened_at"]) == (RENTER, PROVIDER, START + 50)
    assert (lease["resource_provenance"], lease["region_provenance"]) == ("none", "none")


def test_whoever_places_an_order_is_neither_its_owner_nor_its_processor():
    chain = Chain()
    chain.tx((M, "pox", PLACED, [PAYER, 1]))
    (lease,) = by_verb(chain.decoded().events, "lease.open")
    assert lease["actor"] == PAYER
    assert not {"renter", "provider", "payer"} & lease.keys()


def test_rows_of_requests_and_numbers_of_orders_are_kept_apart():
    chain = Chain()
    chain.tx((M, "pox", ASKED, [RENTER, 1]), (M, "pox", OFFERED, [PROVIDER, 1]), (M, "pox", PLACED, [RENTER, 1]))
    assert chain.decoded().events["lease_id"].to_list() == ["do-1", "dp-1", "1"]
