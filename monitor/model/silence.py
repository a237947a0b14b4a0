"""A silence: which alerts are held back, until when, by whom and why."""

from __future__ import annotations

import msgspec

from monitor.model.lead import Lead

__all__ = ["Silence"]


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Holds back alerts of leads that meet everything it names; times in wall-clock seconds since the epoch.

    Nothing but alerts: leads are found, listed and exported as ever. A withdrawal is never held back.
    """

    silence_id: str
    lead_id: str = ""
    wallet: str = ""
    """EIP-55 address, on any chain: leads with it among the wallets of their cluster."""
    patterns: tuple[str, ...] = ()
    """Leads that rest on these patterns alone: one with a further pattern is told."""
    sinks: tuple[str, ...] = ()
    """Only alerts to these; none named is all."""
    reason: str
    author: str
    at: int
    until: int
    ended_at: int | None = None
    """When somebody ended it before its time."""
    ended_by: str = ""

    def active(self, now: int) -> bool:
        """Say whether it holds at a moment."""
        return self.at <= now < (self.until if self.ended_at is None else self.ended_at)

    def holds(self, lead: Lead, sink: str) -> bool:
        """Say whether it holds back what a sink would be told of a lead."""
        return (
            self.lead_id in {"", lead.lead_id}
            and (not self.wallet or self.wallet in {wallet.partition(":")[2] for wallet in lead.wallets})
            and (not self.patterns or set(lead.typologies) <= set(self.patterns))
            and (not self.sinks or sink in self.sinks)
        )
