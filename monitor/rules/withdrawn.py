"""Leads that no longer stand: part of another one now, or without evidence."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from monitor.model.lead import Lead, Step

__all__ = ["withdrawn"]


def withdrawn(lead: Lead, standing: Iterable[Lead], at: int) -> Lead:
    """Mark a lead as retracted at block time `at` and say why: merged into a standing lead, or its evidence is gone.

    A lead went into another of its kind when that one holds a lease or a wallet of it. One that is retracted already
    keeps its history.
    """
    if lead.state == "retracted":
        return lead
    mine = {*lead.leases, *lead.wallets}
    heirs = [other.lead_id for other in standing if other.kind == lead.kind and mine & {*other.leases, *other.wallets}]
    step = (
        Step(at=at, what="merged", detail=min(heirs))
        if heirs
        else Step(at=at, what="retracted", detail="the evidence is gone, or no longer adds up")
    )
    return msgspec.structs.replace(lead, state="retracted", history=(*lead.history, step))
