"""All rules over a large market: seconds per rule and peak memory; columnar holdings beside a loop over leases.

`python bench/rules.py [lease_events] [transfers]`, by default 1,000,000 and 5,000,000. Memory is that of the whole
process, before the rules (the world and its facts) and after. Exits with 1 when all rules together take a minute or
more.
"""

from __future__ import annotations

import resource
import sys
from decimal import Decimal
from time import perf_counter, process_time

import polars as pl

from monitor.facts.capacity import capacity
from monitor.facts.inputs import TOKENS
from monitor.facts.lease_events import lease_events
from monitor.facts.leases import leases
from monitor.facts.people import people
from monitor.facts.supply import emitted, supply
from monitor.model.schema import EVENTS, HARDWARE, LINKS, TRANSFERS, empty
from monitor.rules.facts import ChainContext, Facts
from monitor.rules.judge import judge
from monitor.rules.measure import Span, holdings, peaks, spans
from monitor.rules.models import models
from monitor.rules.names import NAMES
from monitor.rules.registry import all_rules
from monitor.rules.rule import settle
from monitor.wallets.clusters import members, nodes, stays
from monitor.wallets.funding import first_funders, token_funders
from monitor.wallets.hubs import degrees, hubs
from monitor.wallets.labels import LABELS

T0, DAY, YEAR = 1_700_000_000, 86_400, 365 * 86_400
USDC = bytes.fromhex("aa" * 20)
EVENTS_PER_LEASE, LEASES_PER_RENTER, LEASES_PER_MACHINE = 5, 4, 20
MODELS = ("nvidia-h100-sxm5-80gb", "nvidia-rtx-4090", "nvidia-b200")
SPELLINGS = ("NVIDIA H100 80GB HBM3", "NVIDIA GeForce RTX 4090", "B200")
MAX_SECONDS = 60


def chance(seed: int, below: int) -> pl.Expr:
    """Draw 0 to `below` - 1 from the row number; the same for every run."""
    return (pl.col("n").hash(seed=seed) % below).cast(pl.Int64())


def raw(number: pl.Expr, size: int, fill: str) -> pl.Expr:
    """Bytes of `size` that end in the digits of a number."""
    return pl.concat_str(pl.lit(fill * (size * 2 - 16)), number.cast(pl.String()).str.zfill(16)).str.decode("hex")


def rows(count: int) -> pl.DataFrame:
    return pl.DataFrame({"n": pl.int_range(count, eager=True)})


