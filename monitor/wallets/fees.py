"""What wallets set for fees, again and again, in transactions of their own: a habit says the more, the rarer it is.

Wallet software sets fees by itself, alike for thousands or anew for each transaction. Whoever writes a tip, a gas price
or a round gas limit into a script or a wallet's settings does it for all wallets that the script or the person uses. So
wallets that share a first funder, or of which one pays for the other's leases, are more likely one owner's where they
also share such a habit. How much it says is read off the chain: a value that many wallets used in the same month says
nothing. A rare one may still tell the software more than its user. A transaction counts only for the wallet that signed
it: relayers, paymasters and operators are nobody's habit.

Pure: known reads (READS of kind fee) come in, what is still to be had (WANTED) goes out.
"""

from __future__ import annotations

import polars as pl

from monitor.facts.fold import KEY
from monitor.model.schema import HABITS, WANTED, empty
from monitor.wallets.siblings import TRAITS

__all__ = [
    "FEES",
    "NO_FEES",
    "SIGNED",
    "acted",
    "alike",
    "fees",
    "habits",
    "oldest",
    "parties",
    "sent",
    "signed",
    "used",
]

SIGNED: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "block_number": pl.Int64(),
    "tx": pl.Binary(),
    "at": pl.Int64(),
    "address": pl.Binary(),
}
"""Transactions that a wallet may have signed; `at` = block seconds."""
FEES: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "address": pl.Binary(),
    "tx": pl.Binary(),
    "at": pl.Int64(),
    "what": pl.String(),
    "value": pl.Int64(),
}
"""What a wallet set in a transaction it signed: `what` is tip (EIP-1559), gas price (before it), both in wei per gas,
or gas limit, where it is a round one."""
NO_FEES = empty(FEES)

LEAST = 3
"""Own transactions from which a setting that most of them have is a habit."""
MONTH_SECONDS = 30 * 86_400
ROUND = 1000
"""Limits that are no multiple of it were estimated."""
TRANSFER_GAS = 21_000
"""What every plain transfer of native value takes."""
_ADDRESS, _NUMBER = 20, 8
_CALLED = _ADDRESS + 1 + 2 * _NUMBER
"""Where in a read of kind fee the recipient stands."""
_SIZE = _CALLED + _ADDRESS
_WALLET = ["chain_id", "address"]
_SETTING = ["chain_id", "address", "what", "value"]


def signed(
    leases: pl.DataFrame, history: pl.DataFrame, transfers: pl.DataFrame, persons: pl.DataFrame, most: int
) -> pl.DataFrame:
    """List the oldest `most` transactions that each wallet may have signed (`SIGNED`), sorted by wallet.

    Those are of its leases (LEASES and their `history`, LEASE_EVENTS) and, of `persons` (chain_id, address), what it
    sent (TRANSFERS); both in chain order. Settlements are left out: most are a provider's or an operator's.
    """
    if not most:
        return empty(SIGNED)
    # A transaction may leave several rows: each is counted once, before the oldest are picked.
    both = (acted(leases, history), sent(transfers, persons))
    firsts = [frame.unique(maintain_order=True).group_by(_WALLET).head(most) for frame in both]
    return oldest(pl.concat([frame.select(SIGNED.keys()) for frame in firsts]), most)


def acted(leases: pl.DataFrame, history: pl.DataFrame) -> pl.DataFrame:
    """List who may have signed what was done with leases (`SIGNED`, in the order of their `history`)."""
    told = history.filter(pl.col("verb") != "lease.settle")
    named = told.join(leases.select(*KEY, "renter"), on=KEY, how="left", maintain_order="left").with_columns(
        pl.col("block").alias("block_number"), pl.coalesce("actor", "renter").alias("address")
    )
    return named.select(SIGNED.keys()).drop_nulls()


def sent(transfers: pl.DataFrame, persons: pl.DataFrame) -> pl.DataFrame:
    """List what persons sent (`SIGNED`, in the order of `transfers`)."""
    people = persons.select("chain_id", pl.col("address").alias("sender")).unique()
    theirs = transfers.join(people, on=["chain_id", "sender"], how="semi", maintain_order="left")
    named = theirs.rename({"tx_hash": "tx", "block_time": "at", "sender": "address"})
    return named.select(SIGNED.keys()).drop_nulls()


