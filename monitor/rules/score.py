"""Findings → leads: points per tenant cluster, capped per rule and family, and a lead from two core families on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal

import polars as pl

from monitor.model.chain import Position
from monitor.model.lead import Finding, Lead, stable_id
from monitor.rules.legal import LegalFile
from monitor.rules.measure import Span, address_text, cluster_of, dollars, peak, spans, token_prices
from monitor.rules.registry import all_rules
from monitor.rules.rule import Facts, Rule

__all__ = ["FAMILY_CAP", "MIN_FAMILIES", "leads", "score", "severity_of"]

FAMILY_CAP = 40
MIN_FAMILIES = 2
"""No single indicator decides (BIS, FATF): fewer core families make no lead."""
Severity = Literal["low", "medium", "high", "critical"]
_LEVELS: tuple[Severity, ...] = ("low", "medium", "high", "critical")
_H100E_STEPS = (Decimal(32), Decimal(128), Decimal(512))
"""H100e held at once for medium, high, critical; 64 H100e for a quarter is about 2e23 FLOP."""
_USD_STEPS = (Decimal(50_000), Decimal(500_000), Decimal(5_000_000))
"""Dollars put into escrow for medium, high, critical."""


def score(findings: Iterable[Finding], rules: Mapping[str, Rule]) -> int:
    """Add up points: each rule up to its own maximum, each family up to 40."""
    by_rule: dict[str, int] = {}
    for finding in findings:
        by_rule[finding.rule] = by_rule.get(finding.rule, 0) + finding.points
    by_family: dict[str, int] = {}
    for name, points in by_rule.items():
        rule = rules[name]
        by_family[rule.family] = by_family.get(rule.family, 0) + min(points, rule.max_points)
    return sum(min(points, FAMILY_CAP) for points in by_family.values())


def severity_of(h100e: Decimal, usd: Decimal | None, steps: int) -> Severity:
    """Grade by size and value, whichever is worse, raised by `steps` for very long holding."""
    by_size = sum(h100e >= step for step in _H100E_STEPS)
    by_value = sum(usd >= step for step in _USD_STEPS) if usd is not None else 0
    return _LEVELS[min(max(by_size, by_value) + steps, len(_LEVELS) - 1)]


def leads(findings: Iterable[Finding], facts: Facts, legal: LegalFile) -> list[Lead]:
    """Join findings per tenant cluster into leads, sorted by id; a cluster below two core families makes none."""
    rules = {rule.id: rule for rule in all_rules()}
    by_cluster: dict[str, list[Finding]] = {}
    for finding in findings:
        by_cluster.setdefault(finding.cluster_id, []).append(finding)
    enough = {
        cluster_id: own
        for cluster_id, own in by_cluster.items()
        if len({f.family for f in own if rules[f.rule].role == "core"}) >= MIN_FAMILIES
    }
    if not enough:
        return []
    times = _times(facts, [position for own in enough.values() for f in own for position in f.evidence])
    held = _spans_by_cluster(facts)
    return sorted(
        (
            _lead(cluster_id, sorted(own, key=lambda f: f.finding_id), facts, held[cluster_id], times, legal)
            for cluster_id, own in enough.items()
        ),
        key=lambda lead: lead.lead_id,
    )


def _lead(
    cluster_id: str,
    findings: list[Finding],
    facts: Facts,
    held: list[Span],
    times: Mapping[tuple[int, int], int],
    legal: LegalFile,
) -> Lead:
    rules = {rule.id: rule for rule in all_rules()}
    families = sorted({finding.family for finding in findings if rules[finding.rule].role == "core"})
    completed = sorted(min(f.at for f in findings if f.family == family) for family in families)[MIN_FAMILIES - 1]
    positions = sorted(
        {position for finding in findings for position in finding.evidence},
        key=lambda position: (times.get((position.chain_id, position.block_number), 0), position),
    )
    steps = max(int(finding.values.get("severity_steps", "0")) for finding in findings)
    size = peak(held)
    # The oldest lease names the lead: clusters take in older wallets as they grow, leases only come after it.
    first = min(held, key=lambda span: (span.start, span.chain_id, span.market, span.lease_id))
    members = facts.members.filter(pl.col("cluster_id") == cluster_id).select("chain_id", "address")
    return Lead(
        lead_id=stable_id("lead", first.market, str(first.chain_id), first.lease_id),
        cluster_id=cluster_id,
        score=score(findings, rules),
        severity=severity_of(size, _escrowed(facts, held), steps),
        confidence="uncalibrated",
        families=tuple(families),
        typologies=tuple(sorted({finding.typology for finding in findings})),
        leases=tuple(sorted({lease for finding in findings for lease in finding.leases})),
        h100e=f"{size:.3f}",
        opened_at=completed,
        legal_file=legal.version,
        first_block=_block(positions[0]),
        last_block=_block(positions[-1]),
        findings=tuple(finding.finding_id for finding in findings),
        wallets=tuple(sorted(f"{chain_id}:{address_text(address)}" for chain_id, address in members.iter_rows())),
    )


def _block(position: Position) -> str:
    return f"{position.chain_id}:{position.block_number}"


def _spans_by_cluster(facts: Facts) -> dict[str, list[Span]]:
    clusters = cluster_of(facts)
    held: dict[str, list[Span]] = {}
    for span in spans(facts):
        held.setdefault(clusters[span.renter], []).append(span)
    return held


def _escrowed(facts: Facts, held: list[Span]) -> Decimal | None:
    """Dollars put into escrow for a cluster's leases."""
    mine = pl.DataFrame(
        [(span.market, span.chain_id, span.lease_id) for span in held],
        schema={"market": pl.String(), "chain_id": pl.Int64(), "lease_id": pl.String()},
        orient="row",
    )
    paid = facts.leases.join(mine, on=["market", "chain_id", "lease_id"], how="semi")
    return dollars(paid.select("chain_id", "price_token", "deposit_total").iter_rows(), token_prices(facts))


def _times(facts: Facts, positions: list[Position]) -> dict[tuple[int, int], int]:
    """Look up the block times of evidence."""
    wanted = pl.DataFrame(
        sorted({(position.chain_id, position.block_number) for position in positions}),
        schema={"chain_id": pl.Int64(), "block": pl.Int64()},
        orient="row",
    )
    seen = pl.concat(
        [
            facts.lease_events.select("chain_id", "block", "at"),
            facts.transfers.select("chain_id", pl.col("block_number").alias("block"), pl.col("block_time").alias("at")),
        ]
    ).join(wanted, on=["chain_id", "block"], how="semi")
    return {(chain_id, block): at for chain_id, block, at in seen.unique().iter_rows()}
