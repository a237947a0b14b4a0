"""A small language for rule worlds: what happens at a market, one line each; see `tests.wallets.worlds` for leases."""

from __future__ import annotations

from typing import Any, NamedTuple

import polars as pl

from tests.facts.rows import MARKET, USDC, event, time_of, token_log, who
from tests.wallets.worlds import DAY_BLOCKS, HOUR_BLOCKS, Rows, crowd, lease, pay, send

__all__ = [
    "DAY_BLOCKS", "HOUR_BLOCKS", "NOTHING", "START", "Case", "Rows", "attest", "beat", "close", "crowd", "deposit",
    "each", "lease", "offer", "pay", "refund", "register", "retire", "send", "withdraw_machine",
]  # fmt: skip

NOTHING = Rows([], [], [])
START = 100_000
"""Block of most stories: seventy days after the world began."""


class Case(NamedTuple):
    """A rule's worlds: one in which it fires, look-alikes in which it must not; `labels` and `fields` serve all."""

    fires: Rows
    quiet: dict[str, Rows]
    labels: pl.DataFrame | None = None
    fields: dict[str, Any] = {}  # noqa: RUF012 - a NamedTuple's default, never changed


def each(*parts: Rows) -> Rows:
    """Play all parts in one world."""
    return sum(parts, NOTHING)


def one(verb: str, key: str | None, *, block: int, log: int = 0, **fields: Any) -> Rows:
    return Rows([event(verb, key, block=block, log=log, **fields)], [], [])


def register(provider: int, *, block: int, **more: Any) -> Rows:
    return one("provider.upsert", f"p{provider}", block=block, log=200, provider=who(provider), **more)


def retire(provider: int, *, block: int) -> Rows:
    return one("provider.remove", f"p{provider}", block=block, log=201, provider=who(provider))


def offer(provider: int, machine: str, *, block: int, gpus: int = 8, gpu: str = "H100", **more: Any) -> Rows:
    fields = {"provider": who(provider), "machine_id": machine, "gpu_raw": gpu, "gpu_count": gpus} | more
    return one("capacity.upsert", machine, block=block, log=210, **fields)


def withdraw_machine(provider: int, machine: str, *, block: int) -> Rows:
    return one("capacity.remove", machine, block=block, log=211, provider=who(provider), machine_id=machine)


def attest(machine: str, *, block: int, **more: Any) -> Rows:
    return one("attest", machine, block=block, log=220, machine_id=machine, **({"actor": who(7_000)} | more))


def beat(machine: str, *, block: int, **more: Any) -> Rows:
    return one("heartbeat", machine, block=block, log=221, machine_id=machine, **more)


def close(number: int, *, block: int) -> Rows:
    return one("lease.close", f"L{number}", block=block, log=231, reason="user")


def deposit(number: int, payer: int, usd: int, *, block: int, log: int = 240) -> Rows:
    fields: dict[str, Any] = {"actor": who(payer), "payer": who(payer), "amount": usd * 10**6, "token": USDC}
    paid = token_log(who(payer), MARKET, usd * 10**6, block=block, log=log)
    return one("lease.deposit", f"L{number}", block=block, log=log + 1, **fields) + Rows([], [paid], [])


def refund(number: int, to: int, usd: int, *, block: int) -> Rows:
    fields: dict[str, Any] = {"beneficiary": who(to), "amount": usd * 10**6, "token": USDC}
    paid = token_log(MARKET, who(to), usd * 10**6, block=block, log=250)
    return one("lease.withdraw", f"L{number}", block=block, log=251, **fields) + Rows([], [paid], [])


def moment(block: int) -> int:
    """Block time."""
    return time_of(block)
