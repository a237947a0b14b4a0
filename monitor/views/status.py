"""Rows that sum a snapshot up: markets, machines, chains, quarantine, the overview, and the legal words."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

import polars as pl

from monitor.ledger.rows import UpgradeRow
from monitor.model.lead import Lead
from monitor.views import format as fmt
from monitor.views.snapshot import ChainStatus, Snapshot
from monitor.views.tables import Row, frame_rows

__all__ = [
    "Weekly",
    "behind",
    "capacity_rows",
    "health_rows",
    "legal_is_stale",
    "legal_text",
    "market_rows",
    "overview",
    "quarantine_rows",
    "statement",
    "upgrade_row",
    "upgrade_rows",
    "weekly",
]

Severity = Literal["low", "medium", "high", "critical"]
_SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")
_WEEK = 7 * 86_400


class Weekly(NamedTuple):
    """Of each week: leases opened in it, and H100-equivalents leased at its end."""

    opened: list[int]
    leased: list[Decimal]


def market_rows(snapshot: Snapshot) -> list[Row]:
    """List markets per chain: leases, active ones, H100-equivalents offered and leased, events, quarantined logs."""
    keys: set[tuple[str, int]] = set()
    leases: Counter[tuple[str, int]] = Counter()
    active: Counter[tuple[str, int]] = Counter()
    leased: defaultdict[tuple[str, int], list[Decimal | None]] = defaultdict(list)
    for market, chain, status, h100e in snapshot.leases.select("market", "chain_id", "status", "h100e").iter_rows():
        leases[market, chain] += 1
        if status == "active":
            active[market, chain] += 1
            leased[market, chain].append(h100e)
    machines: Counter[tuple[str, int]] = Counter()
    offered: defaultdict[tuple[str, int], list[Decimal | None]] = defaultdict(list)
    for market, chain, until, h100e in snapshot.capacity.select("market", "chain_id", "until", "h100e").iter_rows():
        if until is None:
            machines[market, chain] += 1
            offered[market, chain].append(h100e)
    grouped = snapshot.lease_events.group_by("market", "chain_id").agg(pl.len(), pl.col("block_time").max())
    events = {(market, chain): (count, last) for market, chain, count, last in grouped.iter_rows()}
    quarantined: Counter[tuple[str, int]] = Counter()
    for item in snapshot.quarantine:
        quarantined[item.market, item.chain_id] += item.rows
    for part in (leases, machines, events, quarantined):
        keys |= set(part)
    return [
        {
            "market": market,
            "chain_id": chain,
            "leases": leases[market, chain],
            "active": active[market, chain],
            "h100e_leased": fmt.total(leased[market, chain]),
            "machines": machines[market, chain],
            "h100e_offered": fmt.total(offered[market, chain]),
            "events": events.get((market, chain), (0, None))[0],
            "last_event": fmt.time(events.get((market, chain), (0, None))[1]),
            "quarantined": quarantined[market, chain],
        }
        for market, chain in sorted(keys)
    ]


def capacity_rows(snapshot: Snapshot) -> list[Row]:
    """List machines offered on markets, with the columns of the capacity frame."""
    rows = frame_rows(snapshot.capacity, snapshot.capacity.columns)
    return sorted(rows, key=lambda row: [str(row[name]) for name in ("market", "chain_id", "machine_id", "since")])


def behind(chain: ChainStatus) -> int | None:
    """Count the blocks between the node's head and what is indexed; None when either is unknown."""
    if chain.node_head is None or chain.last_block is None:
        return None
    return max(0, chain.node_head - chain.last_block)


def health_rows(snapshot: Snapshot) -> list[Row]:
    """List chains with how far they are indexed."""
    return [
        {
            "chain": chain.name,
            "chain_id": chain.chain_id,
            "state": chain.state,
            "first_block": chain.first_block,
            "last_block": chain.last_block,
            "finalized": chain.finalized,
            "node_head": chain.node_head,
            "behind": behind(chain),
            "missing_blocks": chain.missing_blocks,
            "logs": chain.logs,
            "reorgs": chain.reorgs,
            "head_time": fmt.time(chain.head_time),
            "head_hash": fmt.hex_text(chain.head_hash or None),
        }
        for chain in sorted(snapshot.chains, key=lambda chain: chain.chain_id)
    ]


def quarantine_rows(snapshot: Snapshot) -> list[Row]:
    """List why logs could not be read, with how many."""
    found = sorted(snapshot.quarantine, key=lambda item: (item.market, item.chain_id, item.reason))
    return [
        {"market": item.market, "chain_id": item.chain_id, "reason": item.reason, "rows": item.rows} for item in found
    ]


def upgrade_rows(snapshot: Snapshot) -> list[Row]:
    """List when contracts were changed, newest first."""
    found = sorted(snapshot.upgrades, key=lambda row: (row.block_time, row.block_number, row.log_index), reverse=True)
    return [upgrade_row(row) for row in found]


