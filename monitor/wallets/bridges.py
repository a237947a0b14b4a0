"""Money that crosses a bridge: a deposit on one chain and a withdrawal on another that are one movement.

A bridge is a hub, so sharing it says nothing. But an amount with its own digits that goes in on one chain and comes out
on another soon after, less a small fee, is the same money, where it is the only pair that fits: whoever deposited gave
to whoever withdrew. Popular amounts fit many and say nothing, and so does a look-alike, which makes two fit where one
did. The recipient must have used what came, and dust counts for nothing (anybody can bridge some to a stranger);
withdrawals that take days, as from optimistic rollups, do not fit.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from monitor.facts.bounds import believable_amount
from monitor.model.schema import AMOUNT
from monitor.wallets.funding import DUST_FRACTION

__all__ = ["BRIDGE", "CROSSINGS", "MATCHES", "bridge_matches", "crossings"]

BRIDGE = "bridge"
CROSSINGS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "wallet": pl.Binary(),
    "way": pl.String(),
    "kind": pl.String(),
    "amount": AMOUNT,
    "at": pl.Int64(),
    "tx": pl.Binary(),
    "log_index": pl.Int64(),
    "used": pl.Boolean(),
}
"""`way` is in|out of a bridge.

`used` = it was no dust, and the wallet later sent that asset (native: anything) on that chain."""
MATCHES: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "giver": pl.Binary(),
    "taker": pl.Binary(),
    "tx": pl.Binary(),
    "at": pl.Int64(),
}
"""One row per transaction of a match, two for each, on the chain of the withdrawal."""

WITHIN_SECONDS = 2 * 3600
FEE_PARTS = 200
"""A bridge keeps at most one part in so many, half of a percent (published fees are 0.04 to 0.3 %)."""
DIGITS = 5
"""An amount has its own digits from so many on, zeros at the end left out: 1,000 has one, 1,234.5 five."""


def crossings(transfers: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """List what wallets put into bridges and got out of them (`CROSSINGS`), from labels of kind bridge.

    The crossings of a wallet come out whole when all its transfers are given.
    """
    bridges = labels.filter(pl.col("kind") == BRIDGE).select("address").unique()
    moved = transfers.with_columns(believable_amount("amount")).filter(
        (pl.col("amount") > 0) & pl.col("recipient").is_not_null()
    )
    asset = ["chain_id", "wallet", "kind", "token"]
    sent = pl.col("sender").alias("wallet"), pl.col("block_number").alias("last")
    spent = moved.filter(pl.col("kind") != "native").select("chain_id", *sent, "kind", "token")
    acted = transfers.filter(pl.col("nonce").is_not_null()).select("chain_id", *sent, "kind", "token")
    used = pl.concat([spent, acted]).group_by(asset).agg(pl.col("last").max())
    most = moved.group_by("chain_id", pl.col("recipient").alias("wallet"), "kind", "token").agg(
        pl.col("amount").max().alias("most")
    )
    sides = [
        moved.join(bridges, left_on=there, right_on="address", how="semi")
        .join(bridges, left_on=here, right_on="address", how="anti")
        .with_columns(pl.col(here).alias("wallet"), pl.lit(way).alias("way"))
        for here, there, way in (("sender", "recipient", "in"), ("recipient", "sender", "out"))
    ]
    crossed = pl.concat(sides)
    for known in (used, most):
        crossed = crossed.join(known, on=asset, how="left", nulls_equal=True)
    sized = pl.col("amount") * DUST_FRACTION >= pl.col("most")
    later = ((pl.col("last") >= pl.col("block_number")) & sized).fill_null(False)
    return crossed.select(
        *(
            "chain_id",
            "wallet",
            "way",
            "kind",
            "amount",
            pl.col("block_time").alias("at"),
            pl.col("tx_hash").alias("tx"),
        ),
        *("log_index", later.alias("used")),
    ).unique()


def bridge_matches(crossings: pl.DataFrame) -> pl.DataFrame:
    """Pair deposits with withdrawals that nothing else fits (`MATCHES`); a wallet that matches itself is left out."""
    own = pl.col("amount").cast(pl.String()).str.strip_chars_end("0").str.len_chars() >= DIGITS
    stretch = pl.col("at") // WITHIN_SECONDS
    given = crossings.filter(pl.col("way") == "in").with_row_index("deposit")
    got = crossings.filter(pl.col("way") == "out").with_row_index("withdrawal").with_columns(stretch.alias("stretch"))
    near = pl.concat([given.with_columns((stretch + step).alias("stretch")) for step in (0, 1)])
    waited = pl.col("at_out") - pl.col("at")
    kept = pl.col("amount") * pl.lit(Decimal(FEE_PARTS - 1)) <= pl.col("amount_out") * pl.lit(Decimal(FEE_PARTS))
    fits = near.join(got, on=["kind", "stretch"], how="inner", suffix="_out").filter(
        (pl.col("chain_id") != pl.col("chain_id_out"))
        & waited.is_between(0, WITHIN_SECONDS)
        & (pl.col("amount_out") <= pl.col("amount"))
        & kept
    )
    alone = (pl.len().over("deposit") == 1) & (pl.len().over("withdrawal") == 1)
    found = fits.filter(alone).filter(own & pl.col("used_out") & (pl.col("wallet") != pl.col("wallet_out")))
    about = (
        pl.col("chain_id_out").alias("chain_id"), pl.col("wallet").alias("giver"), pl.col("wallet_out").alias("taker"),
    )  # fmt: skip
    return pl.concat(
        [found.select(*about, pl.col(tx).alias("tx"), pl.col("at_out").alias("at")) for tx in ("tx", "tx_out")]
    ).unique()
