from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from monitor.facts.lease_events import LEASE_EVENTS, lease_events
from monitor.facts.leases import leases
from monitor.model.schema import LEASES
from tests.facts.rows import BLOCK_SECONDS, DAY, T0, USDC, event, events, hardware, time_of, tokens, tx, who

RENTER, PAYER, PROVIDER, FRIEND = who(1), who(2), who(3), who(4)


STREAMS = {"marlin": "stream", "jobs": "job"}


def fold(*rows: dict[str, Any], usd: str | None = "1", rules: Mapping[str, str] = STREAMS) -> pl.DataFrame:
    frame = leases(events(*rows), hardware(), tokens(usd), rules, BLOCK_SECONDS)
    assert dict(frame.schema) == LEASES
    return frame


def one(*rows: dict[str, Any], **options: Any) -> dict[str, Any]:
    return fold(*rows, **options).row(0, named=True)


OPEN = event(
    "lease.open", block=10, log=2, renter=RENTER, payer=PAYER, provider=PROVIDER, machine_id="m1", gpu_raw="H100",
    gpu_count=8, price_amount=16_000_000, price_per="hour", price_scale=6, price_token=USDC, amount=1_600_000_000,
    planned_end=T0 + 600 + 100 * 3600, region_raw="Germany", region_provenance="declared", resource_provenance="event",
)  # fmt: skip


def test_reference_lifecycle():
    row = one(
        OPEN,
        event("lease.deposit", block=20, actor=FRIEND, amount=16_000_000, planned_end=T0 + 600 + 101 * 3600),
        event(
            "lease.extend",
            block=30,
            payer=FRIEND,
            amount=32_000_000,
            extend_seconds=7200,
            planned_end=T0 + 600 + 103 * 3600,
        ),
        event("lease.settle", block=40, amount=1_000_000_000),
        event("lease.withdraw", block=41, log=1, amount=648_000_000),
        event("lease.close", block=41, log=2, reason="renter"),
    )
    assert row["renter"] == RENTER
    assert row["payer"] == PAYER
    assert row["status"] == "closed"
    assert row["close_reason"] == "renter"
    assert row["closed_at"] == time_of(41)
    assert row["opened_at"] == time_of(10)
    assert row["planned_end"] == row["paid_until"] == T0 + 600 + 103 * 3600
    assert (row["deposit_total"], row["settled_total"], row["refunded_total"]) == (
        1_648_000_000,
        1_000_000_000,
        648_000_000,
    )
    assert row["usd_per_gpu_hour"] == Decimal("2.000000")
    assert (row["gpu_model"], row["h100e"], row["eccn_class"]) == ("h100-sxm", Decimal("8.000"), "3A090.a")
    assert row["country"] == "DE"
    assert row["token_decimals"] == 6
    assert (row["open_block"], row["open_tx"], row["open_log_index"]) == (10, OPEN["tx_hash"], 2)


def test_a_lease_past_its_end_stays_what_the_chain_says():
    row = one(OPEN)
    assert row["status"] == "active"
    assert row["closed_at"] is None
    assert row["close_reason"] is None


def test_deeplink_patch_names_the_payer_before_the_open_of_the_same_transaction():
    row = one(
        event("lease.patch", market="deeplink_dbc", block=5, log=3, payer=PAYER),
        event("lease.open", market="deeplink_dbc", block=5, log=7, renter=RENTER, provider=PROVIDER, machine_id="f0e1",
              gpu_raw="NVIDIA GeForce RTX 4090", gpu_count=1, price_amount=5 * 10**18, price_per="job", price_scale=18,
              price_token=USDC, amount=5 * 10**18, planned_end=time_of(5) + 36_000),
        event("lease.extend", market="deeplink_dbc", block=6, extend_seconds=3600, amount=10**18),
        event("lease.extend", market="deeplink_dbc", block=7, extend_seconds=1800),
    )  # fmt: skip
    assert row["payer"] == PAYER
    assert row["renter"] == RENTER
    assert row["open_log_index"] == 7
    assert row["planned_end"] == time_of(5) + 36_000 + 3600 + 1800
    assert row["deposit_total"] == 6 * 10**18
    # five dollars for the ten hours first asked for, not for the renewals
    assert row["usd_per_gpu_hour"] == Decimal("0.500000")


def test_extension_after_an_absolute_end_adds_and_one_before_is_included():
    base = time_of(10) + 100 * 3600
    assert one(OPEN, event("lease.extend", block=11, extend_seconds=60))["planned_end"] == base + 60
    later = event("lease.extend", block=12, planned_end=base + 500)
    assert one(OPEN, event("lease.extend", block=11, extend_seconds=60), later)["planned_end"] == base + 500


