"""Marlin Oyster: a job is a balance that runs down at a rate per second."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.markets.load import bind_everywhere
from tests.markets.chain_of_logs import PAYER, PROVIDER, RENTER, START, Chain, built_in, by_verb, declared
from tests.markets.theatre import Theatre

M = "marlin_oyster"
JOB = b"\x07" * 32
OPENED, OPENED_BYTES = declared(M, "JobOpened"), declared(M, "JobOpened", 1)
DEPOSITED, SETTLED, CLOSED = (declared(M, name) for name in ("JobDeposited", "JobSettled", "JobClosed"))
RATE, WITHDREW = declared(M, "JobReviseRateFinalized"), declared(M, "JobWithdrew")
METADATA = '{"instance": "r6i.xlarge", "region": "ap-south-1"}'
PER_SECOND = 1000 * 10**12


def opened(metadata: Any = METADATA, text: str = OPENED) -> tuple[str, str, list[Any]]:
    return "market", text, [JOB, metadata, RENTER, PROVIDER, PER_SECOND, 3_600_000, START]


@pytest.mark.node
async def test_a_stream_topped_up_by_another_revised_withdrawn_from_and_closed():
    async with Theatre(M, ["market"]) as play:
        await play.tx(opened())
        assert (await play.leases())["0x" + JOB.hex()]["paid_until"] == START + 3600
        await play.tx(("market", DEPOSITED, [JOB, PAYER, 3_600_000]), seconds=10)
        assert (await play.leases())["0x" + JOB.hex()]["paid_until"] == START + 7200
        await play.tx(
            ("market", SETTLED, [JOB, 1_000_000, START + 1000]), ("market", RATE, [JOB, 2 * PER_SECOND]), seconds=1000
        )
        assert (await play.leases())["0x" + JOB.hex()]["paid_until"] == START + 1000 + 3100
        await play.tx(("market", WITHDREW, [JOB, RENTER, 200_000]), seconds=1001)
        await play.tx(("market", SETTLED, [JOB, 2_000_000, START + 2000]), ("market", CLOSED, [JOB]), seconds=2000)
        (lease,) = (await play.leases()).values()
    assert (lease["renter"], lease["payer"], lease["provider"]) == (RENTER, RENTER, PROVIDER)
    # a close returns the balance and emits no event of it
    assert (lease["deposit_total"], lease["settled_total"]) == (7_200_000, 3_000_000)
    assert lease["refunded_total"] == 200_000 + 4_000_000
    assert (lease["status"], lease["closed_at"]) == ("closed", START + 2000)
    assert (lease["region_raw"], lease["region_provenance"]) == ("ap-south-1", "requested")


def test_a_deposit_of_a_third_party_names_who_paid_it():
    chain = Chain()
    chain.tx((M, "market", DEPOSITED, [JOB, PAYER, 5]))
    (paid,) = by_verb(chain.decoded().events, "lease.deposit")
    assert (paid["payer"], paid["amount"]) == (PAYER, 5)


def test_metadata_as_bytes_is_another_topic_and_the_same_job():
    chain = Chain()
    chain.tx((M, *opened()), (M, *opened(METADATA.encode(), OPENED_BYTES)))
    assert chain.rows[0]["topics"][0] != chain.rows[1]["topics"][0]
    first, second = (
        {name: value for name, value in row.items() if name not in {"log_index", "tx_index"}}
        for row in by_verb(chain.decoded().events, "lease.open")
    )
    assert first == second


def test_decimals_of_the_token_differ_by_chain():
    scales = {item.chain_id: item.token_decimals for item in bind_everywhere(built_in()) if item.market == M}
    assert (scales[42161], scales[56], scales[137], scales[59144]) == (6, 18, None, None)


def test_metadata_that_says_nothing_says_none():
    chain = Chain()
    chain.tx((M, *opened("not json")))
    (lease,) = by_verb(chain.decoded().events, "lease.open")
    assert (lease["resource_provenance"], lease["region_provenance"]) == ("none", "none")
    assert not {"gpu_raw", "region_raw"} & lease.keys()
