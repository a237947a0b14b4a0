"""Honest people who belong together, and services: payers, employers, resellers, farms, market makers."""

from __future__ import annotations

from monitor.sim.archetypes.plaza import CENTS, cost_dollars
from monitor.sim.archetypes.scene import Scene
from monitor.sim.script import DAY, HOUR
from monitor.sim.venues import top_up

__all__ = [
    "accelerator",
    "bridge_user",
    "foundation",
    "market_maker",
    "organisation",
    "payroll",
    "relayed",
    "render_farm",
    "reseller",
]


def foundation(scene: Scene) -> None:
    """Pay a university's leases out of a grant."""
    payer, labs = scene.wallet("foundation"), scene.wallets("lab", scene.random.randrange(1, 3))
    scene.withdraw(scene.day(2, 20), payer, "reference", cost_dollars("H100", 8 * len(labs), 60 * 24))
    at = scene.day(60, 180)
    for number, wallet in enumerate(labs):
        scene.withdraw(scene.day(2, 40), wallet, "reference", 60)
        start = at + number * DAY
        deal = scene.plaza.take("reference", start, 20 * 24, wallet, "H100", 8, payer=payer)
        for lease, machine in zip(deal.leases, deal.machines, strict=True):
            top_up(scene.script, start + 12 * DAY, lease, machine, payer, 10 * 24)  # type: ignore[arg-type]
        scene.plaza.give_back(start + 19 * DAY, deal, wallet)
    scene.truth(
        "grant paid by a foundation",
        "benign",
        renters=labs,
        others=[payer],
        typologies=["T05"],
        why="one payer, openly",
    )


def organisation(scene: Scene) -> None:
    """Pay for members with old wallets of their own out of a treasury."""
    treasury, members = scene.wallet("treasury"), scene.wallets("member", scene.random.randrange(2, 5))
    scene.withdraw(scene.day(2, 10), treasury, "reference", cost_dollars("A100", 8 * len(members), 15 * 24))
    at = scene.day(90, 220)
    for number, wallet in enumerate(members):
        scene.withdraw(scene.day(2, 40), wallet, "reference", 100)
        start = at + number * 3 * DAY
        deal = scene.plaza.take("reference", start, 10 * 24, wallet, "A100", 8, payer=treasury)
        scene.plaza.give_back(start + 9 * DAY, deal, wallet)
    scene.truth(
        "organisation with a treasury",
        "benign",
        renters=members,
        others=[treasury],
        typologies=["T05"],
        why="a shared payer, and members who were there long before",
    )


def payroll(scene: Scene) -> None:
    """Pay a staff every month, some of whom rent a card."""
    company, staff = scene.wallet("company"), scene.wallets("employee", scene.random.randrange(12, 30))
    scene.withdraw(scene.day(2, 10), company, "reference", 400_000)
    usd = scene.script.stage.at("tokens", "TUSD").address
    scene.script.spends(scene.script.start + 11 * DAY, company, scene.script.stage.at("common", "disperse").address)
    first = scene.day(20, 40)
    for month in range(4):
        amounts = [scene.random.randrange(1_500, 2_500) * 10**6 for _ in staff]
        at = first + month * 30 * DAY
        scene.script.call(at, company, ("common", "disperse"), "disperseToken", usd, staff, amounts)
    renters = staff[:4]
    for wallet in renters:
        start = first + scene.random.randrange(5, 90) * DAY
        deal = scene.plaza.take("reference", start, 72, wallet, "4090", 1)
        scene.plaza.give_back(start + 70 * HOUR, deal, wallet)
    scene.truth(
        "company payroll", "benign", renters=renters, others=[company, *staff[4:]], why="one funder, but small cards"
    )


def accelerator(scene: Scene) -> None:
    """Fund several young companies, who rent by themselves at different places."""
    fund, founders = scene.wallet("fund"), scene.wallets("founder", scene.random.randrange(3, 5))
    scene.withdraw(scene.day(2, 10), fund, "reference", cost_dollars("H100", 16 * len(founders), 30 * 24), ether=2)
    at = scene.day(30, 60)
    for number, wallet in enumerate(founders):
        scene.plaza.money(at + number * HOUR, fund, wallet, "reference", cost_dollars("H100", 16, 25 * 24))
        start = at + scene.random.randrange(20, 70) * DAY
        for which in range(2):
            deal = scene.plaza.take("reference", start + which * 6 * HOUR, 15 * 24, wallet, "H100", 8)
            scene.plaza.give_back(start + 14 * DAY + which * 60, deal, wallet)
    scene.truth(
        "accelerator with its companies",
        "benign",
        renters=founders,
        others=[fund],
        typologies=["T04"],
        why="one funder of several renters, who did not hide it and have nothing else in common",
    )


