from __future__ import annotations

from typing import Any

import pytest

from tests.sim.conftest import Desk

pytestmark = pytest.mark.node

PROVIDER, TENANT, PAYER, PLATFORM = b"\xb1" * 20, b"\xb2" * 20, b"\xb3" * 20, b"\xb4" * 20
DAY = 86_400


async def token(desk: Desk, *spenders: bytes) -> bytes:
    address = await desk.deploy("TestUSD", desk.deployer)
    for account in (TENANT, PAYER):
        await desk.call(desk.deployer, address, "mint", account, 10**12)
    for account in (TENANT, PAYER):
        for spender in spenders:
            await desk.call(account, address, "approve", spender, 2**255)
    return address


async def allow(desk: Desk, usd: bytes, spender: bytes) -> None:
    for account in (TENANT, PAYER):
        await desk.call(account, usd, "approve", spender, 2**255)


def events(logs: list[dict[str, Any]]) -> list[str]:
    return [log["event"] for log in logs if log["event"] not in {"Transfer", "Approval"}]


async def test_a_marlin_stream_keeps_its_books(desk: Desk):
    usd = await token(desk)
    market = await desk.deploy("MarlinReplica", usd, 600)
    await allow(desk, usd, market)
    await desk.call(PROVIDER, market, "providerAdd", "https://cp.example")
    rate = 1_234_567_890_123_456  # 1234.56 base units a second
    logs = await desk.call(TENANT, market, "jobOpen", '{"instance":"c6g.xlarge"}', PROVIDER, rate, 10**9)
    opened = desk.now
    job = next(log["job"] for log in logs if log["event"] == "JobOpened")
    await desk.call(PAYER, market, "jobDeposit", job, 5 * 10**8)
    desk.now = opened + 9_999
    settled = next(log for log in await desk.call(PAYER, market, "jobSettle", job) if log["event"] == "JobSettled")
    assert settled["amount"] == -(-10_000 * rate // 10**12)
    withdrew = await desk.call(TENANT, market, "jobWithdraw", job, 10**8)
    assert events(withdrew) == ["JobSettled", "JobWithdrew"]
    await desk.call(TENANT, market, "jobReviseRateInitiate", job, rate * 2)
    assert await desk.refuses(TENANT, market, "jobReviseRateFinalize", job) == "RevisionNotDue"
    await desk.wait(600)
    assert events(await desk.call(TENANT, market, "jobReviseRateFinalize", job)) == [
        "JobSettled",
        "JobReviseRateFinalized",
    ]
    revised = desk.now
    desk.now = revised + 999
    closing = await desk.call(TENANT, market, "jobClose", job)
    assert events(closing) == ["JobSettled", "JobClosed"]
    assert next(log for log in closing if log["event"] == "JobSettled")["amount"] == -(-1000 * rate * 2 // 10**12)
    earned = await desk.read(usd, "balanceOf", PROVIDER)
    back = next(log["value"] for log in closing if log["event"] == "Transfer" and log["to"] == TENANT)
    assert earned + back + 10**8 == 15 * 10**8
    assert await desk.read(usd, "balanceOf", market) == 0


async def test_a_marlin_stream_pays_no_more_than_it_holds(desk: Desk):
    usd = await token(desk)
    market = await desk.deploy("MarlinReplica", usd, 600)
    await allow(desk, usd, market)
    await desk.call(PROVIDER, market, "providerAdd", "https://cp.example")
    logs = await desk.call(TENANT, market, "jobOpen", "{}", PROVIDER, 10**15, 10**6)
    job = next(log["job"] for log in logs if log["event"] == "JobOpened")
    await desk.wait(DAY)
    logs = await desk.call(TENANT, market, "jobClose", job)
    assert next(log for log in logs if log["event"] == "JobSettled")["amount"] == 10**6
    assert await desk.refuses(TENANT, market, "jobSettle", job) == "NoSuchJob"


async def spheron(desk: Desk) -> tuple[bytes, dict[str, bytes]]:
    usd = await token(desk)
    at = {"registry": await desk.deploy("SpheronReplicaProviderRegistry")}
    at["escrow"] = await desk.deploy("SpheronReplicaEscrow")
    at["order"] = await desk.deploy("SpheronReplicaOrder", at["escrow"])
    at["lease"] = await desk.deploy("SpheronReplicaLease", at["escrow"], at["order"])
    at["bid"] = await desk.deploy("SpheronReplicaBid", at["order"], at["lease"], at["registry"])
    await desk.call(desk.deployer, at["escrow"], "connect", at["order"], at["lease"])
    await desk.call(desk.deployer, at["order"], "connect", at["bid"], at["lease"])
    await desk.call(desk.deployer, at["lease"], "connect", at["bid"])
    await allow(desk, usd, at["escrow"])
    await desk.call(PROVIDER, at["registry"], "addProvider", "{}", "https://h", "", [usd], 1, PROVIDER)
    return usd, at


async def test_a_spheron_order_becomes_a_lease_and_pays_by_the_block(desk: Desk):
    usd, at = await spheron(desk)
    price, blocks = 5 * 10**15, 1000  # 0.005 dollars a block
    await desk.call(TENANT, at["escrow"], "deposit", usd, 6 * 10**6)
    logs = await desk.call(TENANT, at["order"], "createOrder", price, blocks, usd, "{}", 1, 1)
    assert events(logs) == ["UserTokenLocked", "OrderCreated"]
    assert logs[0]["deposit"] == 5 * 10**6
    order = logs[1]["orderId"]
    logs = await desk.call(PROVIDER, at["bid"], "bid", order, price)
    assert events(logs) == ["BidPlaced", "OrderStateChanged", "OrderMatched", "LeaseCreated"]
    created = logs[-1]
    assert (created["leaseId"], created["tenantAddress"], created["startTime"]) == (order, TENANT, desk.now)
    started = desk.now
    desk.now = started + 399
    logs = await desk.call(PAYER, at["lease"], "settle", order)
    paid = next(log for log in logs if log["event"] == "LockedTokenTransfered")
    assert (paid["from"], paid["to"], paid["deposit"]) == (TENANT, PROVIDER, 200 * 5000)
    desk.now = started + 599
    logs = await desk.call(TENANT, at["lease"], "closeLease", order)
    assert events(logs) == ["LockedTokenTransfered", "UserTokenUnlocked", "OrderMarkedAsClosed", "LeaseClosed"]
    unlocked = next(log for log in logs if log["event"] == "UserTokenUnlocked")
    assert unlocked["deposit"] == 700 * 5000
    await desk.call(TENANT, at["escrow"], "withdraw", usd, 700 * 5000 + 10**6)
    assert await desk.read(usd, "balanceOf", at["escrow"]) == 0


async def test_an_updated_spheron_lease_starts_its_new_terms_at_once(desk: Desk):
    usd, at = await spheron(desk)
    await desk.call(TENANT, at["escrow"], "deposit", usd, 10**9)
    logs = await desk.call(TENANT, at["order"], "createOrder", 10**15, 1000, usd, "{a}", 1, 1)
    order = logs[1]["orderId"]
    await desk.call(PROVIDER, at["bid"], "bid", order, 10**15)
    await desk.wait(500)
    await desk.call(TENANT, at["order"], "requestUpdate", order, 4 * 10**15, 500, "{b}", 1, 1)
    logs = await desk.call(PROVIDER, at["bid"], "acceptUpdate", order, 4 * 10**15)
    assert "UpdateRequestAccepted" in events(logs)
    updates = [log for log in logs if log["event"] == "LeaseUpdated"]
    assert len(updates) == 2
    started = next(log["startTime"] for log in updates if "startTime" in log)
    assert started == desk.now
    desk.now = started + 10 * DAY
    logs = await desk.call(PROVIDER, at["lease"], "closeLease", order)
    paid = next(log for log in logs if log["event"] == "LockedTokenTransfered")
    assert paid["deposit"] == 500 * 4000
    assert await desk.read(at["escrow"], "locked", TENANT, usd) == 0


async def deeplink(desk: Desk) -> tuple[bytes, bytes, bytes]:
    usd = await token(desk)
    staking = await desk.deploy("DeepLinkReplicaStaking")
    rent = await desk.deploy("DeepLinkReplicaRent", usd, staking, PLATFORM)
    await desk.call(desk.deployer, staking, "connect", rent)
    await allow(desk, usd, rent)
    for machine in ("m1", "m2"):
        logs = await desk.call(PROVIDER, staking, "stake", machine, "NVIDIA H100 80GB HBM3", 100, 1000)
        assert events(logs) == ["MachineRegistered", "StakedGPUType", "Staked"]
    return usd, staking, rent


async def test_a_deeplink_proxy_rent_names_the_payer_before_the_renter(desk: Desk):
    usd, _, rent = await deeplink(desk)
    logs = await desk.call(PAYER, rent, "rentProxyMachine", TENANT, "m1", 10 * DAY, 10**9)
    assert events(logs) == ["RentMachine", "PayToContractOnRent", "RentFee", "RentMachine"]
    fee, opened = logs[-2], logs[-1]
    assert (fee["renter"], opened["renter"], opened["machineOnwer"]) == (PAYER, TENANT, PROVIDER)
    assert opened["rentEndTime"] == desk.now + 10 * DAY
    started = desk.now
    await desk.call(TENANT, rent, "rentMachine", "m2", DAY, 10**6)
    desk.now = started + 5 * DAY - 1
    logs = await desk.call(TENANT, rent, "endRentMachine", opened["rentId"])
    back = next(log for log in logs if log["event"] == "PayBackFee")
    assert (back["renter"], back["amount"]) == (PAYER, 5 * 10**8)
    extra = next(log for log in logs if log["event"] == "ExtraRentFeeTransfer")
    assert extra["rentId"] == opened["rentId"] + 1, "the real contract reports the last rent opened"
    assert await desk.read(usd, "balanceOf", PROVIDER) == 45 * 10**7
    assert await desk.read(usd, "balanceOf", PLATFORM) == 5 * 10**7


async def test_a_deeplink_renewal_records_who_paid_and_a_slash_ends_the_rent(desk: Desk):
    usd, _, rent = await deeplink(desk)
    logs = await desk.call(TENANT, rent, "rentMachine", "m1", DAY, 10**6)
    rent_id = logs[-1]["rentId"]
    logs = await desk.call(PAYER, rent, "renewRent", rent_id, DAY, 10**6)
    segment = next(log for log in logs if log["event"] == "RenewalSegmentRecorded")
    assert (segment["payer"], segment["rentSeconds"], segment["renewalIndex"]) == (PAYER, DAY, 1)
    await desk.wait(3 * DAY)
    logs = await desk.call(desk.deployer, rent, "slashOffline", rent_id, 10**5)
    assert "SlashMachineOnOffline" in events(logs)
    assert await desk.read(usd, "balanceOf", rent) == 0
    assert await desk.refuses(TENANT, rent, "endRentMachine", rent_id) == "NoSuchRent"


async def test_a_monthly_deeplink_proxy_rent_reports_no_fee(desk: Desk):
    _, _, rent = await deeplink(desk)
    logs = await desk.call(PAYER, rent, "rentProxyMachineByMonth", TENANT, "m1", 10**6)
    assert events(logs) == ["RentMachine", "RentMachine"]
    assert logs[-1]["rentFee"] == 0
