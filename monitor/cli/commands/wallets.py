"""`monitor wallets`: everyone with a role in a lease."""

from monitor.cli.listing import Filter, listing

command = listing(
    "wallets",
    "List wallets with their roles, labels and clusters.",
    "wallets",
    short=("chain_id", "address", "cluster_id", "roles", "first_seen", "last_seen", "leases", "h100e_hours"),
    filters=(
        Filter("cluster", "cluster_id", "Only members of this cluster."),
        Filter("role", "roles", "Only this role.", ("renter", "payer", "beneficiary", "provider", "funder", "hub")),
        Filter("address", "address", "Only this wallet (0x…)."),
    ),
)