@pytest.mark.parametrize(("rate", "balance", "seconds"), [(10**12 * 3, 3_600, 1_200), (7 * 10**11, 1_000, 1_428)])
def test_marlin_stream_is_paid_until_the_balance_runs_dry(rate, balance, seconds):
    opened = event(
        "lease.open", "0xjob", market="marlin", chain_id=42161, block=100, renter=RENTER, provider=PROVIDER,
        price_amount=rate, price_per="second", price_scale=18, price_token=USDC, amount=balance,
    )  # fmt: skip
    # 6 decimals and a rate scaled by 10^12: 10^12 of rate drain one base unit per second
    assert one(opened)["paid_until"] == time_of(100) + seconds
    settled = event("lease.settle", "0xjob", market="marlin", chain_id=42161, block=110, amount=balance // 2)
    left = (balance - balance // 2) * 10**12 // rate
    assert one(opened, settled)["paid_until"] == time_of(110) + left
    topped = event("lease.deposit", "0xjob", market="marlin", chain_id=42161, block=111, actor=FRIEND, amount=balance)
    row = one(opened, settled, topped)
    assert row["paid_until"] == time_of(110) + (2 * balance - balance // 2) * 10**12 // rate
    assert row["planned_end"] is None
    closed = event("lease.close", "0xjob", market="marlin", chain_id=42161, block=112)
    assert one(opened, settled, topped, closed)["paid_until"] <= time_of(112)


def test_marlin_rate_revision_changes_what_is_left():
    opened = event("lease.open", market="marlin", block=1, renter=RENTER, price_amount=10**12, price_per="second",
                   price_scale=18, price_token=USDC, amount=1000)  # fmt: skip
    revised = event("lease.rate", market="marlin", block=2, price_amount=2 * 10**12)
    assert one(opened, revised)["paid_until"] == time_of(1) + 500
    assert one(opened, revised)["price_per"] == "second"


def test_deposit_by_someone_else_makes_a_payer_where_the_open_names_none():
    opened = event("lease.open", block=1, renter=RENTER)
    assert one(opened)["payer"] == RENTER
    assert one(opened, event("lease.deposit", block=2, actor=FRIEND, amount=1))["payer"] == FRIEND


def test_spheron_price_per_block_and_the_spec_of_the_order():
    row = one(
        event("order.open", "77", market="spheron", chain_id=8453, block=1, renter=RENTER, gpu_raw="h100", gpu_count=8,
              price_amount=9 * 10**15, price_per="block", price_scale=18, price_token=USDC, duration_seconds=7200,
              region_raw="us-central", region_provenance="requested"),
        event("order.match", "77", market="spheron", chain_id=8453, block=2, provider=PROVIDER,
              price_amount=8 * 10**15),
        event("lease.open", "77", market="spheron", chain_id=8453, block=3, order_id="77", renter=RENTER,
              provider=PROVIDER, start=time_of(3), amount=57_600_000),
    )  # fmt: skip
    # 0.008 tokens per block, 1800 blocks an hour, eight GPUs
    assert row["usd_per_gpu_hour"] == Decimal("1.800000")
    assert row["planned_end"] == row["paid_until"] == time_of(3) + 7200
    assert row["country"] == "US"
    assert row["status"] == "active"


def test_order_without_lease_is_ordered_then_matched_then_closed():
    order = event("order.open", "o", block=1, renter=RENTER)
    match = event("order.match", "o", block=2, provider=PROVIDER)
    row = one(order)
    assert (row["status"], row["opened_at"], row["open_tx"]) == ("ordered", None, tx(1000))
    assert one(order, match)["status"] == "matched"
    assert one(order, match, event("order.close", "o", block=3))["status"] == "closed"


def test_leases_of_one_order_inherit_its_fields_and_replace_it():
    frame = fold(
        event("order.open", "deal", block=1, renter=RENTER, gpu_raw="8x H100", price_amount=5, price_per="hour"),
        event("lease.open", "w1", block=2, order_id="deal", provider=PROVIDER),
        event("lease.open", "w2", block=3, order_id="deal", provider=PROVIDER, gpu_raw="H100", gpu_count=1),
        event("order.open", "other", block=1, renter=RENTER),
    )
    assert frame["lease_id"].to_list() == ["other", "w1", "w2"]
    assert frame["renter"].to_list() == [RENTER] * 3
    assert frame["gpu_count"].to_list() == [None, 8, 1]


def test_a_lease_opened_again_runs_until_it_is_closed_again():
    again = event("lease.open", block=40, renter=RENTER, provider=PROVIDER, start=time_of(40))
    closed = event("lease.close", block=30, reason="user")
    running = one(OPEN, closed, again)
    assert (running["status"], running["opened_at"]) == ("active", time_of(40))
    assert (running["closed_at"], running["close_reason"]) == (None, None)
    ended = one(OPEN, closed, again, event("lease.close", block=50, reason="expired"))
    assert (ended["status"], ended["closed_at"], ended["close_reason"]) == ("closed", time_of(50), "expired")


def test_slash_closes_and_dispute_marks():
    assert one(OPEN, event("lease.dispute", block=11))["status"] == "disputed"
    row = one(OPEN, event("lease.slash", block=12, log=1, amount=5), event("lease.close", block=12, log=2, reason="x"))
    assert (row["status"], row["close_reason"], row["closed_at"]) == ("closed", "slashed", time_of(12))
    assert row["settled_total"] == 0


def test_of_rows_without_an_open_no_lease_is_invented():
    rows = (event("lease.settle", "9", block=1, amount=5), event("lease.settle", None, block=2, amount=5))
    assert fold(*rows).is_empty()


HUGE = 10**38 - 1


def test_hostile_numbers_become_null_and_leave_the_neighbours_alone():
    hostile = [
        event("lease.open", "h", block=1, renter=RENTER, gpu_raw="H100", gpu_count=2**62, price_amount=HUGE,
              price_per="second", price_scale=2**62, price_token=USDC, amount=HUGE, planned_end=2**62,
              duration_seconds=2**62, market="marlin"),
        *(event("lease.deposit", "h", block=n, amount=HUGE, market="marlin") for n in range(2, 6)),
        event("lease.extend", "h", block=9, extend_seconds=2**62, market="marlin"),
    ]  # fmt: skip
    frame = fold(*hostile, OPEN)
    row = frame.filter(pl.col("lease_id") == "h").row(0, named=True)
    for name in ("gpu_count", "h100e", "planned_end", "paid_until", "usd_per_gpu_hour", "price_amount"):
        assert row[name] is None, name
    assert row["deposit_total"] == 0
    assert frame.filter(pl.col("lease_id") == "1").row(0, named=True) == one(OPEN)


@pytest.mark.parametrize("price", [0, 1, 10**30])
@pytest.mark.parametrize("scale", [None, 0, 6, 36, -1, 10**6])
def test_any_price_and_scale_passes(price, scale):
    opened = event("lease.open", market="marlin", block=1, renter=RENTER, gpu_raw="H100", gpu_count=1, amount=10**30,
                   price_amount=price, price_per="second", price_scale=scale, price_token=USDC)  # fmt: skip
    row = one(opened, usd="999999999999.999999")
    assert row["paid_until"] is None or row["paid_until"] >= time_of(1)


def test_unknown_parts_leave_the_dollar_price_out():
    assert one(OPEN, usd=None)["usd_per_gpu_hour"] is None
    assert one(OPEN | {"price_token": FRIEND})["usd_per_gpu_hour"] is None
    assert one(OPEN | {"price_per": "epoch"})["usd_per_gpu_hour"] is None
    assert one(OPEN | {"gpu_raw": "mystery"})["h100e"] is None
    assert one(OPEN | {"gpu_count": None})["gpu_count"] == 1
    assert one(OPEN | {"gpu_count": None, "gpu_raw": "mystery"})["gpu_count"] is None
    assert one(OPEN | {"price_scale": None})["usd_per_gpu_hour"] == Decimal("2.000000")


def test_history_keeps_exact_amounts_and_positions():
    frame = lease_events(events(event("lease.deposit", block=11, actor=FRIEND, amount=HUGE), OPEN))
    assert dict(frame.schema) == LEASE_EVENTS
    assert frame["verb"].to_list() == ["lease.open", "lease.deposit"]
    assert frame["actor"].to_list() == [PAYER, FRIEND]
    assert frame["amount"].to_list()[1] == HUGE
    assert frame["at"].to_list() == [time_of(10), time_of(11)]


def test_no_rows_give_empty_frames():
    assert fold().is_empty()
    assert lease_events(events()).is_empty()
    assert DAY == 24 * 3600


def test_a_job_of_tasks_ends_with_the_last_of_them_each_counted_once():
    begun = event(
        "lease.open", block=10, market="jobs", renter=RENTER, provider=PROVIDER, parts=2, planned_end=T0 + DAY
    )
    first, again = (event("lease.close", block=block, market="jobs", part="a") for block in (20, 21))
    last = event("lease.close", block=30, market="jobs", part="b")
    open_still = one(begun, first, again)
    assert (open_still["status"], open_still["closed_at"], open_still["paid_until"]) == ("active", None, T0 + DAY)
    done = one(begun, first, again, last)
    assert (done["status"], done["closed_at"], done["paid_until"]) == ("closed", time_of(30), time_of(30))
    late = one(begun | {"planned_end": T0 + 60}, first, last)
    assert late["paid_until"] == T0 + 60
    whole = event("lease.close", block=25, market="jobs")
    assert one(begun, first, whole, last)["closed_at"] == time_of(25)


def test_a_job_whose_number_of_tasks_is_not_known_is_never_called_done():
    begun = event("lease.open", block=10, market="jobs", renter=RENTER, provider=PROVIDER)
    row = one(begun, event("lease.close", block=20, market="jobs", part="a"))
    assert (row["status"], row["closed_at"]) == ("active", None)
