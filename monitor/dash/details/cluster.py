"""The page of a cluster: the wallets that act together and the evidence for it."""

from __future__ import annotations

from collections import Counter

import polars as pl
from rich.text import Text

from monitor.dash.details.page import Page, fact, heading, lead_link, lease_links, made, members, note, related
from monitor.dash.world import World
from monitor.views import format as fmt
from monitor.views.paths import edges

__all__ = ["cluster_page"]


def cluster_page(world: World, cluster_id: str) -> Page | None:
    """Show a cluster by its id."""
    snapshot = world.snapshot
    found = snapshot.clusters.filter(pl.col("cluster_id") == cluster_id)
    wallets = members(snapshot, cluster_id)
    if not found.height and not wallets.height:
        return None
    counts = found.row(0, named=True) if found.height else {}
    lines = [
        fact("wallets", counts.get("size", wallets.height), "bold"),
        *(fact(role, counts.get(role)) for role in ("renters", "payers", "providers")),
        fact("H100e hours", counts.get("h100e_hours")),
        fact("leads", counts.get("leads")),
        *_evidence(world, wallets),
    ]
    rows = [lead_link(lead) for lead in snapshot.leads if lead.cluster_id == cluster_id]
    for chain, raw, roles, count in wallets.select("chain_id", "address", "roles", "leases").iter_rows():
        text = fmt.address(raw) or ""
        how = f"{', '.join(roles or ()) or 'no role'}; {count or 0} leases"
        rows.append(related("wallet", "wallet", f"{chain}:{text}", how, text))
    pairs = wallets.select("chain_id", pl.col("address").alias("renter"))
    rows += lease_links(snapshot.leases.join(pairs, on=["chain_id", "renter"], how="semi"), "lease")
    return made(f"Cluster {cluster_id}", lines, rows)


def _evidence(world: World, wallets: pl.DataFrame) -> list[Text]:
    counts: Counter[str] = Counter()
    for chain in wallets["chain_id"].unique().sort().to_list():
        inside = wallets.filter(pl.col("chain_id") == chain)["address"].to_list()
        counts.update(edge.heuristic for edge in edges(world.snapshot.links, chain, inside))
    words = ", ".join(f"{count} x {name}" for name, count in sorted(counts.items()))
    return [heading("What ties its wallets together"), note(words or "one wallet by itself")]
