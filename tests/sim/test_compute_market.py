from __future__ import annotations

import random
from collections import defaultdict
from typing import Any, NamedTuple

import pytest

from monitor.sim.contracts import artifact
from monitor.sim.stage import role_id
from tests.sim.conftest import Desk

pytestmark = pytest.mark.node

ADMIN, TREASURY, ARBITER = b"\xad" * 20, b"\x7e" * 20, b"\xab" * 20
PROVIDER, RENTER, PAYER, STRANGER = b"\xb0" * 20, b"\xc0" * 20, b"\xc1" * 20, b"\xc2" * 20
HOUR = 3600
PRICE = 7_200_000  # 7.20 dollars an hour: 2,000 base units a second


class Place(NamedTuple):
    desk: Desk
    market: bytes
    token: bytes
    machine: bytes
    logic: bytes

    async def open(self, payer: bytes, renter: bytes, hours: float) -> int:
        logs = await self.desk.call(payer, self.market, "openLeaseFor", renter, self.machine, int(PRICE * hours))
        return int(one(logs, "LeaseOpened")["leaseId"])

    async def balance(self, account: bytes) -> int:
        return int(await self.desk.read(self.token, "balanceOf", account))


async def build(desk: Desk, token_name: str = "TestUSD") -> Place:
    token = await desk.deploy(token_name, *([desk.deployer] if token_name == "TestUSD" else []))
    logic = await desk.deploy("ComputeMarket")
    start = artifact("ComputeMarket").call("initialize", ADMIN, token, TREASURY)
    market = await desk.deploy("ERC1967Proxy", logic, start, speaks="ComputeMarket")
    await desk.call(ADMIN, market, "grantRole", role_id("ARBITER_ROLE"), ARBITER)
    await desk.call(PROVIDER, market, "registerProvider", "eu-north-1", b"\1" * 32)
    logs = await desk.call(PROVIDER, market, "offerMachine", b"m".ljust(32, b"\0"), "NVIDIA H100 80GB HBM3", 8, PRICE)
    machine = one(logs, "MachineOffered")["machineId"]
    for account in (RENTER, PAYER, STRANGER):
        await desk.call(desk.deployer, token, "mint", account, 10**12)
        await desk.call(account, token, "approve", market, 2**255)
    return Place(desk, market, token, machine, logic)


@pytest.fixture
async def place(desk: Desk) -> Place:
    return await build(desk)


def one(logs: list[dict[str, Any]], event: str) -> dict[str, Any]:
    found = [log for log in logs if log["event"] == event]
    assert len(found) == 1, logs
    return found[0]


