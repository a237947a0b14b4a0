"""Lilypad, both versions: deals named by text, or by its hash."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from tests.markets.chain_of_logs import PAYER, PROVIDER, RENTER, START, Chain, by_verb, declared
from tests.markets.theatre import Theatre

M = "lilypad"
DEAL, RESULT = "QmDeal", "QmResult"
HASH = keccak(DEAL.encode())
STATE, OLD_STATE = declared(M, "DealStateChange"), declared(M, "DealStateChange", 1)
PAID = declared(M, "Payment")
JOB = declared(M, "JobAdded")
SAVED, RESULT_SAVED = declared(M, "LilypadStorage__DealSaved"), declared(M, "LilypadStorage__ResultSaved")
LOCKED = declared(M, "LilypadPayment__ActiveEscrowLockedForJob")
DONE, FAILED = declared(M, "LilypadPayment__JobCompleted"), declared(M, "LilypadPayment__JobFailed")
FEES = declared(M, "LilypadPayment__TotalFeesGeneratedByJob")
DEAL_ROW = (
    "(string,(address,address,address,address[]),((uint256,uint256),(uint256,uint256),(uint256,uint256),"
    "(uint256,uint256)),(uint256,uint256,uint256,uint256))"
)


def moved(reason: int, direction: int, amount: int = 10) -> tuple[Any, ...]:
    return M, "payments_v1", PAID, [DEAL, PROVIDER, amount, reason, direction]


@pytest.mark.node
async def test_a_deal_of_version_1_with_what_its_getter_says():
    row: tuple[Any, ...] = (DEAL, (PAYER, RENTER, PROVIDER, []), ((1, 1), (3600, 1), (1, 1), (1, 1)), (5, 100, 2, 3))
    async with Theatre(M, ["storage_v1", "payments_v1"], decimals=18) as play:
        await play.teach("storage_v1", "getDeal(string)", [DEAL], encode([DEAL_ROW], [row]))
        await play.tx(("storage_v1", STATE, [DEAL, 0]))
        await play.tx(("storage_v1", STATE, [DEAL, 1]), ("payments_v1", PAID, [DEAL, RENTER, 100, 0, 0]), seconds=10)
        await play.tx(("storage_v1", STATE, [DEAL, 2]), seconds=100)
        await play.tx(("storage_v1", STATE, [DEAL, 3]), ("payments_v1", PAID, [DEAL, PROVIDER, 60, 3, 1]), seconds=200)
        (lease,) = (await play.leases()).values()
    assert (lease["renter"], lease["provider"], lease["opened_at"]) == (RENTER, PROVIDER, START + 10)
    assert (lease["deposit_total"], lease["settled_total"]) == (100, 60)
    assert (lease["status"], lease["close_reason"], lease["paid_until"]) == ("closed", "completed", START + 200)
    assert (lease["resource_provenance"], lease["region_provenance"]) == ("offchain", "none")


@pytest.mark.node
async def test_a_deal_of_version_2_under_the_hash_of_its_name():
    async with Theatre(M, ["storage_v2", "payments_v2"], decimals=18) as play:
        await play.tx(
            ("payments_v2", LOCKED, [RENTER, PROVIDER, HASH, 80]), ("storage_v2", SAVED, [HASH, RENTER, PROVIDER])
        )
        await play.tx(
            ("payments_v2", FEES, [PROVIDER, RENTER, DEAL, 70]),
            ("payments_v2", DONE, [RENTER, PROVIDER, DEAL]),
            seconds=300,
        )
        (lease,) = (await play.leases()).values()
    assert (lease["lease_id"], lease["renter"], lease["provider"]) == ("0x" + HASH.hex(), RENTER, PROVIDER)
    assert (lease["deposit_total"], lease["settled_total"]) == (80, 70)
    assert (lease["status"], lease["closed_at"], lease["close_reason"]) == ("closed", START + 300, "completed")


def test_the_indexed_layout_of_2023_is_known_by_its_hash_and_keeps_its_state():
    chain = Chain()
    for state in (1, 3):
        chain.tx((M, "storage_v1", OLD_STATE, [HASH, state]))
    events = chain.decoded().events
    assert events["verb"].to_list() == ["lease.open", "lease.close"]
    assert set(events["lease_id"]) == {"0x" + HASH.hex()}


@pytest.mark.parametrize(
    ("state", "verb", "reason"),
    [(4, "lease.dispute", None), (6, "lease.close", "provider"), (7, "lease.close", "expired")],
)
def test_a_state_decides_what_a_change_means(state, verb, reason):
    chain = Chain()
    chain.tx((M, "storage_v1", STATE, [DEAL, state]))
    (row,) = by_verb(chain.decoded().events, verb)
    assert (row["lease_id"], row.get("reason")) == (DEAL, reason)


def test_only_the_price_of_the_job_is_the_tenants_money():
    chain = Chain()
    chain.tx(moved(0, 0), moved(2, 0), moved(3, 1), moved(1, 2), moved(0, 2), moved(2, 3))
    verbs = chain.decoded().events["verb"].to_list()
    assert verbs == [
        *("lease.deposit", "lease.patch", "lease.settle", "lease.patch", "lease.withdraw", "lease.slash"),
    ]


def test_a_failed_job_finds_its_deal_through_its_result():
    chain = Chain()
    chain.tx((M, "storage_v2", RESULT_SAVED, [keccak(RESULT.encode()), DEAL]))
    chain.tx((M, "payments_v2", FAILED, [RENTER, PROVIDER, RESULT]))
    events = chain.decoded().events
    assert by_verb(events, "lease.patch")[0]["name"] == DEAL
    (closed,) = by_verb(events, "lease.close")
    assert (closed["lease_id"], closed["reason"]) == ("0x" + HASH.hex(), "failed")


def test_who_pays_for_a_contracts_job_is_not_the_contract():
    chain = Chain()
    chain.tx((M, "jobs_v1", JOB, [4, RENTER, PAYER, "cowsay", ["hi"]]))
    (order,) = by_verb(chain.decoded().events, "order.open")
    assert (order["renter"], order["payer"], order["lease_id"]) == (RENTER, PAYER, "job-4")
