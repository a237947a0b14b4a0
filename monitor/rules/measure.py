"""Measurements rules share: positions, names, money in dollars, what a wallet holds at once."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl
from eth_utils.address import to_checksum_address

from monitor.facts.money import dollar_text, micro_usd
from monitor.model.chain import Position
from monitor.model.lead import Finding, stable_id
from monitor.rules.rule import Facts, Rule

__all__ = [
    "DAY",
    "HOUR",
    "MAX_POSITIONS",
    "Span",
    "active",
    "address_text",
    "cluster_of",
    "dollars",
    "evidence",
    "finding",
    "holdings",
    "lease_text",
    "number_text",
    "open_position",
    "peak",
    "peaks",
    "services",
    "spans",
    "token_prices",
]

HOUR = 3600
DAY = 24 * HOUR
MAX_POSITIONS = 200
"""Positions kept per finding, oldest first: enough to prove it, few enough to send."""


class Span(NamedTuple):
    """One lease as an interval: who held how much from when until when (block seconds)."""

    market: str
    chain_id: int
    lease_id: str
    renter: bytes
    machine_id: str | None
    start: int
    end: int
    h100e: Decimal
    position: Position


def spans(leases: pl.DataFrame) -> list[Span]:
    """List leases (rows of `Facts.tenancies`) as intervals up to now, in order of start, then of position."""
    columns = (
        *("market", "chain_id", "lease_id", "renter", "machine_id", "opened_at", "held_until", "h100e"),
        *("open_block", "open_tx", "open_log_index"),
    )
    found = []
    for row in leases.select(columns).iter_rows(named=True):
        size = row["h100e"] if row["h100e"] is not None else Decimal(0)
        found.append(
            Span(
                row["market"], row["chain_id"], row["lease_id"], row["renter"], row["machine_id"],
                row["opened_at"], row["held_until"], size, open_position(row),
            )
        )  # fmt: skip
    return sorted(found, key=lambda span: (span.start, span.position, span.market, span.lease_id))


def open_position(row: Mapping[str, Any]) -> Position:
    """Where a lease row opened."""
    return Position(row["chain_id"], row["open_block"], row["open_tx"], row["open_log_index"])


def holdings(intervals: Sequence[Span]) -> list[tuple[Span, Decimal]]:
    """Say, at the start of each interval, how many H100e are held at once; `intervals` sorted by start."""
    ends: list[tuple[int, int]] = []
    total = Decimal(0)
    found = []
    for place, span in enumerate(intervals):
        while ends and ends[0][0] <= span.start:
            total -= intervals[heapq.heappop(ends)[1]].h100e
        heapq.heappush(ends, (span.end, place))
        total += span.h100e
        found.append((span, total))
    return found


def active(intervals: Iterable[Span], at: int) -> list[Span]:
    """Pick the intervals held at a moment; one that starts then counts even when it has no length."""
    return [span for span in intervals if span.start <= at < span.end or span.start == at]


def peak(intervals: Sequence[Span]) -> Decimal:
    """Find the most H100e held at once."""
    return max((total for _, total in holdings(intervals)), default=Decimal(0))


def peaks(leases: pl.DataFrame, by: list[str], least: int = 0) -> pl.DataFrame:
    """Find per group the most held at once: `by` and peak (thousandths of H100e); `leases` as `Facts.tenancies`.

    Groups that never hold `least` are left out.
    """
    told = leases.select(*by, "opened_at", "held_until", "milli")
    if least:
        # all leases together are at least what is held at once, and adding up costs less than putting in order
        told = told.filter(pl.col("milli").sum().over(by) >= least)
    starts = told.lazy().select(*by, pl.col("opened_at").alias("when"), pl.col("milli").alias("step"))
    ends = told.lazy().select(*by, pl.col("held_until").alias("when"), (-pl.col("milli")).alias("step"))
    # what ends at a moment is gone before what starts then
    steps = pl.concat([starts, ends]).sort(*by, "when", "step")
    held = steps.with_columns(pl.col("step").cum_sum().over(by).alias("held"))
    highest = held.group_by(by).agg(pl.col("held").max().alias("peak"))
    return highest.filter(pl.col("peak") >= least).collect(engine="in-memory")


def address_text(address: bytes) -> str:
    """Write an address with its EIP-55 checksum."""
    return to_checksum_address(address)


def lease_text(market: str, chain_id: int, lease_id: str) -> str:
    """Name a lease as findings do."""
    return f"{market}:{chain_id}:{lease_id}"


def number_text(number: Decimal) -> str:
    """Write a number plainly, without exponent or trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def cluster_of(facts: Facts, wallets: Iterable[bytes]) -> dict[bytes, str]:
    """Map wallets to their clusters."""
    named = pl.Series("address", list(wallets), dtype=pl.Binary())
    return dict(facts.clusters.filter(pl.col("address").is_in(named.implode())).iter_rows())


def services(facts: Facts) -> set[bytes]:
    """List wallets the user or the chain says are services: labels and contracts, not mere busy wallets."""
    named = facts.hubs.filter(pl.col("reason") != "degree")
    return set(named.get_column("address"))


def token_prices(facts: Facts) -> dict[tuple[int, bytes], tuple[int, Decimal]]:
    """Map chain and token to decimals and fixed dollar value, where there is one."""
    priced = facts.tokens.filter(pl.col("usd").is_not_null() & pl.col("token_decimals").is_not_null())
    rows = priced.sort(priced.columns).select("chain_id", "token", "token_decimals", "usd").iter_rows()
    return {(chain_id, token): (decimals, usd) for chain_id, token, decimals, usd in rows}


def dollars(
    amounts: Iterable[tuple[int, bytes | None, Decimal | int]], prices: Mapping[tuple[int, bytes], tuple[int, Decimal]]
) -> Decimal | None:
    """Add up (chain, token, base units) in dollars; None when no part has a dollar value."""
    total = None
    for chain_id, token, amount in amounts:
        price = prices.get((chain_id, token)) if token is not None else None
        value = micro_usd(amount, price[0], price[1]) if price is not None else None
        if value is not None:
            total = value if total is None else total + value
    # whole millionths until here: Decimal's own sums round at 28 digits
    return None if total is None else Decimal(dollar_text(total))


def evidence(positions: Iterable[Position]) -> tuple[Position, ...]:
    """Sort positions, each once, up to the number kept."""
    return tuple(sorted(set(positions))[:MAX_POSITIONS])


def finding(
    rule: Rule,
    *,
    subject: str,
    cluster_id: str,
    points: int,
    summary: str,
    threshold: str,
    values: Mapping[str, str],
    positions: Iterable[Position],
    leases: Iterable[str],
    at: int,
    caveats: tuple[str, ...] = (),
    scope: str = "",
    needs: tuple[str, ...] = (),
    common: bool = False,
    screening: bool = False,
) -> Finding:
    """Make a finding of a rule; `scope` tells apart findings on one subject and cluster."""
    return Finding(
        finding_id=stable_id("finding", rule.id, str(rule.version), subject, cluster_id, scope),
        rule=rule.id,
        rule_version=rule.version,
        typology=rule.id,
        family=rule.family,
        subject=subject,
        cluster_id=cluster_id,
        points=min(points, rule.max_points),
        summary=summary,
        threshold=threshold,
        values=dict(sorted(values.items())),
        evidence=evidence(positions),
        caveats=(*rule.lawful, *caveats),
        leases=tuple(sorted(set(leases))),
        at=at,
        needs=needs,
        common=common,
        screening=screening,
    )
