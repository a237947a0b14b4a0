"""The twin of Spheron's replicas: provider registry, escrow, orders, bids and leases, which call each other."""

# ruff: noqa: N802 - functions have the names of the Solidity they stand for

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec

from monitor.sim.twin.record import Record, refuse

__all__ = ["Bid", "Escrow", "Lease", "Order", "ProviderRegistry"]

SECONDS_PER_BLOCK = 2
_OPEN, _CLOSED, _MATCHED = 0, 2, 3
_ACTIVE, _TERMINATED = 0, 1
_SCALE = 10**18


class _Order(msgspec.Struct):
    creator: bytes
    token: bytes
    price: int
    blocks: int
    locked: int
    state: int = _OPEN
    update: tuple[int, int] | None = None


class _Lease(msgspec.Struct):
    provider: bytes
    tenant: bytes
    token: bytes
    price: int
    blocks: int
    start: int
    paid_blocks: int = 0
    active: bool = True


class ProviderRegistry:
    """`SpheronReplicaProviderRegistry`."""

    def __init__(self, record: Record, address: bytes) -> None:
        self.record = record
        self.address = address
        self.ids: dict[bytes, int] = {}

    def addProvider(
        self, spec: Any, uri: str, certificate: str, accepted: list[bytes], tier: int, wallet: bytes
    ) -> None:
        """Register the sender."""
        number = self.ids[self.record.sender] = len(self.ids) + 1
        paid = [f"0x{token.hex()}" for token in accepted]
        args = (number, self.record.sender, spec, uri, certificate, paid, 1, tier, self.record.now)
        self.record.emit("SpheronReplicaProviderRegistry", self.address, "ProviderAdded", *args, f"0x{wallet.hex()}")


class Escrow:
    """`SpheronReplicaEscrow`: what each user has deposited, free and locked."""

    def __init__(self, record: Record, address: bytes) -> None:
        self.record = record
        self.address = address
        self.free: dict[tuple[bytes, bytes], int] = defaultdict(int)
        self.locked: dict[tuple[bytes, bytes], int] = defaultdict(int)

    def deposit(self, token: bytes, amount: int) -> None:
        """Take tokens from the sender."""
        user = self.record.sender
        self.free[user, token] += amount
        self._emit("TokenMovement", user, self.address, token, amount, 0)
        self.record.move(token, user, self.address, amount)

    def withdraw(self, token: bytes, amount: int) -> None:
        """Give free tokens back."""
        user = self.record.sender
        self._shift(user, token, -amount, 0)
        self._emit("TokenMovement", self.address, user, token, amount, 1)
        self.record.move(token, self.address, user, amount)

    def lock(self, user: bytes, token: bytes, amount: int) -> None:
        """Set tokens aside for an order."""
        self._shift(user, token, -amount, amount)
        self._emit("UserTokenLocked", user, token, amount)

    def unlock(self, user: bytes, token: bytes, amount: int) -> None:
        """Free what was set aside."""
        self._shift(user, token, amount, -amount)
        self._emit("UserTokenUnlocked", user, token, amount)

    def pay_out(self, user: bytes, to: bytes, token: bytes, amount: int) -> None:
        """Pay from what was set aside."""
        self._shift(user, token, 0, -amount)
        self._emit("LockedTokenTransfered", user, to, token, amount)
        self.record.move(token, self.address, to, amount)

    def _shift(self, user: bytes, token: bytes, free: int, locked: int) -> None:
        self.free[user, token] += free
        self.locked[user, token] += locked
        if self.free[user, token] < 0 or self.locked[user, token] < 0:
            why = f"0x{user.hex()} has too little in escrow"
            raise refuse(why)

    def _emit(self, event: str, *args: Any) -> None:
        self.record.emit("SpheronReplicaEscrow", self.address, event, *args)


