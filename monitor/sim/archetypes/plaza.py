"""The supply of a generated world: providers with machines, offered as they are needed, at three markets."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from monitor.sim.script import DAY, HOUR, Ref, Script
from monitor.sim.venues import (
    MARKET,
    Machine,
    Rig,
    extend,
    fund_credits,
    offer,
    order_specs,
    renew_rig,
    rent,
    rent_rig,
    return_machine,
    return_rig,
    spheron_close,
    spheron_lease,
    spheron_provider,
    stake,
)

__all__ = ["CENTS", "Hall", "Plaza", "Rented", "cost_dollars"]

CENTS = {"H100": 220, "H200": 310, "B200": 480, "A100": 120, "4090": 45, "3090": 25, "L40S": 90}
"""List price per GPU and hour; a machine's own price lies within a tenth of it."""
_SPELLED = {
    "H100": "NVIDIA H100 80GB HBM3",
    "H200": "NVIDIA H200 141GB",
    "B200": "NVIDIA B200 180GB",
    "A100": "NVIDIA A100-SXM4-80GB",
    "4090": "NVIDIA GeForce RTX 4090",
    "3090": "NVIDIA GeForce RTX 3090",
    "L40S": "NVIDIA L40S",
}
_AKASH = {"H100": "h100", "H200": "h200", "A100": "a100-80g", "4090": "rtx4090", "3090": "rtx3090", "L40S": "l40s"}
_REGIONS = ("eu-north-1", "us-east-2", "ap-southeast-1", "FI", "us-west", "DE", "ca-central", "me-central-1")
_BEAT = 14 * DAY
_LARGE = frozenset({"H100", "H200", "B200", "A100"})


class Hall(NamedTuple):
    """A provider of the reference market: its wallet, and the days it is there."""

    wallet: bytes
    opened: int
    """Second of its registration."""
    beats_until: int
    """Second of its last sign of life."""


class Rented(NamedTuple):
    """What one renter holds under one deal, at one venue: a machine, some rigs, or an order."""

    venue: str
    leases: tuple[Ref, ...]
    machines: tuple[Machine | Rig | bytes, ...]
    cents: int
    """Price per hour of all together."""


def cost_dollars(model: str, gpus: int, hours: int) -> int:
    """Give what a lease costs at the highest price, with a tenth to spare."""
    return CENTS[model] * gpus * hours * 12 // 1000 + 50


