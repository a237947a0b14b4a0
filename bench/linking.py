"""A block of a thousand new transfers among a million wallets, from evidence over links to clusters.

The graph: `WALLETS` wallets that lease, each funded by one of a quarter as many funders (an exchange funds one in
fifty), and as many transfers again to sinks and strangers. Prints milliseconds of processor time of one block (medians
and the most of `ROUNDS`), of finding everything anew in the same run by the functions without a state, and the ratio;
exits with 1 when the median is above 100 ms or the results differ. As in the daemon, a block is taken in on polars' own
threads. `python bench/linking.py [wallets]`.
"""

from __future__ import annotations

import resource
import statistics
import sys
from functools import partial
from time import perf_counter, process_time

import polars as pl

from monitor.daemon.pool import on_the_pool
from monitor.model.schema import LEASES, TRANSFERS, empty
from monitor.wallets.bridges import bridge_matches, crossings
from monitor.wallets.entities import Entities
from monitor.wallets.evidence import pair_scores
from monitor.wallets.funding import first_funders
from monitor.wallets.held import Delta
from monitor.wallets.hubs import degrees, hubs
from monitor.wallets.labels import LABELS
from monitor.wallets.linking import LEASED, PERSONS, Links, News
from monitor.wallets.links import PAYMENTS, declared, judged, sinks, without
from monitor.wallets.siblings import rarity, siblings, traits

DAY = 86_400
NEW, ROUNDS, LIMIT_MS = 1_000, 15, 100.0
RENTERS = 4
"""One wallet in so many leases."""


def chance(seed: int, below: int) -> pl.Expr:
    return (pl.col("n").hash(seed=seed) % below).cast(pl.Int64())


def raw(number: pl.Expr, size: int, fill: str) -> pl.Expr:
    return pl.concat_str(pl.lit(fill * (size * 2 - 16)), number.cast(pl.String()).str.zfill(16)).str.decode("hex")


