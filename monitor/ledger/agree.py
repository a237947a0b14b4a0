"""What pages say about blocks and logs, held against each other and against the ledger: it agrees, or is a Conflict."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from monitor.errors import LedgerError
from monitor.ledger.rows import Conflict
from monitor.model.chain import Header
from monitor.model.page import BLOCKS, PLACE, Page, blocks_of, changes, is_sorted
from monitor.model.schema import LOG_ROWS

__all__ = ["agreed_blocks", "new_rows", "said_blocks", "with_times"]

_UNTOLD = -1
"""Stands for a time nobody said."""


def said_blocks(pages: Iterable[Page]) -> pl.DataFrame:
    """List what pages say about blocks: a frame of BLOCKS, a block as often as it is told of."""
    headers: list[Header] = []
    transfers: list[tuple[int, bytes, None]] = []
    frames = []
    for page in pages:
        headers += page.headers
        transfers += [(item.block_number, item.block_hash, None) for item in page.transfers]
        frames.append(blocks_of(page.logs))
    told = [(item.number, item.hash, item.timestamp) for item in headers]
    return pl.concat([_frame(told), _frame(transfers), *frames])


def agreed_blocks(chain_id: int, said: pl.DataFrame, held: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Join what was said with what the ledger holds (frames of BLOCKS) to one row per block, in order.

    Raises Conflict when two of them know a block by another hash or time, LedgerError when nobody said a block's time.
    """
    # In arrays: a block of the head brings a few rows, for which the query engine takes longer than SQLite.
    numbers = said["block_number"].to_numpy()
    known = [frame[list(BLOCKS)][np.flatnonzero(np.isin(frame["block_number"].to_numpy(), numbers))] for frame in held]
    every = pl.concat([said, *known])
    every = every[np.argsort(every["block_number"].to_numpy(), kind="stable")]
    number, time = every["block_number"].to_numpy(), every["block_time"].fill_null(_UNTOLD).to_numpy()
    again = np.append(False, number[1:] == number[:-1])[: len(number)]
    firsts = np.flatnonzero(~again)
    latest = np.maximum.reduceat(time, firsts) if len(firsts) else time
    other = (time != _UNTOLD) & (time != latest[np.cumsum(~again) - 1])
    other[1:] |= again[1:] & changes(every["block_hash"])
    for place in np.flatnonzero(other)[:1]:
        message = f"block {number[place]} of chain {chain_id} is another one than in the ledger"
        raise Conflict(message, hint="the chain changed: the next look at its head repairs this")
    for place in firsts[latest == _UNTOLD][:1]:
        message = f"rows of block {number[place]} of chain {chain_id} came without its header"
        raise LedgerError(message, hint="a fault of this program; nothing was written: start it again")
    blocks = every[firsts]
    return pl.DataFrame([blocks["block_number"], blocks["block_hash"], pl.Series("block_time", latest)])


def with_times(logs: pl.DataFrame, blocks: pl.DataFrame) -> pl.DataFrame:
    """Give every log its block's time."""
    if logs["block_time"].null_count() == 0:
        return logs
    times = blocks.select("block_number", "block_time")
    return logs.drop("block_time").join(times, on="block_number", how="left").select(*LOG_ROWS)


def new_rows(chain_id: int, logs: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Take away the logs that are held already, and sort the rest; raises Conflict when one differs from what is held.

    `held` are all rows at the places of `logs`, and may be more; both have the schema LOG_ROWS.
    """
    # Pages come in any order: sorting them costs half of looking for doubles by hashes, and segments want it anyway.
    logs = logs if is_sorted(logs) else logs.sort(PLACE)
    if held.is_empty() and is_sorted(logs, once=True):
        return logs
    both = pl.concat([logs, held.join(logs, on=PLACE, how="semi")])
    places = both.unique(PLACE)
    if places.height == logs.height == both.height:
        return logs
    if both.unique().height != places.height:
        twice = both.unique().filter(pl.struct(PLACE).is_duplicated()).sort(PLACE)
        message = "row {1} of block {0} of chain {2} differs from the one in the ledger".format(
            *twice.select(PLACE).row(0), chain_id
        )
        raise Conflict(message, hint="the chain changed, or an endpoint lies: `monitor doctor` tests each")
    return logs.unique(PLACE, maintain_order=True).join(held, on=PLACE, how="anti")


def _frame(rows: list[tuple[int, bytes, int]] | list[tuple[int, bytes, None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=BLOCKS, orient="row")
