"""Super Protocol: an order through its whole life, and what makes it hard to read."""

from __future__ import annotations

import json

import pytest
from eth_abi.abi import encode

from monitor.markets.load import bind_everywhere
from monitor.markets.logfile import decode_file
from tests.markets.chain_of_logs import PAYER, PROVIDER, RENTER, START, TOKEN, encoded
from tests.markets.declared import MARKETS
from tests.markets.declared import decl as declared
from tests.markets.theatre import Log, Theatre

node = pytest.mark.node
OFFER, SLOT, ORDER = 12, 3, 500
USAGE_TYPE = "(uint32,(string)[],(uint256,uint8,uint64,uint64)[],uint256[],uint32[],uint256)"
SLOT_TYPE = "(uint256,(uint64,uint64,uint64,uint64,uint64),(uint256,uint8,uint64,uint64))"


def decl(name: str) -> str:
    return declared("super_protocol", "diamond", name)


def created(order: int = ORDER, parent: int = 0, offer: int = OFFER) -> Log:
    return "diamond", decl("OrderCreated"), [RENTER, b"\x01" * 32, offer, parent, order, TOKEN, 800, 0]


async def offered(play: Theatre, *, gpus: int = 4, kind: int = 0, slots: int = 2) -> None:
    slot = (SLOT, (64, 512, 1000, gpus, 80), (25, kind, 0, 60))
    await play.teach("diamond", "getTeeOfferSlotById(uint256,uint256)", [OFFER, SLOT], encode([SLOT_TYPE], [slot]))
    usage = (slots, [("",)], [(9, 0, 0, 0)], [1], [1], SLOT)
    await play.teach("diamond", "getOrderSelectedUsage(uint256)", [ORDER], encode([USAGE_TYPE], [usage]))
    await play.tx(
        ("diamond", decl("TeeOfferCreated"), [PROVIDER, b"\x02" * 32, OFFER]),
        ("diamond", decl("TeeSlotAdded"), [PROVIDER, OFFER, SLOT, b"\x03" * 32]),
    )


@node
async def test_an_order_is_a_lease_from_creation_to_done():
    async with Theatre("super_protocol", ["diamond"]) as play:
        await offered(play)
        await play.tx(created(), seconds=100)
        order = (await play.leases())[str(ORDER)]
        assert (order["status"], order["renter"], order["provider"]) == ("ordered", RENTER, PROVIDER)
        await play.tx(("diamond", decl("OrderStarted"), [RENTER, ORDER]), seconds=200)
        lease = (await play.leases())[str(ORDER)]
        assert (lease["status"], lease["machine_id"], lease["gpu_count"]) == ("active", "12-3", 8)
        assert (lease["price_amount"], lease["price_per"], lease["price_token"]) == (50, "hour", TOKEN)
        assert (lease["resource_provenance"], lease["region_provenance"]) == ("eth_call", "none")
        assert (lease["deposit_total"], lease["opened_at"], lease["paid_until"]) == (800, START + 200, START + 3800)
        assert "gpu_raw" not in lease
        await play.tx(("diamond", decl("OrderDepositRefilled"), [PAYER, ORDER, 200]))
        await play.tx(("diamond", decl("OrderSlotCountUpdated"), [RENTER, ORDER, 3]))
        grown = (await play.leases())[str(ORDER)]
        assert (grown["gpu_count"], grown["price_amount"], grown["payer"]) == (12, 75, PAYER)
        await play.tx(
            ("diamond", decl("OrderStatusUpdated"), [ORDER, 4]),
            ("diamond", decl("OrderChangeWithdrawn"), [RENTER, ORDER, 100]),
            ("diamond", decl("OrderProfitWithdrawn"), [PROVIDER, ORDER, 900]),
            seconds=900,
        )
        done = (await play.leases())[str(ORDER)]
        assert (done["status"], done["close_reason"], done["closed_at"]) == ("closed", "done", START + 900)
        assert (done["deposit_total"], done["settled_total"], done["refunded_total"]) == (1000, 900, 100)


@node
async def test_trap_orders_form_a_tree_and_zero_is_no_parent():
    async with Theatre("super_protocol", ["diamond"]) as play:
        await play.tx(created(), created(501, parent=ORDER, offer=77))
        found = await play.leases()
        assert "parent_id" not in found[str(ORDER)]
        assert found["501"]["parent_id"] == str(ORDER)


@node
async def test_trap_a_fixed_price_is_for_the_job_and_a_slot_without_gpus_has_none():
    async with Theatre("super_protocol", ["diamond"]) as play:
        await offered(play, gpus=0, kind=1)
        await play.tx(created(), ("diamond", decl("OrderStarted"), [RENTER, ORDER]))
        lease = (await play.leases())[str(ORDER)]
        assert (lease["price_per"], lease["resource_provenance"]) == ("job", "none")
        assert "gpu_count" not in lease


@node
async def test_trap_without_calls_price_and_machine_are_unknown():
    async with Theatre("super_protocol", ["diamond"]) as play:
        await play.tx(created(), ("diamond", decl("OrderStarted"), [RENTER, ORDER]))
        lease = (await play.leases())[str(ORDER)]
        assert not {"price_amount", "price_per", "gpu_count", "resource_provenance"} & lease.keys()
        assert lease["machine_id"] == str(OFFER)


@node
async def test_trap_blocked_is_no_end_and_only_machines_are_capacity():
    async with Theatre("super_protocol", ["diamond"]) as play:
        await play.tx(created(), ("diamond", decl("OrderStarted"), [RENTER, ORDER]))
        await play.tx(("diamond", decl("OrderStatusUpdated"), [ORDER, 6]))
        assert (await play.leases())[str(ORDER)]["status"] == "disputed"
        await play.tx(
            ("diamond", decl("OfferCreated"), [PROVIDER, b"\x02" * 32, 90]),
            ("diamond", decl("OfferEnabled"), [PROVIDER, 90, 2]),
            ("diamond", decl("TeeOfferCreated"), [PROVIDER, b"\x02" * 32, 91]),
            ("diamond", decl("OfferDisabled"), [PROVIDER, 91, 0]),
        )
        events = (await play.decoded()).events
        offers = events.filter(events["verb"].str.starts_with("capacity."))
        assert offers.select("verb", "machine_id").rows() == [("capacity.upsert", "91"), ("capacity.remove", "91")]


@pytest.mark.parametrize("chain", [None, 204])
def test_trap_the_chain_is_not_told_so_the_address_decides(chain):
    topics, data = encoded(decl("OrderStatusUpdated"), [ORDER, 4])
    address = MARKETS["super_protocol"].deployments[0].address
    item = {"address": address, "topics": ["0x" + topic.hex() for topic in topics], "data": "0x" + data.hex()}
    (row,) = decode_file(json.dumps([item]).encode(), MARKETS, bind_everywhere(MARKETS), chain)
    assert (row.market, row.verb, row.lease_id) == ("super_protocol", "lease.close", str(ORDER))
