"""GPU-hours and H100e-hours over the time a lease was held."""

from decimal import Decimal
from typing import Any

from monitor.facts.leases import leases
from monitor.wallets.hours import h100e_hours
from tests.facts.rows import BLOCK_SECONDS, USDC, event, events, hardware, time_of, tokens, who

HOUR = 3600


def test_hours_run_to_the_close_or_to_the_head_and_pools_add_up():
    fleet: dict[str, Any] = {
        "renter": who(1),
        "gpu_raw": "NVIDIA GeForce RTX 4090",
        "gpu_count": 6,
        "price_token": USDC,
    }
    rows = events(
        event("lease.open", "a", **fleet, planned_end=time_of(1) + 10 * HOUR),
        event("lease.open", "b", log=1, **fleet | {"gpu_count": 2}, planned_end=time_of(1) + 2 * HOUR),
        event("lease.open", "c", log=2, **fleet | {"gpu_raw": "mystery"}, planned_end=time_of(1) + HOUR),
        event("lease.open", "d", log=3, **fleet | {"renter": None}, planned_end=time_of(1) + HOUR),
    )
    rented = leases(rows, hardware(), tokens(), {}, BLOCK_SECONDS)
    measured = h100e_hours(rented, {1: time_of(1) + 5 * HOUR})
    hours = {row["lease_id"]: (row["gpu_hours"], row["h100e_hours"]) for row in measured.iter_rows(named=True)}
    assert hours == {
        "a": (Decimal("30.000"), Decimal("5.010")),
        "b": (Decimal("4.000"), Decimal("0.668")),
        "c": (Decimal("6.000"), Decimal("0.000")),
    }
