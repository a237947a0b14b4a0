"""Safes that one key controls: what a Safe says of itself as of a block, and what the key's owner did about it.

A Safe with one owner, whose signature is enough, is controlled by that owner; one with several is nobody's alone. But
anybody can make a Safe that names anybody, or any contract that answers like one, and may keep a back door (a module)
to use it. So the Safe's word alone is one side's. The owner's side is an act of his key, told by what it takes:

- he signed a transaction to the Safe, in which the Safe sent value and into which he put none. Nobody has a stranger's
  Safe spend, so this is control in use, and joins the two by itself. Who pays a seller's Safe puts value into it, and
  who settles with one calls a market, which takes the Safe's money by its leave: neither counts;
- he sent the Safe value. A buyer does that too, if the seller's Safe names him, so it weighs less than what joins a
  wallet to its first funder.

Pure: known reads (READS) come in; they are had for `monitor.wallets.accounts`, and go with their block.
"""

from __future__ import annotations

import polars as pl

from monitor.facts.bounds import believable_amount
from monitor.model.schema import empty
from monitor.wallets.accounts import FIRST_SLOT, GET_OWNERS, GET_THRESHOLD
from monitor.wallets.evidence import ALONE_TENTHS
from monitor.wallets.fees import parties

__all__ = ["NO_OWNED", "OWNED", "controlled", "jointly", "owned"]

OWNED: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "safe": pl.Binary(),
    "owner": pl.Binary(),
    "tx": pl.Binary(),
}
"""Safes with their only owner: a row without `tx`, and one for each transaction to the Safe that he was asked about and
signed."""
NO_OWNED = empty(OWNED)

NAMED_TENTHS, PAID_TENTHS = 30, 40
_WORD, _ADDRESS = 32, 20
_ONE = (1).to_bytes(_WORD)
_LIST_OF_ONE = _WORD.to_bytes(_WORD) + _ONE + bytes(_WORD - _ADDRESS)
"""How `address[]` with one address begins: where it is, how many there are, and the padding of the first."""

_SHOWN = (pl.col("tx_hash").alias("tx"), pl.col("block_time").alias("at"))


def owned(reads: pl.DataFrame) -> pl.DataFrame:
    """Find Safes with one owner (`OWNED`), by the newest block as of which each was asked for all that tells."""
    sole = _sole(reads)
    if sole.is_empty():
        return NO_OWNED
    calls = parties(reads).rename({"sender": "owner", "recipient": "safe"})
    signed = sole.join(calls, on=["chain_id", "safe", "owner"], how="inner")
    blank = sole.with_columns(pl.lit(None, dtype=pl.Binary()).alias("tx"))
    return pl.concat([frame.select(OWNED.keys()) for frame in (blank, signed)]).unique()


def jointly(reads: pl.DataFrame) -> pl.DataFrame:
    """List Safes that several owners must sign for, by their newest answers: column address."""
    listed, needed = pl.col("owners").bin, pl.col("threshold").bin
    owners = (listed.size().cast(pl.Int64()) - 2 * _WORD) // _WORD
    several = _newest(reads).filter(
        (needed.size() == _WORD) & (needed.slice(0, _WORD - 1) == bytes(_WORD - 1))
        # so a threshold stands in the last byte, and no list says less than it
        & (needed.slice(_WORD - 1) > b"\x01")
        & (listed.slice(0, _WORD) == _WORD.to_bytes(_WORD)) & (listed.size() % _WORD == 0)
        & (needed.slice(_WORD - 1).bin.reinterpret(dtype=pl.UInt8()) <= owners)
    )  # fmt: skip
    return several.select(pl.col("target").alias("address")).unique().sort("address")


def _sole(reads: pl.DataFrame) -> pl.DataFrame:
    """Name each Safe's owner where it has one, whose signature is enough: columns chain_id, safe, owner."""
    listed = pl.col("owners").bin
    padding = len(_LIST_OF_ONE)
    sole = (
        _newest(reads)
        .filter(
            (listed.size() == padding + _ADDRESS)
            & (listed.slice(0, padding) == _LIST_OF_ONE)
            & (pl.col("threshold") == _ONE)
        )
        .select("chain_id", pl.col("target").alias("safe"), listed.slice(padding, _ADDRESS).alias("owner"))
    )
    return sole.filter((pl.col("owner") != bytes(_ADDRESS)) & (pl.col("owner") != pl.col("safe")))


def _newest(reads: pl.DataFrame) -> pl.DataFrame:
    """Give what each Safe (chain_id, target) newest answered: columns owners, threshold, slot."""
    asked = ["chain_id", "target", "block_number"]
    owners, threshold, slot = (
        reads.filter((pl.col("kind") == kind) & (pl.col("payload") == payload)).select(
            *asked, pl.col("result").alias(name)
        )
        for kind, payload, name in (
            ("account", GET_OWNERS, "owners"),
            ("account", GET_THRESHOLD, "threshold"),
            ("storage", FIRST_SLOT, "slot"),
        )
    )
    whole = owners.join(threshold, on=asked, how="inner").join(slot, on=asked, how="inner")
    singleton = pl.col("slot").bin
    return (
        whole.sort("block_number")
        .unique(["chain_id", "target"], keep="last", maintain_order=True)
        .filter(
            (singleton.size() == _WORD)
            & (singleton.slice(0, _WORD - _ADDRESS) == bytes(_WORD - _ADDRESS))
            & (pl.col("slot") != bytes(_WORD))
        )
    )


def controlled(owned: pl.DataFrame, transfers: pl.DataFrame) -> pl.DataFrame:
    """Weigh what ties Safes (`OWNED`) to their owners: chain_id, safe, owner, tenths (of a bit), tx, at, willed.

    `willed` = the owner acted. Of `transfers` (TRANSFERS) all that Safes and owners sent must be given.
    """
    pairs = owned.select("chain_id", "safe", "owner").unique()
    moved = transfers.with_columns(believable_amount("amount")).filter(pl.col("amount") > 0)
    ends, whose = ["chain_id", "sender", "recipient"], ["chain_id", "owner", "safe"]
    put = moved.join(pairs, left_on=ends, right_on=whose, how="semi").select(
        "chain_id", pl.col("recipient").alias("safe"), pl.col("sender").alias("owner"), *_SHOWN
    )
    # Of a transaction of its own a wallet has a row with the nonce, whatever it moved.
    own = transfers.filter(pl.col("nonce").is_not_null()).join(pairs, left_on=ends, right_on=whose, how="semi")
    calls = own.select("chain_id", pl.col("recipient").alias("safe"), pl.col("sender").alias("owner"), _SHOWN[0])
    signed = pl.concat([calls, owned.drop_nulls("tx").select(calls.columns)]).unique()
    acted = (
        moved.select("chain_id", pl.col("sender").alias("safe"), *_SHOWN)
        .join(signed, on=["chain_id", "safe", "tx"], how="inner")
        .join(put, on=["chain_id", "safe", "owner", "tx"], how="anti")
        .select(put.columns)
    )
    told = [(acted, ALONE_TENTHS, True), (put, PAID_TENTHS, True), (_unshown(pairs), NAMED_TENTHS, False)]
    return pl.concat(
        frame.with_columns(pl.lit(tenths).alias("tenths"), pl.lit(willed).alias("willed"))
        for frame, tenths, willed in told
    )


def _unshown(pairs: pl.DataFrame) -> pl.DataFrame:
    """Add that no transaction shows it."""
    return pairs.with_columns(pl.lit(None, dtype=pl.Binary()).alias("tx"), pl.lit(None, dtype=pl.Int64()).alias("at"))
