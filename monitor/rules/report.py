"""From rows that crossed a line to findings: values as text, evidence sorted and bounded, wording filled in."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from monitor.model.chain import Position
from monitor.model.lead import Finding
from monitor.rules.cut import of_providers
from monitor.rules.facts import Facts
from monitor.rules.measure import MAX_POSITIONS, address_text, finding, number_text
from monitor.rules.rule import Rule

__all__ = [
    "NATIVE_HINT",
    "at_providers",
    "evidence",
    "per_cluster",
    "quiet_chains",
    "report",
    "silent_markets",
    "telling",
]

_FRAME = frozenset(
    {"subject", "cluster_id", "at", "positions", "leases", "points", "scope", "caveat", "needs", "common", "screening"}
)
_MIN_IDENTIFIER = 8
NATIVE_HINT = "an endpoint with trace_filter, or native_lookback_blocks, has them read"
"""What helps where native transfers are not read."""
_LISTED = 10
"""Addresses and names shown of a long list."""


def report(rule: Rule, rows: pl.DataFrame, *, summary: str, threshold: str) -> tuple[Finding, ...]:
    """Make one finding per row; every further column becomes a value.

    Needs subject (address or text), cluster_id, at, positions (list of structs), leases (list of text); may have
    points, scope, caveat, needs, common, screening. `x_milli` is shown as `x` in H100e or H100e-hours, `x_micro` as
    `x_usd`, addresses with their checksum, lists shortened. `summary` is a format string over these values.
    """
    values = [name for name in rows.columns if name not in _FRAME]
    found = []
    for row in rows.iter_rows(named=True):
        shown = dict(_shown(name, row[name]) for name in values)
        subject = row["subject"]
        found.append(
            finding(
                rule,
                subject=address_text(subject) if isinstance(subject, bytes) else subject,
                cluster_id=row["cluster_id"],
                points=row.get("points", rule.max_points),
                summary=summary.format(**shown),
                threshold=threshold,
                values=shown,
                positions=[Position(**_fields(each)) for each in row["positions"]],
                leases=row["leases"],
                at=row["at"],
                caveats=(row["caveat"],) if row.get("caveat") else (),
                scope=row.get("scope") or "",
                needs=tuple(row.get("needs") or ()),
                common=row.get("common") or False,
                screening=row.get("screening", False),
            )
        )
    return tuple(found)


def evidence(*more: pl.Expr) -> list[pl.Expr]:
    """Aggregate rows of leases into evidence: leases, positions, and `at`, the newest opening."""
    return [
        pl.col("lease").unique().sort().alias("leases"),
        pl.col("position").unique().sort().head(MAX_POSITIONS).alias("positions"),
        pl.col("opened_at").max().alias("at"),
        *more,
    ]


def per_cluster(rows: pl.DataFrame) -> pl.DataFrame:
    """Tell what a group did of each of its clusters (list `cluster_ids`), the cluster's own doing before a hand's."""
    told = rows.sort("group").explode("cluster_ids", empty_as_null=True, keep_nulls=True)
    key = ["cluster_ids", *(["scope"] if "scope" in rows.columns else [])]
    once = told.unique(key, keep="first", maintain_order=True).sort(key)
    return once.rename({"cluster_ids": "cluster_id"}).drop("group")


def at_providers(facts: Facts, rows: pl.DataFrame, percent: int = 80) -> pl.DataFrame:
    """Add `cluster_id` to rows about a provider (chain_id, provider): its own cluster, and a tenant that is its market.

    A tenant stands for the provider's hardware when it, or its hand, has at least `percent` of the provider's
    H100e-hours.
    """
    if rows.is_empty():
        return rows.with_columns(pl.lit(None, dtype=pl.String()).alias("cluster_id"))
    own = facts.clusters.rename({"address": "provider"})
    whole = of_providers(facts, rows.get_column("provider").unique())
    anchor = whole.anchored.filter(pl.col("percent") >= percent).select("chain_id", "provider", "cluster_id")
    both = [rows.join(own, on="provider", how="inner"), rows.join(anchor, on=["chain_id", "provider"], how="inner")]
    return pl.concat(both).unique(["chain_id", "provider", "cluster_id"], keep="first", maintain_order=True)


def silent_markets(facts: Facts, rule: str, need: str, words: str) -> tuple[str, ...]:
    """Say which markets cannot be assessed because their events never carry `need` (`verb` or `verb.column`)."""
    return tuple(
        f"{rule}: not assessable: {market} on chain {chain_id}: market emits no {words}"
        for market, chain_id in facts.places
        if need not in facts.emits.get(market, frozenset())
    )


def telling(text: pl.Expr) -> pl.Expr:
    """Say whether an identifier can tell things apart: long enough, and no placeholder that repeats one byte."""
    length = text.str.len_chars()
    return (length >= _MIN_IDENTIFIER) & (text.str.slice(2) != text.str.slice(0, length - 2))


def quiet_chains(facts: Facts, rule: str) -> tuple[str, ...]:
    """Say on which chains no transfers were read at all."""
    lines = []
    for chain_id in sorted(set(facts.venues.get_column("chain_id"))):
        chain = facts.chains.get(chain_id)
        if chain is None or not (chain.token_transfers or chain.native_lookback_seconds):
            lines.append(f"{rule}: not assessable: chain {chain_id}: no transfers were read")
    return tuple(lines)


def _fields(position: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "chain_id": position["chain_id"],
        "block_number": position["block"],
        "tx_hash": position["tx"],
        "log_index": position["log_index"],
    }


def _shown(name: str, value: Any) -> tuple[str, str]:
    if name.endswith("_milli"):
        return name.removesuffix("_milli"), number_text(Decimal(value).scaleb(-3))
    if name.endswith("_micro"):
        return name.removesuffix("_micro") + "_usd", "unknown" if value is None else number_text(
            Decimal(value).scaleb(-6)
        )
    return name, _text(value)


def _text(value: Any) -> str:
    match value:
        case None:
            return "unknown"
        case bytes():
            return address_text(value)
        case list():
            more = f" and {len(value) - _LISTED} more" if len(value) > _LISTED else ""
            return ", ".join(_text(each) for each in value[:_LISTED]) + more
        case Decimal():
            return number_text(value)
        case _:
            return str(value)
