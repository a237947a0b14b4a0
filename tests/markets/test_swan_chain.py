"""Swan: a task through its whole life, in both generations, and what makes it hard to read."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from tests.markets.chain_of_logs import PAYER, PROVIDER, RENTER, START, TOKEN
from tests.markets.declared import MARKETS
from tests.markets.declared import decl as declared
from tests.markets.theatre import Log, Theatre

pytestmark = pytest.mark.node
ROLES = ["tasks", "collateral", "account", "client_payment"]
UID = "0b7f-task"
HASH = keccak(UID.encode())
KEY = "0x" + HASH.hex()
ASSIGN = "assignTask(string,address[],address,uint256,uint256,uint256)"


def decl(name: str, role: str = "tasks") -> str:
    return declared("swan_chain", role, name)


def created(*accounts: bytes) -> Log:
    return "tasks", decl("TaskCreated"), [HASH, list(accounts), RENTER, 900, 7200]


async def test_a_task_is_a_lease_from_assignment_to_completion():
    async with Theatre("swan_chain", ROLES) as play:
        account = await play.extra()
        await play.teach("tasks", "rewardToken()", [], encode(["address"], [TOKEN]))
        await play.tx(("account", decl("CPAccountDeployed", "account"), [account, PROVIDER]))
        call = ("tasks", ASSIGN, [UID, [account], RENTER, 900, 50, 7200])
        await play.tx(created(account), calldata=call, seconds=100)
        lease = (await play.leases())[KEY]
        assert (lease["renter"], lease["provider"], lease["order_id"]) == (RENTER, PROVIDER, UID)
        assert lease["machine_id"].lower() == "0x" + account.hex()
        assert (lease["price_amount"], lease["price_per"], lease["price_token"]) == (900, "job", TOKEN)
        assert (lease["opened_at"], lease["paid_until"]) == (START + 100, START + 7300)
        assert lease["region_provenance"] == "none"
        await play.tx(("tasks", decl("TaskExtended"), [HASH, 600, 7800]))
        assert (await play.leases())[KEY]["paid_until"] == START + 7900
        await play.tx(("tasks", decl("RewardReleased"), [HASH, account, PROVIDER, 700]), seconds=500)
        await play.tx(
            ("tasks", decl("RefundReleased"), [HASH, RENTER, 200]),
            ("tasks", decl("TaskCompleted"), [HASH]),
            seconds=600,
        )
        done = (await play.leases())[KEY]
        assert (done["status"], done["close_reason"], done["closed_at"]) == ("closed", "completed", START + 600)
        assert (done["deposit_total"], done["settled_total"], done["refunded_total"]) == (900, 700, 200)


async def test_trap_a_hashed_id_is_recovered_from_the_event_beside_it_or_stays_unknown():
    async with Theatre("swan_chain", ROLES) as play:
        await play.tx(created(PROVIDER))
        assert "order_id" not in (await play.leases())[KEY]
    async with Theatre("swan_chain", ROLES) as play:
        locked: Log = ("collateral", decl("CollateralLocked", "collateral"), [PROVIDER, 50, UID])
        await play.tx(created(PROVIDER), locked)
        assert (await play.leases())[KEY]["order_id"] == UID


async def test_trap_call_data_that_hashes_to_something_else_is_not_believed():
    async with Theatre("swan_chain", ROLES) as play:
        call = ("tasks", ASSIGN, ["another", [PROVIDER], RENTER, 900, 50, 7200])
        await play.tx(created(PROVIDER), calldata=call)
        assert "order_id" not in (await play.leases())[KEY]


async def test_trap_a_task_of_several_providers_names_none():
    async with Theatre("swan_chain", ROLES) as play:
        await play.tx(created(PROVIDER, PAYER))
        lease = (await play.leases())[KEY]
        assert not {"provider", "machine_id"} & lease.keys()


async def test_trap_hardware_is_named_where_it_is_paid_for():
    async with Theatre("swan_chain", ROLES) as play:
        hardware = decl("HardwareSet", "client_payment")
        await play.tx(("client_payment", hardware, [7, "NVIDIA H100 80GB", 3, True]))
        paid = [PAYER, UID, 7, 3, 7200, 1]
        await play.tx(("client_payment", decl("PaymentSubmitted", "client_payment"), paid))
        call = ("tasks", ASSIGN, [UID, [PROVIDER], RENTER, 900, 50, 7200])
        await play.tx(created(PROVIDER), calldata=call)
        (lease,) = (await play.leases()).values()
        assert (lease["gpu_raw"], lease["resource_provenance"]) == ("NVIDIA H100 80GB", "registry_event")
        assert (lease["renter"], lease["payer"]) == (RENTER, PAYER)


async def test_trap_a_slash_names_the_task_in_plain_text():
    async with Theatre("swan_chain", ROLES) as play:
        await play.tx(created(PROVIDER))
        await play.tx(("collateral", decl("DisputeProof", "collateral"), [PAYER, HASH]))
        assert (await play.leases())[KEY]["status"] == "disputed"
        await play.tx(("collateral", decl("CollateralSlashed", "collateral"), [PROVIDER, 50, UID]), seconds=900)
        lease = (await play.leases())[KEY]
        assert (lease["status"], lease["close_reason"], lease["closed_at"]) == ("closed", "slashed", START + 900)


async def test_trap_the_newer_generation_lets_claim_later():
    async with Theatre("swan_chain", ROLES) as play:
        await play.tx(created(PROVIDER))
        await play.tx(("tasks", decl("RewardReadyToClaim"), [HASH, PROVIDER, 700]))
        await play.tx(("tasks", decl("RewardClaimed"), [PROVIDER, PROVIDER, 700, 1, b""]))
        assert (await play.leases())[KEY]["settled_total"] == 700


async def test_trap_a_reward_made_ready_and_then_released_is_counted_once():
    async with Theatre("swan_chain", ROLES) as play:
        await play.tx(created(PROVIDER, PAYER))
        await play.tx(("tasks", decl("RewardReadyToClaim"), [HASH, PROVIDER, 700]))
        await play.tx(("tasks", decl("RewardReleased"), [HASH, PROVIDER, PROVIDER, 700]))
        await play.tx(("tasks", decl("RewardReleased"), [HASH, PAYER, PAYER, 200]))
        assert (await play.leases())[KEY]["settled_total"] == 900


def test_trap_both_generations_are_watched_from_their_own_block():
    market = MARKETS["swan_chain"]
    tasks = {(item.address.lower(), item.from_block) for item in market.deployments if item.role == "tasks"}
    assert tasks == {
        ("0x6e810c56d97d0cf64fb625d2ed756379d0edbc32", 2129000),
        ("0x88f0c31c2cd9d5382d870a417da144bacd19f027", 3097778),
    }
    assert len({(item.chain, item.address.lower()) for item in market.deployments}) == len(market.deployments)
