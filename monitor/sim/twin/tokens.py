"""The twin of the tokens, the disperser and the shared wallet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monitor.sim.twin.record import Record

__all__ = ["Disperse", "MemberWallet", "Token"]

Dispatch = Callable[[bytes, bytes, str, tuple[Any, ...]], None]
"""Runs a call: sender, target, function, arguments."""


class Token:
    """`TestToken` and `TestUSD`; allowances are not kept, since the scripts approve without limit."""

    def __init__(self, record: Record, address: bytes, contract: str) -> None:
        self.record = record
        self.address = address
        self.contract = contract

    def transfer(self, to: bytes, amount: int) -> None:
        """Move the sender's tokens."""
        self.record.move(self.address, self.record.sender, to, amount)

    def approve(self, spender: bytes, amount: int) -> None:
        """Say who may spend the sender's tokens."""
        self.record.emit(self.contract, self.address, "Approval", self.record.sender, spender, amount)


class Disperse:
    """`Disperse`: pays many accounts in one transaction."""

    def __init__(self, record: Record) -> None:
        self.record = record

    def disperseToken(self, token: bytes, recipients: list[bytes], amounts: list[int]) -> None:  # noqa: N802 - Solidity's name
        """Move the sender's tokens to each recipient."""
        for recipient, amount in zip(recipients, amounts, strict=True):
            self.record.move(token, self.record.sender, recipient, amount)


class MemberWallet:
    """`MemberWallet`: runs a call once two members confirmed it."""

    def __init__(self, record: Record, address: bytes, dispatch: Dispatch, threshold: int) -> None:
        self.record = record
        self.address = address
        self._dispatch = dispatch
        self._threshold = threshold
        self._confirmed: dict[tuple[bytes, int], set[bytes]] = {}

    def confirm(self, target: bytes, _value: int, data: tuple[str, tuple[Any, ...]], nonce: int) -> None:
        """Confirm one call (function and arguments); the confirmation that reaches the threshold runs it."""
        members = self._confirmed.setdefault((target, nonce), set())
        members.add(self.record.sender)
        if len(members) == self._threshold:
            function, args = data
            self._dispatch(self.address, target, function, args)
