"""The page of a wallet: its roles, its cluster, its leases and the links that tie it to others."""

from __future__ import annotations

import polars as pl

from monitor.dash.details.page import (
    Page,
    fact,
    heading,
    lead_link,
    lease_links,
    made,
    members,
    note,
    related,
    split_wallet,
    wallet_link,
)
from monitor.dash.details.why import why_id
from monitor.dash.world import World
from monitor.views import format as fmt
from monitor.views.neighbours import drawn, neighbours
from monitor.views.tables import Row

__all__ = ["wallet_page"]

_STEPS = 2
_PAIRS = 100
"""Other wallets of the cluster that lead to the path between."""


def wallet_page(world: World, target_id: str) -> Page | None:
    """Show a wallet by `chain_id:0xaddress`."""
    snapshot = world.snapshot
    chain, raw = split_wallet(target_id)
    found = snapshot.wallets.filter((pl.col("chain_id") == chain) & (pl.col("address") == raw))
    if not found.height:
        return None
    wallet = found.row(0, named=True)
    links = snapshot.links.filter((pl.col("chain_id") == chain) & ((pl.col("a") == raw) | (pl.col("b") == raw)))
    lines = [
        fact("address", fmt.address(raw), "bold"),
        fact("chain", chain),
        fact("roles", ", ".join(wallet["roles"] or [])),
        fact("labels", ", ".join(wallet["labels"] or [])),
        fact("cluster", wallet["cluster_id"]),
        fact("first seen", fmt.time(wallet["first_seen"])),
        fact("last seen", fmt.time(wallet["last_seen"])),
        fact("leases", wallet["leases"]),
        fact("H100e hours", wallet["h100e_hours"]),
        heading("What ties it to others"),
        note(f"{links.height} links; a link is evidence that two wallets act together, not who holds them."),
        *(note(line, "cyan") for line in drawn(neighbours(snapshot.links, snapshot.wallets, raw, _STEPS))),
        note("\u2550\u2550 joins two wallets, \u2500\u2500 is a mere candidate.", "dim"),
    ]
    rows: list[Row] = []
    if wallet["cluster_id"]:
        rows.append(related("cluster", "cluster", wallet["cluster_id"], "wallets that act together"))
    rows += [lead_link(lead) for lead in snapshot.leads if target_id in lead.wallets]
    others = members(snapshot, wallet["cluster_id"] or "").filter(pl.col("address") != raw)
    for other in others["address"].unique().sort()[:_PAIRS]:
        text = fmt.address(other) or ""
        rows.append(related("why", "why", why_id(chain, raw, other), "the path of evidence between the two", text))
    rows += _linked(links, chain, raw)
    for role in ("renter", "payer", "beneficiary", "provider"):
        mine = snapshot.leases.filter((pl.col("chain_id") == chain) & (pl.col(role) == raw))
        rows += lease_links(mine, role)
    return made(f"Wallet {fmt.address(raw)}", lines, rows)


def _linked(links: pl.DataFrame, chain: int, raw: bytes) -> list[Row]:
    rows: list[Row] = []
    picked = links.sort("weight", "a", "b", "heuristic", descending=[True, False, False, False])
    for a, b, heuristic, weight, evidence in picked.select("a", "b", "heuristic", "weight", "evidence").iter_rows():
        other = b if a == raw else a
        how = f"{heuristic}, {fmt.number(weight)} bits, {len(evidence or ())} transactions"
        rows += wallet_link("link", chain, other, how)
        for tx in sorted(evidence or ())[:1]:
            text = fmt.hex_text(tx) or ""
            rows.append(related("proof", "tx", f"{chain}:{text}", f"{heuristic} {fmt.short(fmt.address(other))}", text))
    return rows
