"""OpenGPU: contracts of their own for sources and tasks, which only answer questions."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode

from tests.markets.chain_of_logs import PROVIDER, RENTER, START, Chain, by_verb, declared
from tests.markets.theatre import Theatre

M = "opengpu"
OTHER, MASTER = b"\x0f" * 20, b"\x3a" * 20
PUBLISHED, ATTEMPTED, CHANGED = (declared(M, name) for name in ("TaskPublished", "Attempted", "TaskStatusChanged"))
SOURCE = declared(M, "SourceUpdated")
ANNOUNCED, AGENT, SANCTIONED = (declared(M, name) for name in ("MasterAnnounced", "AgentSet", "Sanctioned"))
BASE = declared(M, "BaseDataUpdated")
TASK_AT, SOURCE_AT = b"\x71" * 20, b"\x72" * 20


@pytest.mark.node
async def test_a_task_attempted_by_two_goes_to_the_winner_and_pays():
    async with Theatre(M, ["nexus"], decimals=18) as play:
        task, source = await play.extra(), await play.extra()
        await play.teach(source, "getClient()", [], encode(["address"], [RENTER]))
        await play.teach(task, "getPayment()", [], encode(["uint256"], [900]))
        await play.teach(task, "getExpiryTime()", [], encode(["uint256"], [START + 5000]))
        await play.tx(("nexus", PUBLISHED, [task, source]))
        await play.tx(("nexus", ATTEMPTED, [task, PROVIDER, 900]), seconds=100)
        await play.tx(("nexus", ATTEMPTED, [task, OTHER, 800]), seconds=110)
        running = (await play.leases()).popitem()[1]
        assert (running["status"], running["provider"], running["planned_end"]) == ("active", OTHER, START + 5000)
        await play.teach(task, "winningProvider()", [], encode(["address"], [PROVIDER]))
        await play.tx(("nexus", CHANGED, [task, 2]), seconds=200)
        await play.tx(("nexus", CHANGED, [task, 5]), seconds=300)
        (lease,) = (await play.leases()).values()
    assert (lease["renter"], lease["provider"]) == (RENTER, PROVIDER)
    assert (lease["status"], lease["close_reason"], lease["closed_at"]) == ("closed", "completed", START + 300)
    assert (lease["settled_total"], lease["paid_until"]) == (900, START + 300)
    assert (lease["resource_provenance"], lease["region_provenance"]) == ("offchain", "none")


@pytest.mark.node
async def test_hardware_behind_a_url_is_a_name_and_no_gpu():
    async with Theatre(M, ["terminal"]) as play:
        await play.teach("terminal", "baseDataOf(address)", [PROVIDER], encode(["string"], ["https://hw.json"]))
        await play.tx(("terminal", BASE, [PROVIDER]))
        (machine,) = by_verb((await play.decoded()).events, "capacity.upsert")
    assert (machine["name"], machine["resource_provenance"]) == ("https://hw.json", "offchain")
    assert "gpu_raw" not in machine


def test_a_sources_own_event_names_the_client_without_a_call():
    chain = Chain()
    chain.tx((M, "nexus", SOURCE, [SOURCE_AT, (RENTER, "ipfs://image", 1, 1, 1, 1, False, "", 0, 0)]))
    chain.tx((M, "nexus", PUBLISHED, [TASK_AT, SOURCE_AT]), (M, "nexus", ATTEMPTED, [TASK_AT, PROVIDER, 5]))
    events = chain.decoded().events
    for verb in ("order.open", "lease.open"):
        assert by_verb(events, verb)[0]["renter"] == RENTER
    assert by_verb(events, "order.open")[0]["name"] == "ipfs://image"


@pytest.mark.parametrize(("status", "reason"), [(3, "user"), (4, "expired")])
def test_a_task_nobody_attempted_ends_as_an_order(status, reason):
    chain = Chain()
    chain.tx((M, "nexus", PUBLISHED, [TASK_AT, SOURCE_AT]))
    chain.tx((M, "nexus", CHANGED, [TASK_AT, status]))
    (closed,) = by_verb(chain.decoded().events, "order.close")
    assert closed["reason"] == reason


def test_masters_and_agents_are_links_and_a_sanction_is_a_penalty():
    chain = Chain()
    chain.tx(
        (M, "terminal", ANNOUNCED, [PROVIDER, MASTER]),
        (M, "terminal", AGENT, [MASTER, OTHER, True]),
        (M, "terminal", AGENT, [MASTER, OTHER, False]),
        (M, "vault", SANCTIONED, [PROVIDER, 7]),
    )
    events = chain.decoded().events
    links = [(row["actor"], row["beneficiary"]) for row in by_verb(events, "account.link")]
    assert links == [(PROVIDER, MASTER), (OTHER, MASTER)]
    (slash,) = by_verb(events, "lease.slash")
    assert (slash["provider"], slash["amount"]) == (PROVIDER, 7)
