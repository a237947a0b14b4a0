"""Adversaries of the reference market: a broker, a payer proxy, a rolling owner, one behind an exchange."""

from __future__ import annotations

from monitor.sim.actors.supply import Supply
from monitor.sim.script import DAY, HOUR, Script
from monitor.sim.venues import rent, return_machine, top_up

__all__ = ["play_proxies"]

_SCRIPTED_TIP = 1_337_000_000


def play_proxies(script: Script, supply: Supply) -> None:
    """Write every adversary of the reference market."""
    _broker(script, supply)
    _payer_proxy(script, supply)
    _rolling_owner(script, supply)
    _careful(script, supply)


def _broker(script: Script, supply: Supply) -> None:
    funder, renters = script.wallet("broker funder"), script.wallets("broker renter", 4)
    script.fund(script.day(20), supply.exchange, funder, usd=150_000, ether=5)
    for number, renter in enumerate(renters):
        start = script.day(45 + 9 * number)
        script.fund(start - 20 * HOUR, funder, renter, usd=30_000)
        for which, machine in enumerate(supply.h100[2 * number : 2 * number + 2]):
            lease = rent(script, start + which * HOUR, machine, renter, 28 * 24, f"broker {number} {which}")
            return_machine(script, start + 27 * DAY, lease, renter)
    script.truth(
        "broker",
        "broker with fresh renter wallets",
        "proxy",
        "reference",
        renters=renters,
        others=[funder],
        typologies=("T03", "T04"),
        why="one funder, four fresh wallets, 64 H100 within ninety days: two patterns, but of one family, so no lead",
    )


def _payer_proxy(script: Script, supply: Supply) -> None:
    payer, funder = script.wallet("proxy payer"), script.wallet("proxy gas")
    renters = script.wallets("proxy renter", 4)
    script.fund(script.day(30), supply.exchange, payer, usd=250_000, ether=1)
    script.fund(script.day(31), supply.exchange, funder, usd=100, ether=5)
    for number, renter in enumerate(renters):
        start = script.day(90 + 4 * number)
        script.fund(start - 10 * HOUR, funder, renter)
        for which, machine in enumerate(supply.h100[8 + 2 * number : 10 + 2 * number]):
            lease = rent(script, start + which * HOUR, machine, renter, 14 * 24, f"payer {number} {which}", payer=payer)
            top_up(script, start + 13 * DAY, lease, machine, payer, 14 * 24)
            return_machine(script, start + 27 * DAY, lease, renter)
    script.truth(
        "payer_proxy",
        "payer for renters it funds",
        "proxy",
        "reference",
        renters=renters,
        others=[payer, funder],
        typologies=("T03", "T04", "T05"),
        lead_expected=True,
        why="a third payer opens and tops up every lease of four fresh wallets with one funder",
    )


def _rolling_owner(script: Script, supply: Supply) -> None:
    funder, renters = script.wallet("rolling funder"), script.wallets("rolling renter", 4)
    script.tips |= dict.fromkeys((funder, *renters), _SCRIPTED_TIP)
    script.fund(script.day(40), supply.exchange, funder, usd=200_000, ether=5)
    machines, start = supply.h100[16:19], script.day(70)
    for number, renter in enumerate(renters):
        begin = start + number * (29 * DAY + 2 * HOUR)
        script.fund(begin - 30 * HOUR, funder, renter, usd=45_000)
        for which, machine in enumerate(machines):
            lease = rent(script, begin + 60 * which, machine, renter, 30 * 24, f"rolling {number} {which}")
            return_machine(script, begin + 29 * DAY, lease, renter)
    script.truth(
        "rolling_owner",
        "rolling renewals by rotating wallets",
        "proxy",
        "reference",
        renters=renters,
        others=[funder],
        typologies=("T03", "T04", "T07"),
        lead_expected=True,
        why="the same three machines for 116 days with gaps of two hours, by four wallets of one funder",
    )


def _careful(script: Script, supply: Supply) -> None:
    renters = script.wallets("careful renter", 4)
    for number, renter in enumerate(renters):
        script.fund(script.day(60 + 3 * number), supply.exchange, renter, usd=30_000)
        start = script.day(110 + 7 * number)
        for which, machine in enumerate(supply.h100[20 + 2 * number : 22 + 2 * number]):
            lease = rent(script, start + which * DAY, machine, renter, 25 * 24, f"careful {number} {which}")
            return_machine(script, start + 25 * DAY, lease, renter)
    script.truth(
        "careful",
        "proxy that funds through an exchange and waits",
        "proxy",
        "reference",
        renters=renters,
        why="every wallet is funded by the exchange weeks before: nothing on chain links them",
    )
