"""`monitor clusters`: wallets that evidence joins."""

from monitor.cli.listing import Filter, listing

command = listing(
    "clusters",
    "List wallet clusters. A cluster is a hypothesis: `monitor explain A B` shows its path.",
    "clusters",
    short=("cluster_id", "size", "renters", "payers", "providers", "h100e_hours", "leads"),
    filters=(Filter("id", "cluster_id", "Only this cluster."),),
)
