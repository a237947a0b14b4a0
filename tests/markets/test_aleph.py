"""Aleph over Superfluid: one stream per sender and receiver."""

from __future__ import annotations

import pytest

from tests.markets.chain_of_logs import PROVIDER, RENTER, START, Chain, by_verb, declared
from tests.markets.theatre import Theatre

FLOW = declared("aleph_superfluid", "FlowUpdated")
OPERATOR = declared("aleph_superfluid", "FlowOperatorUpdated")
ALEPH = bytes.fromhex("c0fbc4967259786c743361a5885ef49380473dcf")
COMMUNITY = bytes.fromhex("5abd3258c5492fd378ebc2e0017416e199e5da56")


def flow(rate: int, receiver: bytes = PROVIDER, token: bytes = ALEPH) -> tuple[str, str, list[object]]:
    return "cfa", FLOW, [token, RENTER, receiver, rate, -rate, rate, b""]


@pytest.mark.node
async def test_a_stream_opens_is_resized_and_ends():
    async with Theatre("aleph_superfluid", ["cfa"]) as play:
        await play.tx(flow(10**12), seconds=10)
        await play.tx(flow(2 * 10**12), seconds=20)
        (running,) = (await play.leases()).values()
        assert (running["status"], running["price_amount"], running["price_per"]) == ("active", 2 * 10**12, "second")
        await play.tx(flow(0), seconds=90)
        (lease,) = (await play.leases()).values()
    assert (lease["renter"], lease["payer"], lease["provider"]) == (RENTER, RENTER, PROVIDER)
    assert (lease["opened_at"], lease["closed_at"], lease["status"]) == (START + 10, START + 90, "closed")
    assert lease["price_token"] == ALEPH
    assert (lease["resource_provenance"], lease["region_provenance"]) == ("offchain", "none")
    assert "gpu_raw" not in lease


@pytest.mark.node
async def test_a_stream_that_comes_again_runs_again():
    async with Theatre("aleph_superfluid", ["cfa"]) as play:
        for seconds, rate in ((10, 5), (20, 0), (30, 6)):
            await play.tx(flow(rate), seconds=seconds)
        (lease,) = (await play.leases()).values()
    assert (lease["status"], lease["opened_at"], lease["price_amount"]) == ("active", START + 30, 6)
    assert not {"closed_at", "close_reason"} & lease.keys()


def test_several_machines_at_one_node_share_a_stream_and_stay_one_lease():
    chain = Chain()
    for rate in (5, 10, 5):
        chain.tx(("aleph_superfluid", *flow(rate)))
    verbs = chain.decoded().events["verb"].to_list()
    assert verbs == ["lease.open", "lease.rate", "lease.rate"]


def test_streams_of_other_tokens_and_the_community_fee_are_passed_over():
    chain = Chain()
    chain.tx(
        ("aleph_superfluid", *flow(5, token=b"\x99" * 20)),
        ("aleph_superfluid", *flow(5, receiver=COMMUNITY)),
        ("aleph_superfluid", "cfa", OPERATOR, [b"\x99" * 20, RENTER, PROVIDER, 7, 5]),
    )
    decoded = chain.decoded()
    assert decoded.events.is_empty()
    assert decoded.quarantine.is_empty()


def test_a_stream_that_comes_again_is_opened_again():
    chain = Chain()
    for rate in (5, 0, 6):
        chain.tx(("aleph_superfluid", *flow(rate)))
    assert [row["price_amount"] for row in by_verb(chain.decoded().events, "lease.open")] == [5, 6]


def test_an_operator_that_may_open_streams_is_linked_to_their_sender():
    chain = Chain()
    chain.tx(
        ("aleph_superfluid", "cfa", OPERATOR, [ALEPH, RENTER, PROVIDER, 7, 5]),
        ("aleph_superfluid", "cfa", OPERATOR, [ALEPH, RENTER, PROVIDER, 0, 0]),
    )
    (link,) = by_verb(chain.decoded().events, "account.link")
    assert (link["actor"], link["payer"]) == (PROVIDER, RENTER)
