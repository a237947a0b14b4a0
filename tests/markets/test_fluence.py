"""Fluence: a deal with two workers through its whole life, and what makes it hard to read."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode

from tests.markets.chain_of_logs import PROVIDER, RENTER, START, TOKEN
from tests.markets.declared import decl as declared
from tests.markets.theatre import Log, Theatre

pytestmark = pytest.mark.node
OFFER, PEERS, SITE = b"\x01" * 32, (b"\x02" * 32, b"\x03" * 32), b"\x04" * 32
WORKERS = (b"\x05" * 32, b"\x06" * 32)
DIGEST = (b"\x01\x55\x12\x20", b"\x07" * 32)
OTHER = b"\xb7" * 20
BEGIN, EPOCH = START - 86_400, 3_600


def decl(name: str, *, role: str = "diamond") -> str:
    return declared("fluence", role, name)


def end_of(epoch: int) -> int:
    return BEGIN + epoch * EPOCH


def created(deal: bytes) -> Log:
    resources = [(b"\x0b" * 32, 0, 8), (b"\x0c" * 32, 1, 64)]
    return "diamond", decl("DealCreatedV2"), [RENTER, deal, 20, TOKEN, 2, resources, 125, 1, DIGEST, 0, [], 1]


def joined(deal: bytes, number: int) -> Log:
    resources = [(b"\x0b" * 32, 0, '{"brand":"EPYC"}', "", 8)]
    return "diamond", decl("WorkerCreatedV2"), [PEERS[number], deal, WORKERS[number], [], DIGEST, resources]


async def supply(play: Theatre) -> None:
    await play.teach("diamond", "initTimestamp()", [], encode(["uint256"], [BEGIN]))
    await play.teach("diamond", "epochDuration()", [], encode(["uint256"], [EPOCH]))
    await play.tx(
        ("diamond", decl("DatacenterCreated"), [SITE, "DE", "FRA", 1, 3, []]),
        ("diamond", decl("OfferV2Created"), [OFFER, TOKEN, PROVIDER, SITE]),
        *(("diamond", decl("PeerCreated"), [OFFER, peer, PROVIDER]) for peer in PEERS),
    )


async def test_a_deal_with_two_workers_is_two_leases_from_order_to_close():
    async with Theatre("fluence", ["diamond", "balance"]) as play:
        deal = await play.extra()
        await supply(play)
        await play.tx(created(deal), ("diamond", decl("DealFundedV2"), [RENTER, deal, 1000, 30]), seconds=100)
        (order,) = (await play.leases()).values()
        assert (order["status"], order["renter"], order["paid_until"]) == ("ordered", RENTER, end_of(30))
        await play.tx(joined(deal, 0), seconds=200)
        first = (await play.leases())["0x" + WORKERS[0].hex()]
        assert (first["renter"], first["provider"], first["machine_id"]) == (RENTER, PROVIDER, "0x" + PEERS[0].hex())
        assert (first["country"], first["region_provenance"], first["resource_provenance"]) == (
            "DE",
            "declared",
            "none",
        )
        assert (first["opened_at"], first["planned_end"], first["paid_until"]) == (START + 200, end_of(30), end_of(30))
        assert (first["price_amount"], first["price_per"], first["price_token"]) == (125, "epoch", TOKEN)
        assert "gpu_raw" not in first
        await play.tx(joined(deal, 1), seconds=300)
        await play.tx(
            ("balance", decl("DealDeposit", role="balance"), [TOKEN, deal, OTHER, 400, 0, 9, 1]),
            ("diamond", decl("DealFundedV2"), [RENTER, deal, 400, 50]),
            seconds=400,
        )
        both = await play.leases()
        assert [both["0x" + worker.hex()]["paid_until"] for worker in WORKERS] == [end_of(50)] * 2
        await play.tx((deal, decl("RewardWithdrawn", role="deal"), [WORKERS[0], 70, 5]), seconds=500)
        removed = [PEERS[0], deal, WORKERS[0], [], []]
        await play.tx(("diamond", decl("WorkerRemovedV2"), removed), seconds=600)
        await play.tx(("diamond", decl("DealStoppedV2"), [RENTER, deal, 40]), seconds=700)
        done = await play.leases()
        one, two = (done["0x" + worker.hex()] for worker in WORKERS)
        assert (one["status"], one["closed_at"], one["close_reason"]) == ("closed", START + 600, "removed")
        assert (one["settled_total"], two["status"]) == (75, "active")
        assert {one["payer"], two["payer"]} == {OTHER}


async def test_trap_a_deposit_for_a_deal_is_put_on_a_lease_only_where_there_is_one():
    async with Theatre("fluence", ["diamond"]) as play:
        deal = await play.extra()
        await supply(play)
        await play.tx(created(deal), joined(deal, 0))
        await play.tx(("diamond", decl("DealFundedV2"), [RENTER, deal, 40, 30]))
        assert (await play.leases())["0x" + WORKERS[0].hex()]["deposit_total"] == 40
        await play.tx(joined(deal, 1))
        await play.tx(("diamond", decl("DealFundedV2"), [RENTER, deal, 60, 40]))
        await play.tx((deal, decl("Withdrawn", role="deal"), [7]))
        found = await play.leases()
        assert [found["0x" + worker.hex()]["deposit_total"] for worker in WORKERS] == [40, 0]
        assert [found["0x" + worker.hex()]["refunded_total"] for worker in WORKERS] == [0, 0]


async def test_trap_epochs_become_times_only_when_the_constants_are_known():
    async with Theatre("fluence", ["diamond"]) as play:
        deal = await play.extra()
        await play.tx(created(deal), joined(deal, 0), ("diamond", decl("DealFundedV2"), [RENTER, deal, 40, 30]))
        lease = (await play.leases())["0x" + WORKERS[0].hex()]
        assert "planned_end" not in lease
        assert (lease["region_provenance"], lease["renter"]) == ("none", RENTER)


async def test_trap_both_versions_live_on_one_diamond():
    async with Theatre("fluence", ["diamond"]) as play:
        deal = await play.extra()
        await supply(play)
        old: list[Any] = [RENTER, deal, 5, TOKEN, 1, 2, 4, 1, 25, [], DIGEST, 0, [], 1]
        await play.tx(("diamond", decl("DealCreated"), old))
        await play.tx(("diamond", decl("ComputeUnitsMatched"), [PEERS[0], deal, WORKERS[0], [], DIGEST]))
        await play.tx((deal, decl("MaxPaidEpochUpdated", role="deal"), [33]))
        lease = (await play.leases())["0x" + WORKERS[0].hex()]
        assert (lease["price_amount"], lease["paid_until"]) == (100, end_of(33))
        await play.tx(("diamond", decl("ComputeUnitsRemovedFromDeal"), [PEERS[0], deal, [], WORKERS[0]]))
        assert (await play.leases())["0x" + WORKERS[0].hex()]["status"] == "closed"


async def test_trap_the_diamonds_rewards_are_not_a_workers():
    async with Theatre("fluence", ["diamond"]) as play:
        deal = await play.extra()
        await play.tx(created(deal), joined(deal, 0))
        await play.tx(("diamond", decl("RewardWithdrawn"), [WORKERS[0], 10**9, 1]))
        assert (await play.leases())["0x" + WORKERS[0].hex()]["settled_total"] == 0
