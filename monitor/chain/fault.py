"""What can be wrong with one endpoint's answer, and what the caller is told when no endpoint mends it."""

from __future__ import annotations

from typing import Literal

from monitor.errors import NodeRefused

__all__ = ["Fault", "FaultKind", "Lagging", "Refusing", "TooLarge"]

FaultKind = Literal["down", "limited", "lying", "refused", "lagging"]


class Fault(Exception):
    """One endpoint did not give a usable answer; another, or the same one later, may.

    `kind` is `down` (no answer), `limited` (too many requests), `lying` (an answer that cannot be), `refused` (a proper
    error, which says nothing about the endpoint's health) or `lagging` (it does not know the block yet). `pause` is
    what the endpoint asked for, in seconds; `too_large` when a smaller question would mend it, `slow` when it might,
    since the answer did not come in time; `batch` when the number of calls in one request is what it refused, `whole`
    when it refused a request without looking into it; `rejected` when there was an answer, but an HTTP status of one
    who did not understand the question, or broke on it; `lacks` is a method that the endpoint turned out not to have.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: FaultKind = "down",
        pause: float = 0.0,
        too_large: bool = False,
        slow: bool = False,
        batch: bool = False,
        whole: bool = False,
        rejected: bool = False,
        lacks: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.pause = pause
        self.too_large = too_large
        self.slow = slow
        self.batch = batch
        self.whole = whole
        self.rejected = rejected
        self.lacks = lacks


class Lagging(NodeRefused):
    """Every endpoint says it does not know the block, or has another one there."""


class Refusing(NodeRefused):
    """Every endpoint refuses it, or cannot answer it truly (`lied`): asking again will not help."""

    def __init__(self, message: str, *, hint: str = "", lied: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.lied = lied


class TooLarge(NodeRefused):
    """An endpoint's answer would be, or is, too large: ask for less."""
