"""What a floating payment token was worth when a lease opened: by the configured table, or by a price feed's answer.

Nothing is assumed: a token without a fixed value, a table entry or a fresh answer has no dollar value. Each value says
what it rests on (`usd_basis`): `fixed` (configured or in the adapter, as for a stablecoin), `table`, or `oracle`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from monitor.abi import parse_event
from monitor.model.schema import READS, USD, WANTED

__all__ = ["QUOTES", "Feed", "feed_quotes", "feed_reads", "table_quotes", "with_usd"]

QUOTES: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "token": pl.Binary(),
    "block_number": pl.Int64(),
    "since": pl.Int64(),
    "usd_quoted": USD,
}
"""Dollars per whole token from `since` (seconds) on; one with a `block_number` holds for that block alone."""

TABLE_AGE = 31 * 86_400
"""A table entry holds until the next one, 31 days at most: an old price is no price."""
FEED_AGE = 86_400
"""Chainlink's slowest feeds are renewed once a day (their heartbeat)."""

_ASK = parse_event("latestRoundData()").topic0[:4]
_WORD, _WORDS, _DIGITS = 32, 5, 36
_OPENED = ["chain_id", "price_token", "open_block", "open_time"]


class Feed(NamedTuple):
    """A price feed on the token's chain that answers `latestRoundData()` (Chainlink's AggregatorV3Interface)."""

    chain_id: int
    token: bytes
    address: bytes
    decimals: int


def table_quotes(entries: Iterable[tuple[int, bytes, date, Decimal]]) -> pl.DataFrame:
    """Make QUOTES of configured values: chain, token, the day from whose first second (UTC) on, dollars."""
    rows = [
        (chain, token, None, int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()), usd)
        for chain, token, day, usd in entries
    ]
    return pl.DataFrame(rows, schema=QUOTES, orient="row")


def feed_reads(leases: pl.DataFrame, feeds: Iterable[Feed], reads: pl.DataFrame) -> pl.DataFrame:
    """List (WANTED) what the feeds are still to be asked: the answer as of each block in which a lease opened."""
    by_token = pl.DataFrame(
        [(feed.chain_id, feed.token, feed.address) for feed in feeds],
        schema={"chain_id": pl.Int64(), "price_token": pl.Binary(), "target": pl.Binary()},
        orient="row",
    )
    asked = leases.filter(pl.col("open_block").is_not_null()).join(by_token, on=["chain_id", "price_token"])
    wanted = asked.select(
        *("chain_id", pl.col("open_block").alias("block_number"), pl.lit("call").alias("kind"), "target"),
        pl.lit(_ASK).alias("payload"),
    )
    return wanted.unique().join(reads.select(list(READS)), on=list(WANTED), how="anti").sort(list(WANTED))


def feed_quotes(feeds: Iterable[Feed], reads: pl.DataFrame) -> pl.DataFrame:
    """Make QUOTES of what feeds answered; an answer that is none, not above zero or beyond belief is left out."""
    answers = reads.filter((pl.col("kind") == "call") & (pl.col("payload") == _ASK) & pl.col("result").is_not_null())
    rows = []
    for feed in sorted(set(feeds)):
        mine = answers.filter((pl.col("chain_id") == feed.chain_id) & (pl.col("target") == feed.address))
        for block, result in mine.select("block_number", "result").sort("block_number").iter_rows():
            if (answer := _answer(result, feed.decimals)) is not None:
                rows.append((feed.chain_id, feed.token, block, *answer))
    return pl.DataFrame(rows, schema=QUOTES, orient="row")


def _answer(result: bytes, decimals: int) -> tuple[int, Decimal] | None:
    """Read (updatedAt, dollars) from roundId, answer, startedAt, updatedAt, answeredInRound."""
    if len(result) != _WORDS * _WORD or not 0 <= decimals <= _DIGITS:
        return None
    words = [result[at : at + _WORD] for at in range(0, len(result), _WORD)]
    micro = int.from_bytes(words[1], signed=True) * 10**6 // 10**decimals
    updated = int.from_bytes(words[3])
    return (updated, Decimal(micro).scaleb(-6)) if 0 < micro < 10**18 and 0 < updated < 2**40 else None


def with_usd(frame: pl.DataFrame, quotes: pl.DataFrame) -> pl.DataFrame:
    """Fill `usd` where it is null with the value when the lease opened; add `usd_basis`: fixed, oracle or table.

    Needs `chain_id`, `price_token`, `open_block`, `open_time` and `usd`. A feed's answer goes before the table.
    """
    opened = frame.filter(pl.col("usd").is_null()).select(_OPENED).drop_nulls().unique().sort("open_time")
    priced = quotes.rename({"token": "price_token"}).unique(
        ["chain_id", "price_token", "block_number", "since"], keep="any"
    )
    answered = priced.filter(pl.col("block_number").is_not_null()).rename({"block_number": "open_block"})
    listed = priced.filter(pl.col("block_number").is_null()).drop("block_number").sort("since")
    by_feed = opened.join(answered, on=["chain_id", "price_token", "open_block"]).filter(_age() <= FEED_AGE)
    by_table = opened.join_asof(
        listed, left_on="open_time", right_on="since", by=["chain_id", "price_token"], check_sortedness=False
    ).filter(_age() <= TABLE_AGE)
    found = pl.concat(
        [
            by_feed.select(*_OPENED, "usd_quoted", pl.lit("oracle").alias("usd_basis")),
            by_table.select(*_OPENED, "usd_quoted", pl.lit("table").alias("usd_basis")),
        ]
    ).unique(_OPENED, keep="first", maintain_order=True)
    joined = frame.join(found, on=_OPENED, how="left", maintain_order="left")
    return joined.with_columns(
        pl.coalesce("usd", "usd_quoted").alias("usd"),
        pl.when(pl.col("usd").is_not_null()).then(pl.lit("fixed")).otherwise("usd_basis").alias("usd_basis"),
    ).drop("usd_quoted")


def _age() -> pl.Expr:
    """Return how old a value was; one from after the opening is none, and null."""
    age = pl.col("open_time") - pl.col("since")
    return pl.when(age >= 0).then(age)
