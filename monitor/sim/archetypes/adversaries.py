"""Adversaries who rent through other people's names: brokers, third payers, rolling owners, splitters, pools, hoppers.

Each plays the published patterns it names, as carefully as its `Care` says.
"""

from __future__ import annotations

from monitor.sim.archetypes.plaza import Rented, cost_dollars
from monitor.sim.archetypes.scene import Scene
from monitor.sim.script import DAY, HOUR

__all__ = [
    "broker_with_payer",
    "card_pool",
    "deposit_cycler",
    "hopper",
    "lone_broker",
    "rolling_owner",
    "splitter",
    "surge",
    "unseen",
]

_FRESH = {"naive": ("T03",), "moderate": (), "careful": ()}


def broker_with_payer(scene: Scene) -> None:
    """Fund fresh renters from one wallet, and pay their leases from another."""
    renters, at = scene.wallets("renter", scene.random.randrange(4, 7)), scene.day(70, 200)
    funder = scene.treasury("funder", at - 50 * DAY, "reference", 1_000)
    payer = scene.treasury("payer", at - 40 * DAY, "reference", cost_dollars("H100", 16 * len(renters), 30 * 24))
    hops: list[bytes] = []
    for number, renter in enumerate(renters):
        start = at + number * scene.random.randrange(1, 6) * DAY
        hops += scene.bring(funder, renter, start, "reference", 100)
        for which in range(2):
            deal = scene.plaza.take(
                "reference", start + which * HOUR, 20 * 24, renter, "H100", 8, payer=payer, later=5 * 24
            )
            scene.plaza.prolong(start + 15 * DAY, deal, payer, 5 * 24)
            scene.plaza.give_back(start + 24 * DAY, deal, renter)
    scene.truth(
        "broker with a payer",
        "proxy",
        renters=renters,
        others=[funder, payer, *hops],
        typologies=["T04", "T05", *_FRESH[scene.care.name]],
        lead_expected=True,
        why="one funder behind the renters, and a third wallet pays",
    )


def lone_broker(scene: Scene) -> None:
    """Fund fresh renters from one wallet and leave no other trace."""
    renters, at, venue = scene.wallets("renter", 5), scene.day(70, 200), scene.venue()
    funder = scene.treasury("funder", at - 50 * DAY, venue, cost_dollars("H100", 16 * 5 * 2, 20 * 24))
    hops: list[bytes] = []
    for number, renter in enumerate(renters):
        start = at + number * 5 * DAY
        hops += scene.bring(funder, renter, start, venue, cost_dollars("H100", 16, 15 * 24))
        for which in range(2):
            deal = scene.plaza.take(venue, start + which * HOUR, 14 * 24, renter, "H100", 8)
            scene.plaza.give_back(start + 13 * DAY + which * HOUR, deal, renter)
    scene.truth(
        "broker alone",
        "proxy",
        renters=renters,
        others=[funder, *hops],
        typologies=["T04", *_FRESH[scene.care.name]],
        why="one family of evidence only: a finding for the researcher, not a lead",
    )


def rolling_owner(scene: Scene) -> None:
    """Keep the same machines for months, under one wallet after another."""
    renters, at = scene.wallets("renter", 4), scene.day(50, 130)
    funder = scene.treasury("funder", at - 40 * DAY, "reference", cost_dollars("H100", 24 * 4 * 2, 33 * 24))
    end = at + 4 * 33 * DAY
    hall = scene.random.choice(scene.plaza.halls)
    machines = [scene.plaza.machine(hall, at, end, "H100", 8) for _ in range(3)]
    hops: list[bytes] = []
    for number, renter in enumerate(renters):
        start = at + number * (32 * DAY + 3 * HOUR)
        hops += scene.bring(funder, renter, start, "reference", cost_dollars("H100", 24, 33 * 24))
        for which, machine in enumerate(machines):
            deal = scene.plaza.take("reference", start + which * 300, 32 * 24 + 2, renter, "H100", 8, machine=machine)
            scene.plaza.give_back(start + 32 * DAY, deal, renter)
    scene.truth(
        "rolling owner",
        "proxy",
        renters=renters,
        others=[funder, *hops],
        typologies=["T04", "T07", "T24", *_FRESH[scene.care.name]],
        lead_expected=True,
        why="the same machines for four months by rotating wallets of one funder",
    )


def splitter(scene: Scene) -> None:
    """Split one need over many wallets and orders, each order just below a whole machine's size."""
    renters, at = scene.wallets("renter", scene.random.randrange(8, 12)), scene.day(70, 200)
    funder = scene.treasury("funder", at - 50 * DAY, "reference", cost_dollars("H100", 14 * 12 * 2, 25 * 24))
    hops: list[bytes] = []
    for number, renter in enumerate(renters):
        start = at + number * scene.random.randrange(2, 26) * HOUR
        hops += scene.bring(funder, renter, start, "reference", cost_dollars("H100", 14, 21 * 24))
        for which in range(2):
            deal = scene.plaza.take("reference", start + which * 4 * HOUR, 20 * 24, renter, "H100", 7)
            scene.plaza.give_back(start + 19 * DAY + which * HOUR, deal, renter)
    scene.truth(
        "splitter below a limit",
        "proxy",
        renters=renters,
        others=[funder, *hops],
        typologies=["T04", "T11", *_FRESH[scene.care.name]],
        lead_expected=True,
        why="many wallets of one funder take seven GPUs an order within days",
    )


