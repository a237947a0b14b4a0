"""Hop by hop: whose transfers are read because a watched wallet dealt with them.

Counterparties of people are one hop away, their counterparties two. Each is looked at around its first dealing before
anything else: whoever shows there, or is known, to serve many (`monitor.wallets.hubs`) is followed no further. Who is
taken hangs on the transfers seen and the configuration alone, so any node and any order of reading end with the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import polars as pl

from monitor.wallets.funding import first_fundings, inbound
from monitor.wallets.hubs import degrees, hubs_among
from monitor.wallets.watch import WATCH, Limits, inside, watch_funders, watch_people, within

__all__ = ["HOPS", "Expanded", "Reach", "expand", "follow"]

HOPS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "hop": pl.Int64(),
    "wallets": pl.Int64(),
    "left_out": pl.Int64(),
}
"""Wallets that are read at a hop, and those the budget left out there."""


_SIDES = ("sender", "recipient")


class Reach(NamedTuple):
    """How far counterparties are followed.

    `depth` = hops from people (0: none), `max_degree` = counterparties from which on a wallet is followed no further,
    `max_wallets` = wallets beyond people per chain: nearer hops first, then whoever was met first.
    """

    depth: int = 0
    max_degree: int = 200
    max_wallets: int = 5_000


class Expanded(NamedTuple):
    """`watch` (WATCH) with all within reach, sorted; `hops` (`HOPS`); `rows`: the transfers `within` that watch."""

    watch: pl.DataFrame
    hops: pl.DataFrame
    rows: pl.Series


def follow(
    moved: pl.DataFrame,
    people: pl.DataFrame,
    limits: Mapping[int, Limits],
    reach: Reach,
    labels: pl.DataFrame,
    contracts: Collection[bytes],
) -> Expanded:
    """Say whom to watch: `people` (PEOPLE), whoever funded them, and the wallets within reach of these.

    `moved` are transfers (TRANSFERS) in chain order.
    """
    watch = watch_people(people, limits)
    near = first_fundings(within(moved, watch, limits), people, contracts)
    return expand(moved, people, pl.concat([watch, watch_funders(near, limits)]), limits, reach, labels, contracts)


def expand(
    moved: pl.DataFrame,
    people: pl.DataFrame,
    watch: pl.DataFrame,
    limits: Mapping[int, Limits],
    reach: Reach,
    labels: pl.DataFrame,
    contracts: Collection[bytes],
) -> Expanded:
    """Add to `watch` (`WATCH`) the wallets within reach.

    `moved` are transfers (TRANSFERS), of which those inside what is watched so far are looked at; `people` has columns
    chain_id, address. Stage 2h looks around the first dealing of each wallet of hop h, stage 2h + 1 reads all token
    transfers of those that are no hubs.
    """
    known = people.select("chain_id", "address").unique()
    frontier = known
    hops = [pl.DataFrame(schema=HOPS)]
    moved = moved.select("chain_id", "block_number", "kind", "token", "sender", "recipient", "amount")
    seen = inside(moved, watch, limits)
    serving = _Serving(moved, labels, contracts, reach.max_degree)
    for hop in range(1, reach.depth + 1):
        busy = serving.among(seen)
        frontier = frontier.join(busy, on="address", how="anti")
        met = _met(moved[seen], frontier, contracts).join(known, on=["chain_id", "address"], how="anti")
        met = met.join(busy, on="address", how="anti").sort("chain_id", "block_number", "address")
        ranked = _ranked(met, pl.concat(hops), reach.max_wallets)
        fresh = ranked.filter("has_room")
        around = _rows(fresh, limits, 2 * hop, around=True)
        seen = _more(seen, inside(moved, around, limits))
        busy = serving.among(seen)
        frontier = fresh.join(busy, on="address", how="anti")
        whole = _rows(frontier, limits, 2 * hop + 1, around=False)
        seen = _more(seen, inside(moved, whole, limits))
        watch = pl.concat([watch, around, whole])
        known = pl.concat([known, fresh.select("chain_id", "address")])
        counted = ranked.group_by("chain_id").agg(
            pl.lit(hop).alias("hop"),
            pl.col("has_room").sum().alias("wallets"),
            (~pl.col("has_room")).sum().alias("left_out"),
        )
        hops.append(counted.select(pl.col(name).cast(kind) for name, kind in HOPS.items()))
    return Expanded(watch.unique().sort(list(WATCH)), pl.concat(hops).sort("chain_id", "hop"), seen)


class _Serving:
    """Who serves many among the transfers seen, which only become more: who did still does."""

    def __init__(self, moved: pl.DataFrame, labels: pl.DataFrame, contracts: Collection[bytes], most: int) -> None:
        self._moved = moved.select("chain_id", "sender", "recipient", "amount")
        self._labels, self._contracts, self._most = labels, contracts, most
        self._looked: pl.Series | None = None
        self._busy = pl.DataFrame(schema={"address": pl.Binary()})

    def among(self, seen: pl.Series) -> pl.DataFrame:
        """Name them (column address), `seen` being row numbers."""
        near = self._moved[seen]
        if self._looked is not None:
            fresh = near.filter(~seen.is_in(self._looked.implode()))
            ends = pl.concat([fresh.get_column(side) for side in _SIDES]).drop_nulls().unique()
            told = ends.filter(~ends.is_in(self._busy.get_column("address").implode())).implode()
            near = near.filter(pl.any_horizontal(pl.col(side).is_in(told) for side in _SIDES))
            counted = degrees(near).filter(pl.col("address").is_in(told))
        else:
            counted = degrees(near)
        self._looked = seen
        named = hubs_among(counted, self._labels, self._contracts, self._most).select("address")
        self._busy = pl.concat([self._busy, named]).unique()
        return self._busy


def _more(rows: pl.Series, others: pl.Series) -> pl.Series:
    return pl.concat([rows, others]).unique().sort()


def _met(moved: pl.DataFrame, wallets: pl.DataFrame, contracts: Collection[bytes]) -> pl.DataFrame:
    """List whom wallets paid and who funded them (columns chain_id, address), with the block of the first dealing.

    What a wallet only received says nothing it did not ask for: dust and untouched tokens (`inbound`) lead nowhere.
    """
    paid = moved.filter(
        (pl.col("amount") > 0) & pl.col("recipient").is_not_null() & (pl.col("sender") != pl.col("recipient"))
    ).join(wallets, left_on=["chain_id", "sender"], right_on=["chain_id", "address"], how="semi")
    # what a wallet got and spent is all that it is told from
    ours = wallets.get_column("address").unique().implode()
    theirs = moved.filter(pl.any_horizontal(pl.col(side).is_in(ours) for side in _SIDES))
    funded = inbound(theirs, contracts).join(
        wallets, left_on=["chain_id", "recipient"], right_on=["chain_id", "address"], how="semi"
    )
    both = pl.concat(
        [
            frame.select("chain_id", pl.col(other).alias("address"), "block_number")
            for frame, other in ((paid, "recipient"), (funded, "sender"))
        ]
    )
    return both.group_by("chain_id", "address").agg(pl.col("block_number").min())


def _ranked(met: pl.DataFrame, before: pl.DataFrame, most: int) -> pl.DataFrame:
    """Add `has_room`: whether a wallet still fits into its chain's budget after those `before` (`HOPS`)."""
    taken = before.group_by("chain_id").agg(pl.col("wallets").sum().alias("taken"))
    place = pl.int_range(pl.len()).over("chain_id")
    return met.join(taken, on="chain_id", how="left", maintain_order="left").select(
        *met.columns, (place + pl.col("taken").fill_null(0) < most).alias("has_room")
    )


def _rows(met: pl.DataFrame, limits: Mapping[int, Limits], stage: int, *, around: bool) -> pl.DataFrame:
    """Make the rows of WATCH: all token transfers, or all transfers `around` the first dealing."""
    rows: list[tuple[int, bytes, str, int, int | None, int]] = []
    for chain_id, address, block in met.select("chain_id", "address", "block_number").iter_rows():
        limit = limits[chain_id]
        if not around:
            if limit.transfers:
                rows.append((chain_id, address, "erc20", limit.start, None, stage))
            continue
        # On a grid, so that wallets met at about the same time share requests.
        step = max(1, limit.around_funding)
        first = block - block % step
        start, stop = max(0, first - limit.around_funding), first + step + limit.around_funding
        if limit.transfers:
            rows.append((chain_id, address, "erc20", start, stop, stage))
        if limit.native_lookback:
            rows.append((chain_id, address, "native", max(start, block - limit.native_lookback), stop, stage))
    return pl.DataFrame(rows, schema=WATCH, orient="row")
