"""Adversaries behind providers and shells: dedicated clusters, resellers, mixers, ghosts, self-dealers."""

from __future__ import annotations

from itertools import pairwise

from monitor.sim.archetypes.plaza import CENTS, cost_dollars
from monitor.sim.archetypes.scene import Scene
from monitor.sim.script import DAY, HOUR

__all__ = ["dedicated_cluster", "ghost_hall", "hidden_reseller", "mixed_money", "self_dealer", "shell_chain"]


def dedicated_cluster(scene: Scene) -> None:
    """Pay a provider before it exists, and take all it then offers."""
    at, tenant = scene.day(60, 150), scene.wallet("tenant")
    scene.withdraw(at - 50 * DAY, tenant, "reference", cost_dollars("H100", 80, 100 * 24))
    name = f"{scene.name} built"
    hall = scene.plaza.hall(name, at)
    ahead = at - int(scene.random.uniform(*scene.care.wait) * HOUR) - DAY
    path = [tenant, *scene.wallets("between", scene.care.hops), hall.wallet]
    for number, (giver, taker) in enumerate(pairwise(path)):
        # Gas travels with the money, so that a wallet between can pass it on.
        scene.plaza.money(ahead + number * 5 * HOUR, giver, taker, "reference", 60_000 - 500 * number, ether=0.01)
    for number in range(9):
        start = at + (5 * 24 + number) * HOUR
        deal = scene.plaza.take("reference", start, 90 * 24, tenant, "H100", 8, hall=hall)
        scene.plaza.give_back(start + 88 * DAY, deal, tenant)
    scene.truth(
        "dedicated cluster",
        "proxy",
        renters=[tenant],
        others=[hall.wallet, *path[1:-1]],
        typologies=["T01", "T02"],
        lead_expected=True,
        why="the tenant's money came before the provider, and the tenant takes everything",
    )


def hidden_reseller(scene: Scene) -> None:
    """Rent with shell wallets and offer the same capacity again under another name of the same funder."""
    at, shells = scene.day(70, 160), scene.wallets("shell", 3)
    funder = scene.treasury("funder", at - 50 * DAY, "reference", cost_dollars("H100", 16 * 3 * 2, 50 * 24))
    hall = scene.plaza.hall(f"{scene.name} resale", at, funder=funder)
    hops: list[bytes] = []
    buyers = scene.wallets("buyer", 3)
    for number, (shell, buyer) in enumerate(zip(shells, buyers, strict=True)):
        start = at + (3 + 2 * number) * DAY
        hops += scene.bring(funder, shell, start, "reference", cost_dollars("H100", 16, 50 * 24))
        scene.withdraw(scene.day(3, 60), buyer, "reference", cost_dollars("H100", 20, 45 * 24))
        for which in range(2):
            bought = scene.plaza.take("reference", start + which * HOUR, 45 * 24, shell, "H100", 8)
            cents = CENTS["H100"] * 125 // 100
            sold = scene.plaza.offered(hall, start + (6 + which) * HOUR, "H100", 8, cents=cents)
            deal = scene.plaza.take("reference", start + DAY + which * HOUR, 40 * 24, buyer, "H100", 8, machine=sold)
            scene.plaza.give_back(start + 40 * DAY + which * HOUR, deal, buyer)
            scene.plaza.give_back(start + 44 * DAY + which * HOUR, bought, shell)
    scene.truth(
        "hidden reseller",
        "proxy",
        renters=shells,
        others=[funder, hall.wallet, *hops],
        typologies=["T04", "T09"],
        lead_expected=True,
        why="shell wallets of one funder rent what another wallet of that funder lets at a mark-up",
    )


def shell_chain(scene: Scene) -> None:
    """Pass every month's money through a wallet that does nothing else, and hold the machines for months."""
    at, months = scene.day(60, 120), 4
    source = scene.treasury("source", at - 40 * DAY, "reference", cost_dollars("H100", 24, (months + 2) * 740))
    shell, renter = scene.wallet("shell"), scene.wallet("renter")
    hall = scene.random.choice(scene.plaza.halls)
    machines = [scene.plaza.machine(hall, at, at + (months * 31 + 2) * DAY, "H100", 8) for _ in range(2)]
    dwell = {"naive": 2, "moderate": 8, "careful": 18}[scene.care.name]
    for month in range(months):
        start = at + month * (30 * DAY + 3 * HOUR)
        amount = cost_dollars("H100", 16, 31 * 24)
        scene.plaza.money(start - 2 * DAY, source, shell, "reference", amount, ether=0.1)
        passed = int(amount * (1 - scene.random.uniform(0, 0.03)))
        scene.plaza.money(start - 2 * DAY + dwell * HOUR, shell, renter, "reference", passed, ether=0.05)
        for which, machine in enumerate(machines):
            deal = scene.plaza.take("reference", start + which * 300, 30 * 24 + 2, renter, "H100", 8, machine=machine)
            scene.plaza.give_back(start + 30 * DAY, deal, renter)
    scene.truth(
        "shell wallet with rolling leases",
        "proxy",
        renters=[renter],
        others=[source, shell],
        typologies=["T07", "T08"],
        lead_expected=True,
        why="a wallet that only passes money on feeds four months on the same machines",
    )