def upgrade_row(row: UpgradeRow) -> Row:
    """Write one change of a contract; `state` says whether the adapter was verified since."""
    if not row.changed:
        state = "no change of code" if row.event == "AdminChanged" else "first code"
    else:
        state = "not yet verified" if row.unseen else "verified since"
    return {
        "market": row.market,
        "chain_id": row.chain_id,
        "role": row.role,
        "contract": fmt.address(row.contract),
        "event": row.event,
        "detail": row.detail,
        "block_number": row.block_number,
        "block_time": fmt.time(row.block_time),
        "tx_hash": fmt.hex_text(row.tx_hash),
        "log_index": row.log_index,
        "state": state,
    }


def overview(snapshot: Snapshot) -> Row:
    """Sum the snapshot up in one row of counts."""
    opened = [lead for lead in snapshot.leads if lead.state == "open"]
    unreviewed = [lead for lead in opened if not lead.disposition]
    by_severity = Counter(lead.severity for lead in opened)
    active = snapshot.leases.filter(pl.col("status") == "active")
    return {
        "as_of": fmt.time(snapshot.as_of),
        "chains": len(snapshot.chains),
        "leases": snapshot.leases.height,
        "active_leases": active.height,
        "active_h100e": fmt.total(active["h100e"].to_list()),
        "wallets": snapshot.wallets.height,
        "clusters": snapshot.clusters.height,
        "events": snapshot.lease_events.height,
        "findings": len(snapshot.findings),
        "leads": len(opened),
        "unreviewed": len(unreviewed),
        **{severity: by_severity[severity] for severity in _SEVERITIES},
        "retracted": len(snapshot.leads) - len(opened),
        "silences": sum(silence.active(snapshot.now) for silence in snapshot.silences),
        "alerts_waiting": sum(1 for alert in snapshot.alerts if alert.delivered_at is None),
        "quarantined": sum(item.rows for item in snapshot.quarantine),
    }


def weekly(snapshot: Snapshot, weeks: int) -> Weekly:
    """Sum up the last weeks before the snapshot's moment, oldest first."""
    ages = snapshot.leases.select(
        ((pl.lit(snapshot.as_of) - pl.col("opened_at")) // _WEEK).alias("opened"),
        ((pl.lit(snapshot.as_of) - pl.col("closed_at")) // _WEEK).alias("closed"),
        pl.col("h100e").fill_null(0),
    ).filter(pl.col("opened") >= 0)
    opened = dict(ages.group_by("opened").len().iter_rows())
    begun, ended = (
        dict(ages.group_by(pl.col(age).clip(None, weeks)).agg(pl.col("h100e").sum()).drop_nulls().iter_rows())
        for age in ("opened", "closed")
    )
    running, leased = Decimal(0), []
    for age in range(weeks, -1, -1):
        running += begun.get(age, Decimal(0)) - ended.get(age, Decimal(0))
        leased.append(running)
    return Weekly([opened.get(age, 0) for age in range(weeks - 1, -1, -1)], leased[1:])


def legal_is_stale(snapshot: Snapshot) -> bool:
    """Say whether the snapshot's moment is later than the legal file's verify-by date (or that date is unreadable)."""
    moment = max(snapshot.now, snapshot.as_of or 0)
    try:
        verify_by = date.fromisoformat(snapshot.legal.verify_by)
        today = datetime.fromtimestamp(moment, UTC).date()
    except (ValueError, OverflowError, OSError):
        return True
    return today > verify_by


def legal_text(snapshot: Snapshot) -> str:
    """Write the legal block that stands on every lead and export."""
    legal = snapshot.legal
    words = [
        f"Legal file {legal.version}; jurisdiction {legal.jurisdiction}; verify by {legal.verify_by or 'unknown'}.",
        "LEGAL FILE STALE: check it before relying on any rule date." if legal_is_stale(snapshot) else "",
        legal.statement,
        "" if legal.statement.endswith("Not legal advice.") else "Not legal advice.",
    ]
    return " ".join(word for word in words if word)


def statement(lead: Lead) -> str:
    """Say what a lead is, and what it is not."""
    if lead.kind == "screening":
        return (
            f"A wallet of this cluster stands on a list ({', '.join(lead.typologies)}). This is a screening item for"
            " human review: compare the entry and its date. It does not state that a law was broken."
        )
    patterns = ", ".join(lead.typologies) or "none"
    plural = "s" if len(lead.typologies) != 1 else ""
    return (
        f"Pattern{plural} {patterns} matched; confidence {lead.confidence}; {len(lead.families)} evidence families "
        f"({', '.join(lead.families)}). This is a lead for human review. It does not state that a law was broken."
    )
