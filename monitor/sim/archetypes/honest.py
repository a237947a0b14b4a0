"""Honest renters on their own: each comes as close to a pattern as honest people do, and shows one family at most."""

from __future__ import annotations

from monitor.sim.archetypes.plaza import cost_dollars
from monitor.sim.archetypes.scene import Scene
from monitor.sim.script import DAY, HOUR

__all__ = [
    "deadline_lab",
    "hobbyist",
    "lab",
    "newcomer",
    "one_wallet_per_project",
    "refunder",
    "shopper",
    "spot_hunter",
    "startup",
    "token_seller",
]


def hobbyist(scene: Scene) -> None:
    """Rent consumer cards now and then, from an exchange account."""
    wallet, venue = scene.wallet("self"), scene.venue()
    scene.withdraw(scene.day(5, 60), wallet, venue, 3_000)
    at = scene.day(70, 120)
    for _ in range(scene.random.randrange(1, 4)):
        hours = scene.random.randrange(12, 120)
        model = scene.random.choice(("4090", "3090", "4090", "L40S"))
        deal = scene.plaza.take(venue, at, hours, wallet, model, scene.random.randrange(1, 3))
        scene.plaza.give_back(at + (hours - 1) * HOUR, deal, wallet)
        at += scene.random.randrange(10, 40) * DAY
    scene.truth("hobbyist", "benign", renters=[wallet], why="small cards, own money")


def newcomer(scene: Scene) -> None:
    """Take a large lease hours after the first withdrawal, as every new customer may."""
    wallet, venue = scene.wallet("self"), scene.venue()
    at, hours = scene.day(40, 220), scene.random.randrange(48, 240)
    scene.withdraw(at - scene.random.randrange(3, 40) * HOUR, wallet, venue, cost_dollars("H100", 8, hours))
    deal = scene.plaza.take(venue, at, hours, wallet, "H100", 8)
    scene.plaza.give_back(at + (hours - 2) * HOUR, deal, wallet)
    scene.truth("newcomer", "benign", renters=[wallet], typologies=["T03"], why="one fresh wallet with one large lease")


def startup(scene: Scene) -> None:
    """Train for some weeks on many machines of one provider."""
    wallet, count = scene.wallet("self"), scene.random.randrange(2, 7)
    at, days = scene.day(60, 180), scene.random.randrange(20, 70)
    scene.withdraw(scene.day(5, 50), wallet, "reference", cost_dollars("H100", 8 * count, days * 24))
    hall = scene.random.choice(scene.plaza.halls)
    for number in range(count):
        deal = scene.plaza.take("reference", at + 120 * number, days * 24, wallet, "H100", 8, hall=hall)
        scene.plaza.give_back(at + (days - 1) * DAY + 60 * number, deal, wallet)
    scene.truth("start-up", "benign", renters=[wallet], why="large, but from its own old wallet")


def lab(scene: Scene) -> None:
    """Hold one machine for half a year, renewed every month."""
    wallet, months = scene.wallet("self"), scene.random.randrange(4, 8)
    scene.withdraw(scene.day(3, 30), wallet, "reference", cost_dollars("H100", 8, (months + 1) * 720))
    at = scene.day(40, 80)
    deal = scene.plaza.take("reference", at, months * 720 + 48, wallet, "H100", 8)
    scene.plaza.give_back(at + months * 30 * DAY, deal, wallet)
    scene.truth("lab", "benign", renters=[wallet], typologies=["T07"], why="a long lease and nothing else")


def deadline_lab(scene: Scene) -> None:
    """Rent much more before a conference than ever before."""
    wallet = scene.wallet("self")
    scene.withdraw(scene.day(3, 20), wallet, "reference", cost_dollars("H100", 8, 4_000))
    at = scene.day(40, 60)
    for number in range(4):
        start = at + number * 12 * DAY
        deal = scene.plaza.take("reference", start, 72, wallet, "A100", 4)
        scene.plaza.give_back(start + 70 * HOUR, deal, wallet)
    rush = at + scene.random.randrange(60, 120) * DAY
    for number in range(4):
        deal = scene.plaza.take("reference", rush + number * HOUR, 240, wallet, "H100", 8)
        scene.plaza.give_back(rush + 239 * HOUR, deal, wallet)
    scene.truth("lab before a deadline", "benign", renters=[wallet], why="a burst that no rule date explains")


