"""The crowd: hundreds of people who withdraw from one exchange, a few of whom rent a card for some days."""

from __future__ import annotations

from monitor.sim.actors.supply import Supply
from monitor.sim.script import DAY, HOUR, Script
from monitor.sim.venues import (
    enclave_deposit,
    enclave_job,
    fund_credits,
    order_specs,
    rent,
    rent_rig,
    return_machine,
    return_rig,
    spheron_close,
    spheron_lease,
)

__all__ = ["play_crowd"]

CROWD = 216
"""More than 200, the degree from which a wallet counts as a hub that connects nobody."""
LEASES = 40


def play_crowd(script: Script, supply: Supply) -> None:
    """Withdraw to everybody, then let some of them rent small machines one after another."""
    people = script.wallets("hobbyist", CROWD)
    _withdrawals(script, supply, people)
    count = min(max(4, round(LEASES * script.scale)), 150)
    renters = people[:count]
    for number, person in enumerate(renters):
        _small_lease(script, supply, person, number)
    script.truth(
        "hobbyists",
        "hobbyists of one exchange",
        "benign",
        "all",
        renters=renters,
        why="one hot wallet funds them all, but it is a hub, and their cards are small",
    )


def _withdrawals(script: Script, supply: Supply, people: list[bytes]) -> None:
    disperse = script.stage.at("common", "disperse")
    usd = script.stage.at("tokens", "TUSD").address
    script.spends(script.start, supply.exchange, disperse.address)
    for first in range(0, len(people), 36):
        batch = people[first : first + 36]
        at = script.day(6 + first / 36)
        for person in batch:
            script.send(at, supply.exchange, person, 0.02)
        amounts = [script.random.randrange(400, 1500) * 10**6 for _ in batch]
        script.call(at, supply.exchange, ("common", "disperse"), "disperseToken", usd, batch, amounts)


def _small_lease(script: Script, supply: Supply, person: bytes, number: int) -> None:
    """Rent one small thing; a slot per machine keeps two people off the same one."""
    hours = script.random.randrange(24, 120)
    slot, key = number // 4, f"hobby {number}"
    start = script.day(20 + 8 * (slot // 10) * 4 + script.random.randrange(0, 3))
    end = start + hours * HOUR + 120
    match number % 4:
        case 0:
            machine = supply.small[slot % len(supply.small)]
            lease = rent(script, start, machine, person, hours, key)
            return_machine(script, end, lease, machine.provider)
        case 1:
            rig = supply.small_rigs[slot % len(supply.small_rigs)]
            fund_credits(script, start - 9 * HOUR, supply.exchange, person, 400)
            rented = rent_rig(script, start, rig, person, hours, key)
            return_rig(script, end, rented, person)
        case 2:
            specs = order_specs("rtx4090", 1, "any")
            order = spheron_lease(script, start, person, supply.spheron[2], specs, hours, 40, key)
            spheron_close(script, start + hours * HOUR // 2, order, person)
        case _:
            enclave = supply.enclaves[number % 2]
            job = enclave_job(script, start, person, enclave, hours, key)
            enclave_deposit(script, start + DAY // 2, job, person, 5)
            script.call(end, person, ("marlin_oyster", "market"), "jobClose", job)
