"""eBlocBroker: a submission of one or several jobs, paid in advance."""

from __future__ import annotations

from typing import Any

import pytest

from tests.markets.chain_of_logs import PROVIDER, RENTER, START, Chain, by_verb, declared
from tests.markets.theatre import Theatre

M = "eblocbroker"
JOB = declared(M, "LogJob")
PAID = declared(M, "LogProcessPayment")
REFUNDED = declared(M, "LogRefundRequest")


def job(minutes: list[int]) -> list[Any]:
    ones = [1] * len(minutes)
    return [PROVIDER, RENTER, "QmKey", 3, ones, [bytes(32)] * len(minutes), ones, ones, minutes, 100, 5, 0]


def paid(number: int) -> list[Any]:
    return [PROVIDER, "QmKey", 3, number, 60, RENTER, 40, 10, bytes(32), 0, 0]


@pytest.mark.node
async def test_a_submission_of_two_jobs_ends_with_the_second():
    async with Theatre(M, ["broker"]) as play:
        await play.tx(("broker", JOB, job([10, 20])), seconds=10)
        await play.tx(("broker", PAID, paid(0)), seconds=600)
        (running,) = (await play.leases()).values()
        assert running["status"] == "active"
        assert "planned_end" not in running
        await play.tx(("broker", PAID, paid(1)), seconds=900)
        (lease,) = (await play.leases()).values()
    assert (lease["renter"], lease["payer"], lease["provider"]) == (RENTER, RENTER, PROVIDER)
    assert (lease["status"], lease["closed_at"], lease["close_reason"]) == ("closed", START + 900, "completed")
    assert (lease["deposit_total"], lease["settled_total"], lease["refunded_total"]) == (100, 80, 25)
    assert (lease["resource_provenance"], lease["region_provenance"]) == ("none", "none")


def test_the_length_of_a_single_job_is_its_run_time_in_minutes():
    chain = Chain()
    chain.tx((M, "broker", JOB, job([10])))
    (lease,) = by_verb(chain.decoded().events, "lease.open")
    assert (lease["parts"], lease["duration_seconds"]) == (1, 600)


def test_a_refund_gives_back_and_ends_the_job():
    chain = Chain()
    chain.tx((M, "broker", REFUNDED, [PROVIDER, "QmKey", 3, 0, 100]))
    events = chain.decoded().events
    assert by_verb(events, "lease.withdraw")[0]["amount"] == 100
    assert by_verb(events, "lease.close")[0]["reason"] == "user"
