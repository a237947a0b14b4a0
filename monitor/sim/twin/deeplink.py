"""The twin of DeepLink's replicas: staking, where machines say what they are, and renting."""

# ruff: noqa: N802 - functions have the names of the Solidity they stand for

from __future__ import annotations

from typing import Any

import msgspec

from monitor.sim.script import DAY
from monitor.sim.twin.record import Record, refuse

__all__ = ["Rent", "Staking"]

MONTH = 30 * DAY
_PLATFORM_PERCENT = 10


class _Rent(msgspec.Struct):
    holder: bytes
    renter: bytes
    payer: bytes
    start: int
    end: int
    fee: int
    machine: Any
    renewals: int = 0


class Staking:
    """`DeepLinkReplicaStaking`; machine ids may be bytes where hostile text is no text."""

    def __init__(self, record: Record, address: bytes) -> None:
        self.record = record
        self.address = address
        self.holders: dict[Any, bytes] = {}
        self.rented: set[Any] = set()

    def stake(self, machine: Any, model: Any, points: int, hours: int) -> None:
        """Put a machine on offer."""
        holder = self.record.sender
        if machine in self.holders:
            why = f"machine {machine!r} is staked twice"
            raise refuse(why)
        self.holders[machine] = holder
        self.emit("MachineRegistered", machine)
        self.emit("StakedGPUType", machine, model)
        self.emit("Staked", holder, machine, points, points, hours)

    def unstake(self, machine: Any) -> None:
        """Take a machine back."""
        if machine in self.rented or self.holders.get(machine) != self.record.sender:
            why = f"machine {machine!r} cannot be unstaked"
            raise refuse(why)
        del self.holders[machine]
        self.emit("Unstaked", self.record.sender, machine, 0)

    def rent(self, machine: Any, fee: int) -> bytes:
        """Mark a machine as rented; gives its holder."""
        if machine not in self.holders or machine in self.rented:
            why = f"machine {machine!r} is not to be had at {self.record.now}"
            raise refuse(why)
        self.rented.add(machine)
        self.emit("RentMachine", self.holders[machine], machine, fee)
        return self.holders[machine]

    def release(self, machine: Any) -> None:
        """Mark a machine as free."""
        self.rented.discard(machine)
        self.emit("EndRentMachine", self.holders[machine], machine, self.record.now)

    def emit(self, event: str, *args: Any) -> None:
        """Write a log of this contract."""
        self.record.emit("DeepLinkReplicaStaking", self.address, event, *args)


class Rent:
    """`DeepLinkReplicaRent`, with the traps of the real one."""

    def __init__(self, record: Record, address: bytes, token: bytes, staking: Staking, platform: bytes) -> None:
        self.record = record
        self.address = address
        self.token = token
        self.staking = staking
        self.platform = platform
        self.rents: dict[int, _Rent] = {}
        self.last = 0

    def rentMachine(self, machine: Any, seconds: int, fee: int) -> None:
        """Rent for the sender."""
        self._rent(self.record.sender, machine, seconds, fee, report=True)

    def rentProxyMachine(self, renter: bytes, machine: Any, seconds: int, fee: int) -> None:
        """Rent for somebody; the sender pays."""
        self._rent(renter, machine, seconds, fee, report=True)

    def rentProxyMachineByMonth(self, renter: bytes, machine: Any, fee: int) -> None:
        """Rent for somebody for thirty days; the fee is not reported."""
        self._rent(renter, machine, MONTH, fee, report=False)

    def renewRent(self, number: int, seconds: int, fee: int) -> None:
        """Add time to a running rent."""
        rent, payer = self._known(number), self.record.sender
        rent.end += seconds
        rent.fee += fee
        self.record.move(self.token, payer, self.address, fee)
        self.staking.emit("RenewRent", rent.machine, rent.holder, fee)
        self._emit("RentFee", number, payer, fee, 0, _platform_fee(fee))
        self._emit("RenewRent", rent.holder, rent.machine, number, seconds, fee, rent.renter)
        rent.renewals += 1
        self._emit("RenewalSegmentRecorded", number, rent.renewals, payer, seconds)

    def endRentMachine(self, number: int) -> None:
        """End a rent."""
        rent = self._known(number)
        if self.record.now < rent.end and self.record.sender not in {rent.renter, rent.payer}:
            why = f"rent {number} is ended by a stranger"
            raise refuse(why)
        self._pay_everyone(number, rent, 0)
        self._close(number, rent, rent.end)

    def reportFault(self, number: int) -> None:
        """Say that a rented machine does not work."""
        self._emit("ReportMachineFault", number, self._known(number).machine, self.record.sender)

    def slashOffline(self, number: int, amount: int) -> None:
        """End the rent of a machine that went offline."""
        rent = self._known(number)
        parties = (rent.holder, rent.machine, rent.renter)
        self._emit("SlashMachineOnOffline", *parties, amount, rent.start, rent.end, 1)
        self._pay_everyone(number, rent, amount)
        self._close(number, rent, self.record.now)

    def _rent(self, renter: bytes, machine: Any, seconds: int, fee: int, *, report: bool) -> None:
        self.last += 1
        number, payer, end = self.last, self.record.sender, self.record.now + seconds
        holder = self.staking.rent(machine, fee)
        self.rents[number] = _Rent(holder, renter, payer, self.record.now, end, fee, machine)
        self.record.move(self.token, payer, self.address, fee)
        if report:
            self._emit("PayToContractOnRent", number, payer, fee)
            self._emit("RentFee", number, payer, fee, 0, _platform_fee(fee))
        self._emit("RentMachine", holder, number, machine, end, renter, fee if report else 0)

    def _pay_everyone(self, number: int, rent: _Rent, slashed: int) -> None:
        total = rent.end - rent.start
        used = min(self.record.now - rent.start, total)
        earned = rent.fee * used // total
        back = rent.fee - earned
        platform_fee = _platform_fee(earned) + slashed
        self._emit("RentTime", total, used)
        if back:
            self._emit("PayBackFee", rent.machine, number, rent.payer, back)
            self._pay(rent.payer, back)
        self._emit("ExtraRentFeeTransfer", rent.holder, self.last, earned - platform_fee)
        self._pay(rent.holder, earned - platform_fee)
        self._emit("PlatformFeeTransfer", rent.holder, number, platform_fee)
        self._pay(self.platform, platform_fee)

    def _close(self, number: int, rent: _Rent, end: int) -> None:
        self._emit("EndRentMachine", rent.holder, number, rent.machine, end, rent.renter)
        self.staking.release(rent.machine)
        del self.rents[number]

    def _known(self, number: int) -> _Rent:
        if number not in self.rents:
            why = f"there is no rent {number}"
            raise refuse(why)
        return self.rents[number]

    def _pay(self, to: bytes, amount: int) -> None:
        self.record.move(self.token, self.address, to, amount)

    def _emit(self, event: str, *args: Any) -> None:
        self.record.emit("DeepLinkReplicaRent", self.address, event, *args)


def _platform_fee(fee: int) -> int:
    return fee * _PLATFORM_PERCENT // 100
