from __future__ import annotations

from datetime import UTC, datetime
from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.views import format as fmt


def test_addresses_are_eip55():
    # From the examples of EIP-55.
    raw = bytes.fromhex("5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")
    assert fmt.address(raw) == "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    assert fmt.address(None) is None
    assert fmt.address(b"\x01\x02") == "0x0102"


@given(st.integers(0, 253_402_300_799))
def test_times_are_utc_iso_8601(seconds):
    assert fmt.time(seconds) == datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("seconds", [253_402_300_800, 2**63 - 1, -(2**62)])
def test_a_time_no_calendar_holds_is_its_number(seconds):
    assert fmt.time(seconds) == f"{seconds}s"


@given(st.integers(-(10**37), 10**37), st.integers(1, 36))
def test_amounts_are_exact(base_units, decimals):
    whole = Decimal(fmt.amount(base_units, decimals))
    assert Context(prec=90).multiply(whole, Decimal(10) ** decimals) == base_units
    assert fmt.amount(Decimal(base_units), decimals) == fmt.amount(base_units, decimals)


def test_amounts_in_words():
    assert fmt.amount(2_500_000, 6) == "2.5"
    assert fmt.amount(-1, 6) == "-0.000001"
    assert fmt.amount(7_000_000, 6) == "7"
    assert fmt.amount(70, None) == "70"
    assert fmt.amount(70, 0) == "70"
    assert fmt.amount(None, 6) == ""


def test_numbers_never_use_exponents():
    assert fmt.number(Decimal("1E+30")) == "1" + "0" * 30
    assert fmt.compact(Decimal("1234567.25")) == "1,234,567.2"
    assert fmt.compact(8) == "8"


def test_lengths_of_time():
    assert [fmt.duration(value) for value in (0, 59, 3_700, 273_600, -60, None)] == [
        *("0s", "59s", "1h 1m", "3d 4h", "-1m", "")
    ]


def test_short_keeps_both_ends():
    assert fmt.short("0x" + "ab" * 20) == "0xabababab…ababab"
    assert fmt.short("00" * 31 + "2a") == "0000000000…00002a"
    assert fmt.short("lease-1") == "lease-1"
    assert fmt.short("gpu-node-with-a-long-name-0x12") == "gpu-node-with-a-long-name-0x12"


def test_totals_do_not_round():
    big = Decimal(10**37)
    assert fmt.total([big, None, Decimal("0.001"), 1]) == Decimal(str(10**37 + 1) + ".001")
    assert fmt.compact(big * 3).startswith("30,000")
