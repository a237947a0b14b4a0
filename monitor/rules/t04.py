"""T04: one funder, many renters."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import polars as pl

from monitor.model.chain import Position
from monitor.model.lead import Finding
from monitor.rules.measure import (
    DAY,
    Span,
    active,
    address_text,
    cluster_of,
    finding,
    holdings,
    lease_text,
    number_text,
    peaks,
    spans,
)
from monitor.rules.report import NATIVE_HINT
from monitor.rules.rule import Facts, Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

POINTS = 25


class _Held(NamedTuple):
    """A renter reached the size that counts: when, and how much it then held."""

    at: int
    h100e: Decimal


class _Group(NamedTuple):
    """Renters of one funder, their leases, and the transfers that first funded them."""

    funder: bytes
    out_degree: int
    leases: dict[bytes, list[Span]]
    funding: dict[bytes, list[tuple[int, Position]]]


def check(facts: Facts, params: Params) -> Outcome:
    """Judge every first funder that is no hub by the renters it started."""
    found: list[Finding] = []
    groups = _groups(facts, params)
    clusters = cluster_of(facts, {renter for group in groups for renter in group.leases})
    for group in groups:
        reached = _first_match(group, params)
        if reached is not None:
            found += _findings(group, reached, clusters, params)
    return Outcome(tuple(found), _blind_chains(facts))


def _blind_chains(facts: Facts) -> tuple[str, ...]:
    lines = []
    for chain_id in sorted(set(facts.venues.get_column("chain_id"))):
        chain = facts.chains.get(chain_id)
        if chain is None or not (chain.native_lookback_seconds or chain.token_transfers):
            lines.append(f"T04: not assessable: chain {chain_id}: neither native nor token transfers are read")
        elif not chain.native_lookback_seconds:
            have = "token funding only, no native transfers are read"
            lines.append(f"T04: partly assessable: chain {chain_id}: {have}; {NATIVE_HINT}")
    return tuple(lines)


def _groups(facts: Facts, params: Params) -> list[_Group]:
    # most renters never hold enough, and most funders never start enough of those: only the rest is walked
    large = peaks(facts.tenancies, ["renter"], params["min_h100e_each"] * 1000)
    held = large.select(pl.col("renter").alias("address"))
    begun = facts.origins.rename({"origin": "funder"})
    started = begun.select("funder", "address").join(held, on="address", how="semi").group_by("funder")
    enough = started.agg(pl.col("address").n_unique().alias("renters")).filter(
        pl.col("renters") >= params["min_renters"]
    )
    named = begun.join(enough, on="funder", how="semi", maintain_order="left").filter(
        pl.col("out_degree").fill_null(0).max().over("funder") < params["max_out_degree"]
    )
    leases: dict[bytes, list[Span]] = {}
    for span in spans(facts.tenancies.join(named, left_on="renter", right_on="address", how="semi")):
        leases.setdefault(span.renter, []).append(span)
    groups: dict[bytes, _Group] = {}
    for row in named.sort("funder", "address", "chain_id").iter_rows(named=True):
        if row["address"] not in leases:
            continue
        group = groups.get(row["funder"])
        degree = max(row["out_degree"] or 0, group.out_degree if group else 0)
        group = _Group(row["funder"], degree, group.leases if group else {}, group.funding if group else {})
        group.leases[row["address"]] = leases[row["address"]]
        steps = [(row["at"], Position(*each.values())) for each in row["positions"]]
        group.funding.setdefault(row["address"], []).extend(steps)
        groups[row["funder"]] = group
    return [group for _, group in sorted(groups.items())]


def _first_match(group: _Group, params: Params) -> dict[bytes, _Held] | None:
    """Walk the renters' leases in time until enough of them hold enough within the window."""
    reached = [
        (span.start, span.position, renter, total)
        for renter, intervals in group.leases.items()
        for span, total in holdings(intervals)
        if total >= params["min_h100e_each"]
    ]
    state: dict[bytes, _Held] = {}
    for at, _, renter, total in sorted(reached):
        state[renter] = _Held(at, total)
        state = {each: held for each, held in state.items() if held.at > at - params["window_days"] * DAY}
        combined = sum((held.h100e for held in state.values()), Decimal(0))
        if len(state) >= params["min_renters"] and combined >= params["min_h100e_combined"]:
            return state
    return None


def _findings(group: _Group, reached: dict[bytes, _Held], clusters: dict[bytes, str], params: Params) -> list[Finding]:
    """One finding per tenant cluster among the renters: the pattern is the group's, the points each cluster's."""
    combined = sum((held.h100e for held in reached.values()), Decimal(0))
    leases = [span for renter, held in reached.items() for span in active(group.leases[renter], held.at)]
    funding = [entry for renter in reached for entry in group.funding[renter]]
    values = {
        "renters": str(len(reached)),
        "renters_funded": str(len(group.leases)),
        "h100e": number_text(combined),
        "funder_out_degree": str(group.out_degree),
    }
    return [
        finding(
            RULE,
            subject=address_text(group.funder),
            cluster_id=cluster_id,
            points=POINTS,
            summary=f"first funder of {len(reached)} renter wallets that lease {number_text(combined)} H100e together",
            threshold=(
                f">= {params['min_renters']} renters with >= {params['min_h100e_each']} H100e each in"
                f" {params['window_days']} d, together >= {params['min_h100e_combined']} H100e, funder out-degree"
                f" < {params['max_out_degree']}"
            ),
            values=values,
            positions=[*(span.position for span in leases), *(position for _, position in funding)],
            leases=[lease_text(span.market, span.chain_id, span.lease_id) for span in leases],
            at=max(*(held.at for held in reached.values()), *(at for at, _ in funding)),
        )
        for cluster_id in sorted({clusters[renter] for renter in reached})
    ]


RULE = Rule(
    id="T04",
    version=1,
    title="One funder, many renters",
    family="funding",
    role="core",
    max_points=POINTS,
    pattern="One wallet that is no hub gave several renters their first value, itself or through wallets used once.",
    parameters=(
        Parameter("min_renters", 3, "wallets", "renters first funded by the same wallet", 2, 10_000),
        Parameter("min_h100e_each", 8, "H100e", "each of them holds at least this at once", 1, 1_000_000),
        Parameter("min_h100e_combined", 64, "H100e", "all of them together", 1, 10_000_000),
        Parameter("window_days", 90, "days", "within this time", 1, 3_650),
        Parameter("max_out_degree", 200, "wallets", "a funder that paid this many or more is a hub", 2, 1_000_000),
    ),
    lawful=(
        "exchange withdrawals, payroll tools, faucets, paymasters and onboarding wallets fund many strangers",
        "a company may give each project its own wallet",
    ),
    guidance="FATF 2020, virtual asset red flags (many seemingly unrelated wallets)",
    blind_spots=(
        "only transfers to watched wallets are seen, so an unlabelled exchange may look small: label it",
        "funders that pay through disperse contracts, or over four wallets in a row, do not match",
    ),
    inputs=("leases", "first funders from native and token transfers", "hub labels"),
    check=check,
    scope="tenants",
    hops=0,
    ages=False,
)
