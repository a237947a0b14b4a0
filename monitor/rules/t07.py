"""T07: rolling renewals that amount to ownership."""

from __future__ import annotations

import heapq
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from monitor.model.lead import Finding
from monitor.rules.measure import (
    DAY,
    HOUR,
    Span,
    address_text,
    cluster_of,
    finding,
    lease_text,
    number_text,
    spans,
)
from monitor.rules.rule import Facts, Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

POINTS = 15


class _Run(NamedTuple):
    """One machine held without a real gap: from when until when, by which leases, at least how large."""

    start: int
    end: int
    leases: tuple[Span, ...]
    renewals: int

    @property
    def h100e(self) -> Decimal:
        """The smallest sized lease of the run: never more than was held throughout."""
        return min((span.h100e for span in self.leases if span.h100e > 0), default=Decimal(0))


def check(facts: Facts, params: Params) -> Outcome:
    """Judge, per tenant cluster and market, how long the same machines were held."""
    held, renewed = _held(facts, params), _renewals(facts)
    renters = {span.renter for machines in held.values() for each in machines.values() for span in each}
    clusters = cluster_of(facts, renters)
    found: dict[tuple[str, str], Finding] = {}
    for (_, market, chain_id), machines in sorted(held.items()):
        runs = [
            run
            for _, intervals in sorted(machines.items())
            for run in _runs(intervals, renewed, params["max_gap_hours"] * HOUR)
            if run.end - run.start >= params["min_days"] * DAY and run.renewals >= params["min_renewals"]
        ]
        crossed = _crossing(runs, params)
        if crossed is not None:
            for cluster_id in sorted({clusters[span.renter] for run in crossed[1] for span in run.leases}):
                scope = f"{market}:{chain_id}"
                found.setdefault((cluster_id, scope), _finding(cluster_id, scope, crossed, params))
    return Outcome(tuple(found.values()), _blind_markets(facts))


def _held(facts: Facts, params: Params) -> dict[tuple[str, str, int], dict[str, list[Span]]]:
    """List, per group and market, the intervals of each machine that may add up to enough, in time."""
    machine = ["group", "market", "chain_id", "machine_id"]
    reach = pl.col("held_until").max().over(machine) - pl.col("opened_at").min().over(machine)
    long = facts.together.filter(pl.col("machine_id").is_not_null() & (reach >= params["min_days"] * DAY))
    held: dict[tuple[str, str, int], dict[str, list[Span]]] = {}
    for (group,), rows in long.group_by("group"):
        for span in spans(rows):
            key = (str(group), span.market, span.chain_id)
            held.setdefault(key, {}).setdefault(str(span.machine_id), []).append(span)
    return held


def _renewals(facts: Facts) -> dict[tuple[str, int, str], int]:
    """Count extensions and top-ups of each lease."""
    renewing = facts.lease_events.filter(pl.col("verb").is_in(("lease.extend", "lease.deposit")))
    counted = renewing.group_by("market", "chain_id", "lease_id").len()
    return {(market, chain, lease): count for market, chain, lease, count in counted.iter_rows()}


def _runs(intervals: list[Span], renewed: dict[tuple[str, int, str], int], gap: int) -> list[_Run]:
    """Join the intervals of one machine, sorted by start, wherever the next begins within the gap."""
    groups: list[list[Span]] = []
    end = 0
    for span in intervals:
        if groups and span.start - end < gap:
            groups[-1].append(span)
            end = max(end, span.end)
        else:
            groups.append([span])
            end = span.end
    return [
        _Run(
            start=group[0].start,
            end=max(span.end for span in group),
            leases=tuple(group),
            renewals=len(group) - 1 + sum(renewed.get((s.market, s.chain_id, s.lease_id), 0) for s in group),
        )
        for group in groups
    ]


def _crossing(runs: list[_Run], params: Params) -> tuple[int, list[_Run]] | None:
    """Find the first moment at which machines held long enough add up; return it with the runs that do then."""
    ripening = params["min_days"] * DAY
    ends: list[tuple[int, int]] = []
    total = Decimal(0)
    ordered = sorted(runs)
    for place, run in enumerate(ordered):
        moment = run.start + ripening
        while ends and ends[0][0] < moment:
            total -= ordered[heapq.heappop(ends)[1]].h100e
        heapq.heappush(ends, (run.end, place))
        total += run.h100e
        if total >= params["min_h100e"]:
            return moment, [each for each in ordered[: place + 1] if each.end >= moment]
    return None


def _finding(cluster_id: str, scope: str, crossed: tuple[int, list[_Run]], params: Params) -> Finding:
    moment, runs = crossed
    days = max((run.end - run.start) // DAY for run in runs)
    size = sum((run.h100e for run in runs), Decimal(0))
    leases = sorted({span for run in runs for span in run.leases}, key=lambda span: (span.start, span.position))
    held = "machine" if len(runs) == 1 else f"{len(runs)} machines"
    steps = sum(days >= params[name] for name in ("severe_days", "very_severe_days"))
    return finding(
        RULE,
        subject=address_text(leases[0].renter),
        cluster_id=cluster_id,
        points=POINTS,
        summary=f"the same {held} ({number_text(size)} H100e) held {days} d through {len(leases)} leases",
        threshold=(
            f"the same machines held >= {params['min_days']} d with gaps < {params['max_gap_hours']} h and"
            f" >= {params['min_renewals']} renewals, >= {params['min_h100e']} H100e"
        ),
        values={
            "days": str(days),
            "machines": str(len(runs)),
            "h100e": number_text(size),
            "renewals": str(sum(run.renewals for run in runs)),
            "severity_steps": str(steps),
        },
        positions=[span.position for span in leases],
        leases=[lease_text(span.market, span.chain_id, span.lease_id) for span in leases],
        at=moment,
        scope=scope,
        common=True,
    )


def _blind_markets(facts: Facts) -> tuple[str, ...]:
    silent = facts.venues.filter(pl.col("opened") & ~pl.col("named")).select("market", "chain_id")
    return tuple(
        f"T07: not assessable: {market} on chain {chain_id}: leases name no machine"
        for market, chain_id in silent.iter_rows()
    )


RULE = Rule(
    id="T07",
    version=2,
    title="Rolling renewals that amount to ownership",
    family="lease",
    role="core",
    max_points=POINTS,
    pattern="One tenant, or wallets of one hand, keep the same machines for months through back-to-back leases.",
    parameters=(
        Parameter("min_days", 90, "days", "held without a real gap", 1, 3_650),
        Parameter("max_gap_hours", 24, "hours", "a gap this long ends the run", 0, 8_760),
        Parameter("min_h100e", 8, "H100e", "of the machines held that long, together", 1, 1_000_000),
        Parameter("min_renewals", 1, "renewals", "further leases, extensions or top-ups in a run", 0, 10_000),
        Parameter("severe_days", 180, "days", "held this long raises the severity of a lead", 1, 3_650),
        Parameter("very_severe_days", 365, "days", "held this long raises it again", 1, 3_650),
    ),
    lawful=(
        "ordinary long-term customers are the most common legal pattern",
        "long terms are cheaper",
    ),
    guidance="BIS May 2025 papers on IaaS (know who uses capacity over time); press: long rental equals ownership",
    blind_spots=(
        "markets that name no machine per lease cannot be assessed",
        "a tenant that moves between machines of one provider does not match",
    ),
    inputs=("leases with machine ids", "extensions and top-ups"),
    check=check,
    scope="tenants",
    hops=0,
)