def card_pool(scene: Scene) -> None:
    """Pool hundreds of consumer cards under several wallets that one payer keeps."""
    renters, at = scene.wallets("renter", 5), scene.day(70, 180)
    funder = scene.treasury("funder", at - 50 * DAY, "reference", 1_000)
    payer = scene.treasury("payer", at - 45 * DAY, "reference", cost_dollars("4090", 8 * 12 * 5 * 2, 22 * 24))
    hall = scene.random.choice(scene.plaza.halls)
    hops: list[bytes] = []
    for number, renter in enumerate(renters):
        start = at + number * 3 * HOUR
        hops += scene.bring(funder, renter, start, "reference", 100)
        for which in range(12):
            deal = scene.plaza.take(
                "reference", start + which * 120, 20 * 24, renter, "4090", 8, payer=payer, hall=hall
            )
            scene.plaza.give_back(start + 19 * DAY + which * 60, deal, renter)
    scene.truth(
        "pool of consumer cards",
        "proxy",
        renters=renters,
        others=[funder, payer, *hops],
        typologies=["T04", "T05", "T17", *_FRESH[scene.care.name]],
        lead_expected=True,
        why="480 cards of one pool, about eighty H100 together, one funder and a third payer",
    )


def hopper(scene: Scene) -> None:
    """Take a cluster at one market after another with wallets of one funder."""
    at, renters = scene.day(70, 180), scene.wallets("renter", 6)
    venues = [venue for venue in ("reference", "spheron", "deeplink_dbc") for _ in range(2)]
    funder = scene.wallet("funder")
    scene.plaza.money(at - 50 * DAY, scene.exchange(), funder, "reference", 200_000, ether=20)
    scene.plaza.money(at - 50 * DAY, scene.exchange(), funder, "deeplink_dbc", 200_000, ether=0)
    hops: list[bytes] = []
    for number, (renter, venue) in enumerate(zip(renters, venues, strict=True)):
        start = at + number * 8 * DAY
        hops += scene.bring(funder, renter, start, venue, cost_dollars("H100", 16, 8 * 24))
        for which in range(2):
            deal = scene.plaza.take(venue, start + which * 3 * HOUR, 7 * 24, renter, "H100", 8)
            scene.plaza.give_back(start + 6 * DAY + which * HOUR, deal, renter)
    scene.truth(
        "hopper over markets",
        "proxy",
        renters=renters,
        others=[funder, *hops],
        typologies=["T04", "T23", *_FRESH[scene.care.name]],
        lead_expected=True,
        why="three markets within weeks with wallets of one funder",
    )


def surge(scene: Scene) -> None:
    """Rent a little for months, and many times that in the weeks before a rule takes effect."""
    renters, at = scene.wallets("renter", 4), scene.rule_date - scene.random.randrange(20, 45) * DAY
    funder = scene.treasury("funder", scene.day(30, 40), "reference", cost_dollars("H100", 8 * 4 * 4, 40 * 24))
    hops: list[bytes] = []
    for number, renter in enumerate(renters):
        first = scene.rule_date - (140 - number) * DAY
        hops += scene.bring(funder, renter, first, "reference", cost_dollars("H100", 24, 35 * 24))
        for week in range(10):
            deal = scene.plaza.take("reference", first + week * 7 * DAY, 30, renter, "H100", 2)
            scene.plaza.give_back(first + week * 7 * DAY + 28 * HOUR, deal, renter)
        for which in range(3):
            deal = scene.plaza.take("reference", at + number * DAY + which * HOUR, 20 * 24, renter, "H100", 8)
            scene.plaza.give_back(at + number * DAY + 19 * DAY + which * HOUR, deal, renter)
    scene.truth(
        "surge before a rule",
        "proxy",
        renters=renters,
        others=[funder, *hops],
        typologies=["T04", "T16"],
        lead_expected=True,
        why="ninety-six GPUs in the weeks before a rule's date by wallets of one funder",
    )


def deposit_cycler(scene: Scene) -> None:
    """Deposit and cancel in circles, and lease in between."""
    renters, at = scene.wallets("renter", 4), scene.day(70, 200)
    funder = scene.treasury("funder", at - 50 * DAY, "reference", cost_dollars("H100", 16 * 4 * 2, 30 * 24))
    hops: list[bytes] = []
    for number, renter in enumerate(renters):
        start = at + number * 4 * DAY
        hops += scene.bring(funder, renter, start, "reference", cost_dollars("H100", 24, 30 * 24))
        for cycle in range(4):
            deal = scene.plaza.take("reference", start + cycle * 8 * HOUR, 20 * 24, renter, "H100", 8)
            scene.plaza.give_back(start + (cycle * 8 + 2) * HOUR, deal, renter)
        for which in range(2):
            deal = scene.plaza.take("reference", start + (4 + which) * DAY, 20 * 24, renter, "H100", 8)
            scene.plaza.give_back(start + (23 + which) * DAY, deal, renter)
    scene.truth(
        "deposit cycler",
        "proxy",
        renters=renters,
        others=[funder, *hops],
        typologies=["T04", "T28", *_FRESH[scene.care.name]],
        lead_expected=True,
        why="one funder behind the renters, who deposit and cancel in circles",
    )


def unseen(scene: Scene) -> None:
    """Bring all money through exchanges, wait, and use every wallet once, each at another provider."""
    renters, at = scene.wallets("renter", 5), scene.day(90, 200)
    deals: list[Rented] = []
    for number, renter in enumerate(renters):
        start = at + number * scene.random.randrange(5, 15) * DAY
        scene.withdraw(start - scene.random.randrange(20, 60) * DAY, renter, "reference", cost_dollars("H100", 16, 480))
        for which in range(2):
            deal = scene.plaza.take("reference", start + which * DAY, 18 * 24, renter, "H100", 8)
            scene.plaza.give_back(start + 17 * DAY + which * DAY, deal, renter)
            deals.append(deal)
    scene.truth(
        "unseen",
        "proxy",
        renters=renters,
        why=f"{len(deals)} leases of wallets that nothing on chain links: undetectable by design",
    )