class Plaza:
    """Finds a machine that is free when it is wanted, or has somebody offer one; `end` is the last second played."""

    def __init__(self, script: Script, exchange: bytes, *, halls: int, end: int) -> None:
        self.script = script
        self.exchange = exchange
        self.end = end
        self.halls = [self.hall(f"hall {number}", script.start + DAY * (number % 20)) for number in range(halls)]
        self._busy: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
        self._machines: dict[tuple[bytes, str, int], list[Machine]] = defaultdict(list)
        self._offered: dict[bytes, int] = {}
        self._rigs: dict[str, list[Rig]] = defaultdict(list)
        self._staker = script.wallet("rig holder")
        self._tenders = script.wallets("spheron provider", 3)
        self._count = 0
        script.fund(script.start, exchange, self._staker, ether=1)
        for number, wallet in enumerate(self._tenders):
            script.fund(script.start, exchange, wallet, ether=1)
            spheron_provider(script, script.start + DAY, wallet, name=f"tender{number}", region=_REGIONS[number])

    def hall(
        self, name: str, at: int, *, funder: bytes | None = None, until: int | None = None, endpoint: bytes = b""
    ) -> Hall:
        """Register a provider at the reference market."""
        wallet = self.script.wallet(f"provider {name}")
        self.script.fund(at - 6 * HOUR, funder or self.exchange, wallet, usd=200, ether=0.2)
        region = _REGIONS[len(name) % len(_REGIONS)]
        self.script.call(at, wallet, MARKET, "registerProvider", region, endpoint or wallet.ljust(32, b"\1"))
        return Hall(wallet, at, self.end if until is None else until)

    def machine(self, hall: Hall, at: int, until: int, model: str, gpus: int) -> Machine:
        """Find or offer a machine of a provider that is free from `at` to `until`."""
        kind = (hall.wallet, model, gpus)
        for found in self._machines[kind]:
            if self._offered[found.machine_id] < at and self._free(found.machine_id, at, until):
                self._busy[found.machine_id].append((at, until))
                return found
        since = max(hall.opened + HOUR, at - self.script.random.randrange(2, 20) * DAY)
        made = self.offered(hall, min(since, at - HOUR), model, gpus)
        self._busy[made.machine_id].append((at, until))
        self._machines[kind].append(made)
        return made

    def offered(self, hall: Hall, at: int, model: str, gpus: int, *, cents: int = 0) -> Machine:
        """Offer one more machine, at about the list price or for `cents` per GPU and hour; its hall's beats go on."""
        self._count += 1
        price = cents or CENTS[model] * self.script.random.randrange(90, 111) // 100
        label = f"{model}-{self._count}"
        made = offer(self.script, at, hall.wallet, label, _SPELLED[model], gpus, price * gpus)
        self._offered[made.machine_id] = at
        self._sign(made, model, at, hall.beats_until)
        return made

    def take(
        self,
        venue: str,
        at: int,
        hours: int,
        renter: bytes,
        model: str,
        gpus: int,
        *,
        payer: bytes | None = None,
        hall: Hall | None = None,
        machine: Machine | None = None,
        later: int = 0,
    ) -> Rented:
        """Rent GPUs for some hours, with `later` hours more kept free; at Spheron nobody but the renter can pay."""
        self._count += 1
        key = f"deal {self._count}"
        until = at + (hours + later + 2) * HOUR
        if venue == "reference":
            found = machine or self.machine(hall or self.script.random.choice(self.halls), at, until, model, gpus)
            lease = rent(self.script, at, found, renter, hours, key, payer=payer)
            return Rented(venue, (lease,), (found,), found.cents)
        if venue == "deeplink_dbc":
            rigs = [self._rig(at, until, model) for _ in range(gpus)]
            leases = [
                rent_rig(self.script, at + 60 * number, rig, renter, hours, f"{key} {number}", payer=payer)
                for number, rig in enumerate(rigs)
            ]
            return Rented(venue, tuple(leases), tuple(rigs), sum(rig.cents for rig in rigs))
        tender = self.script.random.choice(self._tenders)
        cents = CENTS[model] * gpus
        order = spheron_lease(
            self.script, at, renter, tender, order_specs(_AKASH[model], gpus, "any"), hours, cents, key
        )
        return Rented(venue, (order,), (tender,), cents)

    def money(self, at: int, source: bytes, wallet: bytes, venue: str, dollars: int, *, ether: float = 0.05) -> None:
        """Give a wallet gas and what one pays with at a venue."""
        self.script.fund(at, source, wallet, usd=0 if venue == "deeplink_dbc" else dollars, ether=ether)
        if venue == "deeplink_dbc":
            fund_credits(self.script, at + 300, source, wallet, dollars)

    def prolong(self, at: int, rented: Rented, payer: bytes, hours: int) -> None:
        """Buy some hours more where a venue allows it."""
        for lease, what in zip(rented.leases, rented.machines, strict=True):
            if isinstance(what, Machine):
                extend(self.script, at, lease, payer, hours)
            elif isinstance(what, Rig):
                renew_rig(self.script, at, lease, what, payer, hours)

    def give_back(self, at: int, rented: Rented, by: bytes) -> None:
        """End a deal."""
        for number, (lease, what) in enumerate(zip(rented.leases, rented.machines, strict=True)):
            if isinstance(what, Machine):
                return_machine(self.script, at, lease, by)
            elif isinstance(what, Rig):
                return_rig(self.script, at + 60 * number, lease, by)
            else:
                spheron_close(self.script, at, lease, by)

    def _rig(self, at: int, until: int, model: str) -> Rig:
        for found in self._rigs[model]:
            if self._free(found.machine_id.encode(), at, until):
                self._busy[found.machine_id.encode()].append((at, until))
                return found
        self._count += 1
        price = CENTS[model] * self.script.random.randrange(90, 111) // 100
        made = stake(
            self.script, self.script.start + 2 * DAY, self._staker, f"{self._count:064x}", _SPELLED[model], price
        )
        self._busy[made.machine_id.encode()].append((at, until))
        self._rigs[model].append(made)
        return made

    def _free(self, name: bytes, at: int, until: int) -> bool:
        return all(until + HOUR < begin or at > end + HOUR for begin, end in self._busy[name])

    def _sign(self, made: Machine, model: str, at: int, until: int) -> None:
        """Let a machine beat every two weeks, and be attested at first when it is large."""
        digest = made.machine_id
        if model in _LARGE:
            self.script.call(at + 2 * HOUR, self.script.stage.deployer, MARKET, "attest", made.machine_id, digest)
        beat = at + DAY
        while beat < until:
            self.script.call(beat, made.provider, MARKET, "heartbeat", made.machine_id, digest)
            beat += _BEAT
