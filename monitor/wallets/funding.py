"""First funders: who sent a wallet the first value it could act with."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from monitor.facts.bounds import believable_amount
from monitor.model.schema import AMOUNT, empty
from monitor.wallets.hubs import ZERO_ADDRESS

__all__ = [
    "DUST_FRACTION",
    "FUNDERS",
    "FUNDINGS",
    "first_funders",
    "first_fundings",
    "first_of_block",
    "inbound",
    "inbound_of",
    "token_funders",
    "with_degrees",
]

FUNDERS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "address": pl.Binary(),
    "funder": pl.Binary(),
    "at": pl.Int64(),
    "block_number": pl.Int64(),
    "tx_hash": pl.Binary(),
    "log_index": pl.Int64(),
    "kind": pl.String(),
    "token": pl.Binary(),
    "amount": AMOUNT,
    "sole": pl.Boolean(),
    "used": pl.Boolean(),
    "out_degree": pl.Int64(),
}
"""One row per chain and wallet.

`at` = block seconds of the first inbound transfer, `sole` = nobody else ever funded the wallet, `used` = the wallet
sent something from then on, `out_degree` = distinct wallets the funder sent value to."""

FUNDINGS = {name: kind for name, kind in FUNDERS.items() if name != "out_degree"}
_DECISIVE = ("chain_id", "kind", "token", "sender", "recipient", "amount", "block_number")
_AT_ONCE = 1 << 14
"""Wallets whose fundings are found together: they do not hang on each other, and many take gigabytes."""
DUST_FRACTION = 1000
"""An inbound transfer below a thousandth of the wallet's largest one in that asset is dust, which anybody can send."""


def inbound(transfers: pl.DataFrame, contracts: Collection[bytes]) -> pl.DataFrame:
    """Pick the transfers that fund their recipient: no mint, no self-transfer, no payout of a market, no dust.

    Tokens count only where the recipient spent that token at the same block or later: tokens that lie untouched may be
    anybody's unasked gift (poisoning), native value pays the very gas of the next transaction.
    """
    sources = pl.Series([ZERO_ADDRESS, *sorted(contracts)], dtype=pl.Binary)
    return inbound_of(transfers, sources, ("chain_id", "kind", "token"), pl.col("kind") == "native")


def inbound_of(transfers: pl.DataFrame, sources: pl.Series, asset: tuple[str, ...], native: pl.Expr) -> pl.DataFrame:
    """Pick as `inbound` does, whatever says who and what: `sources` fund nobody, the columns `asset` tell assets apart.

    The frame has these columns, sender, recipient, amount, block_number and any others.
    """
    real = (
        transfers.lazy()
        .with_columns(believable_amount("amount"))
        .filter(
            (pl.col("amount") > 0)
            & pl.col("recipient").is_not_null()
            & (pl.col("sender") != pl.col("recipient"))
            & ~pl.col("sender").is_in(sources.implode())
        )
    )
    theirs = [*asset, "recipient"]
    sized = real.filter(pl.col("amount") * DUST_FRACTION >= pl.col("amount").max().over(theirs))
    spent = (
        transfers.lazy()
        .filter(~native & (pl.col("amount") > 0))
        .group_by(*asset, pl.col("sender").alias("recipient"))
        .agg(pl.col("block_number").max().alias("spent_block"))
    )
    return (
        sized.join(spent, on=theirs, how="left", nulls_equal=True)
        .filter(native | (pl.col("spent_block") >= pl.col("block_number")))
        .drop("spent_block")
        .collect(engine="in-memory")
    )


def first_funders(
    transfers: pl.DataFrame, degrees: pl.DataFrame, wallets: pl.DataFrame, contracts: Collection[bytes]
) -> pl.DataFrame:
    """Find the first funder of each wallet (`FUNDERS`), sorted by chain and address.

    `degrees` (`monitor.wallets.hubs.degrees`) are those of the same transfers. `wallets` has columns chain_id, address;
    `contracts` = market, escrow and token contracts, which fund nobody. Native value goes before tokens within one
    block. Hubs are named like anybody else; who may link is decided later.
    """
    return with_degrees(first_fundings(transfers, wallets, contracts), degrees)