def render_farm(scene: Scene) -> None:
    """Rent dozens of consumer cards for a film, a wallet per scene."""
    studio, wallets = scene.wallet("studio"), scene.wallets("render", scene.random.randrange(5, 9))
    scene.withdraw(scene.day(2, 10), studio, "reference", cost_dollars("4090", 8 * len(wallets), 40 * 24), ether=2)
    at = scene.day(60, 180)
    for number, wallet in enumerate(wallets):
        start = at + number * 6 * HOUR
        scene.plaza.money(start - 8 * HOUR, studio, wallet, "reference", cost_dollars("4090", 8, 21 * 24))
        deal = scene.plaza.take("reference", start, 20 * 24, wallet, "4090", 8)
        scene.plaza.give_back(start + 19 * DAY, deal, wallet)
    scene.truth(
        "render farm", "benign", renters=wallets, others=[studio], why="fresh wallets of one studio, small cards"
    )


def reseller(scene: Scene) -> None:
    """Rent, and offer the same model again at a mark-up, under the same wallet."""
    at = scene.day(70, 150)
    hall = scene.plaza.hall(f"{scene.name} resold", at - 5 * DAY)
    scene.withdraw(at - 4 * DAY, hall.wallet, "reference", cost_dollars("H100", 16, 60 * 24))
    buyers = scene.wallets("buyer", 2)
    for number, buyer in enumerate(buyers):
        bought = scene.plaza.take("reference", at + number * HOUR, 45 * 24, hall.wallet, "H100", 8)
        sold = scene.plaza.offered(hall, at + (number + 3) * HOUR, "H100", 8, cents=CENTS["H100"] * 12 // 10)
        scene.withdraw(scene.day(5, 60), buyer, "reference", cost_dollars("H100", 10, 35 * 24))
        deal = scene.plaza.take("reference", at + 2 * DAY, 30 * 24, buyer, "H100", 8, machine=sold)
        scene.plaza.give_back(at + 31 * DAY, deal, buyer)
        scene.plaza.give_back(at + 44 * DAY, bought, hall.wallet)
    scene.truth(
        "reseller in the open", "benign", renters=[hall.wallet, *buyers], typologies=["T09"], why="resells as itself"
    )


def market_maker(scene: Scene) -> None:
    """Rent and lend out small machines all the time at both ends of the price range."""
    at = scene.day(30, 60)
    hall = scene.plaza.hall(f"{scene.name} desk", at)
    scene.withdraw(at + DAY, hall.wallet, "reference", 40_000)
    for number in range(6):
        start = at + (3 + 9 * number) * DAY
        deal = scene.plaza.take("reference", start, 120, hall.wallet, "A100", 2)
        scene.plaza.give_back(start + 118 * HOUR, deal, hall.wallet)
        scene.plaza.offered(hall, start + DAY, "4090", 2, cents=CENTS["4090"] * scene.random.randrange(60, 180) // 100)
    scene.truth("market maker", "benign", renters=[hall.wallet], why="buys and sells capacity as itself")


def bridge_user(scene: Scene) -> None:
    """Come over a bridge from another chain, as most do."""
    wallet = scene.wallet("self")
    scene.plaza.money(scene.day(5, 60), scene.services.bridge, wallet, "reference", cost_dollars("H100", 8, 200))
    at = scene.day(70, 220)
    deal = scene.plaza.take("reference", at, 150, wallet, "H100", 8)
    scene.plaza.give_back(at + 149 * HOUR, deal, wallet)
    scene.truth("bridge user", "benign", renters=[wallet], why="a bridge alone says nothing")


def relayed(scene: Scene) -> None:
    """Let a relayer pay, who pays for very many."""
    wallet, relayer = scene.wallet("self"), scene.services.relayer
    scene.withdraw(scene.day(5, 60), wallet, "reference", 500)
    at, hours = scene.day(70, 220), scene.random.randrange(40, 120)
    scene.script.pay(at - HOUR, wallet, relayer, 300 * 10**6)
    deal = scene.plaza.take("reference", at, hours, wallet, "A100", 1, payer=relayer)
    scene.plaza.give_back(at + (hours - 1) * HOUR, deal, wallet)
    scene.truth("customer of a relayer", "benign", renters=[wallet], why="the payer serves everybody")
