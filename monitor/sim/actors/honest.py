"""Honest actors who come close to a pattern: each shows at most one evidence family, so none may become a lead."""

from __future__ import annotations

from monitor.sim.actors.supply import Supply
from monitor.sim.fees import GWEI
from monitor.sim.script import DAY, HOUR, Inner, Ref, Script
from monitor.sim.venues import (
    MARKET,
    enclave_deposit,
    enclave_job,
    extend,
    offer,
    order_specs,
    rent,
    return_machine,
    spheron_close,
    spheron_lease,
    top_up,
)

__all__ = ["play_honest"]


def play_honest(script: Script, supply: Supply) -> None:
    """Write every honest actor."""
    _startup(script, supply)
    _lab(script, supply)
    _university(script, supply)
    _organisation(script, supply)
    _payroll(script, supply)
    _render_farm(script, supply)
    _reseller(script, supply)
    _enclave_studio(script, supply)
    _spheron_team(script, supply)


def _startup(script: Script, supply: Supply) -> None:
    wallet = script.wallet("startup")
    script.fund(script.day(4), supply.exchange, wallet, usd=300_000)
    start = script.day(40)
    leases = [rent(script, start + 60 * n, m, wallet, 70 * 24, f"startup {n}") for n, m in enumerate(supply.anchor)]
    for lease in leases:
        return_machine(script, start + 69 * DAY, lease, wallet)
    script.truth(
        "startup",
        "start-up with an anchor provider",
        "benign",
        "reference",
        renters=[wallet],
        why="large, but paid from its own old wallet and for less than ninety days",
    )


def _lab(script: Script, supply: Supply) -> None:
    wallet = script.wallet("lab")
    script.tips[wallet] = 3 * GWEI
    script.fund(script.day(4), supply.exchange, wallet, usd=140_000)
    machine, start = supply.h200[0], script.day(25)
    lease = rent(script, start, machine, wallet, 30 * 24, "lab")
    for month in range(1, 6):
        extend(script, start + (30 * month - 2) * DAY, lease, wallet, 30 * 24)
        script.call(start + 30 * month * DAY, machine.provider, MARKET, "settle", lease)
    script.truth(
        "lab",
        "lab with one long lease",
        "benign",
        "reference",
        renters=[wallet],
        typologies=("T07",),
        why="one machine for half a year: the most common legal pattern, and the only family",
    )


def _university(script: Script, supply: Supply) -> None:
    foundation, lab = script.wallet("foundation"), script.wallet("university lab")
    script.fund(script.day(3), supply.exchange, foundation, usd=120_000)
    script.fund(script.day(3), supply.exchange, lab, usd=50)
    start = script.day(50)
    for number, machine in enumerate(supply.a100[:2]):
        lease = rent(script, start, machine, lab, 25 * 24, f"university {number}", payer=foundation)
        for times in (1, 2):
            top_up(script, start + 12 * (times + 1) * DAY, lease, machine, foundation, 12 * 24)
        return_machine(script, start + 47 * DAY, lease, lab)
    script.truth(
        "university",
        "grant paid by a foundation",
        "benign",
        "reference",
        renters=[lab],
        others=[foundation],
        typologies=("T05",),
        why="a third payer pays everything, and nothing else points anywhere",
    )


def _organisation(script: Script, supply: Supply) -> None:
    members = script.wallets("member", 3)
    shared = script.stage.at("common", "members")
    usd = script.stage.at("tokens", "TUSD").address
    for member in members:
        script.fund(script.day(5), supply.exchange, member, usd=100)
    script.pay(script.day(5), supply.exchange, shared.address, 90_000 * 10**6)

    def together(at: int, target: bytes, data: Inner, number: int, opens: Ref | None = None) -> None:
        confirmation = (target, 0, data, number)
        script.call(at, members[0], ("common", "members"), "confirm", *confirmation)
        script.call(at + 2 * HOUR, members[1], ("common", "members"), "confirm", *confirmation, opens=opens)

    market = script.stage.at(*MARKET)
    together(script.day(59), usd, Inner("TestUSD", "approve", (market.address, 2**255)), 0)
    for number, machine in enumerate(supply.a100[2:4]):
        lease = Ref("reference", f"organisation {number}")
        args = (members[number], machine.machine_id, machine.cents * 10_000 * 20 * 24)
        start = script.day(61 + 3 * number)
        together(start, market.address, Inner("ComputeMarket", "openLeaseFor", args), number + 1, lease)
        more = Inner("ComputeMarket", "topUp", (lease, machine.cents * 10_000 * 10 * 24))
        together(start + 15 * DAY, market.address, more, number + 10)
        return_machine(script, start + 29 * DAY, lease, members[number])
    script.truth(
        "organisation",
        "organisation that pays for its members from a shared wallet",
        "benign",
        "reference",
        renters=members[:2],
        others=[shared.address, members[2]],
        typologies=("T05",),
        why="the payer is a shared wallet, the members' own wallets are old",
    )