def token_funders(
    transfers: pl.DataFrame, degrees: pl.DataFrame, wallets: pl.DataFrame, contracts: Collection[bytes]
) -> pl.DataFrame:
    """Find who sent each wallet the first tokens it spent, as `first_funders`: gas and money may have two sources."""
    return with_degrees(first_fundings(transfers, wallets, contracts, "erc20"), degrees)


def first_fundings(
    transfers: pl.DataFrame, wallets: pl.DataFrame, contracts: Collection[bytes], kind: str | None = None
) -> pl.DataFrame:
    """Find the first funding of each wallet: `FUNDERS` without out_degree, in any order.

    With a `kind` only transfers of that kind count.
    """
    wanted = wallets.select("chain_id", "address").unique()
    parts = (_fundings(transfers, some, contracts, kind) for some in wanted.iter_slices(_AT_ONCE))
    return pl.concat([empty(FUNDINGS), *parts])


def _fundings(
    transfers: pl.DataFrame, wanted: pl.DataFrame, contracts: Collection[bytes], kind: str | None
) -> pl.DataFrame:
    # Of millions of rows only what decides is copied, and only where it tells of these wallets.
    decisive = transfers.lazy().select(*_DECISIVE).with_row_index("row")
    asked = wanted.get_column("address").implode()
    theirs = pl.any_horizontal(pl.col(end).is_in(asked) for end in ("sender", "recipient"))
    # the streaming engine takes a millisecond to begin, which is most of it for the few rows of a block
    near = decisive.filter(theirs, *([] if kind is None else [pl.col("kind") == kind])).collect(engine="in-memory")
    funding = inbound(near, contracts).join(
        wanted, left_on=["chain_id", "recipient"], right_on=["chain_id", "address"], how="semi"
    )
    wallet = "chain_id", "recipient"
    rows = funding.select(
        "row",
        "block_number",
        (pl.col("sender").n_unique().over(wallet) == 1).alias("sole"),
        pl.col("block_number").min().over(wallet).alias("first_block"),
    ).filter(pl.col("block_number") == pl.col("first_block"))
    first = (
        transfers[rows.get_column("row")]
        .with_columns(rows.get_column("sole"))
        .pipe(first_of_block)
        .rename({"recipient": "address", "sender": "funder", "block_time": "at"})
        .join(_last_acts(near, wanted), on=["chain_id", "address"], how="left")
        .with_columns((pl.col("acted_block") >= pl.col("block_number")).fill_null(value=False).alias("used"))
    )
    return first.select(pl.col(name).cast(kind) for name, kind in FUNDINGS.items())


def first_of_block(fundings: pl.DataFrame) -> pl.DataFrame:
    """Keep of each recipient's fundings (TRANSFERS) in one block the one that counts as the first."""
    order = ("chain_id", "recipient", "log_index", "nonce", "tx_hash", "sender", "token", "amount")
    return fundings.sort(*order).unique(["chain_id", "recipient"], keep="first", maintain_order=True)


def _last_acts(transfers: pl.DataFrame, wallets: pl.DataFrame) -> pl.DataFrame:
    """Find the block in which each wallet last sent something: chain_id, address, acted_block.

    A native row is a transaction of its own or what its contract moved; anybody can log a token transfer of nothing.
    """
    sent = transfers.filter((pl.col("amount") > 0) | (pl.col("kind") == "native"))
    theirs = sent.select("chain_id", pl.col("sender").alias("address"), "block_number").join(
        wallets, on=["chain_id", "address"], how="semi"
    )
    return theirs.group_by("chain_id", "address").agg(pl.col("block_number").max().alias("acted_block"))


def with_degrees(fundings: pl.DataFrame, degrees: pl.DataFrame) -> pl.DataFrame:
    """Add the funders' out_degree (of `monitor.wallets.hubs.degrees`): `FUNDERS`, sorted by chain and address."""
    out = degrees.select("chain_id", pl.col("address").alias("funder"), "out_degree")
    named = fundings.join(out, on=["chain_id", "funder"], how="left")
    return named.select(pl.col(name).cast(kind) for name, kind in FUNDERS.items()).sort("chain_id", "address")
