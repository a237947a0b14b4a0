"""iExec: a deal of two tasks through its whole life, and what makes it hard to read."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from monitor.markets.upgrades import remarked, upgrades
from tests.markets.chain_of_logs import PAYER, PROVIDER, RENTER, START
from tests.markets.declared import MARKETS
from tests.markets.declared import decl as declared
from tests.markets.theatre import Log, Theatre

pytestmark = pytest.mark.node
ROLES = ["diamond", "registry", "voucher_hub"]
DEAL, REQUEST, NOBODY = b"\x0d" * 32, b"\x0e" * 32, bytes(20)
POOL, APP = b"\x99" * 20, b"\x98" * 20
GPU = (1 << 8).to_bytes(32, "big")
VIEW = "viewDeal(bytes32)"
SOLD = "(address,address,uint256)"
OLD = f"({SOLD},{SOLD},{SOLD},uint256,uint256,bytes32,address,address,address,string{',uint256' * 5})"
NEW = OLD.removesuffix(")") + ",address)"


def decl(name: str, role: str = "diamond") -> str:
    return declared("iexec_poco", role, name)


def row(*, sponsor: bytes | None = PAYER, first: int = 0, tag: bytes = GPU, requester: bytes = RENTER) -> bytes:
    prices = [(APP, APP, 5), (NOBODY, NOBODY, 0), (POOL, PROVIDER, 20)]
    rest = [1, 3, tag, requester, NOBODY, NOBODY, "{}", START, first, 2, 6, 1]
    values = [*prices, *rest]
    return encode([OLD], [tuple(values)]) if sponsor is None else encode([NEW], [(*values, sponsor)])


def matched(deal: bytes = DEAL, volume: int = 2) -> Log:
    return "diamond", decl("OrdersMatched"), [deal, b"\x01" * 32, bytes(32), b"\x02" * 32, REQUEST, volume]


def task(deal: bytes, number: int) -> bytes:
    return keccak(deal + number.to_bytes(32, "big"))


def finalized(deal: bytes, number: int) -> Log:
    return "diamond", decl("TaskFinalize"), [task(deal, number), b""]


def key(deal: bytes = DEAL) -> str:
    return "0x" + deal.hex()


async def supply(play: Theatre) -> None:
    await play.tx(("diamond", decl("CreateCategory"), [3, "M", "medium", 3600]))
    await play.tx(("registry", decl("Transfer", "registry"), [NOBODY, PROVIDER, int.from_bytes(POOL)]))


async def test_a_deal_is_a_lease_until_its_last_task():
    async with Theatre("iexec_poco", ROLES) as play:
        await supply(play)
        await play.teach("diamond", VIEW, [DEAL], row())
        await play.tx(
            matched(),
            ("diamond", decl("SchedulerNotice"), [POOL, DEAL]),
            ("diamond", decl("DealSponsored"), [DEAL, PAYER]),
            seconds=100,
        )
        lease = (await play.leases())[key()]
        assert (lease["renter"], lease["payer"], lease["provider"]) == (RENTER, PAYER, PROVIDER)
        assert lease["machine_id"].lower() == "0x" + POOL.hex()
        assert (lease["price_amount"], lease["price_per"], lease["deposit_total"]) == (50, "job", 50)
        assert (lease["gpu_raw"], lease["resource_provenance"]) == ("gpu", "eth_call")
        assert (lease["opened_at"], lease["paid_until"], lease["status"]) == (START + 100, START + 3700, "active")
        assert "beneficiary" not in lease
        await play.tx(("diamond", decl("TaskInitialize"), [task(DEAL, 0), POOL]), seconds=200)
        await play.tx(finalized(DEAL, 0), ("diamond", decl("Reward"), [PROVIDER, 20, task(DEAL, 0)]), seconds=300)
        assert (await play.leases())[key()]["status"] == "active"
        await play.tx(("diamond", decl("TaskClaimed"), [task(DEAL, 1)]), seconds=400)
        done = (await play.leases())[key()]
        assert (done["status"], done["closed_at"], done["paid_until"]) == ("closed", START + 400, START + 400)
        assert done["settled_total"] == 20


async def test_trap_task_ids_follow_from_what_the_request_consumed_before():
    async with Theatre("iexec_poco", ROLES) as play:
        second = b"\x0f" * 32
        await play.tx(matched(volume=3))
        await play.tx(matched(second, volume=1))
        await play.tx(finalized(second, 3))
        found = await play.leases()
        assert (found[key()]["status"], found[key(second)]["status"]) == ("active", "closed")
        await play.tx(finalized(second, 0))
        decoded = await play.decoded()
        assert decoded.quarantine["reason"].to_list() == [
            "TaskFinalize: lease.close has no key: nothing known yet in task_deal"
        ]


async def test_trap_the_struct_without_a_sponsor_is_read_as_such():
    async with Theatre("iexec_poco", ROLES) as play:
        await play.teach("diamond", VIEW, [DEAL], row(sponsor=None))
        await play.tx(matched())
        lease = (await play.leases())[key()]
        assert (lease["renter"], lease["payer"], lease["price_amount"]) == (RENTER, RENTER, 50)


async def test_trap_a_voucher_stands_for_its_owner():
    async with Theatre("iexec_poco", ROLES) as play:
        voucher = await play.extra()
        await play.tx(("voucher_hub", decl("VoucherCreated", "voucher_hub"), [voucher, PAYER, 1, START, 100]))
        await play.teach("diamond", VIEW, [DEAL], row(sponsor=voucher))
        await play.tx(matched(), (voucher, decl("OrdersMatchedWithVoucher", "voucher"), [DEAL]))
        lease = (await play.leases())[key()]
        assert (lease["renter"], lease["payer"]) == (RENTER, PAYER)


async def test_trap_without_the_call_the_logs_still_tell_pool_sponsor_and_end():
    async with Theatre("iexec_poco", ROLES) as play:
        await supply(play)
        await play.tx(
            matched(volume=1),
            ("diamond", decl("SchedulerNotice"), [POOL, DEAL]),
            ("diamond", decl("DealSponsored"), [DEAL, PAYER]),
        )
        await play.tx(finalized(DEAL, 0), seconds=50)
        lease = (await play.leases())[key()]
        assert (lease["provider"], lease["payer"], lease["closed_at"]) == (PROVIDER, PAYER, START + 50)
        assert not {"renter", "price_amount", "gpu_raw", "resource_provenance"} & lease.keys()


async def test_trap_a_diamond_of_either_standard_marks_its_upgrades():
    async with Theatre("iexec_poco", ROLES) as play:
        await play.tx(matched())
        await play.tx(("diamond", decl("CommitMessage"), ["functions of a new delegate"]), seconds=10)
        cut: list[Any] = [[(POOL, 0, [b"\1\2\3\4"])], NOBODY, b""]
        await play.tx(("diamond", decl("DiamondCut"), cut), seconds=20)
        await play.tx(("diamond", "Unheard(uint256 of)", [1]), seconds=30)
        decoded = await play.decoded()
    found = upgrades(decoded.events, decoded.quarantine, MARKETS)
    assert found.select("event", "changed").rows() == [("CommitMessage", True), ("DiamondCut", True)]
    (reason,) = remarked(decoded.quarantine, found)["reason"]
    assert f"the contract was upgraded in block {found['block_number'][-1]} (" in reason


async def test_trap_boosted_deals_speak_in_other_events():
    async with Theatre("iexec_poco", ROLES) as play:
        await supply(play)
        notice: list[Any] = [POOL, DEAL, APP, NOBODY, 3, GPU, "{}", RENTER]
        await play.tx(matched(volume=2), ("diamond", decl("SchedulerNoticeBoost"), notice))
        await play.tx(("diamond", decl("ResultPushedBoost"), [DEAL, 0, b""]))
        lease = (await play.leases())[key()]
        assert (lease["beneficiary"], lease["provider"], lease["status"]) == (RENTER, PROVIDER, "active")
        assert (lease["gpu_raw"], lease["resource_provenance"]) == ("gpu", "event")
        await play.tx(("diamond", decl("TaskClaimed"), [task(DEAL, 1)]))
        assert (await play.leases())[key()]["status"] == "closed"


async def test_trap_the_tag_asks_for_any_gpu_or_none():
    async with Theatre("iexec_poco", ROLES) as play:
        await play.teach("diamond", VIEW, [DEAL], row(tag=(1).to_bytes(32, "big")))
        await play.tx(matched())
        lease = (await play.leases())[key()]
        assert "gpu_raw" not in lease
        assert lease["resource_provenance"] == "none"
