"""Value that moved: ERC-20 `Transfer` logs and native transfers → `TRANSFERS`, what cannot be read → `QUARANTINE`."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from monitor.model.schema import AMOUNT, QUARANTINE, TRANSFERS

__all__ = ["CHAIN_ORDER", "TRANSFER_TOPIC", "appended", "transfers"]

TRANSFER_TOPIC = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
"""keccak256 of `Transfer(address,address,uint256)` (EIP-20); EIP-721 shares it with a fourth topic."""
_WORD = 32
_FIT = Decimal(10**38 - 1)
CHAIN_ORDER = ["chain_id", "block_number", "log_index", "nonce", "tx_hash"]
"""What puts TRANSFERS in chain order."""


def transfers(logs: pl.DataFrame, native: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Decode token logs (`RAW_LOGS`) and take native rows (`NATIVE`) into `TRANSFERS`, sorted by chain position.

    The second frame is the quarantine: `Transfer` logs that are no ERC-20 transfer or whose amount does not fit 38
    digits, with the reason. Other events of the token are passed over. A native row of value 0 stays for its nonce.
    """
    named = logs.filter(pl.col("topics").list.get(0, null_on_oob=True) == TRANSFER_TOPIC).with_columns(
        pl.col("topics").list.get(1, null_on_oob=True).alias("from_word"),
        pl.col("topics").list.get(2, null_on_oob=True).alias("to_word"),
        pl.col("topics").list.len().alias("words"),
        pl.col("data").bin.slice(0, _WORD // 2).alias("high"),
        pl.col("data").bin.slice(_WORD // 2, _WORD // 2).alias("low"),
    )
    judged = named.with_columns(
        pl.when((pl.col("high") == bytes(_WORD // 2)).fill_null(False))
        .then(pl.col("low").bin.reinterpret(dtype=pl.Int128(), endianness="big"))
        .alias("integer")
    ).with_columns(_reason().alias("reason"))
    good = judged.filter(pl.col("reason").is_null()).with_columns(pl.col("integer").cast(AMOUNT).alias("amount"))
    tokens = good.select(
        *("chain_id", "block_number", "block_time", "tx_hash", "log_index"),
        pl.lit("erc20").alias("kind"),
        pl.col("address").alias("token"),
        pl.col("from_word").bin.slice(12, 20).alias("sender"),
        pl.col("to_word").bin.slice(12, 20).alias("recipient"),
        "amount",
        pl.lit(None, dtype=pl.Int64()).alias("nonce"),
    )
    moved = pl.concat([_shaped(tokens), _shaped(_native(native))]).unique().sort(CHAIN_ORDER)
    refused = judged.filter(pl.col("reason").is_not_null()).with_columns(
        pl.lit("").alias("market"), pl.lit("token").alias("role"), pl.col("address").alias("contract")
    )
    shaped = refused.select(pl.col(name).cast(kind) for name, kind in QUARANTINE.items())
    return moved, shaped.sort("chain_id", "block_number", "log_index", "reason")


def appended(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Put transfers together, both in chain order, on each chain the new ones above the old; no row moves."""
    chains = [frame.get_column("chain_id") for frame in (old, new)]
    stretches = [old.clear()]
    for name in pl.concat(chains).unique().sort():
        for frame, chain in zip((old, new), chains, strict=True):
            first, stop = (int(chain.search_sorted(name, side)) for side in ("left", "right"))
            stretches.append(frame.slice(first, stop - first))
    return pl.concat(stretches)


def _reason() -> pl.Expr:
    padding = bytes(12)
    clean = (
        (pl.col("from_word").bin.size() == _WORD)
        & (pl.col("to_word").bin.size() == _WORD)
        & (pl.col("from_word").bin.slice(0, 12) == padding)
        & (pl.col("to_word").bin.slice(0, 12) == padding)
    ).fill_null(False)
    negative = pl.col("integer") < 0  # the top bit of a word that Int128 cannot hold
    return (
        pl.when(pl.col("words") == 4)  # noqa: PLR2004 (signature, from, to, id)
        .then(pl.lit("Transfer with four topics: a token id, not an amount"))
        .when(pl.col("words") != 3)  # noqa: PLR2004 (signature, from, to)
        .then(pl.lit("Transfer without indexed sender and recipient"))
        .when(~clean)
        .then(pl.lit("Transfer topics are not addresses"))
        .when(pl.col("data").bin.size() != _WORD)
        .then(pl.lit("Transfer data is not one word"))
        .when(pl.col("integer").is_null() | negative | (pl.col("integer") > pl.lit(int(_FIT), dtype=pl.Int128())))
        .then(pl.lit("Transfer amount does not fit 38 digits"))
    )


def _native(native: pl.DataFrame) -> pl.DataFrame:
    return native.select(
        *("chain_id", "block_number", "block_time", "tx_hash"),
        pl.lit(-1).alias("log_index"),
        pl.lit("native").alias("kind"),
        pl.lit(None, dtype=pl.Binary()).alias("token"),
        "sender",
        pl.when(pl.col("recipient").bin.size() > 0).then(pl.col("recipient")).alias("recipient"),
        pl.col("value").alias("amount"),
        "nonce",
    )


def _shaped(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(kind) for name, kind in TRANSFERS.items())
