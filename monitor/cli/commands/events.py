"""`monitor events`: the lease events as they were read from chain."""

from monitor.cli.listing import Filter, listing

command = listing(
    "events",
    "List the lease events read from chain, in chain order.",
    "lease_events",
    short=("market", "chain_id", "lease_id", "verb", "actor", "amount", "at", "block", "event"),
    filters=(
        Filter("market", "market", "Only this market."),
        Filter("lease", "lease_id", "Only this lease."),
        Filter("verb", "verb", "Only this verb, such as lease.open."),
    ),
)