def lease_rows(count: int) -> pl.DataFrame:
    """Events of leases: open, two deposits, an extension, a close; machines are offered and attested before."""
    renters, machines = max(1, count // LEASES_PER_RENTER), max(1, count // LEASES_PER_MACHINE)
    lease = rows(count).with_columns(
        chance(1, YEAR).alias("start"), chance(2, renters).alias("who"), chance(3, machines).alias("machine"),
        chance(4, 60 * DAY).alias("held"), chance(5, 3).alias("kind"), (2 ** chance(6, 4)).alias("gpus"),
    )  # fmt: skip
    parts = []
    for step, verb in enumerate(("lease.open", "lease.deposit", "lease.deposit", "lease.extend", "lease.close")):
        parts.append(
            lease.with_columns(pl.lit(verb).alias("verb"), (pl.col("start") + pl.col("held") * step // 4).alias("t"))
        )
    told = pl.concat(parts)
    opened = pl.col("verb") == "lease.open"
    paid = pl.col("verb").is_in(["lease.open", "lease.deposit", "lease.extend"])
    renter = raw(pl.col("who"), 20, "1")
    filled = {
        "lease_id": pl.col("n").cast(pl.String()),
        "renter": pl.when(opened).then(renter),
        "payer": pl.when(paid).then(renter),
        "actor": renter,
        "provider": pl.when(opened).then(raw(pl.col("machine") // 8, 20, "2")),
        "machine_id": pl.when(opened).then(pl.col("machine").cast(pl.String())),
        "gpu_raw": pl.when(opened).then(
            pl.col("kind").replace_strict(dict(enumerate(SPELLINGS)), return_dtype=pl.String())
        ),
        "gpu_count": pl.when(opened).then(pl.col("gpus")),
        "price_amount": pl.when(opened).then(pl.col("gpus") * 2_000_000),
        "price_per": pl.when(opened).then(pl.lit("hour")),
        "price_scale": pl.when(opened).then(pl.lit(6)),
        "price_token": pl.lit(USDC),
        "amount": pl.when(paid).then(pl.col("gpus") * 2_000_000 * pl.col("held") // 14_400),
        "planned_end": pl.when(opened).then(pl.col("start") + pl.col("held") + T0),
    }
    return finished(told, filled, "reference")


def supply_rows(count: int) -> pl.DataFrame:
    """Each machine is offered once and attested every month."""
    machine = rows(max(1, count // LEASES_PER_MACHINE))
    parts = [machine.with_columns(pl.lit("capacity.upsert").alias("verb"), chance(7, YEAR // 4).alias("t"))]
    parts += [
        machine.with_columns(pl.lit("attest").alias("verb"), (chance(8, DAY) + month * 30 * DAY).alias("t"))
        for month in range(12)
    ]
    filled = {
        "lease_id": pl.col("n").cast(pl.String()), "machine_id": pl.col("n").cast(pl.String()),
        "provider": raw(pl.col("n") // 8, 20, "2"), "gpu_raw": pl.lit(SPELLINGS[0]), "gpu_count": pl.lit(8),
        "hardware_id": pl.concat_str(pl.lit("gpu-serial-"), pl.col("n").cast(pl.String())), "region_raw": pl.lit("SG"),
    }  # fmt: skip
    return finished(pl.concat(parts), filled, "reference")


def finished(told: pl.DataFrame, filled: dict[str, pl.Expr], market: str) -> pl.DataFrame:
    known = {
        "chain_id": pl.lit(1), "block_number": pl.col("t") // 12, "block_time": pl.col("t") + T0,
        "tx_hash": raw(pl.int_range(pl.len()), 32, "3"), "log_index": pl.int_range(pl.len()), "market": pl.lit(market),
        "verb": pl.col("verb"), "event": pl.col("verb"), "role": pl.lit("market"),
    }  # fmt: skip
    columns = known | filled
    return told.select(columns.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in EVENTS.items())


def transfer_rows(count: int, renters: int) -> pl.DataFrame:
    """Move value: a third funds renters, a third is spent, a third passes between strangers; some comes from a hub."""
    anyone = renters * 4
    moved = rows(count).with_columns(
        chance(11, anyone).alias("from"), chance(12, anyone).alias("to"), chance(13, YEAR).alias("t")
    )
    third = pl.col("n") % 3
    hub = (pl.col("n") % 200 == 0) & (third == 0)
    sender = (
        pl.when(hub)
        .then(pl.lit(0))
        .otherwise(pl.when(third == 1).then(pl.col("from") % renters).otherwise(pl.col("from")))
    )
    columns = {
        "chain_id": pl.lit(1), "block_number": pl.col("t") // 12, "block_time": pl.col("t") + T0,
        "tx_hash": raw(pl.col("n"), 32, "4"), "log_index": pl.col("n"),
        "kind": pl.when(pl.col("n") % 10 == 0).then(pl.lit("native")).otherwise(pl.lit("erc20")),
        "token": pl.when(pl.col("n") % 10 != 0).then(pl.lit(USDC)), "sender": raw(sender, 20, "1"),
        "recipient": raw(pl.when(third == 0).then(pl.col("to") % renters).otherwise(pl.col("to")), 20, "1"),
        "amount": chance(14, 5_000) * 10**6, "nonce": pl.when(pl.col("n") % 10 == 0).then(chance(15, 50)),
    }  # fmt: skip
    return moved.select(columns[name].cast(kind).alias(name) for name, kind in TRANSFERS.items())


def facts(lease_count: int, transfers: int) -> Facts:
    events = pl.concat([lease_rows(lease_count), supply_rows(lease_count)])
    sizes = zip(SPELLINGS, MODELS, ("1", "0.167", "2.274"), strict=True)
    spelled = [(text, model, "exact", None, Decimal(size), Decimal(size), "3A090.a") for text, model, size in sizes]
    known = pl.DataFrame(spelled, schema=HARDWARE, orient="row")
    tokens = pl.DataFrame([(1, USDC, 6, Decimal(1))], schema=TOKENS, orient="row")
    kinds = enumerate(("mixer", "listed", "mining", "bridge"), 5)
    named = [(bytes.fromhex("1" * 24 + f"{n:016d}"), kind, kind, "bench", "2026-01-01") for n, kind in kinds]
    labels = pl.DataFrame(named, schema=LABELS, orient="row")
    rented = leases(events, known, tokens, {}, {1: Decimal(12)})
    moved = transfer_rows(transfers, max(1, lease_count // LEASES_PER_RENTER))
    persons = people(events, providers=True)
    counted = degrees(moved)
    funders, money = (find(moved, counted, persons, ()) for find in (first_funders, token_funders))
    busy, links = hubs(counted, labels, (), 200), empty(LINKS)
    wallets = nodes(persons, funders, links, busy, stays(moved))
    placed = members(wallets, {})
    now = T0 + YEAR + 60 * DAY
    return Facts(
        leases=rented, lease_events=lease_events(events), transfers=moved, capacity=capacity(events, known),
        supply=supply(events, known), funders=funders, token_funders=money, links=links, members=placed,
        hubs=busy, labels=labels, tokens=tokens,
        names=empty(NAMES), models=models(), emits=emitted(events),
        chains={1: ChainContext(chain_id=1, head_block=now // 12, head_time=now, native_lookback_seconds=YEAR)},
    )  # fmt: skip


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def compare(world: Facts) -> None:
    """Measure the most held at once per renter, by columns and by a loop over leases."""
    begun = perf_counter()
    by_column = peaks(world.tenancies, ["renter"])
    column = perf_counter() - begun
    begun = perf_counter()
    groups: dict[bytes, list[Span]] = {}
    for span in spans(world.tenancies):
        groups.setdefault(span.renter, []).append(span)
    most = {renter: max(total for _, total in holdings(group)) for renter, group in groups.items()}
    loop = perf_counter() - begun
    assert len(most) == by_column.height
    print(f"most held at once: columns {column:.2f} s, loop {loop:.2f} s, ratio {loop / column:.1f}")


def main() -> int:
    """Build the world, run every rule, print what each cost."""
    events, transfers = (int(text) for text in (*sys.argv[1:3], *("1000000", "5000000")[len(sys.argv) - 1 :]))
    begun = perf_counter()
    world = facts(events // EVENTS_PER_LEASE, transfers)
    print(
        f"{events} lease events, {world.transfers.height} transfers: facts and wallets {perf_counter() - begun:.1f} s"
    )
    before, begun = _peak(), perf_counter()
    assert not world.tenancies.is_empty()
    assert not world.deposits.is_empty()
    shared = perf_counter() - begun
    print(f"joins that rules share {shared:.1f} s")
    print("rule   seconds (processor)  findings")
    for rule in all_rules():
        begun, work = perf_counter(), process_time()
        found = rule.check(world, settle(rule, {})[0])
        print(
            f"{rule.id} {perf_counter() - begun:6.2f} ({process_time() - work:.2f}) {len(found.findings):7d}",
            flush=True,
        )
    begun, work = perf_counter(), process_time()
    judgement = judge(world, {})
    whole, work = shared + perf_counter() - begun, process_time() - work
    print(f"all rules and leads: {whole:.1f} s ({work:.1f} s of processors)")
    print(f"{len(judgement.findings)} findings, {len(judgement.leads)} leads")
    print(f"peak memory {before / 2**30:.2f} GiB before the rules, {_peak() / 2**30:.2f} GiB after")
    compare(world)
    return int(whole >= MAX_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
