"""Crynux: tasks on selected nodes; who asked and which GPU, only calls tell."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode

from tests.markets.chain_of_logs import PROVIDER, RENTER, START, Chain, by_verb, declared
from tests.markets.theatre import Theatre

M = "crynux"
TASK = b"\x7a" * 32
QUEUED, STARTED = declared(M, "TaskQueued"), declared(M, "TaskStarted")
SUCCESS, REFUND, ABORTED = (declared(M, name) for name in ("TaskEndSuccess", "TaskEndGroupRefund", "TaskEndAborted"))
STAKED = declared(M, "NodeStaked")
SLASHED = {indexed: declared(M, "NodeSlashed", place) for place, indexed in ((1, 1), (0, 3))}
TASK_ROW = (
    "(uint8,address,bytes32,bytes32,bytes32,uint256,uint8,address,uint256,bytes,uint256,uint256,string[],uint256,string,"
    "uint256,uint256[3],uint8,uint8,address[],uint256[],uint256,uint256,uint256)"
)
NODE_ROW = "(uint8,bytes32,(string,uint256),uint256,uint256[3],bytes,string[],string[])"


def task(gpu: str = "") -> bytes:
    head = (0, RENTER, TASK, bytes(32), bytes(32), 1, 1, PROVIDER, START + 180, b"", 500, 1, ["m"], 24, gpu)
    return encode([TASK_ROW], [(*head, 0, [1, 0, 0], 0, 0, [], [], 1, 1, 1)])


async def started(play: Theatre, gpu: str = "NVIDIA GeForce RTX 4090") -> None:
    node: tuple[object, ...] = (1, bytes(32), (gpu, 24), 1, [1, 0, 0], b"", [], [])
    await play.teach("tasks", "getTask(bytes32)", [TASK], task())
    await play.teach("node", "getNodeInfo(address)", [PROVIDER], encode([NODE_ROW], [node]))
    await play.tx(("tasks", STARTED, [TASK, PROVIDER]), seconds=10)


@pytest.mark.node
async def test_a_task_from_queue_to_payment():
    async with Theatre(M, ["tasks", "node"], decimals=18) as play:
        await play.tx(("tasks", QUEUED, [TASK]))
        await started(play)
        await play.tx(("tasks", SUCCESS, [TASK]), seconds=70)
        (lease,) = (await play.leases()).values()
    assert (lease["renter"], lease["provider"], lease["gpu_raw"]) == (RENTER, PROVIDER, "NVIDIA GeForce RTX 4090")
    assert (lease["resource_provenance"], lease["region_provenance"]) == ("eth_call", "none")
    assert (lease["price_amount"], lease["price_per"]) == (500, "job")
    assert (lease["deposit_total"], lease["settled_total"]) == (500, 500)
    assert (lease["status"], lease["close_reason"]) == ("closed", "completed")
    assert (lease["closed_at"], lease["paid_until"]) == (START + 70, START + 70)


@pytest.mark.node
async def test_a_node_that_left_is_read_in_the_block_of_the_start():
    async with Theatre(M, ["tasks", "node"]) as play:
        await started(play)
        await play.forget("node", "getNodeInfo(address)", [PROVIDER])
        (lease,) = (await play.leases()).values()
    assert lease["gpu_raw"] == "NVIDIA GeForce RTX 4090"


def test_without_answers_a_task_says_none():
    chain = Chain()
    chain.tx((M, "tasks", STARTED, [TASK, PROVIDER]))
    (lease,) = by_verb(chain.decoded().events, "lease.open")
    assert (lease["provider"], lease["resource_provenance"]) == (PROVIDER, "none")
    assert not {"renter", "gpu_raw", "price_amount", "price_per"} & lease.keys()


def test_every_end_of_a_task_closes_it_with_its_reason():
    chain = Chain()
    chain.tx((M, "tasks", REFUND, [TASK]), (M, "tasks", ABORTED, [TASK, RENTER, 1, 1]))
    assert [row["reason"] for row in by_verb(chain.decoded().events, "lease.close")] == ["refunded", "expired"]


def test_one_name_of_a_slash_in_two_contracts_is_told_apart():
    chain = Chain()
    chain.tx((M, "node", SLASHED[1], [PROVIDER]), (M, "node_staking", SLASHED[3], [PROVIDER, 5, 0]))
    events = chain.decoded().events
    assert events["verb"].to_list() == ["capacity.remove", "lease.slash"]
    assert by_verb(events, "lease.slash")[0]["amount"] == 5


def test_a_staked_node_is_capacity_with_its_stake():
    chain = Chain()
    chain.tx((M, "node_staking", STAKED, [PROVIDER, 400, 0]))
    (node,) = by_verb(chain.decoded().events, "capacity.upsert")
    assert (node["machine_id"].lower(), node["amount"]) == ("0x" + PROVIDER.hex(), 400)
