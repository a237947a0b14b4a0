"""`monitor events`: the lease events as they were read from chain."""

from collections.abc import Collection

from monitor.cli.listing import Filter, listing, market_names


def _verbs() -> Collection[str]:
    from monitor.facts.fold import LEASE_VERBS

    return LEASE_VERBS


command = listing(
    "events",
    "List the lease events read from chain, in chain order.",
    "lease_events",
    short=("market", "chain_id", "lease_id", "verb", "actor", "amount", "at", "block", "event"),
    filters=(
        Filter("market", "market", "Only this market.", known=market_names),
        Filter("lease", "lease_id", "Only this lease.", known=tuple),
        Filter("verb", "verb", "Only this verb, such as lease.open.", known=_verbs),
    ),
)
