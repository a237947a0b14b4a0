"""Turn raw values into text: addresses, hashes, times, amounts, lengths of time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from functools import lru_cache

from eth_utils.address import to_checksum_address

__all__ = [
    "address",
    "amount",
    "compact",
    "duration",
    "fee",
    "hex_text",
    "lease_key",
    "number",
    "short",
    "time",
    "total",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ADDRESS_BYTES = 20
_SHORT_KEEPS = 18
_HEX = re.compile(r"(0x)?[0-9a-fA-F]+")
_GWEI_DECIMALS = 9
_EXACT = Context(prec=120)
"""Sums of 38-digit decimals; Python's default of 28 digits would round them without a word."""


@lru_cache(maxsize=65_536)
def _checksum(raw: bytes) -> str:
    return str(to_checksum_address(raw))


def address(raw: bytes | None) -> str | None:
    """Write 20 raw bytes as EIP-55 text; other lengths as plain hex, because a chain may hold anything."""
    if raw is None:
        return None
    return _checksum(raw) if len(raw) == _ADDRESS_BYTES else hex_text(raw)


def hex_text(raw: bytes | None) -> str | None:
    """Write raw bytes as `0x…` in lower case."""
    return None if raw is None else f"0x{raw.hex()}"


@lru_cache(maxsize=65_536)
def _instant(seconds: int) -> str:
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        # A contract may name any uint64 as an end: beyond the year 9999 the bare number is the honest form.
        return f"{seconds}s"
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def time(seconds: int | None) -> str | None:
    """Write block seconds as UTC ISO-8601 with `Z`; outside the years 1 to 9999 as the number followed by `s`."""
    return None if seconds is None else _instant(seconds)


def number(value: Decimal | int | None) -> str:
    """Write a number exactly, without an exponent; nothing for None."""
    return "" if value is None else format(value, "f" if isinstance(value, Decimal) else "d")


def amount(value: Decimal | int | None, decimals: int | None) -> str:
    """Write token base units as whole tokens, exactly, without trailing zeros; base units when decimals are unknown."""
    if value is None:
        return ""
    digits = number(value)
    if not decimals:
        return digits
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    padded = digits.rjust(decimals + 1, "0")
    fraction = padded[-decimals:].rstrip("0")
    return f"{sign}{padded[:-decimals]}{'.' if fraction else ''}{fraction}"


def fee(what: str, value: int) -> str:
    """Write a setting of HABITS: prices in gwei."""
    return f"{what} of {value}" if what == "gas limit" else f"{what} of {amount(value, _GWEI_DECIMALS)} gwei"


def compact(value: Decimal | int | None) -> str:
    """Write a number for a narrow column: grouped thousands, at most one place."""
    if value is None:
        return ""
    rounded = Decimal(value).quantize(Decimal("0.1"), context=_EXACT)
    return f"{rounded:,f}".removesuffix(".0")


def total(values: Iterable[Decimal | int | None]) -> Decimal:
    """Add numbers exactly; None counts as nothing."""
    result = Decimal(0)
    for value in values:
        result = _EXACT.add(result, Decimal(value or 0))
    return result


def duration(seconds: int | None) -> str:
    """Write a length of time with its two largest units, like `3d 4h`."""
    if seconds is None:
        return ""
    sign, left = ("-", -seconds) if seconds < 0 else ("", seconds)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
    return sign + " ".join(parts[:2])


def short(text: str | None) -> str:
    """Shorten a long hexadecimal text, with `0x` or without, to `0x12345678…abcdef`; other text stays."""
    if text is None:
        return ""
    return f"{text[:10]}…{text[-6:]}" if len(text) > _SHORT_KEEPS and _HEX.fullmatch(text) else text


def lease_key(market: str, chain_id: int, lease_id: str) -> str:
    """Name a lease across markets, `market:chain_id:lease_id`, as findings and leads do."""
    return f"{market}:{chain_id}:{lease_id}"