def transfers(first: int, count: int, wallets: int) -> pl.DataFrame:
    """Move value: a fifth funds a wallet natively, a fifth sweeps to a sink, the rest passes between any two."""
    renters = wallets // RENTERS
    n = pl.DataFrame({"n": pl.int_range(first, first + count, eager=True)})
    part = pl.col("n") % 5
    tenant = chance(1, renters)
    hub = chance(2, 50) == 0
    sender = (
        pl.when((part == 0) & hub).then(chance(3, 20) + 10 * wallets)
        .when(part == 0).then(renters + tenant // 3)
        .when(part == 1).then(tenant).otherwise(chance(4, wallets))
    )  # fmt: skip
    recipient = (
        pl.when(part == 0).then(tenant).when(part == 1).then(wallets // 2 + tenant // 4).otherwise(chance(5, wallets))
    )
    columns = {
        "chain_id": pl.lit(1), "block_number": pl.col("n") // NEW, "block_time": pl.col("n") // NEW * 12,
        "tx_hash": raw(pl.col("n"), 32, "4"), "log_index": pl.when(part == 0).then(-1).otherwise(pl.col("n") % NEW),
        "kind": pl.when(part == 0).then(pl.lit("native")).otherwise(pl.lit("erc20")),
        "token": pl.when(part != 0).then(pl.lit(b"t" * 20)), "sender": raw(sender, 20, "1"),
        "recipient": raw(recipient, 20, "1"), "amount": chance(6, 5_000) * 10**6,
        "nonce": pl.when(part == 0).then(chance(7, 50)),
    }  # fmt: skip
    return n.select(columns[name].cast(kind).alias(name) for name, kind in TRANSFERS.items())


def leases(wallets: int) -> pl.DataFrame:
    """One lease for each tenant, one in ten paid by somebody else."""
    n = pl.DataFrame({"n": pl.int_range(wallets // RENTERS, eager=True)})
    payer = pl.when(pl.col("n") % 10 == 0).then(wallets // RENTERS + pl.col("n") // 3).otherwise(pl.col("n"))
    columns = {
        "market": pl.lit("m"), "chain_id": pl.lit(1), "lease_id": pl.col("n").cast(pl.String()),
        "renter": raw(pl.col("n"), 20, "1"), "payer": raw(payer, 20, "1"),
        "provider": raw(chance(8, 5_000), 20, "2"), "machine_id": chance(9, wallets // 40).cast(pl.String()),
        "gpu_model": pl.concat_str(pl.lit("gpu-"), chance(10, 40)), "gpu_count": chance(11, 8) + 1,
        "opened_at": chance(12, 365) * DAY, "open_block": pl.col("n"), "open_log_index": pl.lit(0),
        "open_tx": raw(pl.col("n"), 32, "5"),
    }  # fmt: skip
    rows = n.select(columns[name].cast(kind).alias(name) for name, kind in LEASED.items())
    return pl.concat([empty(LEASES), rows], how="diagonal")


def paid(rented: pl.DataFrame) -> pl.DataFrame:
    others = rented.filter(pl.col("payer") != pl.col("renter")).with_columns(
        pl.col("open_tx").alias("tx"), pl.col("opened_at").alias("at")
    )
    return others.select(PAYMENTS.keys())


def anew(
    moved: pl.DataFrame, rented: pl.DataFrame, payments: pl.DataFrame, persons: pl.DataFrame, labels: pl.DataFrame
) -> tuple[pl.DataFrame, dict[bytes, bytes]]:
    """Find all by the functions that keep nothing."""
    counted = degrees(moved)
    funders = first_funders(moved, counted, persons, frozenset())
    busy = hubs(counted, labels, frozenset(), 200)
    kin = siblings(without(funders, busy, "funder", "address"), rented, rarity(traits(rented)))
    sunk = sinks(moved, counted, funders, rented, busy)
    found = judged(
        kin,
        payments,
        sunk,
        bridge_matches(crossings(moved, labels)),
        moved,
        rented,
        busy,
        declared(labels, rented, moved),
    )
    found = found.sort("chain_id", "a", "b", "heuristic")
    entities = Entities()
    entities.become(pair_scores(found, accepted=True), {})
    return found, dict(entities.groups)


def main() -> int:
    wallets = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rented, labels = leases(wallets), empty(LABELS)
    payments = paid(rented)
    persons = rented.select("chain_id", pl.col("renter").alias("address"))
    moved = transfers(0, 2 * wallets, wallets)
    kept, entities = Links(frozenset(), 200), Entities()
    begun = process_time()
    near = kept.become(moved, rented, payments, persons, labels)
    entities.become(pair_scores(kept.of(near), accepted=True), {}, near)
    print(f"first filling: {process_time() - begun:.1f} s")

    def update(block: pl.DataFrame) -> tuple[int, int]:
        near = kept.update(News(Delta(block.clear(), block), *nothing))
        return len(near), len(entities.become(pair_scores(kept.of(near), accepted=True), {}, near))

    nothing = [Delta(empty(kind), empty(kind)) for kind in (LEASED, PAYMENTS, PERSONS, LABELS)]
    took, waited, touched = [], [], []
    for _ in range(ROUNDS):
        block = transfers(moved.height, NEW, wallets)
        moved = pl.concat([moved, block])
        begun, start = process_time(), perf_counter()
        touched.append(on_the_pool(partial(update, block)))
        took.append(1000 * (process_time() - begun))
        waited.append(1000 * (perf_counter() - start))
    begun = process_time()
    links, groups = anew(moved, rented, payments, persons, labels)
    rebuild = 1000 * (process_time() - begun)
    assert links.equals(kept.links)
    assert groups == dict(entities.groups)
    median = statistics.median(took)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"{NEW} new transfers among {wallets} wallets and {moved.height} transfers, {links.height} links: median "
        f"{median:.0f} ms, at most {max(took):.0f} ms (waited {statistics.median(waited):.0f}); wallets looked at and "
        f"grouped {touched[-1]}; anew {rebuild:.0f} ms, {rebuild / median:.0f} times as long; {peak:.1f} GB"
    )
    return 0 if median <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
