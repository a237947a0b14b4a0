from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.config import load
from monitor.errors import InputError, NodeRefused
from monitor.sim.anvil import Anvil
from monitor.sim.contracts import artifact
from monitor.sim.node import Node
from monitor.sim.player import mine_block, request
from monitor.sim.world import World, config_toml, play, write_truth
from tests.anvil_fixture import Played

pytestmark = pytest.mark.node

ROLES = {
    "reference": {"market"},
    "spheron": {"order", "bid", "lease", "escrow", "provider_registry"},
    "deeplink_dbc": {"rent", "staking"},
    "marlin_oyster": {"market"},
}
SPOKEN = {
    ("reference", "market"): "ComputeMarket",
    ("spheron", "order"): "SpheronReplicaOrder",
    ("spheron", "bid"): "SpheronReplicaBid",
    ("spheron", "lease"): "SpheronReplicaLease",
    ("spheron", "escrow"): "SpheronReplicaEscrow",
    ("spheron", "provider_registry"): "SpheronReplicaProviderRegistry",
    ("deeplink_dbc", "rent"): "DeepLinkReplicaRent",
    ("deeplink_dbc", "staking"): "DeepLinkReplicaStaking",
    ("marlin_oyster", "market"): "MarlinReplica",
}
SILENT = {
    "ProviderUpdatedWithCp",
    "ProviderRemoved",
    "ProviderSpecUpdated",
    "JobReviseRateCancelled",
    "JobMetadataUpdated",
    "PayoutHeld",
    "PayoutWithdrawn",
    "RoleRevoked",
    "RoleAdminChanged",
}
"""Events no actor causes; tests of the contracts do."""


def topics_of(contract: str) -> dict[str, str]:
    known = artifact(contract)
    return {event: f"0x{known.topic(event).hex()}" for event in known.events}


async def logs(node: Node | Anvil, url_logs: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    query = {"fromBlock": "0x0", "toBlock": "latest"} | (url_logs or {})
    return list((await node.batch([("eth_getLogs", (query,))]))[0])


async def test_every_kind_of_event_the_contracts_know_is_played(played_world: Played):
    async with Node(played_world.url) as node:
        found = await logs(node)
    seen = {(log["address"], log["topics"][0]) for log in found if log["topics"]}
    for (market, role), contract in SPOKEN.items():
        address = played_world.world.deployments[market].contracts[role].lower()
        missing = {name for name, topic in topics_of(contract).items() if (address, topic) not in seen}
        assert missing <= SILENT, (contract, missing - SILENT)


async def test_logs_of_a_market_start_at_its_from_block_and_stand_where_it_says(played_world: Played):
    async with Node(played_world.url) as node:
        for market, deployment in played_world.world.deployments.items():
            assert set(deployment.contracts) == ROLES[market]
            for address in deployment.contracts.values():
                assert len(await node.rpc("eth_getCode", address, "latest")) > 2
                before = await node.rpc("eth_getCode", address, hex(deployment.from_block - 1))
                assert before == "0x"
            found = await logs(node, {"address": list(deployment.contracts.values())})
            assert min(int(log["blockNumber"], 16) for log in found) >= deployment.from_block


async def test_no_money_is_lost_in_the_reference_market(played_world: Played):
    world = played_world.world
    market = world.deployments["reference"].contracts["market"].lower()
    topics = topics_of("ComputeMarket")
    async with Node(played_world.url) as node:
        found = await logs(node, {"address": market})
        data = "0x70a08231" + market[2:].rjust(64, "0")
        held = int(await node.rpc("eth_call", {"to": world.tokens["TUSD"].address, "data": data}, "latest"), 16)

    def total(event: str, word: int) -> int:
        mine = [log["data"][2:] for log in found if log["topics"][0] == topics[event]]
        return sum(int(data[64 * word : 64 * word + 64], 16) for data in mine)

    paid = total("LeaseOpened", 4) + total("LeaseToppedUp", 0) + total("LeaseExtended", 0)
    assert paid > 10**11
    assert paid - total("LeaseSettled", 0) - total("LeaseSlashed", 0) - total("LeaseRefunded", 0) == held


async def test_a_world_is_played_the_same_twice():
    worlds: list[World] = []
    chains: list[list[dict[str, Any]]] = []
    for _ in range(2):
        async with Anvil() as node:
            worlds.append(await play(node.url, seed=3, scale=0.2))
            chains.append([{k: v for k, v in log.items() if k != "blockHash"} for log in await logs(node)])
    assert worlds[0] == worlds[1]
    assert len(chains[0]) > 1000
    assert chains[0] == chains[1]


async def test_another_seed_plays_other_people(played_world: Played, anvil: Anvil):
    other = await play(anvil.url, seed=played_world.world.seed + 1, scale=0.1)
    mine = {wallet for truth in played_world.world.truth for wallet in truth.wallets}
    assert mine.isdisjoint(wallet for truth in other.truth for wallet in truth.wallets)


async def test_a_used_node_is_refused(anvil: Anvil):
    await anvil.mine(1)
    with pytest.raises(InputError, match="not fresh"):
        await play(anvil.url)


async def test_a_failing_step_is_named(anvil: Anvil):
    async with Node(anvil.url) as node:
        item = request(b"\1" * 20, b"\2" * 20, b"", {}, value=10**30)
        await node.rpc("anvil_setBalance", "0x" + "01" * 20, "0x1")
        with pytest.raises(NodeRefused):
            await mine_block(node, 1_900_000_000, [item], ["transfer."])


def test_the_fragment_is_a_valid_configuration(played_world: Played, tmp_path: Path):
    world = played_world.world
    path = tmp_path / "config.toml"
    path.write_text(config_toml(world, played_world.url))
    config = load(str(path), cwd=tmp_path).config
    assert config.chains["local"].id == world.chain_id
    assert {name: set(table.deployments["local"].contracts) for name, table in config.markets.items()} == ROLES
    assert config.chains["local"].tokens["TDLC"].decimals == 18


def test_the_fragment_can_name_another_chain(played_world: Played):
    table = tomllib.loads(config_toml(played_world.world, "http://127.0.0.1:1", chain="demo", poll_seconds=1))
    assert list(table["chains"]) == ["demo"]
    assert table["markets"]["spheron"]["deployments"]["demo"]["from_block"] > 0


def test_the_truth_is_written_as_it_is(played_world: Played, tmp_path: Path):
    path = tmp_path / "truth.json"
    write_truth(played_world.world, path)
    assert msgspec.json.decode(path.read_bytes(), type=World) == played_world.world
    with pytest.raises(InputError, match="cannot be written"):
        write_truth(played_world.world, tmp_path / "no" / "truth.json")