def oldest(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    """Pick the oldest `most` transactions of each wallet, sorted by wallet."""
    inorder = rows.unique().sort(*_WALLET, "block_number", "tx")
    return inorder.group_by(_WALLET, maintain_order=True).head(most).select(SIGNED.keys())


def fees(signed: pl.DataFrame, reads: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read what wallets set in what they signed themselves (`FEES`), and list the reads (WANTED) to be had; sorted."""
    # of this kind the target is empty, and the payload the transaction
    key = ["chain_id", "block_number", "payload"]
    answers = reads.filter(pl.col("kind") == "fee").select(*key, "result", "failure")
    told = signed.with_columns(pl.col("tx").alias("payload")).join(answers, on=key, how="left")
    unknown = pl.col("result").is_null() & pl.col("failure").is_null()
    result = pl.col("result").bin
    price, limit = (
        result.slice(_ADDRESS + 1 + place * _NUMBER, _NUMBER).bin.reinterpret(dtype=pl.Int64(), endianness="big")
        for place in (0, 1)
    )
    own = told.filter((result.size() == _SIZE) & (result.slice(0, _ADDRESS) == pl.col("address")))
    dynamic = result.slice(_ADDRESS, 1) == b"\x01"
    priced = own.with_columns(
        pl.when(dynamic).then(pl.lit("tip")).otherwise(pl.lit("gas price")).alias("what"), price.alias("value")
    )
    limited = own.with_columns(pl.lit("gas limit").alias("what"), limit.alias("value")).filter(
        (pl.col("value") % ROUND == 0) & (pl.col("value") != TRANSFER_GAS)
    )
    found = pl.concat([priced, limited]).select(FEES.keys()).unique().sort(list(FEES))
    named = {"kind": pl.lit("fee"), "target": pl.lit(b"")}
    wanted = told.filter(unknown).select(key).unique().sort(key).with_columns(**named)
    return found, wanted.select(pl.col(name).cast(kind) for name, kind in WANTED.items())


def parties(reads: pl.DataFrame) -> pl.DataFrame:
    """Say who signed transactions and whom they called, as far as READS of kind fee tell.

    Columns chain_id, tx, sender, recipient.
    """
    result = pl.col("result").bin
    answered = reads.filter((pl.col("kind") == "fee") & (result.size() == _SIZE))
    ends = (result.slice(0, _ADDRESS).alias("sender"), result.slice(_CALLED, _ADDRESS).alias("recipient"))
    return answered.select("chain_id", pl.col("payload").alias("tx"), *ends)


def habits(fees: pl.DataFrame) -> pl.DataFrame:
    """Find what each wallet set in most of its transactions, three at least (`HABITS`), sorted."""
    signed = fees.group_by("chain_id", "address").agg(pl.col("tx").n_unique().cast(pl.Int64()).alias("transactions"))
    kept_to = pl.col("tx").unique().sort()
    times = fees.group_by(_SETTING).agg(pl.len().cast(pl.Int64()).alias("times"), kept_to.alias("txs"))
    counted = times.join(signed, on=["chain_id", "address"], how="inner")
    kept = counted.filter((pl.col("times") >= LEAST) & (2 * pl.col("times") > pl.col("transactions")))
    return kept.select(HABITS.keys()).sort(_SETTING)


def used(fees: pl.DataFrame) -> pl.DataFrame:
    """List which settings each wallet used in which month, once or often (`TRAITS`)."""
    named = fees.select("chain_id", "address", *_trait()).unique()
    some = named.select("chain_id", "address", "what", pl.lit(b"").alias("value")).unique()
    return pl.concat([named, some]).select(TRAITS.keys())


def _trait() -> tuple[pl.Expr, pl.Expr]:
    """Name the trait of a setting: one kind for each month, since what is common is so at a time."""
    month = (pl.col("at") // MONTH_SECONDS).cast(pl.String())
    setting = pl.concat_str("what", pl.col("value").cast(pl.String()), separator=" ").cast(pl.Binary())
    return pl.concat_str(pl.lit("fees of month "), month).alias("what"), setting.alias("value")


def alike(fees: pl.DataFrame, rarity: pl.DataFrame, kin: pl.DataFrame, paid: pl.DataFrame) -> pl.DataFrame:
    """Find habits that are shared: columns chain_id, x, y, heuristic, tenths (of a bit), tx, at.

    `kin` names wallets (`address`) with their first `funder`, whole groups; `paid` renters with their `payer`; of
    `fees` (`FEES`) all of their wallets must be given, of `rarity` (RARITY) what they used. Two wallets of one funder
    that share a habit are linked to the funder (siblings_fee), and so is who shares it with its own funder or payer
    (same_fee). A habit weighs what its value weighs in the month in which it was most common.
    """
    weighed = _weighed(fees, rarity)
    share = ["chain_id", "what", "value"]
    theirs = kin.select("chain_id", pl.col("funder").alias("x"), pl.col("address").alias("y")).unique()
    siblings = theirs.join(weighed.rename({"address": "y"}), on=["chain_id", "y"], how="inner").filter(
        pl.col("y").n_unique().over(*share, "x") > 1
    )
    tied = pl.concat([theirs, paid.select("chain_id", pl.col("payer").alias("x"), pl.col("renter").alias("y"))])
    both = (
        tied.drop_nulls()
        .unique()
        .join(weighed.rename({"address": "x"}), on=["chain_id", "x"], how="inner")
        .join(weighed.rename({"address": "y"}), on=[*share, "y"], how="inner", suffix="_y")
        .with_columns(pl.min_horizontal("tenths", "tenths_y").alias("tenths"))
    )
    shown = ["chain_id", "x", "y", "tenths", "tx", "at"]
    hers = both.drop("tx", "at").rename({"tx_y": "tx", "at_y": "at"})
    found = [(siblings, "siblings_fee"), (both, "same_fee"), (hers, "same_fee")]
    return pl.concat([frame.select(*shown, pl.lit(name).alias("heuristic")) for frame, name in found]).unique()


def _weighed(fees: pl.DataFrame, rarity: pl.DataFrame) -> pl.DataFrame:
    """Keep the rows of habits that say anything, with their weight in tenths of a bit."""
    held = fees.join(habits(fees), on=_SETTING, how="semi")
    what, value = _trait()
    named = held.with_columns(what.alias("trait"), value.alias("set"))
    known = rarity.select("chain_id", pl.col("what").alias("trait"), pl.col("value").alias("set"), "tenths")
    told = named.join(known, on=["chain_id", "trait", "set"], how="inner").drop("trait", "set")
    return told.with_columns(pl.col("tenths").min().over(_SETTING)).filter(pl.col("tenths") > 0)
