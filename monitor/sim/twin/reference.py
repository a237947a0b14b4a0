"""The twin of the reference market (`contracts/src/reference/ComputeMarket.sol`)."""

# ruff: noqa: N802 - functions have the names of the Solidity they stand for

from __future__ import annotations

from typing import Any

import msgspec

from monitor.sim.script import HOUR
from monitor.sim.twin.record import Record, refuse
from monitor.sim.venues import machine_id

__all__ = ["ComputeMarket"]

_BY_RENTER, _BY_PROVIDER, _EXPIRED, _SLASHED = range(4)


class _Machine(msgspec.Struct):
    provider: bytes
    model: Any
    count: int
    price: int
    offered: bool = True
    lease: int = 0


class _Lease(msgspec.Struct):
    machine: bytes
    renter: bytes
    provider: bytes
    start: int
    count: int
    price: int
    paid: dict[bytes, int]
    settled: int = 0
    open: bool = True

    @property
    def deposited(self) -> int:
        return sum(self.paid.values())

    @property
    def planned_end(self) -> int:
        return self.start + self.deposited * HOUR // self.price

    def unsettled(self, now: int) -> int:
        return min((now - self.start) * self.price // HOUR, self.deposited) - self.settled


class ComputeMarket:
    """Providers, machines and leases; amounts in base units of `token`, prices per machine and hour."""

    def __init__(self, record: Record, address: bytes, token: bytes, treasury: bytes) -> None:
        self.record = record
        self.address = address
        self.token = token
        self.treasury = treasury
        self.regions: dict[bytes, Any] = {}
        self.machines: dict[bytes, _Machine] = {}
        self.leases: list[_Lease] = []

    def initialize(self, decimals: int) -> None:
        """Say what the market is paid in."""
        self._emit("PaymentTokenSet", self.token, decimals)

    def registerProvider(self, region: Any, endpoint: bytes) -> None:
        """Register the sender."""
        self.regions[self.record.sender] = region
        self._emit("ProviderRegistered", self.record.sender, region, endpoint)

    def updateProvider(self, region: Any, endpoint: bytes) -> None:
        """Replace the sender's region."""
        self._emit("ProviderUpdated", self._provider(), region, endpoint)

    def retireProvider(self) -> None:
        """End the sender's registration."""
        provider = self._provider()
        del self.regions[provider]
        self._emit("ProviderRetired", provider)

    def offerMachine(self, label: bytes, model: Any, count: int, price: int) -> None:
        """Offer a machine, or change its terms."""
        provider = self._provider()
        name = machine_id(provider, label)
        before = self.machines.get(name)
        self.machines[name] = _Machine(provider, model, count, price, lease=before.lease if before else 0)
        self._emit("MachineOffered", name, provider, model, count, price)

    def withdrawMachine(self, name: bytes) -> None:
        """Take a machine off the market."""
        self._own(name).offered = False
        self._emit("MachineWithdrawn", name, self.record.sender)

    def heartbeat(self, name: bytes, status: bytes) -> None:
        """Say that a machine is alive."""
        self._own(name)
        self._emit("Heartbeat", name, self.record.sender, status)

    def attest(self, name: bytes, digest: bytes) -> None:
        """Publish an attestation about a machine."""
        if name not in self.machines:
            why = "an attestation of an unknown machine"
            raise refuse(why)
        self._emit("Attested", name, self.record.sender, digest)

    def openLease(self, name: bytes, deposit: int) -> None:
        """Open a lease paid by its renter."""
        self.openLeaseFor(self.record.sender, name, deposit)

    def openLeaseFor(self, renter: bytes, name: bytes, deposit: int) -> None:
        """Open a lease paid by the sender."""
        machine = self.machines.get(name)
        if machine is None or not machine.offered or machine.lease or machine.provider not in self.regions:
            why = f"machine 0x{name.hex()} is not to be had at {self.record.now}"
            raise refuse(why)
        lease = _Lease(name, renter, machine.provider, self.record.now, machine.count, machine.price, {})
        self.leases.append(lease)
        number = machine.lease = len(self.leases)
        self._credit(lease, deposit)
        parties = (renter, lease.provider, self.record.sender)
        terms = (lease.count, lease.price, deposit, lease.planned_end)
        self._emit("LeaseOpened", number, name, *parties, *terms)
        self._take(deposit)

    def topUp(self, number: int, amount: int) -> None:
        """Add escrow to a running lease."""
        lease = self._running(number)
        self._credit(lease, amount)
        self._emit("LeaseToppedUp", number, self.record.sender, amount, lease.planned_end)
        self._take(amount)

    def extendLease(self, number: int, seconds: int) -> None:
        """Buy seconds more."""
        lease = self._running(number)
        amount = -(-lease.price * seconds // HOUR)
        self._credit(lease, amount)
        self._emit("LeaseExtended", number, self.record.sender, amount, seconds, lease.planned_end)
        self._take(amount)

    def settle(self, number: int) -> None:
        """Pay the provider what was earned so far."""
        lease = self._open(number)
        amount = lease.unsettled(self.record.now)
        lease.settled += amount
        self._emit("LeaseSettled", number, lease.provider, amount)
        self._pay(lease.provider, amount)

    def closeLease(self, number: int) -> None:
        """End a lease."""
        lease = self._open(number)
        if self.record.now >= lease.planned_end:
            reason = _EXPIRED
        elif self.record.sender == lease.renter:
            reason = _BY_RENTER
        elif self.record.sender == lease.provider:
            reason = _BY_PROVIDER
        else:
            why = f"lease {number} is closed by a stranger"
            raise refuse(why)
        self._finish(number, lease, 0, reason)

    def slash(self, number: int, amount: int, why: bytes) -> None:
        """End a lease and take part of what its provider earned."""
        self._finish(number, self._open(number), amount, _SLASHED, why)

    def _finish(self, number: int, lease: _Lease, slashed: int, reason: int, why: bytes = b"") -> None:
        earned = lease.unsettled(self.record.now)
        unused = lease.deposited - lease.settled - earned
        lease.settled += earned - slashed
        lease.open = False
        self.machines[lease.machine].lease = 0
        if slashed:
            self._emit("LeaseSlashed", number, lease.provider, slashed, why)
            self._pay(self.treasury, slashed)
        if earned != slashed:
            self._emit("LeaseSettled", number, lease.provider, earned - slashed)
            self._pay(lease.provider, earned - slashed)
        self._refund(number, lease, unused)
        self._emit("LeaseClosed", number, self.record.sender, reason)

    def _refund(self, number: int, lease: _Lease, unused: int) -> None:
        left, deposited = unused, lease.deposited
        for place, (payer, paid) in enumerate(lease.paid.items(), 1):
            share = left if place == len(lease.paid) else unused * paid // deposited
            if not left or not share:
                continue
            left -= share
            self._emit("LeaseRefunded", number, payer, share)
            self._pay(payer, share)

    def _credit(self, lease: _Lease, amount: int) -> None:
        if amount < lease.price:
            why = f"a payment of {amount} buys less than an hour"
            raise refuse(why)
        lease.paid[self.record.sender] = lease.paid.get(self.record.sender, 0) + amount

    def _take(self, amount: int) -> None:
        self.record.move(self.token, self.record.sender, self.address, amount)

    def _pay(self, to: bytes, amount: int) -> None:
        self.record.move(self.token, self.address, to, amount)

    def _provider(self) -> bytes:
        if self.record.sender not in self.regions:
            why = f"0x{self.record.sender.hex()} is no provider"
            raise refuse(why)
        return self.record.sender

    def _own(self, name: bytes) -> _Machine:
        machine = self.machines.get(name)
        if machine is None or machine.provider != self.record.sender:
            why = f"machine 0x{name.hex()} is not the sender's"
            raise refuse(why)
        return machine

    def _open(self, number: int) -> _Lease:
        lease = self.leases[number - 1]
        if not lease.open:
            why = f"lease {number} has ended"
            raise refuse(why)
        return lease

    def _running(self, number: int) -> _Lease:
        lease = self._open(number)
        if self.record.now >= lease.planned_end:
            why = f"lease {number} has run out"
            raise refuse(why)
        return lease

    def _emit(self, event: str, *args: Any) -> None:
        self.record.emit("ComputeMarket", self.address, event, *args)