def _payroll(script: Script, supply: Supply) -> None:
    company, staff = script.wallet("payroll company"), script.wallets("employee", 30)
    script.fund(script.day(4), supply.exchange, company, usd=200_000)
    usd = script.stage.at("tokens", "TUSD").address
    script.spends(script.day(28), company, script.stage.at("common", "disperse").address)
    for month in range(3):
        at = script.day(30 + 30 * month)
        amounts = [1500 * 10**6] * len(staff)
        script.call(at, company, ("common", "disperse"), "disperseToken", usd, staff, amounts)
    for number, person in enumerate(staff[:4]):
        start = script.day(32 + number)
        machine = supply.small[20 + number]
        lease = rent(script, start, machine, person, 72, f"employee {number}")
        return_machine(script, start + 73 * HOUR, lease, machine.provider)
    script.truth(
        "payroll",
        "company payroll",
        "benign",
        "reference",
        renters=staff[:4],
        others=[company, *staff[4:]],
        why="one funder and four renters within days, of single consumer cards",
    )


def _render_farm(script: Script, supply: Supply) -> None:
    studio, wallets = script.wallet("render studio"), script.wallets("render", 8)
    script.fund(script.day(5), supply.exchange, studio, usd=40_000, ether=2)
    owner = script.wallet("provider small 0")
    for number, wallet in enumerate(wallets):
        start = script.day(100 + number // 2)
        script.fund(start - 6 * HOUR, studio, wallet, usd=3_000)
        machine = offer(script, script.day(90), owner, f"render-{number}", "GeForce RTX 4090", 4, 180)
        lease = rent(script, start, machine, wallet, 40 * 24, f"render {number}")
        return_machine(script, start + 39 * DAY, lease, wallet)
    script.truth(
        "render_farm",
        "render farm of consumer cards",
        "benign",
        "reference",
        renters=wallets,
        others=[studio],
        why="one funder and many fresh wallets, but no H100-class capacity",
    )


def _reseller(script: Script, supply: Supply) -> None:
    wallet, buyers = script.wallet("reseller"), script.wallets("reseller buyer", 2)
    script.fund(script.day(4), supply.exchange, wallet, usd=60_000)
    script.call(script.day(60), wallet, MARKET, "registerProvider", "us-east-2 (resold)", b"\7" * 32)
    start = script.day(70)
    for number, machine in enumerate(supply.h100[28:30]):
        bought = rent(script, start, machine, wallet, 45 * 24, f"reseller {number}")
        sold = offer(script, start + 3 * HOUR, wallet, f"resold-{number}", "H100 SXM 80GB", 8, 1990)
        script.fund(script.day(10), supply.exchange, buyers[number], usd=20_000)
        lease = rent(script, start + 2 * DAY, sold, buyers[number], 30 * 24, f"reseller buyer {number}")
        return_machine(script, start + 33 * DAY, lease, wallet)
        return_machine(script, start + 44 * DAY, bought, wallet)
    script.truth(
        "reseller",
        "market maker that says it resells",
        "benign",
        "reference",
        renters=[wallet, *buyers],
        why="rents and offers the same model at a mark-up, as its region string declares",
    )


def _enclave_studio(script: Script, supply: Supply) -> None:
    wallet = script.wallet("enclave studio")
    script.fund(script.day(5), supply.exchange, wallet, usd=5_000)
    place = ("marlin_oyster", "market")
    for number, enclave in enumerate(supply.enclaves):
        start = script.day(30 + number)
        job = enclave_job(script, start, wallet, enclave, 20 * 24, f"studio {number}")
        for times in range(1, 5):
            enclave_deposit(script, start + 15 * times * DAY, job, wallet, 90)
        script.call(start + 20 * DAY, wallet, place, "jobReviseRateInitiate", job, enclave.cents * 11 * 10**15 // HOUR)
        script.call(start + 21 * DAY, wallet, place, "jobReviseRateFinalize", job)
        script.call(start + 40 * DAY, wallet, place, "jobWithdraw", job, 10 * 10**6)
        script.call(start + 41 * DAY, enclave.provider, place, "jobSettle", job)
        script.call(start + 70 * DAY, wallet, place, "jobClose", job)
    script.truth(
        "enclave_studio",
        "studio with CPU enclaves",
        "benign",
        "marlin_oyster",
        renters=[wallet],
        why="pays its own streams, and the market says nothing about GPUs",
    )


def _spheron_team(script: Script, supply: Supply) -> None:
    wallet = script.wallet("spheron team")
    script.fund(script.day(5), supply.exchange, wallet, usd=60_000)
    for number in range(3):
        start = script.day(45 + 25 * number)
        specs = order_specs("a100-80g", 4, "eu-west", replicas=2)
        order = spheron_lease(script, start, wallet, supply.spheron[0], specs, 20 * 24, 1040, f"team {number}")
        script.call(start + 10 * DAY, supply.spheron[0], ("spheron", "lease"), "settle", order)
        spheron_close(script, start + 19 * DAY, order, wallet)
    script.truth(
        "spheron_team",
        "team with repeated short orders",
        "benign",
        "spheron",
        renters=[wallet],
        why="an old wallet that pays for itself, with days between its orders",
    )