def mixed_money(scene: Scene) -> None:
    """Pay rolling leases with money from a mixer."""
    at, months = scene.day(60, 120), 4
    renter = scene.wallet("renter")
    hall = scene.random.choice(scene.plaza.halls)
    machines = [scene.plaza.machine(hall, at, at + (months * 31 + 2) * DAY, "H100", 8) for _ in range(2)]
    path = [scene.services.mixer, *scene.wallets("between", scene.care.hops), renter]
    for month in range(months):
        start = at + month * (30 * DAY + 3 * HOUR)
        amount = cost_dollars("H100", 16, 31 * 24)
        for number, (giver, taker) in enumerate(pairwise(path)):
            scene.plaza.money(
                start - (4 - number) * DAY, giver, taker, "reference", amount - number, ether=0.1 / (number + 1)
            )
        for which, machine in enumerate(machines):
            deal = scene.plaza.take("reference", start + which * 300, 30 * 24 + 2, renter, "H100", 8, machine=machine)
            scene.plaza.give_back(start + 30 * DAY, deal, renter)
    scene.truth(
        "mixer money in rolling leases",
        "proxy",
        renters=[renter],
        others=path[1:-1],
        typologies=["T06", "T07"],
        lead_expected=True,
        why="a labelled mixer pays for four months on the same machines",
    )


def ghost_hall(scene: Scene) -> None:
    """Pass inspection under two names, serve nobody, and fall silent; the careful share nothing between the names."""
    at = scene.day(30, 120)
    gone = at + scene.random.randrange(40, 70) * DAY
    careful = scene.care.name == "careful"
    secret = b"" if careful else scene.wallet("key").ljust(32, b"\7")
    owner = scene.treasury("owner", at - 20 * DAY, "reference", 5_000)
    halls = [
        scene.plaza.hall(
            f"{scene.name} {number}",
            at + number * HOUR,
            funder=None if careful else owner,
            until=gone,
            endpoint=secret,
        )
        for number in range(2)
    ]
    for number in range(18):
        scene.plaza.offered(halls[number % 2], at + (number + 2) * HOUR, "H100", 8)
    scene.truth(
        "ghost data centre",
        "proxy",
        renters=[],
        others=[owner, *(hall.wallet for hall in halls)],
        typologies=["T14"] if careful else ["T14", "T30"],
        lead_expected=not careful,
        why="144 attested H100 that served nobody and fell silent"
        + (": one family of evidence" if careful else ", under two names with one key and one funder"),
    )


def self_dealer(scene: Scene) -> None:
    """Rent one's own large machines for months, with the money going round."""
    at, owner = scene.day(50, 120), scene.wallet("owner")
    scene.withdraw(at - 20 * DAY, owner, "reference", cost_dollars("H100", 16, 2 * 31 * 24), ether=2)
    hall = scene.plaza.hall(f"{scene.name} own", at, funder=owner)
    renter = scene.wallet("renter")
    machines = [scene.plaza.machine(hall, at + 2 * DAY, at + 140 * DAY, "H100", 8) for _ in range(2)]
    amount = cost_dollars("H100", 16, 31 * 24)
    scene.plaza.money(at + DAY, owner, renter, "reference", amount, ether=0.1)
    for month in range(4):
        start = at + 3 * DAY + month * (30 * DAY + 4 * HOUR)
        for which, machine in enumerate(machines):
            deal = scene.plaza.take("reference", start + which * 300, 30 * 24 + 2, renter, "H100", 8, machine=machine)
            scene.plaza.give_back(start + 30 * DAY, deal, renter)
        # What the provider earned goes back to whoever rents, in time for the next month.
        earned = sum(machine.cents for machine in machines) * 30 * 24 * 10_000
        scene.script.pay(start + 30 * DAY + HOUR, hall.wallet, renter, earned)
    scene.truth(
        "self-dealer",
        "proxy",
        renters=[renter],
        others=[owner, hall.wallet],
        typologies=["T07", "T20"],
        lead_expected=True,
        why="renter and provider have one funder, the rent comes back, and the lease runs for months",
    )
