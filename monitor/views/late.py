"""Transfers of final blocks that come later, out of the pages that bring them: as reading the ledger gives them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from monitor.facts.inputs import NATIVE, RAW_LOGS
from monitor.facts.transfers import transfers
from monitor.ledger.frames import transfers as native_rows
from monitor.ledger.frames import with_words
from monitor.ledger.scan import Limits
from monitor.model.page import PLACE, Page
from monitor.model.schema import LOG_ROWS, TRANSFERS, empty
from monitor.sync.fragment import TRANSFER
from monitor.views.bundle import Bundle

__all__ = ["late_transfers"]


def late_transfers(
    pages: Sequence[tuple[int, Page]],
    upto: Mapping[int, int],
    held: pl.DataFrame,
    ours: Collection[bytes],
    bundle: Bundle,
) -> pl.DataFrame | None:
    """Give the transfers (TRANSFERS) of pages (chain id, page) in blocks `upto` which are not among those `held`.

    `ours` are the contracts of markets. None where the pages bring anything else there, or do not say all of it.
    """
    known = Limits(upto=upto).predicate() & pl.col("chain_id").is_in(list(upto))
    logs, native = _logs(pages).filter(known), _native(pages).filter(known)
    if logs.is_empty() and native.is_empty():
        return empty(TRANSFERS)
    first = pl.col("topics").list.first()
    money = [address for _, address in bundle.tokens]
    spent = pl.col("address").is_in(money) & (first == TRANSFER)
    other = ~spent | pl.col("address").is_in(list(ours)) | first.is_in(bundle.anywhere) | pl.col("block_time").is_null()
    untold = native.filter(pl.col("block_time").is_null() | pl.col("value").is_null())
    moved, _ = transfers(logs.select(list(RAW_LOGS)), native.select(list(NATIVE)))
    if logs.filter(other).height or untold.height or moved.height != logs.height + native.height:
        return None
    near = held.filter(pl.col("block_number").is_in(moved.get_column("block_number").unique().implode()))
    return moved.join(near, on=moved.columns, how="anti", nulls_equal=True)


def _logs(pages: Sequence[tuple[int, Page]]) -> pl.DataFrame:
    parts = [pl.DataFrame(schema={**LOG_ROWS, "chain_id": pl.Int64()})]
    for chain_id, page in pages:
        times = {header.number: header.timestamp for header in page.headers}
        told = pl.col("block_number").replace_strict(times, default=None, return_dtype=pl.Int64())
        chain = pl.lit(chain_id, dtype=pl.Int64()).alias("chain_id")
        parts.append(page.logs.with_columns(pl.coalesce("block_time", told).alias("block_time"), chain))
    return with_words(pl.concat(parts).unique(["chain_id", *PLACE]))


def _native(pages: Sequence[tuple[int, Page]]) -> pl.DataFrame:
    rows = {
        (chain_id, item.block_number, item.tx_index, item.trace): (
            *(chain_id, item.block_number, item.tx_hash, item.tx_index, item.sender, item.recipient),
            *(str(item.value), item.nonce),
        )
        for chain_id, page in pages
        for item in page.transfers
    }
    headers = {
        (chain_id, header.number): (chain_id, *header[:4]) for chain_id, page in pages for header in page.headers
    }
    return native_rows(list(rows.values()), list(headers.values()))
