"""Dollars, column by column: base units at a token's fixed value, in whole millionths."""

from __future__ import annotations

import polars as pl

from monitor.model.schema import AMOUNT

__all__ = ["with_micro"]

_BIG = pl.Int128()
_TOKENS_LIMIT = 10**12
"""Whole tokens of one transfer that are believed; times a price below 10^12 millionths they fit 38 digits."""
_WORTH_LIMIT = 10**15
"""Millionths of one transfer that are believed, a billion dollars: nine thousand of them still add up in Int64."""
_MICRO = 6
_DECIMALS_LIMIT = 30


def with_micro(frame: pl.DataFrame, tokens: pl.DataFrame, name: str = "micro") -> pl.DataFrame:
    """Add `name`: the value of `amount` (base units of `token` on `chain_id`) in millionths of a dollar, rounded down.

    `Decimal(38, 0)`, null where the token has no fixed dollar value or the amount is beyond belief. Order is kept.
    """
    priced = (
        tokens.lazy()
        .filter(
            pl.col("usd").is_not_null()
            & pl.col("token_decimals").is_between(0, _DECIMALS_LIMIT)
            & (pl.col("usd") < 10**6)
        )
        .sort("chain_id", "token", "token_decimals", "usd")
    )
    first = priced.unique(["chain_id", "token"], keep="first", maintain_order=True).select(
        "chain_id",
        "token",
        pl.col("token_decimals").alias("_decimals"),
        (pl.col("usd") * 10**_MICRO).cast(_BIG).alias("_each"),
    )
    known = first.collect(engine="in-memory")
    joined = frame.lazy().join(known.lazy(), on=["chain_id", "token"], how="left", maintain_order="left")
    value = pl.lit(None, dtype=_BIG)
    for decimals in sorted({*known.get_column("_decimals")}):
        units = pl.col("amount").cast(_BIG)
        shift = decimals - _MICRO
        scaled = units // pl.lit(10**shift, dtype=_BIG) if shift >= 0 else units * pl.lit(10**-shift, dtype=_BIG)
        believed = units <= pl.lit(min(_TOKENS_LIMIT * 10**decimals, 10**37), dtype=_BIG)
        worth = scaled * pl.col("_each") // pl.lit(10**_MICRO, dtype=_BIG)
        sane = believed & (worth <= pl.lit(_WORTH_LIMIT, dtype=_BIG))
        value = pl.when((pl.col("_decimals") == decimals) & sane).then(worth).otherwise(value)
    valued = joined.with_columns(value.cast(AMOUNT).alias(name)).drop("_decimals", "_each")
    return valued.collect(engine="in-memory")
