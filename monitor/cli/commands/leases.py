"""`monitor leases`: every lease of every market, in one model."""

from monitor.cli.listing import listing

command = listing(
    "leases",
    "List leases. A table shows the main columns; csv, json and ndjson all of leases.csv.",
    "leases",
    short=(
        *("market", "lease_id", "renter", "payer", "gpu_model", "gpu_count", "h100e", "opened_at", "closed_at"),
        "status",
    ),
    filters=(
        ("market", "market", "Only this market."),
        ("renter", "renter", "Only this renter (0x…)."),
        ("provider", "provider", "Only this provider (0x…)."),
        ("status", "status", "Only this status: ordered, matched, active, closed, disputed."),
    ),
)
