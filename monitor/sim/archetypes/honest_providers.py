"""Honest providers with troubles of their own: an anchor customer, bankruptcy, an empty hall, farming of rewards."""

from __future__ import annotations

from monitor.sim.archetypes.plaza import cost_dollars
from monitor.sim.archetypes.scene import Scene
from monitor.sim.script import DAY, HOUR
from monitor.sim.venues import MARKET

__all__ = ["anchor_customer", "bankrupt", "empty_hall", "reward_farmer"]


def anchor_customer(scene: Scene) -> None:
    """Open with a single large customer, as small providers do."""
    at = scene.day(40, 120)
    hall = scene.plaza.hall(f"{scene.name} new", at)
    wallet = scene.wallet("customer")
    scene.withdraw(scene.day(2, 38), wallet, "reference", cost_dollars("H100", 72, 60 * 24))
    for number in range(9):
        deal = scene.plaza.take("reference", at + (10 * 24 + number) * HOUR, 50 * 24, wallet, "H100", 8, hall=hall)
        scene.plaza.give_back(at + 58 * DAY + number * 60, deal, wallet)
    scene.truth(
        "new provider with an anchor customer",
        "benign",
        renters=[wallet],
        others=[hall.wallet],
        typologies=["T01"],
        why="one tenant takes all, with its own old money after the machines stood",
    )


def bankrupt(scene: Scene) -> None:
    """Fall silent in the middle of real business."""
    at = scene.day(20, 60)
    hall = scene.plaza.hall(f"{scene.name} broke", at, until=at + 100 * DAY)
    renters = scene.wallets("customer", 5)
    for number, wallet in enumerate(renters):
        scene.withdraw(at + DAY, wallet, "reference", cost_dollars("H100", 16, 60 * 24))
        for which in range(2):
            start = at + (5 + 3 * number) * DAY + which * HOUR
            deal = scene.plaza.take("reference", start, 55 * 24, wallet, "H100", 8, hall=hall)
            scene.plaza.give_back(start + 54 * DAY, deal, wallet)
    scene.truth(
        "bankrupt provider", "benign", renters=renters, others=[hall.wallet], why="silent, but it had served for months"
    )


def empty_hall(scene: Scene) -> None:
    """Find no customers and leave in good order."""
    at = scene.day(20, 80)
    hall = scene.plaza.hall(f"{scene.name} empty", at, until=at + 70 * DAY)
    machines = [scene.plaza.offered(hall, at + (number + 2) * HOUR, "H100", 8) for number in range(9)]
    for number, machine in enumerate(machines):
        scene.script.call(at + 71 * DAY + 60 * number, hall.wallet, MARKET, "withdrawMachine", machine.machine_id)
    scene.script.call(at + 72 * DAY, hall.wallet, MARKET, "retireProvider")
    scene.truth("empty hall that retires", "benign", renters=[], others=[hall.wallet], why="it says that it ends")


def reward_farmer(scene: Scene) -> None:
    """Rent one's own small machines to collect rewards."""
    at = scene.day(40, 150)
    farmer = scene.wallet("self")
    scene.withdraw(at - 2 * DAY, farmer, "reference", 6_000, ether=2)
    hall = scene.plaza.hall(f"{scene.name} farm", at, funder=farmer)
    for number in range(4):
        start = at + (4 + 8 * number) * DAY
        deal = scene.plaza.take("reference", start, 150, farmer, "4090", 4, hall=hall)
        scene.plaza.give_back(start + 149 * HOUR, deal, farmer)
    scene.truth(
        "reward farmer",
        "benign",
        renters=[farmer],
        others=[hall.wallet],
        typologies=["T20"],
        why="self-dealing with small cards: another harm",
    )