def spot_hunter(scene: Scene) -> None:
    """Take many small offers at several providers, because that is what is offered."""
    wallet = scene.wallet("self")
    scene.withdraw(scene.day(3, 40), wallet, "reference", cost_dollars("H100", 4, 9 * 60))
    at = scene.day(60, 200)
    for number in range(9):
        hours = scene.random.randrange(20, 56)
        start = at + scene.random.randrange(0, 10 * 24) * HOUR + number * 60
        deal = scene.plaza.take("reference", start, hours, wallet, "H100", scene.random.choice((1, 2, 4)))
        scene.plaza.give_back(start + (hours - 1) * HOUR, deal, wallet)
    scene.truth("spot hunter", "benign", renters=[wallet], why="many small leases of one old wallet")


def shopper(scene: Scene) -> None:
    """Compare prices on three markets with the same wallet."""
    wallet = scene.wallet("self")
    for venue in ("reference", "spheron", "deeplink_dbc"):
        scene.withdraw(scene.day(3, 40), wallet, venue, cost_dollars("H100", 8, 100))
    at = scene.day(60, 200)
    for number, venue in enumerate(("reference", "spheron", "deeplink_dbc")):
        start = at + 12 * number * DAY
        deal = scene.plaza.take(venue, start, 72, wallet, "H100", 8)
        scene.plaza.give_back(start + 70 * HOUR, deal, wallet)
    scene.truth("price shopper", "benign", renters=[wallet], typologies=["T23"], why="one wallet on three markets")


def one_wallet_per_project(scene: Scene) -> None:
    """Keep a wallet per job, each filled from the exchange."""
    wallets = scene.wallets("project", scene.random.randrange(3, 6))
    at = scene.day(60, 120)
    for number, wallet in enumerate(wallets):
        start, hours = at + number * 20 * DAY, scene.random.randrange(100, 300)
        scene.withdraw(start - scene.random.randrange(4, 20) * DAY, wallet, "reference", cost_dollars("H100", 4, hours))
        deal = scene.plaza.take("reference", start, hours, wallet, "H100", 4)
        scene.plaza.give_back(start + (hours - 1) * HOUR, deal, wallet)
    scene.truth("one wallet per project", "benign", renters=wallets, why="key hygiene; nothing links the wallets")


def refunder(scene: Scene) -> None:
    """Open and close again, because the deployment fails."""
    wallet = scene.wallet("self")
    scene.withdraw(scene.day(3, 40), wallet, "reference", cost_dollars("A100", 4, 300))
    at = scene.day(60, 200)
    for number in range(4):
        start = at + number * 9 * HOUR
        deal = scene.plaza.take("reference", start, 60, wallet, "A100", 4)
        scene.plaza.give_back(start + 3 * HOUR, deal, wallet)
    scene.truth(
        "failed deployments", "benign", renters=[wallet], typologies=["T28"], why="refunds go back to the payer"
    )


def token_seller(scene: Scene) -> None:
    """Sell inference to many small customers and rent with what they pay."""
    wallet = scene.wallet("self")
    scene.withdraw(scene.day(3, 40), wallet, "reference", cost_dollars("H100", 8, 30 * 24))
    at = scene.day(60, 180)
    customers = scene.random.sample(list(scene.services.bystanders), 60)
    for customer in customers:
        scene.script.pay(at + scene.random.randrange(0, 25 * 24 * 60) * 60, customer, wallet, 20 * 10**6)
    for number in range(3):
        start = at + number * 9 * DAY
        deal = scene.plaza.take("reference", start, 200, wallet, "H100", 8)
        scene.plaza.give_back(start + 199 * HOUR, deal, wallet)
    scene.truth("inference seller", "benign", renters=[wallet], typologies=["T10"], why="an ordinary business")
