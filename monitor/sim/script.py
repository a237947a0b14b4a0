"""The script of a world: who sends what at which second. Pure and seeded; nothing here talks to a node."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import msgspec
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from monitor.sim.contracts import artifact
from monitor.sim.fees import software_tip
from monitor.sim.stage import Stage

__all__ = ["DAY", "HOUR", "Inner", "Ref", "Script", "Step", "Truth", "encode", "resolve"]

HOUR = 3600
DAY = 24 * HOUR
UNLIMITED = 2**256 - 1


class Ref(NamedTuple):
    """The id of a lease, order, rent or job that an earlier step opens: known only in playing order."""

    market: str
    key: str


class Inner(NamedTuple):
    """A call inside a call, encoded when its refs are known."""

    contract: str
    function: str
    args: tuple[Any, ...]


class Step(NamedTuple):
    """One transaction: `at` in seconds, `value` in wei; `function` empty means a plain transfer of native coin."""

    at: int
    sender: bytes
    to: bytes
    contract: str = ""
    function: str = ""
    args: tuple[Any, ...] = ()
    value: int = 0
    opens: Ref | None = None


class Truth(msgspec.Struct, frozen=True):
    """What an actor really is: `label` benign or proxy, `typologies` the patterns it plays.

    `lead_expected` says whether the published thresholds should make a lead of it; a proxy without one is a known
    miss, `why` says the reason. `renters` are the wallets that hold its leases, `wallets` all it controls.
    """

    actor: str
    archetype: str
    label: str
    market: str
    wallets: tuple[str, ...]
    renters: tuple[str, ...]
    typologies: tuple[str, ...]
    lead_expected: bool
    why: str
    difficulty: str = ""
    """How careful a generated proxy is; empty for honest actors and where no care was asked for."""


class Script:
    """Collects steps and truths while the actors write their parts; `steps` gives them in playing order."""

    def __init__(self, stage: Stage, *, seed: int, start: int, scale: float) -> None:
        self.stage = stage
        self.seed = seed
        self.start = start
        self.scale = scale
        self.random = random.Random(seed)
        self.truths: list[Truth] = []
        self.tips: dict[bytes, int] = {}
        """Wei per gas that a wallet's owner set; for the others their software does."""
        self._steps: list[Step] = []
        self._allowed: dict[tuple[bytes, str, bytes], int] = {}

    def day(self, number: float) -> int:
        """Give the second of a day of the story, on a full minute within that day's first hours."""
        return self.start + int(number * DAY) + self.random.randrange(0, 240) * 60

    def wallet(self, name: str) -> bytes:
        """Give the address of a named person of this world."""
        return keccak(f"world {self.seed} wallet {name}".encode())[12:]

    def wallets(self, name: str, count: int) -> list[bytes]:
        """Give the addresses of several people of one name."""
        return [self.wallet(f"{name} {number}") for number in range(1, count + 1)]

    def call(
        self,
        at: int,
        sender: bytes,
        place: tuple[str, str],
        function: str,
        *args: Any,
        opens: Ref | None = None,
    ) -> None:
        """Add a call to the contract that plays a role of a market."""
        deployed = self.stage.at(*place)
        self._steps.append(Step(at, sender, deployed.address, deployed.contract, function, args, 0, opens))

    def send(self, at: int, sender: bytes, to: bytes, ether: float) -> None:
        """Add a plain transfer of native coin."""
        self._steps.append(Step(at, sender, to, value=int(ether * 10**6) * 10**12))

    def pay(self, at: int, sender: bytes, to: bytes, amount: int, *, coin: str = "TUSD") -> None:
        """Add a token transfer of `amount` base units."""
        self.call(at, sender, ("tokens", coin), "transfer", to, amount)

    def spends(self, at: int, owner: bytes, spender: bytes, *, coin: str = "TUSD") -> None:
        """Make sure that `spender` may take the owner's tokens from `at` on: one approval before the first use."""
        key = (owner, coin, spender)
        self._allowed[key] = min(at, self._allowed.get(key, at))

    def fund(self, at: int, source: bytes, wallet: bytes, *, usd: int = 0, ether: float = 0.05) -> None:
        """Add gas money and, five minutes later, dollars."""
        if ether:
            self.send(at, source, wallet, ether)
        if usd:
            self.pay(at + 300, source, wallet, usd * 10**6)

    def tip(self, step: Step) -> int:
        """Give the tip of a step's transaction, in wei per gas."""
        own = self.tips.get(step.sender)
        return software_tip(step.sender, step.at) if own is None else own

    def truth(
        self,
        actor: str,
        archetype: str,
        label: str,
        market: str,
        *,
        renters: list[bytes],
        others: list[bytes] | None = None,
        typologies: tuple[str, ...] = (),
        lead_expected: bool = False,
        difficulty: str = "",
        why: str,
    ) -> None:
        """Declare what an actor is."""
        named = [to_checksum_address(wallet) for wallet in renters]
        behind = [to_checksum_address(wallet) for wallet in others or []]
        self.truths.append(
            Truth(
                actor,
                archetype,
                label,
                market,
                (*named, *behind),
                tuple(named),
                typologies,
                lead_expected,
                why,
                difficulty,
            )
        )

    def steps(self) -> list[Step]:
        """Give all steps in playing order: by time, approvals first, then as written."""
        approvals = [self._approval(at, *key) for key, at in self._allowed.items()]
        return sorted([*approvals, *self._steps], key=lambda step: step.at)

    def _approval(self, at: int, owner: bytes, coin: str, spender: bytes) -> Step:
        deployed = self.stage.at("tokens", coin)
        return Step(at, owner, deployed.address, deployed.contract, "approve", (spender, UNLIMITED))


def encode(step: Step, ids: dict[Ref, int]) -> bytes:
    """Give the data of a step's transaction; `ids` holds what the steps before it opened."""
    if not step.function:
        return b""
    return artifact(step.contract).call(step.function, *(resolve(arg, ids) for arg in step.args))


def resolve(arg: Any, ids: dict[Ref, int]) -> Any:
    """Replace refs and inner calls by values; Marlin's job ids are words, the others numbers."""
    match arg:
        case Ref(market="marlin_oyster"):
            return ids[arg].to_bytes(32, "big")
        case Ref():
            return ids[arg]
        case Inner(contract, function, args):
            return artifact(contract).call(function, *(resolve(item, ids) for item in args))
        case _:
            return arg