class Order:
    """`SpheronReplicaOrder`; `decimals` by token."""

    def __init__(self, record: Record, address: bytes, escrow: Escrow, decimals: dict[bytes, int]) -> None:
        self.record = record
        self.address = address
        self.escrow = escrow
        self.decimals = decimals
        self.orders: list[_Order] = []

    def createOrder(self, price: int, blocks: int, token: bytes, specs: Any, version: int, mode: int) -> None:
        """Place an order and lock what it costs at most."""
        user, cost = self.record.sender, self.cost(token, price, blocks)
        self.orders.append(_Order(user, token, price, blocks, cost))
        self.escrow.lock(user, token, cost)
        terms = (price, blocks, f"0x{token.hex()}", specs, version, mode)
        self._emit("OrderCreated", len(self.orders), f"0x{user.hex()}", *terms)

    def requestUpdate(self, number: int, price: int, blocks: int, specs: Any, version: int, mode: int) -> None:
        """Ask the provider of a live lease for other terms."""
        order = self.at(number)
        order.update = (price, blocks)
        user, token = f"0x{self.record.sender.hex()}", f"0x{order.token.hex()}"
        self._emit("OrderUpdateRequested", number, user, price, blocks, token, specs, version, mode)

    def cancelOrder(self, number: int) -> None:
        """Withdraw an order that nobody matched."""
        order = self.at(number)
        self.escrow.unlock(order.creator, order.token, order.locked)
        order.locked, order.state = 0, _CLOSED
        self._emit("OrderStateChanged", number, order.price, _CLOSED)

    def mark_matched(self, number: int) -> None:
        """Take an open order off the book."""
        order = self.at(number)
        if order.state != _OPEN:
            why = f"order {number} is not open"
            raise refuse(why)
        order.state = _MATCHED
        self._emit("OrderStateChanged", number, order.price, _MATCHED)

    def apply_update(self, number: int) -> None:
        """Put new terms in force."""
        order = self.at(number)
        if order.update is None:
            why = f"order {number} has no update"
            raise refuse(why)
        self.escrow.unlock(order.creator, order.token, order.locked)
        (order.price, order.blocks), order.update = order.update, None
        order.locked = self.cost(order.token, order.price, order.blocks)
        self.escrow.lock(order.creator, order.token, order.locked)

    def mark_closed(self, number: int) -> None:
        """End an order with its lease."""
        order = self.at(number)
        order.state, order.locked = _CLOSED, 0
        self._emit("OrderMarkedAsClosed", number)

    def at(self, number: int) -> _Order:
        """Give an order by its id."""
        return self.orders[number - 1]

    def cost(self, token: bytes, price: int, blocks: int) -> int:
        """Give the base units that some blocks cost at a price scaled by 1e18."""
        return int(price * blocks * 10 ** self.decimals[token] // _SCALE)

    def _emit(self, event: str, *args: Any) -> None:
        self.record.emit("SpheronReplicaOrder", self.address, event, *args)


class Lease:
    """`SpheronReplicaLease`."""

    def __init__(self, record: Record, address: bytes, escrow: Escrow, order: Order) -> None:
        self.record = record
        self.address = address
        self.escrow = escrow
        self.order = order
        self.leases: dict[int, _Lease] = {}

    def create(self, number: int, provider: bytes, price: int) -> None:
        """Start the lease of a matched order."""
        order, now = self.order.at(number), self.record.now
        self.leases[number] = _Lease(provider, order.creator, order.token, price, order.blocks, now)
        parties = (provider, order.creator)
        self._emit("LeaseCreated", number, 0, number, price, *parties, self.record.number, now, 0, _ACTIVE)

    def update(self, number: int, price: int, blocks: int) -> None:
        """Settle the old terms and start new ones from now."""
        self.settle(number)
        lease = self.leases[number]
        lease.price, lease.start, lease.paid_blocks = price, self.record.now, 0
        self._emit("LeaseUpdated", number, lease.provider, lease.tenant, price, self.record.number, self.record.now)
        self.order.apply_update(number)
        lease.blocks = blocks

    def settle(self, number: int) -> None:
        """Pay the provider for the blocks served so far."""
        lease = self.leases[number]
        if not lease.active:
            why = f"lease {number} is not active"
            raise refuse(why)
        served = min((self.record.now - lease.start) // SECONDS_PER_BLOCK, lease.blocks)
        cost = self.order.cost
        due = cost(lease.token, lease.price, served) - cost(lease.token, lease.price, lease.paid_blocks)
        lease.paid_blocks = served
        if due:
            self.order.at(number).locked -= due
            self.escrow.pay_out(lease.tenant, lease.provider, lease.token, due)

    def closeLease(self, number: int) -> None:
        """End a lease and free what was not used."""
        lease = self.leases[number]
        if self.record.sender not in {lease.tenant, lease.provider}:
            why = f"lease {number} is closed by a stranger"
            raise refuse(why)
        self.settle(number)
        lease.active = False
        left = self.order.at(number).locked
        if left:
            self.escrow.unlock(lease.tenant, lease.token, left)
        self.order.mark_closed(number)
        self._emit("LeaseClosed", number, lease.provider, lease.tenant, self.record.now, _TERMINATED)

    def _emit(self, event: str, *args: Any) -> None:
        self.record.emit("SpheronReplicaLease", self.address, event, *args)


class Bid:
    """`SpheronReplicaBid`: the first bid on an order is matched at once."""

    def __init__(self, record: Record, address: bytes, order: Order, lease: Lease, registry: ProviderRegistry) -> None:
        self.record = record
        self.address = address
        self.order = order
        self.lease = lease
        self.registry = registry

    def bid(self, number: int, price: int) -> None:
        """Bid on an open order and start its lease."""
        provider = self.record.sender
        if provider not in self.registry.ids:
            why = f"0x{provider.hex()} is no provider"
            raise refuse(why)
        self._emit("BidPlaced", number, price, provider, 0)
        self.order.mark_matched(number)
        creator = self.order.at(number).creator
        self._emit("OrderMatched", number, provider, 0, self.registry.ids[provider], price, creator)
        self.lease.create(number, provider, price)

    def acceptUpdate(self, number: int, price: int) -> None:
        """Accept the terms a tenant asked for."""
        order, provider = self.order.at(number), self.record.sender
        blocks = order.update[1] if order.update else 0
        self.lease.update(number, price, blocks)
        self._emit("UpdateRequestAccepted", number, provider, order.creator)
        self._emit("LeaseUpdated", number, provider, order.creator, price)

    def _emit(self, event: str, *args: Any) -> None:
        self.record.emit("SpheronReplicaBid", self.address, event, *args)
