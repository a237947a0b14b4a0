"""SONM: identifiers in topics, everything else by call; a real receipt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode

from monitor.markets.load import bind_everywhere
from monitor.markets.logfile import decode_file
from tests.markets.chain_of_logs import PROVIDER, RENTER, START, Chain, built_in, by_verb, declared
from tests.markets.theatre import Theatre

M = "sonm"
VECTORS = Path(__file__).parents[3] / "shared" / "markets" / "vectors.json"
MASTER = b"\x3a" * 20
PLACED, OPENED, UPDATED = declared(M, "OrderPlaced"), declared(M, "DealOpened"), declared(M, "DealUpdated")
BILLED = declared(M, "Billed")
ANNOUNCED, CONFIRMED = declared(M, "WorkerAnnounced"), declared(M, "WorkerConfirmed")
ORDER_ROW = [
    *("uint8", "address", "address", "uint256", "uint256", "bool[]"),
    *("uint8", "address", "bytes32", "uint64[]", "uint256"),
]
INFO_ROW = ["uint64[]", "address", "address", "address", "uint256", "uint256", "uint256"]
BENCHMARKS = [100, 1, 2, 3, 4, 5, 6, 4, 8000, 1, 1, 1, 1, 1, 0]


def order(kind: int) -> bytes:
    values = [kind, RENTER, bytes(20), 3600, 10**12, [], 0, bytes(20), bytes(32), BENCHMARKS, 0]
    return encode(ORDER_ROW, values)


def terms(status: int, end: int) -> bytes:
    return encode(["uint256", "uint256", "uint256", "uint8", *["uint256"] * 3], [3600, 10**12, end, status, 500, 0, 0])


@pytest.mark.node
async def test_a_deal_from_order_to_close_with_what_its_getters_say():
    async with Theatre(M, ["market"], decimals=18) as play:
        await play.teach("market", "GetOrderInfo(uint256)", [5], order(1))
        await play.tx(("market", PLACED, [5]))
        info = encode(INFO_ROW, [BENCHMARKS, PROVIDER, RENTER, MASTER, 4, 5, START + 10])
        await play.teach("market", "GetDealInfo(uint256)", [9], info)
        await play.teach("market", "GetDealParams(uint256)", [9], terms(1, START + 3610))
        await play.tx(("market", OPENED, [9]), seconds=10)
        await play.tx(("market", BILLED, [9, 300]), seconds=600)
        await play.teach("market", "GetDealParams(uint256)", [9], terms(2, START + 900))
        await play.tx(("market", UPDATED, [9]), seconds=900)
        leases = await play.leases()
    (lease,) = [row for row in leases.values() if row["order_id"] == "5"]
    assert (lease["renter"], lease["provider"], lease["machine_id"]) == (RENTER, PROVIDER, "4")
    assert (lease["gpu_count"], lease["resource_provenance"], lease["region_provenance"]) == (4, "eth_call", "none")
    assert (lease["opened_at"], lease["planned_end"]) == (START + 10, START + 3610)
    assert (lease["deposit_total"], lease["settled_total"]) == (500, 300)
    assert (lease["status"], lease["closed_at"]) == ("closed", START + 900)
    assert "gpu_raw" not in lease


@pytest.mark.node
async def test_an_ask_is_capacity_and_no_order():
    async with Theatre(M, ["market"]) as play:
        await play.teach("market", "GetOrderInfo(uint256)", [6], order(2))
        await play.tx(("market", PLACED, [6]))
        (offer,) = by_verb((await play.decoded()).events, "capacity.upsert")
        assert (offer["machine_id"], offer["provider"], offer["gpu_count"]) == ("6", RENTER, 4)
        assert await play.leases() == {}


@pytest.mark.skipif(not VECTORS.is_file(), reason="the notes on marketplaces are not beside this checkout")
@pytest.mark.parametrize("chain", [None, 444])
def test_the_real_receipt_is_an_order(chain):
    vector: dict[str, Any] = next(v for v in json.loads(VECTORS.read_text()) if v["marketplace"] == M)
    markets = built_in()
    (row,) = decode_file(json.dumps(vector["receipt"]["logs"]).encode(), markets, bind_everywhere(markets), chain)
    assert (row.market, row.event, row.verb, row.reason) == (M, "OrderPlaced", "order.open", "")
    assert row.lease_id == str(vector["expect"]["orderID"]) == json.loads(row.fields)["order_id"]


def test_an_amount_in_a_topic_is_money():
    chain = Chain()
    chain.tx((M, "market", BILLED, [9, 300]))
    assert by_verb(chain.decoded().events, "lease.settle")[0]["amount"] == 300


def test_orders_and_deals_of_one_number_are_kept_apart():
    chain = Chain()
    chain.tx((M, "market", PLACED, [9]), (M, "market", OPENED, [9]))
    assert chain.decoded().events["lease_id"].n_unique() == 2


def test_a_worker_is_linked_to_its_master_only_when_the_master_confirms():
    chain = Chain()
    chain.tx((M, "market", ANNOUNCED, [PROVIDER, MASTER]))
    assert by_verb(chain.decoded().events, "account.link") == []
    chain.tx((M, "market", CONFIRMED, [PROVIDER, MASTER]))
    (link,) = by_verb(chain.decoded().events, "account.link")
    assert (link["provider"], link["beneficiary"]) == (PROVIDER, MASTER)
