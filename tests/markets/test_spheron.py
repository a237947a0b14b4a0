"""Spheron: orders in a compressed text, leases under the order's number, money without a lease."""

from __future__ import annotations

from typing import Any

import pytest

from tests.markets.chain_of_logs import PROVIDER, RENTER, START, TOKEN, Chain, by_verb, declared
from tests.markets.theatre import Theatre

M = "spheron"
ORDERED, MATCHED = declared(M, "OrderCreated"), declared(M, "OrderMatched")
OPENED, CLOSED = declared(M, "LeaseCreated"), declared(M, "LeaseClosed")
UPDATED, BID_UPDATED = declared(M, "LeaseUpdated"), declared(M, "LeaseUpdated", 1)
SETTLED, SETTLED_FIZZ = declared(M, "LockedTokenTransfered"), declared(M, "LockedTokenTransferedToFizz")
APPROVED, CATEGORY, RESOURCE = (
    declared(M, name) for name in ("ProviderAttributesApproved", "ProviderCategoryAdded", "ResourceAdded")
)
SPEC = "{n:x,pr:{a:[{k:region,v:eu-west}]},s:[{n:a,r:{g:{a:[{k:vendor/nvidia/model/h200,v:true}],u:4}},c:2}]}"


def opened(lease: int = 7) -> tuple[str, str, list[Any]]:
    return "lease", OPENED, [lease, 0, lease, 5 * 10**15, PROVIDER, RENTER, 100, START + 10, 0, 0]


@pytest.mark.node
async def test_an_order_becomes_a_lease_is_settled_and_closed():
    async with Theatre(M, ["order", "bid", "lease", "escrow"]) as play:
        await play.tx(("order", ORDERED, [7, RENTER, 6 * 10**15, 43_200, TOKEN, SPEC, 1, 1]))
        await play.tx(("bid", MATCHED, [7, PROVIDER, 0, 1, 5 * 10**15, RENTER]), opened(), seconds=10)
        running = (await play.leases())["7"]
        assert (running["status"], running["planned_end"]) == ("active", START + 10 + 86_400)
        # 5e15 per block of two seconds, scaled by 1e18 whatever the token's decimals, for eight GPUs
        assert running["usd_per_gpu_hour"] == pytest.approx(9 / 8)
        await play.tx(
            ("escrow", SETTLED, [RENTER, PROVIDER, TOKEN, 9_000_000]),
            ("lease", CLOSED, [7, PROVIDER, RENTER, START + 3610, 1]),
            seconds=3610,
        )
        lease = (await play.leases())["7"]
    assert (lease["renter"], lease["provider"], lease["order_id"]) == (RENTER, PROVIDER, "7")
    assert (lease["gpu_raw"], lease["gpu_count"], lease["region_raw"]) == ("h200", 8, "eu-west")
    assert (lease["region_provenance"], lease["resource_provenance"]) == ("requested", "event")
    assert (lease["settled_total"], lease["closed_at"], lease["status"]) == (9_000_000, START + 3610, "closed")


def test_money_outside_a_leases_transaction_stands_under_the_pair_of_accounts():
    chain = Chain()
    chain.tx((M, *opened()))
    chain.tx((M, "escrow", SETTLED, [RENTER, PROVIDER, TOKEN, 5]), (M, "escrow", SETTLED_FIZZ, [RENTER, 3, TOKEN, 6]))
    paid = by_verb(chain.decoded().events, "lease.settle")
    assert [row["amount"] for row in paid] == [5, 6]
    assert "7" not in {row["lease_id"] for row in paid}


def test_two_events_of_one_name_change_the_price():
    chain = Chain()
    chain.tx((M, "lease", UPDATED, [7, PROVIDER, RENTER, 10, 1, START]))
    chain.tx((M, "bid", BID_UPDATED, [7, PROVIDER, RENTER, 11]))
    rates = by_verb(chain.decoded().events, "lease.patch")
    assert [(row["lease_id"], row["price_amount"]) for row in rates] == [("7", 10), ("7", 11)]


def test_a_bundler_that_sends_an_order_is_not_its_creator():
    chain = Chain()
    chain.tx((M, "order", ORDERED, [7, RENTER, 1, 1, TOKEN, SPEC, 1, 1]))
    chain.rows[0]["tx_from"] = b"\x99" * 20
    assert by_verb(chain.decoded().events, "order.open")[0]["renter"] == RENTER


@pytest.mark.parametrize(("state", "verb"), [(0, "update"), (1, "update"), (2, "close"), (3, "update")])
def test_of_an_orders_states_only_closed_ends_it(state, verb):
    chain = Chain()
    chain.tx((M, "order", declared(M, "OrderStateChanged"), [7, 1, state]))
    assert chain.decoded().events["verb"].to_list() == [f"order.{verb}"]


def test_an_order_that_asks_for_no_gpu_says_none():
    chain = Chain()
    chain.tx((M, "order", ORDERED, [7, RENTER, 1, 1, TOKEN, "{n:x,s:[]}", 1, 1]))
    (order,) = by_verb(chain.decoded().events, "order.open")
    assert (order["resource_provenance"], order["region_provenance"]) == ("none", "none")
    assert "gpu_raw" not in order


def test_attested_hardware_is_named_through_its_category_and_registry():
    other = b"\x77" * 20
    chain = Chain()
    registry = chain.address(M, "resource_registry")
    chain.tx(
        (M, "provider_rewards", CATEGORY, ["GPU", registry, 1]), (M, "provider_rewards", CATEGORY, ["CPU", other, 1])
    )
    chain.tx((M, "resource_registry", RESOURCE, [4, "NVIDIA H100", "ultra", 1]))
    approved = [(4, 8), (5, 1)]
    chain.tx(
        (M, "provider_attributes", APPROVED, [PROVIDER, "GPU", approved]),
        (M, "provider_attributes", APPROVED, [PROVIDER, "CPU", approved]),
    )
    attests = by_verb(chain.decoded().events, "attest")
    assert [(row["name"], row.get("gpu_raw"), row.get("gpu_count")) for row in attests] == [
        ("GPU", "NVIDIA H100", 8),
        ("GPU", None, 1),
        ("CPU", None, None),
        ("CPU", None, None),
    ]
