"""How much a lead is about, and what could not be seen of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from monitor.model.lead import Finding, Lead
from monitor.rules.facts import lease_name
from monitor.views import format as fmt
from monitor.views.snapshot import Snapshot

__all__ = ["blind_spots", "exposure"]

_MONEY = ("deposit_total", "settled_total", "refunded_total")
_GROUPS = ("market", "country", "eccn_class", "gpu_model", "status")


def exposure(snapshot: Snapshot, lead: Lead) -> dict[str, Any]:
    """Sum up what a lead is about, ready for JSON: H100-equivalents, and its leases' money and kinds.

    `h100e_at_peak` and `h100e_hours` are those of the cluster; `money` is base units per token, leases without a token
    left out; `leases_by` counts leases by market and what is known of their hardware and site ("" where nothing is).
    """
    leases = snapshot.leases.filter(lease_name().is_in(list(lead.leases)))
    hours = snapshot.clusters.filter(pl.col("cluster_id") == lead.cluster_id)["h100e_hours"]
    return {
        "h100e_at_peak": lead.h100e,
        "h100e_hours": fmt.number(fmt.total(hours)),
        "leases": len(lead.leases),
        "in_ledger": leases.height,
        "money": _money(leases),
        "leases_by": {name: _counted(leases[name]) for name in _GROUPS},
    }


def _money(leases: pl.DataFrame) -> list[dict[str, Any]]:
    token = ("chain_id", "price_token", "token_decimals")
    rows = leases.drop_nulls("price_token").sort(token).group_by(token, maintain_order=True).agg(_MONEY)
    return [
        {
            "chain_id": chain_id,
            "token": fmt.address(address),
            "token_decimals": decimals,
            **{name: fmt.number(fmt.total(values)) for name, values in zip(_MONEY, sums, strict=True)},
        }
        for chain_id, address, decimals, *sums in rows.iter_rows()
    ]


def _counted(values: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(value or "" for value in values).items()))


def blind_spots(snapshot: Snapshot, findings: Sequence[Finding]) -> list[str]:
    """Say what the patterns that matched do not see, where rules could not look, and what was not read."""
    matched = {finding.rule for finding in findings}
    rules = sorted(snapshot.rules, key=lambda rule: rule.rule)
    said = [f"{rule.rule}: {text}" for rule in rules if rule.rule in matched for text in rule.blind_spots]
    unread = [
        f"{chain.name}: {chain.unread_blocks} blocks up to {chain.last_block} are not read for some contract"
        for chain in sorted(snapshot.chains, key=lambda chain: chain.chain_id)
        if chain.unread_blocks
    ]
    aside = [
        f"{item.market} on chain {item.chain_id}: {item.rows} logs could not be read: {item.reason}"
        for item in snapshot.quarantine
    ]
    return list(dict.fromkeys([*said, *snapshot.not_assessable, *unread, *aside]))
