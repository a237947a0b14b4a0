"""The same patterns at the three real markets' replicas, and one that a market without GPU facts cannot show."""

from __future__ import annotations

from monitor.sim.actors.supply import RIG_COUNT, Supply
from monitor.sim.script import DAY, HOUR, Script
from monitor.sim.venues import (
    enclave_deposit,
    enclave_job,
    fund_credits,
    order_specs,
    rent_rig,
    return_rig,
    spheron_close,
    spheron_lease,
)

__all__ = ["play_proxies_elsewhere"]


def play_proxies_elsewhere(script: Script, supply: Supply) -> None:
    """Write every adversary outside the reference market."""
    _spheron_broker(script, supply)
    _deeplink_payer(script, supply)
    _deeplink_owner(script, supply)
    _stream_front(script, supply)


def _spheron_broker(script: Script, supply: Supply) -> None:
    funder, renters = script.wallet("spheron funder"), script.wallets("spheron renter", 4)
    script.fund(script.day(30), supply.exchange, funder, usd=150_000, ether=3)
    for number, renter in enumerate(renters):
        start = script.day(75 + 6 * number)
        script.fund(start - 12 * HOUR, funder, renter, usd=32_000)
        specs = order_specs("h100", 8, "us-central", replicas=3)
        order = spheron_lease(script, start, renter, supply.spheron[1], specs, 30 * 24, 3600, f"broker {number}")
        script.call(start + 15 * DAY, supply.spheron[1], ("spheron", "lease"), "settle", order)
        spheron_close(script, start + 29 * DAY, order, renter)
    script.truth(
        "spheron_broker",
        "broker with fresh renter wallets",
        "proxy",
        "spheron",
        renters=renters,
        others=[funder],
        typologies=("T03", "T04"),
        why="one funder, four fresh wallets, 96 H100 in the orders' specs: two patterns of one family, so no lead",
    )


def _deeplink_payer(script: Script, supply: Supply) -> None:
    payer, funder = script.wallet("deeplink payer"), script.wallet("deeplink gas")
    renters = script.wallets("deeplink renter", 4)
    script.fund(script.day(15), supply.exchange, payer, ether=1)
    fund_credits(script, script.day(15), supply.exchange, payer, 90_000)
    script.fund(script.day(15), supply.exchange, funder, ether=3)
    for number, renter in enumerate(renters):
        start = script.day(25 + 3 * number)
        script.fund(start - 8 * HOUR, funder, renter)
        for which, rig in enumerate(supply.rigs[16 * number : 16 * number + 16]):
            key = f"payer {number} {which}"
            rented = rent_rig(script, start + 60 * (which // 8), rig, renter, 20 * 24, key, payer=payer)
            return_rig(script, start + 20 * DAY + HOUR, rented, renter)
    script.truth(
        "deeplink_payer",
        "payer for renters somebody else funds",
        "proxy",
        "deeplink_dbc",
        renters=renters,
        others=[payer, funder],
        typologies=("T03", "T04", "T05"),
        lead_expected=True,
        why="64 H100 rented through the proxy call for four fresh wallets with one funder",
    )


def _deeplink_owner(script: Script, supply: Supply) -> None:
    funder, renters = script.wallet("deeplink funder"), script.wallets("deeplink owner", 3)
    script.fund(script.day(80), supply.exchange, funder, ether=3)
    fund_credits(script, script.day(80), supply.exchange, funder, 180_000)
    rigs, start = supply.rigs[RIG_COUNT - 24 :], script.day(100)
    for number, renter in enumerate(renters):
        begin = start + number * (36 * DAY + 5 * HOUR)
        script.fund(begin - 26 * HOUR, funder, renter)
        fund_credits(script, begin - 25 * HOUR, funder, renter, 50_000)
        for which, rig in enumerate(rigs):
            key = f"owner {number} {which}"
            rented = rent_rig(script, begin + 60 * (which // 12), rig, renter, 36 * 24, key)
            return_rig(script, begin + 36 * DAY + HOUR, rented, renter)
    script.truth(
        "deeplink_owner",
        "rolling renewals by rotating wallets",
        "proxy",
        "deeplink_dbc",
        renters=renters,
        others=[funder],
        typologies=("T03", "T04", "T07"),
        lead_expected=True,
        why="the same 24 machines for 108 days with gaps of hours, by three wallets of one funder",
    )


def _stream_front(script: Script, supply: Supply) -> None:
    payer, owners = script.wallet("stream payer"), script.wallets("stream owner", 4)
    script.fund(script.day(20), supply.exchange, payer, usd=20_000, ether=3)
    for number, owner in enumerate(owners):
        start = script.day(60 + 2 * number)
        script.fund(start - 5 * HOUR, payer, owner, usd=100)
        job = enclave_job(script, start, owner, supply.enclaves[0], 10 * 24, f"stream {number}")
        for times in range(1, 5):
            enclave_deposit(script, start + 9 * times * DAY, job, payer, 60)
        script.call(start + 50 * DAY, owner, ("marlin_oyster", "market"), "jobClose", job)
    script.truth(
        "stream_front",
        "streams kept alive by a third payer",
        "proxy",
        "marlin_oyster",
        renters=owners,
        others=[payer],
        typologies=("T05",),
        why="undetectable by hardware: this market says nothing about GPUs, so no capacity rule can speak",
    )
