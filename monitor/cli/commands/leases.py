"""`monitor leases`: every lease of every market, in one model."""

from monitor.cli.listing import Filter, listing, market_names

command = listing(
    "leases",
    "List leases. A table shows the main columns; csv, json and ndjson all of leases.csv.",
    "leases",
    short=(
        *("market", "lease_id", "renter", "payer", "gpu_model", "gpu_count", "h100e", "opened_at", "closed_at"),
        "status",
    ),
    filters=(
        Filter("market", "market", "Only this market.", known=market_names),
        Filter("renter", "renter", "Only this renter (0x…).", address=True),
        Filter("provider", "provider", "Only this provider (0x…).", address=True),
        Filter("status", "status", "Only this status.", ("ordered", "matched", "active", "closed", "disputed")),
    ),
)
