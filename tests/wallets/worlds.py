"""Small markets with known owners, as the frames that wallets and rules read."""

from __future__ import annotations

from typing import Any, NamedTuple

import polars as pl

from monitor.facts.lease_events import lease_events
from monitor.facts.leases import leases
from monitor.facts.people import people
from monitor.facts.transfers import transfers
from monitor.wallets.clusters import cluster_table, members, nodes, stays, wallet_table
from monitor.wallets.evidence import pair_scores
from monitor.wallets.funding import first_funders
from monitor.wallets.grouping import Seen
from monitor.wallets.hubs import degrees, hubs
from monitor.wallets.labels import LABELS
from monitor.wallets.links import links
from monitor.wallets.merging import merge
from tests.facts.rows import (
    BLOCK_SECONDS,
    DAY,
    MARKET,
    USDC,
    event,
    events,
    hardware,
    native,
    native_tx,
    time_of,
    token_log,
    token_logs,
    tokens,
    who,
)  # fmt: skip

HOUR_BLOCKS = 60
DAY_BLOCKS = 24 * HOUR_BLOCKS
MODELS = ("NVIDIA GeForce RTX 4090", "mystery", "H100")


class Rows(NamedTuple):
    """What happened: events, token logs and native transactions."""

    events: list[dict[str, Any]]
    logs: list[dict[str, Any]]
    native: list[dict[str, Any]]

    def __add__(self, other: Any) -> Rows:
        return Rows(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def lease(
    number: int, renter: int, *, block: int, provider: int = 300, gpus: int = 8, days: int = 10, **more: Any
) -> Rows:
    """A lease of H100s at two dollars each per hour, prepaid by the renter unless `payer` says otherwise."""
    price = 2_000_000 * gpus
    fields: dict[str, Any] = {
        "renter": who(renter), "payer": who(renter), "provider": who(provider), "machine_id": f"m{provider}",
        "gpu_raw": "H100", "gpu_count": gpus, "price_amount": price, "price_per": "hour", "price_scale": 6,
        "price_token": USDC, "amount": price * 24 * days, "planned_end": time_of(block) + days * DAY,
    } | more  # fmt: skip
    paid = token_log(fields["payer"], MARKET, int(fields["amount"]), block=block, log=number % 50 * 2)
    return Rows([event("lease.open", f"L{number}", block=block, log=number % 50 * 2 + 1, **fields)], [paid], [])


def pay(sender: int, to: int, *, block: int, nonce: int = 0, wei: int = 10**17) -> Rows:
    return Rows([], [], [native_tx(who(sender), who(to), wei, block=block, nonce=nonce)])


def send(sender: int, to: int, usd: int, *, block: int, log: int = 100) -> Rows:
    return Rows([], [token_log(who(sender), who(to), usd * 10**6, block=block, log=log)], [])


def crowd(count: int = 24, *, block: int = 5_000) -> Rows:
    """Unrelated renters of many products, each funded by its own funder long before."""
    rows = Rows([], [], [])
    for n in range(count):
        rows += pay(2000 + n, 1000 + n, block=1 + n, nonce=n)
        rows += lease(500 + n, 1000 + n, block=block + 37 * n, provider=400 + n % 7, gpus=1 + n % 9,
                      gpu_raw=MODELS[n % 3])  # fmt: skip
    return rows


def broker(funder: int = 50, wallets: tuple[int, ...] = (1, 2, 3, 4), *, block: int = 20_000) -> Rows:
    """One fresh funder sends gas and money to wallets that lease eight H100 each within a day."""
    rows = pay(99, funder, block=block - 200, nonce=7)
    for n, wallet in enumerate(wallets):
        rows += pay(funder, wallet, block=block + n, nonce=n)
        rows += send(funder, wallet, 10_000, block=block + n, log=90 + n)
        rows += lease(n, wallet, block=block + 5 * HOUR_BLOCKS + n, provider=300)
    return rows


class Wallets(NamedTuple):
    """Every frame of the wallets room."""

    leases: pl.DataFrame
    lease_events: pl.DataFrame
    transfers: pl.DataFrame
    degrees: pl.DataFrame
    funders: pl.DataFrame
    hubs: pl.DataFrame
    links: pl.DataFrame
    members: pl.DataFrame
    wallets: pl.DataFrame
    clusters: pl.DataFrame

    def together(self, *numbers: int) -> bool:
        rows = self.members.filter(pl.col("address").is_in([who(n) for n in numbers]))
        assert rows["address"].n_unique() == len(numbers)
        return rows["cluster_id"].n_unique() == 1


def label_rows(*rows: tuple[int, str, str]) -> pl.DataFrame:
    full = [(who(number), label, kind, "test", "2026-11-01") for number, label, kind in rows]
    return pl.DataFrame(full, schema=LABELS, orient="row")


def wallets(rows: Rows, labels: pl.DataFrame | None = None, hub_degree: int = 200) -> Wallets:
    labels = label_rows() if labels is None else labels
    decoded = events(*rows.events)
    rented = leases(decoded, hardware(), tokens(), {}, BLOCK_SECONDS)
    history = lease_events(decoded)
    moved, _ = transfers(token_logs(*rows.logs), native(*rows.native))
    persons = people(decoded, providers=True)
    contracts = {MARKET, USDC}
    counted = degrees(moved)
    funders = first_funders(moved, counted, persons, contracts)
    busy = hubs(counted, labels, contracts, hub_degree)
    found = links(rented, history, moved, counted, funders, busy, labels)
    known = nodes(persons, funders, found, busy, stays(moved))
    owners = {a: label for a, label, kind in labels.select("address", "label", "kind").iter_rows() if kind == "owner"}
    placed = members(known, merge(pair_scores(found), owners))
    table = wallet_table(known, placed, labels, rented, {1: time_of(200_000)})
    return Wallets(rented, history, moved, counted, funders, busy, found, placed, table, cluster_table(table))


def seen(
    rows: Rows, labels: pl.DataFrame | None = None, contracts: frozenset[bytes] = frozenset({MARKET, USDC})
) -> Seen:
    """What a look of the daemon sees of it, for `grouped` or a kept `Grouping`."""
    decoded = events(*rows.events)
    rented = leases(decoded, hardware(), tokens(), {}, BLOCK_SECONDS)
    moved, _ = transfers(token_logs(*rows.logs), native(*rows.native))
    named = label_rows() if labels is None else labels
    return Seen(rented, lease_events(decoded), moved, people(decoded, providers=True), named, contracts, 200)
