"""Whose transfers are read, and over which blocks: people of leases, and one step back, whoever funded them.

The same frame tells the indexer what to fetch and the facts what to look at. So rows that stand in a ledger by chance,
left from a wallet that a reorg took off the list, change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import polars as pl

from monitor.model.schema import empty

__all__ = ["LAST_AWAITED", "WATCH", "Limits", "inside", "watch_funders", "watch_met", "watch_people", "within"]

WATCH: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "address": pl.Binary(),
    "kind": pl.String(),
    "start": pl.Int64(),
    "stop": pl.Int64(),
    "stage": pl.Int64(),
}
"""`kind` is native|erc20; blocks from `start` up to `stop` (left out), null for the head.

`stage` orders what is read: a row is to be trusted once all rows of lower stages were read. 0 = people, 1 = around
their funders, then two stages a hop (`monitor.wallets.expand`).
"""

_BLOCK, _HEAD = pl.col("block"), pl.lit(None)
_WHOSE = ["chain_id", "address", "kind"]
"""What a row of WATCH is about: a wallet on a chain, and what is read of it."""
LAST_AWAITED = 1
"""The last stage that leads wait for: later ones only ever add transfers between strangers."""


class Limits(NamedTuple):
    """How far to look on one chain, in blocks.

    `start` = first block of any market on it, `final` = the last that can no longer change, None where all counts.
    """

    start: int
    native_lookback: int
    around_funding: int
    transfers: bool
    final: int | None = None


def watch_people(people: pl.DataFrame, limits: Mapping[int, Limits]) -> pl.DataFrame:
    """List (`WATCH`) all token transfers of each person, and native ones in the look back before the first lease."""
    first = people.group_by("chain_id", "address").agg(pl.col("first_block").min().alias("block"))
    rows = [empty(WATCH)]
    for limit, theirs in _by_chain(first, limits):
        if limit.transfers:
            rows.append(_watched(theirs, "erc20", pl.lit(limit.start), _HEAD, 0))
        if limit.native_lookback:
            start = pl.max_horizontal(_BLOCK - limit.native_lookback, 0)
            rows.append(_watched(theirs, "native", start, _BLOCK + 1, 0))
    return pl.concat(rows).sort(list(WATCH))


def watch_funders(funders: pl.DataFrame, limits: Mapping[int, Limits]) -> pl.DataFrame:
    """List (`WATCH`) the blocks around each funding, where a funder shows whether it is a hub."""
    funded = funders.select("chain_id", pl.col("funder").alias("address"), pl.col("block_number").alias("block"))
    rows = [empty(WATCH)]
    for limit, theirs in _by_chain(funded.unique(), limits):
        rows += _around(theirs, limit, _BLOCK - limit.around_funding, _BLOCK + limit.around_funding + 1, 1)
    return pl.concat(rows).sort(list(WATCH))


def watch_met(met: pl.DataFrame, limits: Mapping[int, Limits], hop: int, *, whole: bool) -> pl.DataFrame:
    """List (`WATCH`) all token transfers of those met at a hop, or all transfers around the first dealing.

    `met` has columns chain_id, address, block: that of the first dealing.
    """
    rows = [empty(WATCH)]
    for limit, theirs in _by_chain(met, limits):
        if not whole:
            # On a grid, so that wallets met at about the same time share requests.
            step = max(1, limit.around_funding)
            first = _BLOCK - _BLOCK % step
            rows += _around(theirs, limit, first - limit.around_funding, first + step + limit.around_funding, 2 * hop)
        elif limit.transfers:
            rows.append(_watched(theirs, "erc20", pl.lit(limit.start), _HEAD, 2 * hop + 1))
    return pl.concat(rows).sort(list(WATCH))


def _by_chain(wallets: pl.DataFrame, limits: Mapping[int, Limits]) -> Iterator[tuple[Limits, pl.DataFrame]]:
    for chain_id, limit in limits.items():
        yield limit, wallets.filter(pl.col("chain_id") == chain_id)


def _around(wallets: pl.DataFrame, limit: Limits, start: pl.Expr, stop: pl.Expr, stage: int) -> Iterator[pl.DataFrame]:
    start = pl.max_horizontal(start, 0)
    if limit.transfers:
        yield _watched(wallets, "erc20", start, stop, stage)
    if limit.native_lookback:
        yield _watched(wallets, "native", pl.max_horizontal(start, _BLOCK - limit.native_lookback), stop, stage)


def _watched(wallets: pl.DataFrame, kind: str, start: pl.Expr, stop: pl.Expr, stage: int) -> pl.DataFrame:
    named = wallets.select(
        *("chain_id", "address"), pl.lit(kind).alias("kind"), start.alias("start"), stop.alias("stop"),
        pl.lit(stage).alias("stage"),
    )  # fmt: skip
    return named.select(pl.col(name).cast(dtype) for name, dtype in WATCH.items())


def within(transfers: pl.DataFrame, watch: pl.DataFrame, limits: Mapping[int, Limits]) -> pl.DataFrame:
    """Keep the transfers (`TRANSFERS`) from or to a wallet inside a block span it is watched over.

    What no lead waits for is read of final blocks only; what stands above by chance does not count.
    """
    return transfers[inside(transfers, watch, limits)]


def inside(transfers: pl.DataFrame, watch: pl.DataFrame, limits: Mapping[int, Limits]) -> pl.Series:
    """Give the row numbers, ascending, of the transfers that `within` keeps: for more rows of `watch`, only more."""
    ends = {chain_id: limit.final + 1 for chain_id, limit in limits.items() if limit.final is not None}
    end = pl.col("chain_id").replace_strict(list(ends), list(ends.values()), default=None, return_dtype=pl.Int64)
    later = pl.col("stage") > LAST_AWAITED
    spans = watch.with_columns(pl.when(later).then(pl.min_horizontal("stop", end)).otherwise("stop").alias("stop"))
    numbered = transfers.select("chain_id", "kind", "sender", "recipient", "block_number").with_row_index("_row")
    endless = pl.col("stop").is_null()
    onward = spans.filter(endless).group_by(_WHOSE).agg(pl.col("start").min(), pl.col("stop").first())
    found = _rows_in(numbered, onward)
    # most rows are found by then, and around a busy funder's many fundings there are many of them
    rest = numbered.filter(~pl.col("_row").is_in(found.implode()))
    return pl.concat([found, _rows_in(rest, _merged(spans.filter(~endless)))]).sort()


def _rows_in(numbered: pl.DataFrame, spans: pl.DataFrame) -> pl.Series:
    """Give the rows with an end inside one of the spans, each once."""
    kept = []
    for side in ("sender", "recipient"):
        near = numbered.join(spans.rename({"address": side}), on=["chain_id", side, "kind"], how="inner")
        begun = pl.col("block_number") >= pl.col("start")
        between = begun & (pl.col("stop").is_null() | (pl.col("block_number") < pl.col("stop")))
        kept.append(near.filter(between).get_column("_row"))
    return pl.concat(kept).unique()


def _merged(spans: pl.DataFrame) -> pl.DataFrame:
    """Put spans of a wallet that overlap together."""
    ordered = spans.sort(*_WHOSE, "start")
    beyond = pl.col("start") > pl.col("stop").cum_max().shift().over(_WHOSE)
    apart = ordered.with_columns(beyond.fill_null(value=True).cum_sum().over(_WHOSE).alias("_part"))
    return apart.group_by(*_WHOSE, "_part").agg(pl.col("start").min(), pl.col("stop").max()).drop("_part")
