"""What facts asked of a chain beside its logs and did not get: how much, of which market, why, and what helps.

The ledger keeps why an answer is missing, not who asked: a call belongs to the market that watches its contract, else
to the one whose adapter knows the function; a transaction to the market that has an event in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import polars as pl

    from monitor.markets.load import Bound, Market

__all__ = ["Shortfall", "hint", "shortfall"]

_SELECTOR = 4
_HINTS = (
    (
        ("revert", "invalid opcode", "out of gas", "invalid jump"),
        "the contract itself refuses: what was asked for is gone by then, or its code was changed; it stays unknown",
    ),
    (
        ("missing trie", "pruned", "archive", "state", "history"),
        "an archive endpoint has the state of old blocks; `monitor doctor` says which endpoint is one",
    ),
    (
        ("bytes",),
        "the answer is larger than what is kept; it stays unknown",
    ),
)
_ELSE = "`monitor doctor` tests the endpoints; what they could not tell is asked again when the daemon starts"
_OPEN = "they come within `max_reads` of the chain's table in config.toml, so many a day"


class Shortfall(msgspec.Struct, frozen=True, order=True):
    """Reads of one market on one chain: how many failed, the oldest one's reason, and how many are still to come.

    `market` is empty for what belongs to no market: price feeds.
    """

    market: str
    chain_id: int
    failed: int
    reason: str
    waiting: int


def shortfall(
    reads: pl.DataFrame,
    wanted: pl.DataFrame,
    events: pl.DataFrame,
    bound: Iterable[Bound],
    markets: Mapping[str, Market],
) -> tuple[Shortfall, ...]:
    """Count per market and chain the reads (READS) that failed, and those (WANTED) nobody has answered yet.

    `events` (EVENTS) tell whose a transaction is.
    """
    # `status` reads what was counted and needs neither.
    import polars as pl

    from monitor.markets.reads import selectors

    failed = reads.filter(pl.col("failure").is_not_null() & pl.col("result").is_null())
    both = pl.concat(
        [failed.drop("result"), wanted.with_columns(failure=pl.lit(None, dtype=pl.String))], how="diagonal"
    )
    if both.is_empty():
        return ()
    of_markets = {
        ("chain_id", "payload"): events.select("chain_id", payload="tx_hash", of_transaction="market"),
        ("chain_id", "target"): pl.DataFrame(
            [(item.chain_id, item.address, item.market) for item in bound],
            schema={"chain_id": pl.Int64, "target": pl.Binary, "of_target": pl.String},
            orient="row",
        ),
        ("selector",): pl.DataFrame(
            [(selector, name) for name, market in markets.items() for selector in selectors(market)],
            schema={"selector": pl.Binary, "of_selector": pl.String},
            orient="row",
        ),
    }
    owned = both.with_columns(selector=pl.col("payload").bin.slice(0, _SELECTOR))
    for key, markets_of in of_markets.items():
        near = markets_of.join(owned, on=key, how="semi").group_by(key).agg(pl.all().min())
        owned = owned.join(near, on=key, how="left")
    sent = pl.col("kind").is_in(["transaction", "fee"])
    owner = pl.when(sent).then("of_transaction").otherwise(pl.coalesce("of_target", "of_selector")).fill_null("")
    ordered = owned.with_columns(market=owner).sort("block_number", "kind", "payload")
    told = ordered.group_by("market", "chain_id").agg(
        pl.col("failure").count().alias("failed"),
        pl.col("failure").drop_nulls().first().fill_null("").alias("reason"),
        pl.col("failure").null_count().alias("waiting"),
    )
    return tuple(sorted(Shortfall(**row) for row in told.iter_rows(named=True)))


def hint(row: Shortfall) -> str:
    """Say what helps against what is missing."""
    if not row.failed:
        return _OPEN
    text = row.reason.lower()
    return next((fix for words, fix in _HINTS if any(word in text for word in words)), _ELSE)
