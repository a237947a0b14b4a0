"""Findings → leads, per tenant cluster: two core families open a lead, a direct list match a screening item.

One of the families must speak by something good customers seldom show (`Finding.common`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from monitor.model.chain import Position
from monitor.model.lead import Finding, Lead, LeadState, Step, stable_id
from monitor.rules.cut import of_tenants
from monitor.rules.facts import Facts, lease_name
from monitor.rules.legal import LegalFile
from monitor.rules.measure import DAY, address_text, peaks
from monitor.rules.registry import all_rules
from monitor.rules.rule import Rule
from monitor.rules.score import core_families, opened, score, severity_of

__all__ = ["STALE_DAYS", "leads"]

STALE_DAYS = 180
"""Days without new evidence after which a lead on a cluster that holds nothing any more is stale."""


class _Tenant(NamedTuple):
    """What a cluster holds: its first lease, its peak, its escrow, whether a lease still runs, and its wallets."""

    first: str
    peak: Decimal
    usd: Decimal | None
    holding: bool
    wallets: tuple[str, ...]


def leads(findings: Iterable[Finding], facts: Facts, legal: LegalFile) -> list[Lead]:
    """Join findings per tenant cluster into leads and screening items, sorted by id."""
    rules = {rule.id: rule for rule in all_rules()}
    by_cluster: dict[str, list[Finding]] = {}
    for finding in findings:
        by_cluster.setdefault(finding.cluster_id, []).append(finding)
    enough = {name: at for name, own in by_cluster.items() if (at := opened(own, rules)) is not None}
    listed = {name: direct for name, own in by_cluster.items() if (direct := [item for item in own if item.screening])}
    if not enough and not listed:
        return []
    tenants = _tenants(of_tenants(facts, {*enough, *listed}), sorted({*enough, *listed}))
    told = [*(by_cluster[name] for name in enough), *listed.values()]
    every = [position for own in told for item in own for position in item.evidence]
    times = _times(facts, every)
    now = max(facts.as_of.values(), default=0)
    made = [_lead(name, by_cluster[name], at, tenants[name], times, legal, rules, now) for name, at in enough.items()]
    made += [_screening(name, own, tenants[name], times, legal, now) for name, own in listed.items()]
    return sorted(made, key=lambda lead: lead.lead_id)


def _lead(
    cluster_id: str,
    findings: list[Finding],
    completed: int,
    tenant: _Tenant,
    times: Mapping[tuple[int, int], int],
    legal: LegalFile,
    rules: Mapping[str, Rule],
    now: int,
) -> Lead:
    steps = max(int(finding.values.get("severity_steps", "0")) for finding in findings)
    state, history = _story(findings, completed, tenant, now)
    return Lead(
        # The oldest lease names the lead: clusters take in older wallets as they grow, leases only come after it.
        lead_id=stable_id("lead", *(tenant.first or cluster_id).split(":", 2)),
        score=score(findings, rules),
        severity=severity_of(tenant.peak, tenant.usd, steps),
        families=tuple(sorted(core_families(findings, rules))),
        opened_at=completed,
        state=state,
        history=history,
        **_common(cluster_id, findings, tenant, times, legal),
    )


def _screening(
    cluster_id: str,
    findings: list[Finding],
    tenant: _Tenant,
    times: Mapping[tuple[int, int], int],
    legal: LegalFile,
    now: int,
) -> Lead:
    opened = min(finding.at for finding in findings)
    state, history = _story(findings, opened, tenant, now)
    return Lead(
        lead_id=stable_id("screening", *(tenant.first or cluster_id).split(":", 2)),
        kind="screening",
        score=max(finding.points for finding in findings),
        severity="critical",
        families=tuple(sorted({finding.family for finding in findings})),
        opened_at=opened,
        state=state,
        history=history,
        **_common(cluster_id, findings, tenant, times, legal),
    )


def _common(
    cluster_id: str,
    findings: list[Finding],
    tenant: _Tenant,
    times: Mapping[tuple[int, int], int],
    legal: LegalFile,
) -> dict[str, Any]:
    positions = sorted(
        {position for finding in findings for position in finding.evidence},
        key=lambda position: (times.get((position.chain_id, position.block_number), 0), position),
    )
    return {
        "cluster_id": cluster_id,
        "confidence": "uncalibrated",
        "typologies": tuple(sorted({finding.typology for finding in findings})),
        "leases": tuple(sorted({lease for finding in findings for lease in finding.leases})),
        "h100e": f"{tenant.peak:.3f}",
        "legal_file": legal.version,
        "first_block": _block(positions[0]),
        "last_block": _block(positions[-1]),
        "findings": tuple(sorted(finding.finding_id for finding in findings)),
        "wallets": tenant.wallets,
    }


def _story(findings: list[Finding], opened: int, tenant: _Tenant, now: int) -> tuple[LeadState, tuple[Step, ...]]:
    """Tell from the dates of the evidence when the lead opened, what joined later, and whether it is stale."""
    begun: dict[str, int] = {}
    for finding in findings:
        begun[finding.typology] = min(finding.at, begun.get(finding.typology, finding.at))
    first = sorted(name for name, at in begun.items() if at <= opened)
    steps = [Step(at=opened, what="opened", detail=", ".join(first))]
    later = sorted((at, name) for name, at in begun.items() if at > opened)
    steps += [Step(at=at, what="grew", detail=name) for at, name in later]
    quiet_since = max(finding.at for finding in findings) + STALE_DAYS * DAY
    if tenant.holding or now <= quiet_since:
        return "open", tuple(steps)
    stale = Step(at=quiet_since, what="stale", detail=f"no new evidence for {STALE_DAYS} days, nothing held")
    return "stale", (*steps, stale)


def _block(position: Position) -> str:
    return f"{position.chain_id}:{position.block_number}"


def _tenants(facts: Facts, clusters: list[str]) -> dict[str, _Tenant]:
    """Measure the clusters that need a lead; one that only provides holds nothing."""
    wanted = pl.DataFrame({"cluster_id": clusters}, schema={"cluster_id": pl.String()})
    held = facts.tenancies.join(wanted, on="cluster_id", how="semi").join(facts.heads, on="chain_id", how="left")
    first = held.sort("opened_at", "chain_id", "market", "lease_id").group_by("cluster_id").agg(
        lease_name().first().alias("first"),
        (pl.col("held_until") >= pl.col("now")).any().alias("holding"),
    )  # fmt: skip
    paid = facts.deposits.join(wanted, on="cluster_id", how="semi").group_by("cluster_id").agg(
        pl.when(pl.col("micro").is_not_null().any()).then(pl.col("micro").sum()).alias("micro")
    )  # fmt: skip
    wallets: dict[str, list[str]] = {}
    named = facts.members.join(wanted, on="cluster_id", how="semi").select("cluster_id", "chain_id", "address")
    for name, chain_id, address in named.iter_rows():
        wallets.setdefault(name, []).append(f"{chain_id}:{address_text(address)}")
    rows = wanted.join(first, on="cluster_id", how="left").join(
        peaks(held, ["cluster_id"]), on="cluster_id", how="left"
    )
    return {
        row["cluster_id"]: _Tenant(
            first=row["first"] or "",
            peak=Decimal(row["peak"] or 0).scaleb(-3),
            usd=None if row["micro"] is None else row["micro"].scaleb(-6),
            holding=bool(row["holding"]),
            wallets=tuple(sorted(wallets.get(row["cluster_id"], ()))),
        )
        for row in rows.join(paid, on="cluster_id", how="left").iter_rows(named=True)
    }


def _times(facts: Facts, positions: list[Position]) -> dict[tuple[int, int], int]:
    """Look up the block times of evidence."""
    wanted = pl.DataFrame(
        sorted({(position.chain_id, position.block_number) for position in positions}),
        schema={"chain_id": pl.Int64(), "block": pl.Int64()},
        orient="row",
    )
    moved = facts.transfers.lazy().rename({"block_number": "block", "block_time": "at"})
    near = pl.col("block").is_in(wanted.get_column("block").unique().implode())
    seen = [
        # numbers are compared first: of millions of rows few are left to join
        frame.select("chain_id", "block", "at")
        .filter(near)
        .collect()
        .join(wanted, on=["chain_id", "block"], how="semi")
        .unique()
        for frame in (facts.lease_events.lazy(), facts.supply.lazy(), moved)
    ]
    return {(chain_id, block): at for chain_id, block, at in pl.concat(seen).unique().iter_rows()}
