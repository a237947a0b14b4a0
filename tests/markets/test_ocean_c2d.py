"""Ocean compute-to-data: locks of one payer for one job of one payee."""

from __future__ import annotations

import pytest

from tests.markets.chain_of_logs import PAYER, PROVIDER, RENTER, START, TOKEN, Chain, by_verb, declared
from tests.markets.theatre import Theatre

JOB = 2**255 + 12345
LOCK = declared("ocean_c2d", "Lock")
CLAIMED = declared("ocean_c2d", "Claimed")
CANCELED = declared("ocean_c2d", "Canceled")
AUTH = declared("ocean_c2d", "Auth")
STARTED = declared("ocean_c2d", "OrderStarted")
FEE = declared("ocean_c2d", "ProviderFee")
REUSED = declared("ocean_c2d", "OrderReused")


@pytest.mark.node
async def test_a_claimed_and_a_cancelled_lock():
    async with Theatre("ocean_c2d", ["escrow"]) as play:
        await play.tx(("escrow", AUTH, [PAYER, PROVIDER, 10**9, 86_400, 10]))
        await play.tx(("escrow", LOCK, [PAYER, PROVIDER, JOB, 3_000_000, 3600, TOKEN]), seconds=60)
        await play.tx(("escrow", LOCK, [PAYER, PROVIDER, JOB + 1, 5, 60, TOKEN]), seconds=61)
        await play.tx(("escrow", CLAIMED, [PROVIDER, JOB, TOKEN, PAYER, 2_000_000, b"proof"]), seconds=900)
        await play.tx(("escrow", CANCELED, [PROVIDER, JOB + 1, TOKEN, PAYER, 5]), seconds=1000)
        leases = {key.endswith(str(JOB)): lease for key, lease in (await play.leases()).items()}
    claimed, cancelled = leases[True], leases[False]
    assert (claimed["renter"], claimed["payer"], claimed["provider"]) == (PAYER, PAYER, PROVIDER)
    assert (claimed["deposit_total"], claimed["settled_total"]) == (3_000_000, 2_000_000)
    assert (claimed["status"], claimed["closed_at"], claimed["close_reason"]) == ("closed", START + 900, "completed")
    assert (claimed["resource_provenance"], claimed["region_provenance"]) == ("offchain", "none")
    assert (cancelled["refunded_total"], cancelled["close_reason"]) == (5, "expired")


def test_expiry_is_a_length_and_not_a_time():
    chain = Chain()
    chain.tx(("ocean_c2d", "escrow", LOCK, [PAYER, PROVIDER, JOB, 1, 3600, TOKEN]), seconds=7)
    (lease,) = by_verb(chain.decoded().events, "lease.open")
    assert (lease["start"], lease["duration_seconds"], lease["planned_end"]) == (START + 7, 3600, START + 3607)


def test_one_job_id_at_two_payees_and_for_two_payers_is_as_many_leases():
    chain = Chain()
    for payer, payee in ((PAYER, PROVIDER), (RENTER, PROVIDER), (PAYER, RENTER)):
        chain.tx(("ocean_c2d", "escrow", LOCK, [payer, payee, JOB, 1, 60, TOKEN]))
    keys = {row["lease_id"] for row in by_verb(chain.decoded().events, "lease.open")}
    assert len(keys) == 3
    assert all(key.endswith(str(JOB)) for key in keys)


def test_an_order_of_the_older_flow_is_its_transaction():
    chain = Chain()
    chain.tx(
        ("ocean_c2d", "datatoken", STARTED, [RENTER, PAYER, 10**18, 0, START, bytes(20), 1]),
        ("ocean_c2d", "datatoken", FEE, [PROVIDER, TOKEN, 7, b"", 27, bytes(32), bytes(32), START + 60]),
    )
    key = chain.rows[0]["tx_hash"]
    chain.tx(("ocean_c2d", "datatoken", REUSED, [key, RENTER, START, 2]))
    events = chain.decoded().events
    assert set(events["lease_id"]) == {"0x" + key.hex()}
    (order,) = by_verb(events, "order.open")
    assert (order["renter"], order["payer"]) == (RENTER, PAYER)
    assert by_verb(events, "order.match")[0]["provider"] == PROVIDER
