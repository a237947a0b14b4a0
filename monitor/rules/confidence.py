"""Confidence of a lead: how often reviewers confirmed leads of the same pattern; `uncalibrated` until enough were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from monitor.model.lead import Disposition, Lead

__all__ = ["MIN_REVIEWED", "calibrated"]

MIN_REVIEWED = 30
"""Reviewed leads of a pattern below which its rate says nothing."""
_HIGH, _MEDIUM = 70, 40
"""Percent above which confidence is high, and from which it is medium."""


def calibrated(leads: Iterable[Lead], reviewed: Mapping[str, Disposition]) -> list[Lead]:
    """Write each lead's confidence from the decisions on all of them (lead id → disposition).

    Escalated means confirmed, dismissed means explained; others are not decided yet. Per pattern, the rate of the
    confirmed with one success and one failure added (Laplace); a lead takes the highest of its patterns that thirty
    or more reviews speak for, and names it with their number.
    """
    known = list(leads)
    seen: dict[str, int] = {}
    confirmed: dict[str, int] = {}
    for lead in known:
        decision = reviewed.get(lead.lead_id, "")
        if decision in {"escalated", "dismissed"}:
            for name in lead.typologies:
                seen[name] = seen.get(name, 0) + 1
                confirmed[name] = confirmed.get(name, 0) + (decision == "escalated")
    rates = {
        name: (_percent(confirmed[name], count), name, count) for name, count in seen.items() if count >= MIN_REVIEWED
    }
    return [msgspec.structs.replace(lead, confidence=_words(lead, rates)) for lead in known]


def _percent(hits: int, count: int) -> int:
    return (200 * (hits + 1) + count + 2) // (2 * (count + 2))


def _words(lead: Lead, rates: Mapping[str, tuple[int, str, int]]) -> str:
    best = max((rates[name] for name in lead.typologies if name in rates), default=None)
    if best is None:
        return "uncalibrated"
    percent, name, count = best
    band = "high" if percent > _HIGH else "medium" if percent >= _MEDIUM else "low"
    return f"{percent / 100:.2f} {band} ({name}, {count} reviewed)"
