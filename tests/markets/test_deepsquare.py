"""DeepSquare: a job's definition three tuples deep."""

from __future__ import annotations

from typing import Any

import pytest

from tests.markets.chain_of_logs import PROVIDER, RENTER, START, Chain, by_verb, declared
from tests.markets.theatre import Theatre

M = "deepsquare"
JOB = b"\x0a" * 32
REQUESTED = declared(M, "NewJobRequestEvent")
CLAIMED = declared(M, "ClaimJobEvent")
MOVED = declared(M, "JobTransitionEvent")
TOPPED = declared(M, "ClaimNextTopUpJobEvent")
BANNED = declared(M, "ProviderBanChanged")


def definition(uses: list[Any], affinity: list[Any], gpus: int = 4) -> tuple[Any, ...]:
    return (gpus, 1, 8, 1, "hash", 0, uses, affinity)


@pytest.mark.node
async def test_a_job_from_request_to_its_end():
    job = definition([("os", "linux"), ("gpu", "NVIDIA A100")], [(("zone", "ch-1"), b"==")])
    async with Theatre(M, ["scheduler"]) as play:
        await play.tx(("scheduler", REQUESTED, [JOB, RENTER]))
        await play.tx(("scheduler", CLAIMED, [RENTER, PROVIDER, JOB, 60, job]), seconds=100)
        await play.tx(("scheduler", MOVED, [JOB, 2, 3]), seconds=160)
        await play.tx(("scheduler", TOPPED, [JOB, PROVIDER, 90]), seconds=200)
        running = (await play.leases())["0x" + JOB.hex()]
        assert (running["status"], running["opened_at"]) == ("active", START + 160)
        assert running["planned_end"] == START + 160 + 90 * 60
        await play.tx(("scheduler", MOVED, [JOB, 3, 5]), seconds=1000)
        lease = (await play.leases())["0x" + JOB.hex()]
    assert (lease["renter"], lease["provider"]) == (RENTER, PROVIDER)
    assert (lease["gpu_raw"], lease["gpu_count"], lease["resource_provenance"]) == ("NVIDIA A100", 4, "event")
    assert (lease["region_raw"], lease["region_provenance"]) == ("ch-1", "requested")
    assert (lease["status"], lease["close_reason"], lease["paid_until"]) == ("closed", "completed", START + 1000)


def test_a_gpu_may_stand_in_the_third_level_alone():
    chain = Chain()
    job = definition([], [(("gpu-model", "H100"), b"=="), (("zone", "x"), b"==")])
    chain.tx((M, "scheduler", CLAIMED, [RENTER, PROVIDER, JOB, 60, job]))
    (lease,) = by_verb(chain.decoded().events, "lease.open")
    assert (lease["gpu_raw"], lease["region_raw"]) == ("H100", "x")


@pytest.mark.parametrize("operator", [b"!=", b"<", b">=", b"in"])
def test_an_affinity_that_must_not_be_equal_names_nothing(operator):
    chain = Chain()
    job = definition([], [(("gpu", "H100"), operator), (("zone", "x"), operator)])
    chain.tx((M, "scheduler", CLAIMED, [RENTER, PROVIDER, JOB, 60, job]))
    (lease,) = by_verb(chain.decoded().events, "lease.open")
    assert (lease["resource_provenance"], lease["region_provenance"]) == ("none", "none")
    assert not {"gpu_raw", "region_raw"} & lease.keys()


def test_a_label_that_counts_gpus_names_none():
    chain = Chain()
    job = definition([("gpus", "8"), ("gpu-mem", "80"), ("gpu", "A100")], [])
    chain.tx((M, "scheduler", CLAIMED, [RENTER, PROVIDER, JOB, 60, job]))
    (lease,) = by_verb(chain.decoded().events, "lease.open")
    assert lease["gpu_raw"] == "A100"


def test_labels_that_name_no_gpu_and_no_place_say_none():
    chain = Chain()
    chain.tx((M, "scheduler", CLAIMED, [RENTER, PROVIDER, JOB, 60, definition([("os", "linux")], [])]))
    (lease,) = by_verb(chain.decoded().events, "lease.open")
    assert (lease["resource_provenance"], lease["region_provenance"]) == ("none", "none")
    assert lease["gpu_count"] == 4
    assert "gpu_raw" not in lease


def test_a_ban_removes_and_its_end_brings_back():
    chain = Chain()
    chain.tx((M, "scheduler", BANNED, [PROVIDER, True]), (M, "scheduler", BANNED, [PROVIDER, False]))
    assert chain.decoded().events["verb"].to_list() == ["provider.remove", "provider.upsert"]
