"""A block with a thousand new pairs of evidence among a million wallets: update of the entities against a rebuild.

Prints milliseconds of processor time of both (one thread, no I/O) and their ratio; exits with 1 when the update takes
more than 100 ms, or differs.
"""

from __future__ import annotations

import random
import sys
from time import process_time

from monitor.wallets.entities import Entities
from monitor.wallets.evidence import PairScore

WALLETS, NEW, ROUNDS = 1_000_000, 1_000, 5
LIMIT_MS = 100.0


def pair(a: int, b: int, tenths: int) -> PairScore:
    low, high = sorted((a, b))
    return PairScore(low.to_bytes(20, "big"), high.to_bytes(20, "big"), tenths, ("flow", "funding"), accepted=True)


def main() -> int:
    chance = random.Random(1)
    # Owners of one to eight wallets, as chains of evidence.
    base = [pair(at, at + 1, 163 + at % 90) for at in range(1, WALLETS) if at % 8 or not at % 3]
    start = process_time()
    kept = Entities()
    kept.update(base)
    rebuild = process_time() - start
    updates, known = [], {(row.a, row.b): row for row in base}
    for _ in range(ROUNDS):
        ends = [(at, at + 1 + chance.randrange(4)) for at in chance.sample(range(1, WALLETS - 8), NEW)]
        block = [pair(a, b, 163 + chance.randrange(90)) for a, b in ends]
        known |= {(row.a, row.b): row for row in block}
        start = process_time()
        kept.update(block)
        updates.append(process_time() - start)
    fresh = Entities()
    fresh.update(known.values())
    assert fresh.groups == kept.groups
    worst = max(updates) * 1000
    print(
        f"entities: {NEW} new pairs among {WALLETS} wallets: {worst:.1f} ms (at most {LIMIT_MS:.0f} wanted), "
        f"rebuild {rebuild * 1000:.0f} ms, {rebuild * 1000 / worst:.0f} times as long"
    )
    return 0 if worst <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
