"""What every actor is handed: its own chance, its wallets, how careful it is, and ways to bring money to them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from monitor.sim.archetypes.plaza import Plaza
from monitor.sim.script import DAY, HOUR, Script

__all__ = ["CARES", "RULE_DATE", "Care", "Scene", "Services"]

RULE_DATE = 1_759_104_000
"""2025-09-29, when the affiliates rule took effect (90 FR, published 2025-09-30)."""


class Care(NamedTuple):
    """How careful an adversary is.

    `hops` wallets stand between its funder and a renter, money waits `wait` hours (from, to) before it is used, amounts
    differ by up to `noise` (a share), `exchange` is the share of renters whose dollars come out of an exchange instead,
    and each wallet makes `cover` transfers that mean nothing. A share, `scripted`, sends everything from one script,
    which carries one tip.
    """

    name: Literal["naive", "moderate", "careful"]
    hops: int
    wait: tuple[int, int]
    noise: float
    exchange: float
    cover: int
    scripted: float


CARES = {
    "naive": Care("naive", 0, (4, 40), 0.0, 0.0, 0, 0.75),
    "moderate": Care("moderate", 0, (48, 240), 0.2, 0.25, 1, 0.5),
    "careful": Care("careful", 1, (120, 720), 0.4, 0.5, 3, 0.1),
}


class Services(NamedTuple):
    """Wallets of services everybody uses; `bystanders` are people who only hold and pass on money."""

    exchanges: tuple[bytes, ...]
    bridge: bytes
    mixer: bytes
    relayer: bytes
    bystanders: tuple[bytes, ...]


class Scene:
    """One actor's part of a world."""

    def __init__(self, script: Script, plaza: Plaza, services: Services, name: str, care: Care) -> None:
        self.script = script
        self.plaza = plaza
        self.services = services
        self.name = name
        self.care = care
        self.random = random.Random(f"{script.seed} {name}")

    def wallet(self, role: str) -> bytes:
        """Name one of the actor's wallets."""
        return self.script.wallet(f"{self.name} {role}")

    def wallets(self, role: str, count: int) -> list[bytes]:
        """Name several of one role."""
        return [self.wallet(f"{role} {number}") for number in range(1, count + 1)]

    def exchange(self) -> bytes:
        """Pick an exchange."""
        return self.random.choice(self.services.exchanges)

    @property
    def rule_date(self) -> int:
        """Second at which a control of the legal file takes effect within the story: the affiliates rule of 2025."""
        return RULE_DATE

    def day(self, first: int, last: int) -> int:
        """Pick a second between two days of the story, on a full minute."""
        return self.script.start + self.random.randrange(first * 24 * 60, last * 24 * 60) * 60

    def venue(self) -> str:
        """Pick a market where GPUs are named."""
        return self.random.choice(("reference", "reference", "reference", "spheron", "deeplink_dbc"))

    def withdraw(self, at: int, wallet: bytes, venue: str, dollars: int, *, ether: float = 0.05) -> None:
        """Bring money from an exchange."""
        self.plaza.money(at, self.exchange(), wallet, venue, dollars, ether=ether)

    def bring(self, source: bytes, wallet: bytes, used_at: int, venue: str, dollars: int) -> list[bytes]:
        """Bring an adversary's money to a wallet before it is used, as carefully as it can; gives the wallets between.

        Gas always comes from the source's side: who is careful sends it over hops of its own.
        """
        amount = int(dollars * (1 + self.random.uniform(0, self.care.noise)))
        at = used_at - int(self.random.uniform(*self.care.wait) * HOUR)
        chain = [self.script.wallet(f"{self.name} hop {wallet.hex()} {n}") for n in range(self.care.hops)]
        path = [source, *chain, wallet]
        aside = self.random.random() < self.care.exchange
        when = at - len(path) * 12 * HOUR
        for number, (giver, taker) in enumerate(pairwise(path)):
            when += self.random.randrange(2, 12) * HOUR
            self.plaza.money(when, giver, taker, venue, 0 if aside else amount, ether=0.1 / (number + 1))
        if aside:
            self.plaza.money(at - HOUR, self.exchange(), wallet, venue, amount, ether=0)
        self._cover(wallet, at)
        return chain

    def treasury(self, role: str, at: int, venue: str, dollars: int) -> bytes:
        """Fill a funder's wallet from an exchange."""
        wallet = self.wallet(role)
        self.withdraw(at, wallet, venue, dollars, ether=20)
        return wallet

    def sizes(self, count: int, least: int, most: int) -> list[int]:
        """Pick machine counts."""
        return [self.random.randrange(least, most + 1) for _ in range(count)]

    def truth(
        self,
        archetype: str,
        label: str,
        *,
        renters: Sequence[bytes],
        others: Sequence[bytes] = (),
        typologies: Sequence[str] = (),
        lead_expected: bool = False,
        why: str,
        market: str = "all",
    ) -> None:
        """Declare what the actor is."""
        self.script.truth(
            self.name,
            archetype,
            label,
            market,
            renters=list(renters),
            others=list(others),
            typologies=tuple(typologies),
            lead_expected=lead_expected,
            difficulty=self.care.name if label == "proxy" else "",
            why=why,
        )

    def _cover(self, wallet: bytes, at: int) -> None:
        """Send cents to bystanders, who mean nothing."""
        for number in range(self.care.cover):
            when = at + (number + 1) * 3 * DAY
            self.script.send(when, wallet, self.random.choice(self.services.bystanders), 0.001)
