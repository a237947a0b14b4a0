"""What a rule says (`Finding`), what the tenant cluster adds up to (`Lead`), and how both get their names."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from monitor.model.chain import Position

__all__ = ["Disposition", "Finding", "Lead", "LeadState", "Step", "stable_id"]

LeadState = Literal["open", "stale", "retracted"]
"""`stale` = nothing new for long and nothing held; `retracted` = the evidence is gone, or went into another lead."""
Disposition = Literal["", "acknowledged", "dismissed", "escalated"]


def stable_id(prefix: str, *parts: str) -> str:
    """Name a thing by its content: `prefix-` and 16 hex digits of SHA-256 over the parts, so a rerun names it alike."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"{prefix}-{digest[:16]}"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's judgement about one subject, with the log positions that prove it.

    `points` is the rule's capped contribution; `values` are the computed numbers, rendered as text; `threshold` is the
    line they crossed, in words; `evidence` is sorted and never empty.
    """

    finding_id: str
    rule: str
    rule_version: int
    typology: str
    family: str
    subject: str
    """What is judged: a wallet (EIP-55) or a lease (`market:chain:lease`)."""
    cluster_id: str
    points: int
    summary: str
    threshold: str
    values: dict[str, str]
    evidence: tuple[Position, ...]
    caveats: tuple[str, ...]
    leases: tuple[str, ...] = ()
    """`market:chain_id:lease_id` of the leases the finding is about, sorted."""
    at: int
    """Block time (seconds) of the newest evidence."""
    needs: tuple[str, ...] = ()
    """Families beside one of which the points count; without any the finding is a remark. It never makes a family."""
    common: bool = False
    """Whether good customers often look so: such findings alone make no lead, whatever their families."""
    screening: bool = False
    """Whether it is a direct match with a list, which opens a screening item by itself."""
    state: LeadState = "open"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One moment in the history of a lead; `at` in block seconds."""

    at: int
    what: Literal["opened", "grew", "stale", "retracted", "merged"]
    detail: str


class Lead(msgspec.Struct, frozen=True, kw_only=True):
    """Findings on one tenant cluster that add up: two or more core families. For human review, never an accusation.

    A direct match with a list opens a lead of kind `screening`, which says no more than that.
    """

    lead_id: str
    kind: Literal["lead", "screening"] = "lead"
    cluster_id: str
    score: int
    severity: Literal["low", "medium", "high", "critical"]
    confidence: str
    """A calibrated probability, or `uncalibrated` until enough hits were reviewed."""
    families: tuple[str, ...]
    typologies: tuple[str, ...]
    leases: tuple[str, ...]
    h100e: str
    """H100-equivalents leased by the cluster at its peak, decimal text with three places."""
    opened_at: int
    """Block time (seconds) of the evidence that completed the second family."""
    state: LeadState = "open"
    disposition: Disposition = ""
    reason: str = ""
    reviewer: str = ""
    legal_file: str
    first_block: str
    """`chain:block` of the oldest evidence."""
    last_block: str
    findings: tuple[str, ...]
    """Ids of the findings, sorted."""
    wallets: tuple[str, ...]
    """`chain_id:0xaddress` (EIP-55) of the tenant cluster's members, sorted."""
    history: tuple[Step, ...] = ()
    """What became of it, oldest first."""
