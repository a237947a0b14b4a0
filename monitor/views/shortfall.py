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
    mine = events.select("chain_id", "market", payload="tx_hash").join(both, on=["chain_id", "payload"], how="semi")
    named = {(chain, tx): market for chain, market, tx in mine.unique().sort("market", descending=True).iter_rows()}
    at = {(item.chain_id, item.address): item.market for item in sorted(bound, key=lambda item: item.market)[::-1]}
    known = {selector: name for name in sorted(markets)[::-1] for selector in selectors(markets[name])}
    owners = [
        named.get((chain, payload), "")
        if kind in ("transaction", "fee")
        else at.get((chain, target)) or known.get(payload[:_SELECTOR], "")
        for chain, kind, target, payload in both.select("chain_id", "kind", "target", "payload").iter_rows()
    ]
    ordered = both.with_columns(pl.Series("market", owners, dtype=pl.String)).sort("block_number", "kind", "payload")
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