def named(logs: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [log for log in logs if log["event"] == event]


async def test_a_lease_is_settled_by_the_second_and_the_rest_goes_back(place: Place):
    lease = await place.open(RENTER, RENTER, 10)
    opened = place.desk.now
    place.desk.now = opened + 999
    first = one(await place.desk.call(STRANGER, place.market, "settle", lease), "LeaseSettled")
    assert first["amount"] == 1000 * 2000
    assert first["provider"] == PROVIDER
    place.desk.now = opened + 2499
    logs = await place.desk.call(RENTER, place.market, "closeLease", lease)
    assert one(logs, "LeaseSettled")["amount"] == 1500 * 2000
    refund = one(logs, "LeaseRefunded")
    assert (refund["to"], refund["amount"]) == (RENTER, 10 * PRICE - 2500 * 2000)
    assert [log["event"] for log in logs][-1] == "LeaseClosed"
    assert one(logs, "LeaseClosed")["reason"] == 0
    assert await place.balance(PROVIDER) == 2500 * 2000
    assert await place.balance(place.market) == 0


async def test_only_the_payer_is_refunded_when_a_payer_opened_for_a_renter(place: Place):
    before = await place.balance(RENTER)
    lease = await place.open(PAYER, RENTER, 10)
    place.desk.now += HOUR
    logs = await place.desk.call(RENTER, place.market, "closeLease", lease)
    assert {log["to"] for log in named(logs, "LeaseRefunded")} == {PAYER}
    assert await place.balance(RENTER) == before
    assert await place.desk.refuses(PAYER, place.market, "closeLease", lease) == "LeaseEnded"


async def test_two_payers_share_the_refund_by_what_each_paid(place: Place):
    lease = await place.open(RENTER, RENTER, 6)
    topped = one(await place.desk.call(STRANGER, place.market, "topUp", lease, 2 * PRICE), "LeaseToppedUp")
    start = await place.desk.read(place.market, "plannedEnd", lease) - 8 * HOUR
    assert topped["plannedEnd"] == start + 8 * HOUR
    place.desk.now = start + 4 * HOUR - 1
    logs = await place.desk.call(PROVIDER, place.market, "closeLease", lease)
    shares = {log["to"]: log["amount"] for log in named(logs, "LeaseRefunded")}
    assert shares == {RENTER: 3 * PRICE, STRANGER: PRICE}
    assert one(logs, "LeaseClosed")["reason"] == 1


async def test_extending_buys_whole_seconds(place: Place):
    lease = await place.open(RENTER, RENTER, 2)
    end = await place.desk.read(place.market, "plannedEnd", lease)
    log = one(await place.desk.call(PAYER, place.market, "extendLease", lease, 5000), "LeaseExtended")
    assert (log["payer"], log["amount"], log["addedSeconds"]) == (PAYER, 5000 * 2000, 5000)
    assert log["plannedEnd"] == end + 5000


async def test_after_its_end_anybody_closes_and_nobody_pays_more(place: Place):
    lease = await place.open(RENTER, RENTER, 1)
    assert await place.desk.refuses(STRANGER, place.market, "closeLease", lease) == "NotAParty"
    await place.desk.wait(HOUR)
    assert await place.desk.refuses(RENTER, place.market, "topUp", lease, PRICE) == "LeaseEnded"
    logs = await place.desk.call(STRANGER, place.market, "closeLease", lease)
    assert one(logs, "LeaseSettled")["amount"] == PRICE
    assert named(logs, "LeaseRefunded") == []
    assert one(logs, "LeaseClosed")["reason"] == 2
    assert await place.desk.refuses(STRANGER, place.market, "closeLease", lease) == "LeaseEnded"


async def test_a_slash_takes_earnings_only_and_ends_the_lease(place: Place):
    lease = await place.open(PAYER, RENTER, 10)
    opened = place.desk.now
    await place.desk.wait(1000)
    earned = await place.desk.read(place.market, "unsettled", lease)
    assert earned == (place.desk.now - opened) * 2000
    problem = await place.desk.refuses(ARBITER, place.market, "slash", lease, earned * 2, b"\0" * 32)
    assert problem == "SlashAboveEarnings"
    logs = await place.desk.call(ARBITER, place.market, "slash", lease, 500_000, b"why".ljust(32, b"\0"))
    used = (place.desk.now - opened) * 2000
    assert one(logs, "LeaseSlashed")["amount"] == 500_000
    assert one(logs, "LeaseSettled")["amount"] == used - 500_000
    assert one(logs, "LeaseRefunded")["amount"] == 10 * PRICE - used
    assert one(logs, "LeaseClosed")["reason"] == 3
    assert await place.balance(TREASURY) == 500_000


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_happens_every_token_is_accounted_for(place: Place, seed: int):
    chance = random.Random(seed)
    paid: dict[int, int] = defaultdict(int)
    out: dict[int, int] = defaultdict(int)
    live: list[int] = []
    machines = [place.machine]
    for number in range(3):
        log = await place.desk.call(
            PROVIDER, place.market, "offerMachine", bytes([number]) * 32, "RTX 4090", 1, chance.randrange(1, 10**7)
        )
        machines.append(log[0]["machineId"])
    for _ in range(80):
        place.desk.now += chance.randrange(1, 2 * HOUR)
        _book(await _anything(place, chance, machines, live), paid, out, live)
    place.desk.now += 10**8
    for lease in tuple(live):
        _book(await place.desk.call(STRANGER, place.market, "closeLease", lease), paid, out, live)
    assert len(paid) > 4
    assert dict(paid) == dict(out)
    assert await place.balance(place.market) == 0


async def _anything(
    place: Place, chance: random.Random, machines: list[bytes], live: list[int]
) -> list[dict[str, Any]]:
    who = chance.choice([RENTER, PAYER, STRANGER])
    record = await place.desk.read(place.market, "machineOf", machine := chance.choice(machines))
    if record[4] == 0 and (not live or chance.random() < 0.5):
        amount = record[3] + chance.randrange(0, 10**7)
        return await place.desk.call(who, place.market, "openLeaseFor", RENTER, machine, amount)
    if not live:
        return []
    lease = chance.choice(live)
    await place.desk.wait(1)
    end = await place.desk.read(place.market, "plannedEnd", lease)
    price = (await place.desk.read(place.market, "leaseOf", lease))[6]
    due = await place.desk.read(place.market, "unsettled", lease)
    choices: list[tuple[Any, ...]] = [(chance.choice([RENTER, PROVIDER]), "closeLease", lease)]
    if place.desk.now + 1 < end:
        choices += [(who, "extendLease", lease, HOUR + chance.randrange(9999))] * 3
        choices += [(who, "topUp", lease, price + chance.randrange(10**7))] * 3
    if due:
        choices += [(who, "settle", lease)] * 3
        choices += [(ARBITER, "slash", lease, chance.randrange(1, due + 1), b"\0" * 32)]
    sender, function, *args = chance.choice(choices)
    return await place.desk.call(sender, place.market, function, *args)


def _book(logs: list[dict[str, Any]], paid: dict[int, int], out: dict[int, int], live: list[int]) -> None:
    for log in logs:
        match log["event"]:
            case "LeaseOpened":
                paid[log["leaseId"]] += log["deposit"]
                live.append(log["leaseId"])
            case "LeaseToppedUp" | "LeaseExtended":
                paid[log["leaseId"]] += log["amount"]
            case "LeaseSettled" | "LeaseSlashed" | "LeaseRefunded":
                out[log["leaseId"]] += log["amount"]
            case "LeaseClosed":
                live.remove(log["leaseId"])


async def test_roles_guard_slashes_attestations_treasury_and_upgrades(place: Place):
    lease = await place.open(RENTER, RENTER, 5)
    await place.desk.wait(100)
    role = "AccessControlUnauthorizedAccount"
    for sender, function, args, problem in [
        (STRANGER, "slash", (lease, 1, b"\0" * 32), role),
        (ADMIN, "slash", (lease, 1, b"\0" * 32), role),
        (STRANGER, "attest", (place.machine, b"\0" * 32), role),
        (STRANGER, "setTreasury", (STRANGER,), role),
        (STRANGER, "upgradeToAndCall", (place.logic, b""), role),
        (STRANGER, "grantRole", (role_id("ARBITER_ROLE"), STRANGER), role),
        (ADMIN, "initialize", (STRANGER, place.token, STRANGER), "InvalidInitialization"),
        (STRANGER, "withdrawMachine", (place.machine,), "NotTheProvider"),
        (STRANGER, "heartbeat", (place.machine, b"\0" * 32), "NotTheProvider"),
        (STRANGER, "offerMachine", (b"\0" * 32, "H100", 8, 1), "NotAProvider"),
    ]:
        assert await place.desk.refuses(sender, place.market, function, *args) == problem, function
    args = (STRANGER, place.token, STRANGER)
    assert await place.desk.refuses(STRANGER, place.logic, "initialize", *args) == "InvalidInitialization"


async def test_an_upgrade_changes_the_code_and_keeps_the_storage(place: Place):
    lease = await place.open(PAYER, RENTER, 9)
    kept = await place.desk.read(place.market, "leaseOf", lease)
    following = await place.desk.deploy("ComputeMarketNext")
    logs = await place.desk.call(ADMIN, place.market, "upgradeToAndCall", following, b"")
    assert one(logs, "Upgraded")["implementation"] == following
    slot = int.from_bytes(role_id("eip1967.proxy.implementation"), "big") - 1
    stored = await place.desk.node.rpc("eth_getStorageAt", [f"0x{place.market.hex()}", hex(slot), "latest"])
    assert stored[-40:] == following.hex()
    place.desk.names[f"0x{place.market.hex()}"] = "ComputeMarketNext"
    assert await place.desk.read(place.market, "generation") == 2
    assert await place.desk.read(place.market, "leaseOf", lease) == kept
    place.desk.now += HOUR
    logs = await place.desk.call(RENTER, place.market, "closeLease", lease)
    assert one(logs, "LeaseRefunded")["to"] == PAYER


async def test_limits_of_offers_and_payments(place: Place):
    refused = [
        (PROVIDER, "registerProvider", ("again", b"\0" * 32), "AlreadyRegistered"),
        (PROVIDER, "offerMachine", (b"\2" * 32, "x" * 257, 1, 1), "TextTooLong"),
        (PROVIDER, "offerMachine", (b"\2" * 32, "H100", 0, 1), "ZeroAmount"),
        (PROVIDER, "offerMachine", (b"\2" * 32, "H100", 1, 0), "ZeroAmount"),
        (PROVIDER, "offerMachine", (b"\2" * 32, "H100", 1, 2**128), "PriceAboveLimit"),
        (RENTER, "openLease", (place.machine, PRICE - 1), "DepositTooSmall"),
        (RENTER, "openLease", (b"\7" * 32, PRICE), "MachineUnavailable"),
        (RENTER, "openLeaseFor", (b"\0" * 20, place.machine, PRICE), "ZeroAddress"),
        (RENTER, "topUp", (99, PRICE), "NoSuchLease"),
    ]
    for sender, function, args, problem in refused:
        assert await place.desk.refuses(sender, place.market, function, *args) == problem
    await place.open(RENTER, RENTER, 1)
    assert await place.desk.refuses(PAYER, place.market, "openLease", place.machine, PRICE) == "MachineUnavailable"


async def test_no_more_than_sixteen_payers_share_a_lease(place: Place):
    lease = await place.open(RENTER, RENTER, 1)
    for number in range(16):
        person = bytes([number + 1]) * 20
        await place.desk.call(place.desk.deployer, place.token, "mint", person, PRICE)
        await place.desk.call(person, place.token, "approve", place.market, PRICE)
        if number < 15:
            await place.desk.call(person, place.market, "topUp", lease, PRICE)
    assert await place.desk.refuses(b"\x10" * 20, place.market, "topUp", lease, PRICE) == "TooManyPayers"
    await place.desk.call(RENTER, place.market, "topUp", lease, PRICE)


async def test_an_account_the_token_refuses_cannot_keep_a_lease_open(desk: Desk):
    place = await build(desk, "HostileToken")
    lease = await place.open(PAYER, RENTER, 10)
    await desk.call(STRANGER, place.token, "refuse", PAYER, True)
    await desk.call(STRANGER, place.token, "refuse", PROVIDER, True)
    desk.now += HOUR
    logs = await desk.call(RENTER, place.market, "closeLease", lease)
    held = {log["to"]: log["amount"] for log in named(logs, "PayoutHeld")}
    assert sum(held.values()) == 10 * PRICE
    assert held[PAYER] == one(logs, "LeaseRefunded")["amount"]
    assert await desk.refuses(STRANGER, place.market, "withdrawHeld", PAYER) == "Refused"
    await desk.call(STRANGER, place.token, "refuse", PAYER, False)
    before = await place.balance(PAYER)
    await desk.call(STRANGER, place.market, "withdrawHeld", PAYER)
    assert await place.balance(PAYER) - before == held[PAYER]
    assert await desk.refuses(STRANGER, place.market, "withdrawHeld", PAYER) == "NothingHeld"
    assert await place.balance(place.market) == held[PROVIDER]


async def test_a_token_that_keeps_a_fee_is_refused(desk: Desk):
    place = await build(desk, "HostileToken")
    await desk.call(STRANGER, place.token, "keepFee", 1)
    assert await desk.refuses(RENTER, place.market, "openLease", place.machine, PRICE) == "TokenKeepsAFee"


async def test_a_token_that_calls_back_cannot_enter_again(desk: Desk):
    place = await build(desk, "HostileToken")
    lease = await place.open(RENTER, RENTER, 10)
    desk.now += HOUR
    again = artifact("ComputeMarket").call("settle", lease)
    await desk.call(STRANGER, place.token, "callBack", place.market, again)
    logs = await desk.call(STRANGER, place.market, "settle", lease)
    assert len(named(logs, "LeaseSettled")) == 1
    assert await desk.read(place.token, "callbackSucceeded") is False
    assert (await desk.read(place.token, "callbackResult"))[:4] == role_id("ReentrancyGuardReentrantCall()")[:4]
