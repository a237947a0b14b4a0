"""Whether logs can be an answer: in the span asked for, wanted by the filter, and consistent with each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from monitor.chain.wire import Lying
from monitor.model.page import PLACE, changes, is_sorted
from monitor.model.span import Span
from monitor.sync.fragment import LogFilter

__all__ = ["Seams", "check_order", "checked", "differences", "fits", "same_logs", "seams"]

_WORD = 32
_FEW = 8
_MOSTLY = 0.75


def checked(rows: pl.DataFrame, wanted: LogFilter, span: Span) -> pl.DataFrame:
    """Sort LOG_ROWS by place and check that every log is wanted, in span and agrees with the others; raises Lying."""
    if rows.is_empty():
        return rows
    if not is_sorted(rows):
        rows = rows.sort(PLACE)
    for number in (rows["block_number"][0], rows["block_number"][-1]):
        if not span.start <= number < span.stop:
            message = f"a log of block {number} was not asked for ({span.start} to {span.last})"
            raise Lying(message)
    fitting = rows.select(fits(wanted)).to_series()
    if not fitting.all():
        message = "log {} of block {} does not match the filter".format(
            *rows.filter(~fitting).select("log_index", "block_number").row(0)
        )
        raise Lying(message)
    check_order(rows)
    return rows


def fits(wanted: LogFilter) -> pl.Expr:
    """Say which LOG_ROWS a filter asks for."""
    topics = pl.col("topics")
    address = pl.col("address")
    match wanted.addresses:
        case ():
            found = pl.lit(value=True)
        case (only,):
            found = address == only
        case several:
            found = address.is_in(several)
    if wanted.topics:
        found &= topics.bin.size() >= _WORD * len(wanted.topics)
    for place, words in enumerate(wanted.topics):
        if words is not None:
            found &= topics.bin.slice(_WORD * place, _WORD).is_in(words)
    return found


def check_order(rows: pl.DataFrame) -> None:
    """Check sorted LOG_ROWS for doubles, one hash and time per block, and transactions in order; raises Lying."""
    block, log, tx = (rows[name].to_numpy() for name in (*PLACE, "tx_index"))
    faults = {
        "log {1} of block {0} comes twice": log[1:] == log[:-1],
        "block {0} has two hashes": changes(rows["block_hash"]),
        "block {0} has two times": changes(rows["block_time"]),
        "the transactions of block {0} are out of order": (tx[1:] < tx[:-1])
        | ((tx[1:] != tx[:-1]) != changes(rows["tx_hash"])),
    }
    near = block[1:] == block[:-1]
    wrong = np.flatnonzero(near & np.logical_or.reduce(list(faults.values())))
    for place in wrong[:1]:
        words = next(words for words, found in faults.items() if found[place])
        raise Lying(words.format(block[place + 1], log[place + 1]))


class Seams(NamedTuple):
    """How sorted LOG_ROWS follow on each other in their blocks: all of them (`tight`), or with holes between.

    `torn` is the first block with a hole where nearly all others have none: as if a log was left out.
    """

    tight: bool
    torn: int | None = None


def seams(rows: pl.DataFrame) -> Seams:
    """Look for holes between the logs of a block.

    A contract that shares its transactions with others has holes everywhere, one that has its blocks to itself none.
    """
    if rows.is_empty():
        return Seams(tight=True)
    block, log = (rows[name].to_numpy() for name in PLACE)
    before = np.where(block[1:] == block[:-1], log[:-1], -1)
    follows = np.append(log[0] == 0, log[1:] == before + 1)
    if follows.all():
        return Seams(tight=True)
    mostly = rows.height >= _FEW and follows.sum() / rows.height >= _MOSTLY
    return Seams(tight=False, torn=int(block[np.argmin(follows)]) if mostly else None)


def same_logs(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Whether two answers in LOG_ROWS are the same; not all nodes tell a block's time."""
    return one.drop("block_time").equals(other.drop("block_time"))


def differences(one: pl.DataFrame, other: pl.DataFrame) -> list[int]:
    """List the blocks in which two answers differ, first those of which `one` lacks something."""
    columns = [name for name in one.columns if name != "block_time"]
    lacks, has = other.join(one, on=columns, how="anti"), one.join(other, on=columns, how="anti")
    return list(dict.fromkeys(number for only in (lacks, has) for number in only["block_number"].unique().sort()))
