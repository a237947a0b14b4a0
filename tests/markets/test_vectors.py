"""The example logs of the notes, decoded as a bare file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monitor.markets.load import bind_everywhere
from monitor.markets.logfile import Row, decode_file
from tests.markets.chain_of_logs import built_in

VECTORS = Path(__file__).parents[3] / "shared" / "markets" / "vectors.json"
pytestmark = pytest.mark.skipif(not VECTORS.is_file(), reason="the notes on marketplaces are not beside this checkout")

A, B, C, D = (
    "0xaAaAaAaaAaAaAaaAaAAAAAAAAaaaAaAaAaaAaaAa",
    "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB",
    "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
    "0xDDdDddDdDdddDDddDDddDDDDdDdDDdDDdDDDDDDd",
)
EXPECTED: dict[str, dict[str, object]] = {
    "JobOpened": {
        "verb": "lease.open",
        "lease_id": "0x" + "0" * 60 + "1234",
        "renter": B,
        "provider": A,
        "amount": "5000000",
        "price_amount": "52500000000000",
        "price_per": "second",
        "price_scale": 18,
        "gpu_raw": "r6i.xlarge",
        "region_raw": "ap-south-1",
        "start": 1760000000,
    },
    "OrderCreated": {
        "verb": "order.open",
        "lease_id": "77",
        "renter": B,
        "gpu_raw": "h100",
        "gpu_count": 8,
        "region_raw": "us-central",
        "region_provenance": "requested",
        "duration_seconds": 86400,
        "price_amount": "5555555555555550",
        "price_per": "block",
        "price_scale": 18,
        "price_token": D,
    },
    "LeaseCreated": {
        "verb": "lease.open",
        "lease_id": "77",
        "order_id": "77",
        "renter": B,
        "provider": A,
        "price_amount": "4999999999999995",
        "start": 1760000000,
    },
    "RentFee": {"verb": "lease.patch", "lease_id": "9", "payer": C},
    "RentMachine": {
        "verb": "lease.open",
        "lease_id": "9",
        "renter": B,
        "provider": A,
        "machine_id": "9ffb6a0b0000000000000000000000000000000000000000000000000000demo",
        "planned_end": 1760036000,
        "price_amount": "5000000000000000000",
        "price_per": "job",
        "price_scale": 18,
    },
    "Lock": {
        "verb": "lease.open",
        "renter": B,
        "payer": B,
        "provider": A,
        "amount": "3000000",
        "token": D,
        "duration_seconds": 3600,
        "resource_provenance": "offchain",
    },
    "ServiceUpdated": {
        "verb": "capacity.upsert",
        "provider": A,
        "gpu_raw": "H100",
        "gpu_count": 8,
        "state": "occupied",
        "resource_provenance": "event",
    },
    "DealCreatedV2": {
        "verb": "order.open",
        "lease_id": C,
        "renter": B,
        "price_amount": "12500000",
        "price_per": "epoch",
        "price_token": D,
        "resource_provenance": "none",
    },
    "OrdersMatched": {
        "verb": "lease.open",
        "lease_id": "0xe064fb3e72b2ec70782ecb932d7660de8155cfb2be5f0e925f55e7a33274bf5b",
        "parts": 2,
    },
    "StakedGPUType": {"verb": "capacity.upsert", "gpu_raw": "NVIDIA H100 80GB HBM3"},
}


def logs() -> list[tuple[str, dict[str, Any]]]:
    return [
        (vector["event"].split("(")[0], vector["log"]) for vector in json.loads(VECTORS.read_text()) if "log" in vector
    ]


def decoded(items: list[dict[str, Any]], chain_id: int | None = None) -> list[Row]:
    markets = built_in()
    return decode_file(json.dumps(items).encode(), markets, bind_everywhere(markets), chain_id)


def test_each_example_means_what_the_notes_say():
    names, items = zip(*logs(), strict=True)
    rows = decoded(list(items))
    assert [row.event for row in rows if row.event] == [name for name in names if name in EXPECTED]
    for row in rows:
        if row.event:
            shown = {"verb": row.verb, "lease_id": row.lease_id, **json.loads(row.fields)}
            assert EXPECTED[row.event].items() <= shown.items(), row.event
            assert not row.reason


def test_a_log_of_no_market_says_so():
    (row,) = decoded([logs()[0][1] | {"address": "0x" + "42" * 20}])
    assert row.verb == ""
    assert "no market's contract" in row.reason


def test_the_chain_decides_decimals_and_a_foreign_chain_knows_nothing():
    item = next(item for name, item in logs() if name == "JobOpened")
    bsc = item | {"address": "0xc1a7730fb170FAd054e4587665d7B2fd3ce299e8"}
    assert json.loads(decoded([bsc], 56)[0].fields)["price_scale"] == 30
    assert json.loads(decoded([item], 42161)[0].fields)["price_scale"] == 18
    assert decoded([item], 56)[0].reason.endswith("on chain 56")
