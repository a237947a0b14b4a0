"""`monitor events`: the lease events as they were read from chain."""

from monitor.cli.listing import listing

command = listing(
    "events",
    "List the lease events read from chain, in chain order.",
    "lease_events",
    short=("market", "chain_id", "lease_id", "verb", "actor", "amount", "at", "block", "event"),
    filters=(
        ("market", "market", "Only this market."),
        ("lease", "lease_id", "Only this lease."),
        ("verb", "verb", "Only this verb, such as lease.open."),
    ),
)
