"""A whole look at a large market for one new block: everything anew beside going on from what is known, stage by stage.

`python bench/look.py [lease_events] [transfers]`, by default 1,000,000 and 5,000,000. The world is that of
`bench/rules.py`, but nine transfers of ten go to or come from busy services, as most do; a block brings three leases
with all that is said of them, and a hundred transfers. Several blocks come one after another, and what goes on is the
median of their looks; the last is judged anew as well. Both ways start from decoded events and must come to the same
judgement. Reading and decoding are measured in `bench/reading.py`. Counterparties are followed as a daemon does by
default. Seconds are told by the clock, and of the processor, of all cores together.
The goal is half a second by the clock for all that goes on; exits with 1 when it takes longer.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple

import polars as pl
from rules import (
    EVENTS_PER_LEASE,
    LEASES_PER_RENTER,
    MODELS,
    SPELLINGS,
    T0,
    USDC,
    YEAR,
    chance,
    lease_rows,
    raw,
    supply_rows,
    transfer_rows,
)

from monitor.daemon.pool import on_the_pool
from monitor.facts.folding import Folding
from monitor.facts.inputs import TOKENS
from monitor.facts.moving import Moving
from monitor.facts.offers import Offers
from monitor.model.schema import HARDWARE, empty
from monitor.rules import pipeline
from monitor.rules.facts import ChainContext
from monitor.rules.judge import Judging
from monitor.rules.pipeline import Inputs, Known, World, evaluate
from monitor.wallets.expand import Following, Reach
from monitor.wallets.grouping import Grouping
from monitor.wallets.labels import LABELS
from monitor.wallets.placing import Placing
from monitor.wallets.signing import Signing
from monitor.wallets.watch import Limits

FUNDER_BLOCKS = 20_000
BLOCK, FRESH_LEASES, FRESH_TRANSFERS, SERVICES = (YEAR + 60 * 86_400) // 12, 3, 100, 300
GOAL_SECONDS, BLOCKS = 0.5, 5
EMITTED = frozenset({"lease.open", "lease.deposit", "lease.extend", "lease.close", "capacity.upsert", "attest"})


def served(moved: pl.DataFrame) -> pl.DataFrame:
    """Let a busy service stand at one end of nine transfers in ten."""
    rows = moved.with_row_index("n")
    service = raw(chance(21, SERVICES), 20, "5")
    sent, got = (pl.col("n") % 20 < end for end in (9, 18))
    return rows.with_columns(
        pl.when(sent).then(service).otherwise("sender").alias("sender"),
        pl.when(got & ~sent).then(service).otherwise("recipient").alias("recipient"),
    ).drop("n")


def at_block(frame: pl.DataFrame, number: int) -> pl.DataFrame:
    place = pl.int_range(pl.len(), dtype=pl.Int64())
    return frame.with_columns(
        pl.lit(number, dtype=pl.Int64()).alias("block_number"),
        pl.lit(T0 + 12 * number, dtype=pl.Int64()).alias("block_time"),
        place.alias("log_index"), raw(place, 32, "6").alias("tx_hash"),
    )  # fmt: skip


def inputs(events: pl.DataFrame, moved: pl.DataFrame, head: int) -> Inputs:
    sizes = zip(SPELLINGS, MODELS, ("1", "0.167", "2.274"), strict=True)
    spelled = [(text, model, "exact", None, Decimal(size), Decimal(size), "3A090.a") for text, model, size in sizes]
    now = T0 + 12 * head
    return Inputs(
        events=events, since={1: head - 1}, transfers=moved, fee_transactions=6,
        hardware=lambda _: pl.DataFrame(spelled, schema=HARDWARE, orient="row"),
        tokens=pl.DataFrame([(1, USDC, 6, Decimal(1))], schema=TOKENS, orient="row"), labels=empty(LABELS),
        emits={"reference": EMITTED}, reach=Reach(depth=2),
        limits={1: Limits(0, BLOCK, FUNDER_BLOCKS, transfers=True, final=head - 1)},
        chains={1: ChainContext(chain_id=1, head_block=head, head_time=now, native_lookback_seconds=YEAR)},
    )  # fmt: skip


class Took(NamedTuple):
    """Seconds."""

    clock: float = 0.0
    processor: float = 0.0


class Clock:
    """Adds up, by name, what functions of the pipeline take."""

    def __init__(self) -> None:
        self.seconds: dict[str, Took] = {}

    def around(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **more: Any) -> Any:
            begun = perf_counter(), process_time()
            try:
                return work(*args, **more)
            finally:
                clock, processor = self.seconds.get(name, Took())
                self.seconds[name] = Took(clock + perf_counter() - begun[0], processor + process_time() - begun[1])

        return timed


def stages() -> list[tuple[Any, str, str]]:
    """List what is timed: where it stands, its name there, and the stage it is."""
    names = [name for name, thing in vars(pipeline).items() if callable(thing) and name.islower() and name[0] != "_"]
    plain = [(pipeline, name, name) for name in names if name not in {"evaluate", "empty", "grouped"}]
    kept = [
        (Offers, "become", "offers"), (Folding, "become", "leases"), (Following, "become", "whom to follow"),
        (Moving, "become", "transfers' news"), (Signing, "become", "signed and set"),
        (Grouping, "become", "links and groups"), (Placing, "become", "clusters"),
        (Judging, "become", "rules and leads"),
    ]  # fmt: skip
    return [*plain, *kept, (pipeline, "grouped", "links and groups")]


def measured(work: Callable[[], World]) -> tuple[World, dict[str, Took]]:
    """Do it, and say what each stage took and all of it."""
    clock = Clock()
    kept = [(place, name, getattr(place, name)) for place, name, _ in stages()]
    for place, name, stage in stages():
        setattr(place, name, clock.around(stage, getattr(place, name)))
    try:
        world = on_the_pool(clock.around("all", work))
    finally:
        for place, name, thing in kept:
            setattr(place, name, thing)
    return world, clock.seconds


def brought(leases: int, moved: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Give what each block brings: events of new leases, and transfers like the oldest."""
    for number in range(BLOCKS):
        first = leases + number * FRESH_LEASES
        told = lease_rows(first + FRESH_LEASES).filter(pl.col("lease_id").cast(pl.Int64()) >= first)
        yield told, moved.slice(number * FRESH_TRANSFERS, FRESH_TRANSFERS)


