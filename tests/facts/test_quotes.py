"""A floating token has a dollar value only where a table or a fresh answer of a feed gives one, and says which."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from monitor.abi import parse_event
from monitor.config import Config
from monitor.errors import ConfigError
from monitor.facts.leases import leases
from monitor.facts.quotes import Feed, feed_quotes, feed_reads, table_quotes
from monitor.markets.load import tokens as tokens_of
from monitor.model.schema import READS, WANTED, empty
from tests.facts.rows import BLOCK_SECONDS, USDC, event, events, hardware, time_of, tokens, who

ORACLE = who(77)
FEED = Feed(1, USDC, ORACLE, 8)
ASK = parse_event("latestRoundData()").topic0[:4]
BLOCK = 5
OPENED = time_of(BLOCK)
DAY = datetime.fromtimestamp(OPENED, UTC).date()
OPEN: dict[str, Any] = {
    "renter": who(1), "gpu_raw": "H100", "gpu_count": 2, "price_amount": 4_000_000, "price_per": "hour",
    "price_token": USDC, "planned_end": time_of(400),
}  # fmt: skip


def lease(quotes: pl.DataFrame | None = None, usd: str | None = None, **fields) -> dict[str, object]:
    rows = events(event("lease.open", "x", block=BLOCK, **(OPEN | fields)))
    return leases(rows, hardware(), tokens(usd), {}, BLOCK_SECONDS, quotes).row(0, named=True)


def table(*entries: tuple[date, str]) -> pl.DataFrame:
    return table_quotes((1, USDC, day, Decimal(usd)) for day, usd in entries)


def answer(price: int, age: int = 60) -> bytes:
    words = (9, price, OPENED - age, OPENED - age, 9)
    return b"".join(word.to_bytes(32, signed=word < 0) for word in words)


def reads(result: bytes | None, block: int = BLOCK, target: bytes = ORACLE) -> pl.DataFrame:
    failure = "no answer" if result is None else None
    return pl.DataFrame([(1, block, "call", target, ASK, result, failure)], schema=READS, orient="row")


def value(row: dict[str, object]) -> tuple[object, object]:
    return row["usd_per_gpu_hour"], row["usd_basis"]


def test_a_fixed_value_says_so_and_needs_no_quote():
    assert value(lease(usd="1")) == (Decimal("2.000000"), "fixed")
    assert value(lease(table((DAY, "9")), usd="1")) == (Decimal("2.000000"), "fixed")


def test_nothing_is_assumed():
    assert value(lease()) == (None, None)
    assert value(lease(table((DAY, "1")), price_token=who(50))) == (None, None)
    assert value(lease(table((DAY, "1")), price_per=None)) == (None, None)


def test_a_table_holds_from_its_day_until_the_next_entry():
    both = table((DAY - timedelta(9), "0.25"), (DAY, "0.5"), (DAY + timedelta(1), "8"))
    assert value(lease(both)) == (Decimal("1.000000"), "table")
    assert value(lease(table((DAY - timedelta(9), "0.25")))) == (Decimal("0.500000"), "table")


def test_a_table_does_not_look_back_nor_hold_for_ever():
    assert value(lease(table((DAY + timedelta(1), "8")))) == (None, None)
    assert value(lease(table((DAY - timedelta(32), "8")))) == (None, None)


def test_a_feed_gives_the_value_in_the_block_of_the_opening_and_goes_first():
    found = feed_quotes([FEED], reads(answer(150_000_000)))
    assert value(lease(found)) == (Decimal("3.000000"), "oracle")
    assert value(lease(pl.concat([table((DAY, "9")), found]))) == (Decimal("3.000000"), "oracle")
    assert value(lease(feed_quotes([FEED], reads(answer(150_000_000), block=BLOCK - 1)))) == (None, None)


@pytest.mark.parametrize(
    "result",
    [
        answer(0),
        answer(-5),
        answer(10**30),
        answer(150_000_000, age=90_000),
        answer(150_000_000, age=-60),
        b"",
        b"\1" * 99,
    ],
)
def test_an_answer_that_is_stale_or_none_gives_no_value(result):
    assert value(lease(feed_quotes([FEED], reads(result)))) == (None, None)
    with_table = pl.concat([feed_quotes([FEED], reads(result)), table((DAY, "1"))])
    assert value(lease(with_table)) == (Decimal("2.000000"), "table")


def test_a_feed_is_asked_once_per_block_until_it_answered_or_failed():
    rented = leases(
        events(event("lease.open", "x", block=BLOCK, **OPEN), event("lease.open", "y", block=BLOCK, log=1, **OPEN)),
        *(hardware(), tokens(None), {}, BLOCK_SECONDS),
    )
    asked = feed_reads(rented, [FEED], empty(READS))
    assert dict(asked.schema) == WANTED
    assert asked.rows() == [(1, BLOCK, "call", ORACLE, ASK)]
    assert feed_reads(rented, [FEED], reads(answer(1))).is_empty()
    assert feed_reads(rented, [FEED], reads(None)).is_empty()
    assert feed_reads(rented, [], empty(READS)).is_empty()


def config(**token) -> Config:
    chain = {
        "id": 1,
        "rpc": ["http://127.0.0.1:1"],
        "tokens": {"T": {"address": "0x" + "11" * 20, "decimals": 18, **token}},
    }
    return Config.model_validate({"chains": {"main": chain}})


def test_the_configuration_says_where_a_value_comes_from():
    info = tokens_of({}, config(usd_by_date={"2026-02-01": "0.5", "2026-01-01": "0.25"}))[1, b"\x11" * 20]
    assert info.by_date == ((date(2026, 1, 1), Decimal("0.25")), (date(2026, 2, 1), Decimal("0.5")))
    assert tokens_of({}, config(oracle={"address": "0x" + "22" * 20}))[1, b"\x11" * 20].oracle == (b"\x22" * 20, 8)


@pytest.mark.parametrize("token", [{"usd": "1", "usd_by_date": {"2026-01-01": "1"}}, {"usd_by_date": {"soon": "1"}}])
def test_a_value_that_is_both_fixed_and_floating_or_of_no_day_is_refused(token):
    with pytest.raises((ValueError, ConfigError)):
        config(**token)


def test_a_lease_has_both_sizes():
    row = lease(gpu_raw="B200")
    assert (row["h100e"], row["h100e_tpp"]) == (Decimal("4.548"), Decimal("4.548"))
