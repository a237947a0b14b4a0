"""Exact money arithmetic on lease columns: how long a deposit lasts, and dollars per GPU-hour.

The products need more than 38 digits (a balance times ten to the price scale), so they run on Python integers, once per
distinct combination, and come back as columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import polars as pl

from monitor.facts.bounds import GPU_LIMIT, TIME_LIMIT
from monitor.model.schema import USD

__all__ = ["dollar_text", "micro_usd", "seconds_paid", "usd_per_gpu_hour"]

MAX_SCALE = 60
"""Power of ten a market may scale a price by; 18 is common, 36 the largest in use."""
MICRO = 10**6
USD_LIMIT = 10**32
"""Micro-dollars; a million of them still add up within `Decimal(38, 6)`."""


def _per_row(
    frame: pl.DataFrame, columns: list[str], name: str, dtype: pl.DataType, work: Callable[..., object]
) -> pl.DataFrame:
    """Add `name` = work(*columns), computed once per distinct combination; null inputs are handed over as None."""
    distinct = frame.select(columns).unique()
    values = [work(*row) for row in distinct.iter_rows()]
    table = distinct.with_columns(pl.Series(name, values, dtype=dtype, strict=True))
    return frame.join(table, on=columns, how="left", nulls_equal=True, maintain_order="left")


def _seconds(balance: Decimal | None, price: Decimal | None, scale: int | None, decimals: int | None) -> int | None:
    if balance is None or price is None or price <= 0 or balance < 0:
        return None
    if decimals is None and scale is not None:
        return None
    shift = 0 if scale is None or decimals is None else scale - decimals
    if abs(shift) > MAX_SCALE:
        return None
    paid, rate = int(balance), int(price)
    seconds = paid * 10**shift // rate if shift >= 0 else paid // (rate * 10**-shift)
    return seconds if seconds < TIME_LIMIT else None


def seconds_paid(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Add `name`: whole seconds that `balance` lasts at `price_amount` per second (floor).

    Needs `balance` (base units), `price_amount`, `price_scale`, `token_decimals`. A price of
    price_amount / 10^price_scale tokens per second drains price_amount * 10^(decimals - scale) base units per second
    (Marlin MarketV1 scales by 10^12: `EXTRA_DECIMALS`). Null where the price is zero or unknown, or the end is beyond
    belief.
    """
    return _per_row(frame, ["balance", "price_amount", "price_scale", "token_decimals"], name, pl.Int64(), _seconds)


def _micro_dollars(tokens: int, scale: int, usd: Decimal, times: int, over: int) -> int | None:
    micro = tokens * int(usd.scaleb(6)) * times // (10**scale * over)
    return micro if micro < USD_LIMIT else None


def micro_usd(amount: Decimal | int, decimals: int, usd: Decimal) -> int | None:
    """Value base units at a fixed dollar price, in whole millionths of a dollar; None when beyond belief."""
    if not 0 <= decimals <= MAX_SCALE:
        return None
    return _micro_dollars(int(amount), decimals, usd, 1, 1)


def dollar_text(micro: int) -> str:
    """Write millionths of a dollar as a decimal number with six places."""
    return f"{micro // MICRO}.{micro % MICRO:06d}"


def usd_per_gpu_hour(frame: pl.DataFrame, name: str, block_seconds: Mapping[int, Decimal]) -> pl.DataFrame:
    """Add `name`: dollars per accelerator-hour, rounded down to a millionth.

    Needs `chain_id`, `price_amount`, `price_scale`, `price_per` (second|block|hour|job), `token_decimals`, `usd`,
    `gpu_count` and `promised_seconds` (length a job price was asked for). Null unless every part is known: a token
    without a fixed dollar value has no dollar price. `block_seconds` holds the seconds per block of each chain.
    """

    def price(
        chain_id: int,
        amount: Decimal | None,
        scale: int | None,
        per: str | None,
        usd: Decimal | None,
        gpus: int | None,
        promised: int | None,
    ) -> Decimal | None:
        if amount is None or amount < 0 or scale is None or usd is None or gpus is None:
            return None
        if not 0 <= scale <= MAX_SCALE or not 1 <= gpus <= GPU_LIMIT:
            return None
        ratio = _per_hour(per, block_seconds.get(chain_id), promised)
        micro = None if ratio is None else _micro_dollars(int(amount), scale, usd, ratio[0], ratio[1] * gpus)
        return None if micro is None else Decimal(dollar_text(micro))

    scaled = frame.with_columns(pl.coalesce("price_scale", "token_decimals").alias("price_scale"))
    columns = ["chain_id", "price_amount", "price_scale", "price_per", "usd", "gpu_count", "promised_seconds"]
    return _per_row(scaled, columns, name, USD, price)


def _per_hour(per: str | None, block_seconds: Decimal | None, promised: int | None) -> tuple[int, int] | None:
    """Say how many price units make an hour, as an integer ratio."""
    match per:
        case "hour":
            return 1, 1
        case "second":
            return 3600, 1
        case "block" if block_seconds is not None and block_seconds > 0:
            numerator, denominator = block_seconds.as_integer_ratio()
            return 3600 * denominator, numerator
        case "job" if promised is not None and promised > 0:
            return 3600, promised
        case _:
            return None