def main() -> int:
    """Judge a world, then some blocks more, the last of them both ways."""
    events, count = (int(text) for text in (*sys.argv[1:3], *("1000000", "5000000")[len(sys.argv) - 1 :]))
    leases = events // EVENTS_PER_LEASE
    before = pl.concat([lease_rows(leases), supply_rows(leases)])
    moved = served(transfer_rows(count, max(1, leases // LEASES_PER_RENTER))).sort("block_number", "log_index")
    # as a ledger gives them: polars keeps a column that was made of one value as that value
    before, moved = (pl.DataFrame(each.get_columns()) for each in (before, moved))
    known = Known.nothing()
    settled = inputs(before, moved, BLOCK - 1)
    for _ in range(2):
        # the second look puts by what is final; from then on every look is like the next
        evaluate(settled, known)
    took = []
    for number, (rows, sent) in enumerate(brought(leases, moved), BLOCK):
        before, moved = pl.concat([before, at_block(rows, number)]), pl.concat([moved, at_block(sent, number)])
        now = inputs(before, moved, number)
        on, seconds = measured(partial(evaluate, now, known))
        took.append(seconds)
    anew, took_anew = measured(partial(evaluate, now))
    assert on.judgement == anew.judgement
    assert on.facts.leases.equals(anew.facts.leases)
    print(
        f"{events} lease events, {moved.height} transfers, {BLOCKS} blocks: seconds anew, going on, ratio (processor)"
    )
    for name, whole in sorted(took_anew.items(), key=lambda each: -each[1].clock):
        one = Took(*(median(each) for each in zip(*(seconds[name] for seconds in took), strict=True)))
        ratio = whole.processor / max(one.processor, 1e-6)
        print(
            f"{name:18s} {whole.clock:8.3f} ({whole.processor:.3f}) {one.clock:8.3f} ({one.processor:.3f}) {ratio:8.1f}"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
    clock = median(seconds["all"].clock for seconds in took)
    print(f"goal {GOAL_SECONDS} s by the clock, {clock / GOAL_SECONDS:.1f} times that")
    return int(clock > GOAL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
