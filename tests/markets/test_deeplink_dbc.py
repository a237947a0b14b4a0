"""DeepLink: machines staked with their GPU, rented for a fixed time, in four contracts and several pasts."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode

from tests.markets.chain_of_logs import PAYER, PROVIDER, RENTER, START, Chain, by_verb, declared
from tests.markets.theatre import Theatre, call_data

M = "deeplink_dbc"
RENT, RENT_OLD, RENT_OLDER = (declared(M, "RentMachine", place) for place in range(3))
ENDS = [declared(M, "EndRentMachine", place) for place in range(4)]
END, END_DBC = ENDS[0], declared(M, "EndRentMachine", 1)
FEE, PAID, RENEW = declared(M, "RentFee"), declared(M, "PayToContractOnRent"), declared(M, "RenewRent")
SEGMENT, BURNED = declared(M, "RenewalSegmentRecorded"), declared(M, "BurnedFee")
PAY_BACK, REVERSED = declared(M, "PayBackFee"), declared(M, "ReverseUnpaidRenewal")
STAKED, GPU, STATUS = (declared(M, name) for name in ("Staked", "StakedGPUType", "reportedStakingStatus"))
FREE_MACHINE, FREE_START, FREE_SLASH = (
    declared(M, name) for name in ("MachineRegistered", "RentStarted", "RentEndedBySlash")
)
INFO = ["address", "uint256", "uint256", "string", "uint256", "string", "uint256", "string", "uint256"]


def rent(fee: int = 500, rent_id: int = 9) -> tuple[str, str, list[Any]]:
    return "rent", RENT, [PROVIDER, rent_id, "m1", START + 3600, RENTER, fee]


@pytest.mark.node
async def test_a_rent_paid_by_another_renewed_and_ended_early():
    async with Theatre(M, ["rent", "staking", "ai"], decimals=18) as play:
        await play.teach("ai", "getMachineRegion(string)", ["m1"], encode(["string"], ["Singapore"]))
        answer = encode(INFO, [PROVIDER, 1, 1, "NVIDIA H100", 80, "", 8, "m1", 512])
        await play.teach("ai", "getMachineInfo(string,bool)", ["m1", True], answer)
        await play.tx(("staking", STAKED, [PROVIDER, "m1", 1, 1, 1]), ("staking", GPU, ["m1", "NVIDIA H100 80GB HBM3"]))
        await play.tx(("rent", PAID, [9, PAYER, 550]), ("rent", FEE, [9, PAYER, 500, 0, 50]), rent(), seconds=10)
        await play.tx(
            ("rent", SEGMENT, [9, 1, PAYER, 600]), ("rent", RENEW, [PROVIDER, "m1", 9, 600, 100, RENTER]), seconds=20
        )
        running = (await play.leases())["9"]
        assert (running["status"], running["planned_end"], running["paid_until"]) == ("active", *[START + 4200] * 2)
        await play.tx(
            ("rent", PAY_BACK, ["m1", 9, PAYER, 250]),
            ("rent", BURNED, ["m1", 44, START, 400, RENTER, 8]),
            ("rent", END, [PROVIDER, 9, "m1", START + 4200, RENTER]),
            seconds=1800,
        )
        lease = (await play.leases())["9"]
    assert (lease["renter"], lease["payer"], lease["provider"]) == (RENTER, PAYER, PROVIDER)
    assert (lease["gpu_raw"], lease["gpu_count"]) == ("NVIDIA H100 80GB HBM3", 8)
    assert lease["resource_provenance"] == "registry_event"
    assert (lease["country"], lease["region_provenance"]) == ("SG", "declared")
    assert (lease["deposit_total"], lease["settled_total"], lease["refunded_total"]) == (650, 400, 250)
    assert (lease["status"], lease["closed_at"], lease["close_reason"]) == ("closed", START + 1800, "user")


@pytest.mark.node
async def test_a_monthly_rent_by_proxy_has_no_fee_and_its_payer_is_asked_for():
    async with Theatre(M, ["rent"]) as play:
        await play.teach("rent", "machine2ProxyRentPayer(string)", ["m1"], encode(["address"], [PAYER]))
        await play.tx(rent(fee=0))
        (lease,) = (await play.leases()).values()
    assert (lease["renter"], lease["payer"], lease["deposit_total"]) == (RENTER, PAYER, 0)
    assert "price_amount" not in lease


@pytest.mark.node
async def test_a_machine_no_event_names_the_gpu_of_is_asked_for_in_the_registry():
    async with Theatre(M, ["rent", "ai"]) as play:
        answer = encode(INFO, [PROVIDER, 1, 1, "NVIDIA L40S", 48, "", 2, "m1", 512])
        await play.teach("ai", "getMachineInfo(string,bool)", ["m1", True], answer)
        await play.tx(rent())
        (lease,) = (await play.leases()).values()
    assert (lease["gpu_raw"], lease["gpu_count"], lease["resource_provenance"]) == ("NVIDIA L40S", 2, "eth_call")
    assert lease["region_provenance"] == "none"


def test_the_registry_is_not_asked_what_events_say():
    chain = Chain()
    chain.tx((M, "staking", GPU, ["m1", "NVIDIA H100"]), (M, "ai", STATUS, ["DeepLink", 1, "m1", 8, True]))
    chain.tx((M, *rent()))
    (asked,) = chain.decoded().wanted["payload"].to_list()
    assert asked == call_data("getMachineRegion", ["string"], ["m1"])


@pytest.mark.parametrize("text", [RENT_OLD, RENT_OLDER])
def test_every_older_layout_of_a_rent_is_read(text):
    chain = Chain()
    older = [3, "m1", START + 60, 2, RENTER]
    chain.tx((M, "staking", STAKED, [PROVIDER, "m1", 1, 1, 1]))
    chain.tx((M, "rent", text, [*older, 7] if text.endswith("rentFee)") else older))
    (lease,) = by_verb(chain.decoded().events, "lease.open")
    assert (lease["lease_id"], lease["gpu_count"], lease["provider"]) == ("3", 2, PROVIDER)


def test_one_rent_id_in_four_contracts_is_four_leases():
    chain = Chain()
    for role in ("rent", "rent_long", "rent_dbc"):
        chain.tx((M, role, RENT, [PROVIDER, 9, "m1", START + 60, RENTER, 5]))
    chain.tx((M, "rent_free", FREE_START, [9, "m1", RENTER, START + 60, 5]))
    keys = [row["lease_id"] for row in by_verb(chain.decoded().events, "lease.open")]
    assert keys == ["9", "long-9", "dbc-9", "free-9"]


def test_a_free_rental_finds_its_owner_and_its_penalty_closes_it():
    chain = Chain()
    chain.tx((M, "rent_free", FREE_MACHINE, ["m1", PROVIDER]))
    chain.tx((M, "rent_free", FREE_START, [1, "m1", RENTER, START + 60, 5]))
    chain.tx((M, "rent_free", FREE_SLASH, [1, "m1", RENTER, 7, 3]))
    events = chain.decoded().events
    (lease,) = by_verb(events, "lease.open")
    assert (lease["provider"], lease["resource_provenance"]) == (PROVIDER, "none")
    assert by_verb(events, "lease.slash")[0]["amount"] == 7
    assert by_verb(events, "lease.withdraw")[0]["amount"] == 3
    assert by_verb(events, "lease.close")[0]["reason"] == "slashed"


def test_a_renewal_that_was_never_paid_gives_its_money_back_to_the_payer():
    chain = Chain()
    chain.tx((M, "rent", REVERSED, ["m1", 9, 1, 600, 100, 5, RENTER, PAYER]))
    (back,) = by_verb(chain.decoded().events, "lease.withdraw")
    assert (back["beneficiary"], back["amount"]) == (PAYER, 100)
