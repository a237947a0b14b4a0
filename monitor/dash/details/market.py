"""The page of a market on one chain: what it offers, what is leased, what could not be read."""

from __future__ import annotations

import polars as pl

from monitor.dash.details.page import Page, fact, heading, lease_links, made
from monitor.dash.world import World
from monitor.views.status import market_rows, upgrade_row

__all__ = ["market_page"]

_SHOWN = 20


def market_page(world: World, target_id: str) -> Page | None:
    """Show a market by `market:chain_id`."""
    snapshot = world.snapshot
    market, _, chain_text = target_id.rpartition(":")
    chain = int(chain_text)
    row = next((row for row in market_rows(snapshot) if (row["market"], row["chain_id"]) == (market, chain)), None)
    if row is None:
        return None
    lines = [fact(name.replace("_", " "), row[name]) for name in row]
    reasons = [item for item in snapshot.quarantine if (item.market, item.chain_id) == (market, chain)]
    if reasons:
        lines.append(heading("Logs that could not be read"))
        lines += [fact(str(item.rows), item.reason) for item in sorted(reasons, key=lambda item: -item.rows)]
    changes = [row for row in snapshot.upgrades if (row.market, row.chain_id) == (market, chain) and row.changed]
    if changes:
        lines.append(heading("Contracts whose code was changed"))
        found = [upgrade_row(row) for row in reversed(changes[-_SHOWN:])]
        lines += [fact(str(row["block_time"]), f"{row['role']} {row['contract']}: {row['state']}") for row in found]
    leases = snapshot.leases.filter((pl.col("market") == market) & (pl.col("chain_id") == chain))
    return made(f"Market {market} on chain {chain}", lines, lease_links(leases, "lease"))
