"""Whether logs can be an answer: in the span asked for, wanted by the filter, and consistent with each other."""

from __future__ import annotations

import polars as pl

from monitor.chain.wire import Lying
from monitor.model.page import PLACE, is_sorted
from monitor.model.span import Span
from monitor.sync.fragment import LogFilter

__all__ = ["check_order", "checked", "fits", "holes"]

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
    strange = rows.filter(~fits(wanted)).select("log_index", "block_number")
    if strange.height:
        message = "log {} of block {} does not match the filter".format(*strange.row(0))
        raise Lying(message)
    check_order(rows)
    return rows


def fits(wanted: LogFilter) -> pl.Expr:
    """Say which LOG_ROWS a filter asks for."""
    topics = pl.col("topics")
    found = pl.col("address").is_in(wanted.addresses) if wanted.addresses else pl.lit(value=True)
    if wanted.topics:
        found &= topics.bin.size() >= _WORD * len(wanted.topics)
    for place, words in enumerate(wanted.topics):
        if words is not None:
            found &= topics.bin.slice(_WORD * place, _WORD).is_in(words)
    return found


def check_order(rows: pl.DataFrame) -> None:
    """Check sorted LOG_ROWS for doubles, one hash and time per block, and transactions in order; raises Lying."""

    def same(name: str) -> pl.Expr:
        return pl.col(name).eq_missing(pl.col(name).shift(1))

    tx_index = pl.col("tx_index")
    found = (
        pl.when(same("log_index")).then(pl.lit("log {1} of block {0} comes twice"))
        .when(~same("block_hash")).then(pl.lit("block {0} has two hashes"))
        .when(~same("block_time")).then(pl.lit("block {0} has two times"))
        .when((tx_index < tx_index.shift(1)) | (same("tx_index") != same("tx_hash")))
        .then(pl.lit("the transactions of block {0} are out of order"))
    )  # fmt: skip
    wrong = rows.with_columns(found.alias("wrong"), same("block_number").alias("near"))
    wrong = wrong.filter(pl.col("near") & pl.col("wrong").is_not_null())
    for words, *place in wrong.select("wrong", *PLACE).head(1).rows():
        raise Lying(words.format(*place))


def holes(rows: pl.DataFrame) -> bool:
    """Whether sorted LOG_ROWS look as if some were left out: nearly all follow on each other in their block, some not.

    A contract that shares its transactions with others has holes everywhere, one that has its blocks to itself none.
    """
    if rows.height < _FEW:
        return False
    before = pl.when(pl.col("block_number") == pl.col("block_number").shift(1)).then(pl.col("log_index").shift(1))
    follows = rows.select((pl.col("log_index") == before.fill_null(-1) + 1).alias("follows"))["follows"]
    share = follows.sum() / rows.height
    return _MOSTLY <= share < 1
