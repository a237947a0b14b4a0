"""Jeju ComputeRental: hours booked in advance, a GPU told by a number of an enumeration."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode

from tests.markets.chain_of_logs import PAYER, PROVIDER, RENTER, START, TOKEN, Chain, by_verb, declared
from tests.markets.theatre import Theatre

RENTAL = b"\x55" * 32
RESOURCES = declared("jeju", "ProviderResourcesUpdated")
CREATED = declared("jeju", "RentalCreated")
CREDIT = declared("jeju", "RentalCreatedWithCredit")
STARTED = declared("jeju", "RentalStarted")
EXTENDED = declared("jeju", "RentalExtended")
COMPLETED = declared("jeju", "RentalCompleted")
DISPUTED = declared("jeju", "DisputeCreated")
RESOLVED = declared("jeju", "DisputeResolved")
EIGHT_H100 = (4, 8, 80, 64, 512, 4000, 1000, False)
OFFERED, PRICED = "(uint8,uint8,uint16,uint16,uint32,uint32,uint32,bool)", "(uint256,uint256,uint256,uint256)"
PRICE = (20_000_000, 2_500_000, 1, 720)


@pytest.mark.node
async def test_a_rental_from_offer_to_refund():
    async with Theatre("jeju", ["rental"]) as play:
        await play.tx(("rental", RESOURCES, [PROVIDER, EIGHT_H100, PRICE]))
        await play.tx(("rental", CREATED, [RENTAL, RENTER, PROVIDER, 10, 200_000_000]), seconds=10)
        await play.tx(("rental", STARTED, [RENTAL, "host", 22, "c1"]), seconds=600)
        await play.tx(("rental", EXTENDED, [RENTAL, 2, 40_000_000]), seconds=700)
        running = (await play.leases())["0x" + RENTAL.hex()]
        assert (running["status"], running["opened_at"]) == ("active", START + 600)
        assert running["planned_end"] == running["paid_until"] == START + 600 + 12 * 3600
        await play.tx(("rental", COMPLETED, [RENTAL, 3600, 220_000_000]), seconds=4200)
        (lease,) = (await play.leases()).values()
    assert (lease["renter"], lease["provider"], lease["payer"]) == (RENTER, PROVIDER, RENTER)
    assert (lease["gpu_raw"], lease["gpu_count"], lease["resource_provenance"]) == ("H100", 8, "registry_event")
    assert (lease["deposit_total"], lease["refunded_total"]) == (240_000_000, 220_000_000)
    assert (lease["status"], lease["closed_at"], lease["close_reason"]) == ("closed", START + 4200, "expired")
    assert lease["region_provenance"] == "none"


@pytest.mark.node
async def test_what_no_event_said_of_a_provider_the_contract_is_asked_for():
    offer = encode(
        [OFFERED, PRICED, "uint256", "uint256", "bool", "bool", "uint256"],
        [EIGHT_H100, PRICE, 3, 1, True, True, 0],
    )
    async with Theatre("jeju", ["rental"]) as play:
        await play.teach("rental", "providerResources(address)", [PROVIDER], offer)
        await play.tx(("rental", CREATED, [RENTAL, RENTER, PROVIDER, 10, 200_000_000]), seconds=10)
        (lease,) = (await play.leases()).values()
    assert (lease["gpu_raw"], lease["gpu_count"], lease["resource_provenance"]) == ("H100", 8, "eth_call")


def test_a_provider_whose_offer_is_known_costs_no_call():
    chain = Chain()
    chain.tx(("jeju", "rental", CREATED, [RENTAL, RENTER, PAYER, 1, 5]))
    chain.tx(("jeju", "rental", RESOURCES, [PROVIDER, EIGHT_H100, PRICE]))
    chain.tx(("jeju", "rental", CREATED, [b"\x56" * 32, RENTER, PROVIDER, 1, 5]))
    decoded = chain.decoded()
    assert [bytes(payload)[-20:] for payload in decoded.wanted["payload"]] == [PAYER]
    (machine,) = by_verb(decoded.events, "capacity.upsert")
    assert machine["price_amount"] == PRICE[0] + 8 * PRICE[1], "an hour of the machine and of its GPUs"


def test_a_credit_says_who_paid_in_which_token_and_makes_no_second_lease():
    chain = Chain()
    chain.tx(
        ("jeju", "rental", CREATED, [RENTAL, RENTER, PROVIDER, 1, 5]),
        ("jeju", "rental", CREDIT, [RENTAL, RENTER, PROVIDER, TOKEN, 5]),
    )
    events = chain.decoded().events
    assert len(by_verb(events, "lease.open")) == 1
    (patch,) = by_verb(events, "lease.patch")
    assert (patch["payer"], patch["price_token"]) == (RENTER, TOKEN)
    assert "amount" not in patch


def test_a_machine_without_a_gpu_says_none():
    chain = Chain()
    chain.tx(("jeju", "rental", RESOURCES, [PROVIDER, (0, 0, *EIGHT_H100[2:]), PRICE]))
    chain.tx(("jeju", "rental", CREATED, [RENTAL, RENTER, PROVIDER, 1, 5]))
    events = chain.decoded().events
    for verb in ("capacity.upsert", "lease.open"):
        (row,) = by_verb(events, verb)
        assert row["resource_provenance"] == "none"
        assert "gpu_raw" not in row


def test_a_penalty_finds_its_rental_through_the_dispute():
    chain = Chain()
    chain.tx(("jeju", "rental", DISPUTED, [b"\x66" * 32, RENTAL, RENTER, 1]))
    chain.tx(("jeju", "rental", RESOLVED, [b"\x66" * 32, True, 9]))
    (slash,) = by_verb(chain.decoded().events, "lease.slash")
    assert (slash["lease_id"], slash["amount"]) == ("0x" + RENTAL.hex(), 9)
