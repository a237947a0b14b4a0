"""The twin of Marlin's replica: jobs as streams that run down."""

# ruff: noqa: N802 - functions have the names of the Solidity they stand for

from __future__ import annotations

from typing import Any

import msgspec

from monitor.sim.twin.record import Record, refuse

__all__ = ["Marlin"]

_RATE_SCALE = 10**12


class _Job(msgspec.Struct):
    owner: bytes
    provider: bytes
    rate: int
    balance: int
    settled_at: int
    revision: tuple[int, int] | None = None


class Marlin:
    """`MarlinReplica`; rates are base units per second scaled by 1e12."""

    def __init__(self, record: Record, address: bytes, token: bytes, rate_wait: int) -> None:
        self.record = record
        self.address = address
        self.token = token
        self.rate_wait = rate_wait
        self.jobs: dict[bytes, _Job] = {}
        self.count = 0

    def providerAdd(self, plane: Any) -> None:
        """Register the sender."""
        self._emit("ProviderAdded", self.record.sender, plane)

    def jobOpen(self, metadata: Any, provider: bytes, rate: int, balance: int) -> None:
        """Open a job."""
        self.count += 1
        job, owner, now = self.count.to_bytes(32, "big"), self.record.sender, self.record.now
        self.jobs[job] = _Job(owner, provider, rate, balance, now)
        self.record.move(self.token, owner, self.address, balance)
        self._emit("JobOpened", job, metadata, owner, provider, rate, balance, now)

    def jobDeposit(self, job: bytes, amount: int) -> None:
        """Add to anybody's job."""
        self._known(job).balance += amount
        self.record.move(self.token, self.record.sender, self.address, amount)
        self._emit("JobDeposited", job, self.record.sender, amount)

    def jobSettle(self, job: bytes) -> None:
        """Pay the provider what ran down."""
        found = self._known(job)
        used = -(-(self.record.now - found.settled_at) * found.rate // _RATE_SCALE)
        amount = min(used, found.balance)
        found.balance -= amount
        found.settled_at = self.record.now
        if amount:
            self.record.move(self.token, self.address, found.provider, amount)
        self._emit("JobSettled", job, amount, self.record.now)

    def jobWithdraw(self, job: bytes, amount: int) -> None:
        """Give the owner part of the balance back."""
        self.jobSettle(job)
        found = self._known(job)
        if found.balance < amount:
            why = f"job 0x{job.hex()} holds less than {amount}"
            raise refuse(why)
        found.balance -= amount
        self.record.move(self.token, self.address, self.record.sender, amount)
        self._emit("JobWithdrew", job, self.record.sender, amount)

    def jobReviseRateInitiate(self, job: bytes, rate: int) -> None:
        """Announce another rate."""
        self._known(job).revision = (rate, self.record.now + self.rate_wait)
        self._emit("JobReviseRateInitiated", job, rate)

    def jobReviseRateFinalize(self, job: bytes) -> None:
        """Put the announced rate in force."""
        found = self._known(job)
        if found.revision is None or self.record.now < found.revision[1]:
            why = f"the rate of job 0x{job.hex()} cannot change yet"
            raise refuse(why)
        rate = found.revision[0]
        found.revision = None
        self.jobSettle(job)
        found.rate = rate
        self._emit("JobReviseRateFinalized", job, rate)

    def jobClose(self, job: bytes) -> None:
        """Settle and give the rest back."""
        self.jobSettle(job)
        left = self.jobs.pop(job).balance
        if left:
            self.record.move(self.token, self.address, self.record.sender, left)
        self._emit("JobClosed", job)

    def _known(self, job: bytes) -> _Job:
        if job not in self.jobs:
            why = f"there is no job 0x{job.hex()}"
            raise refuse(why)
        return self.jobs[job]

    def _emit(self, event: str, *args: Any) -> None:
        self.record.emit("MarlinReplica", self.address, event, *args)
