from __future__ import annotations

from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address

from monitor.errors import InputError
from monitor.sim.anvil import Anvil
from monitor.sim.archetypes import ADVERSARIES, CARES, HONEST
from monitor.sim.generate import HONEST_SHARE, REPORTING, TUNING, generate
from monitor.sim.node import Node
from monitor.sim.player import build, perform
from monitor.sim.script import DAY
from monitor.sim.trial import judge_world, write_world
from monitor.sim.twin import play_twin
from monitor.sim.world import FINALITY_DEPTH


def test_the_same_arguments_write_the_same_world_and_another_seed_other_people():
    first, second, other = (generate(seed=seed, actors=60).script for seed in (3, 3, 4))
    assert first.steps() == second.steps()
    assert first.truths == second.truths
    mine = {wallet for truth in first.truths for wallet in truth.wallets}
    assert mine.isdisjoint(wallet for truth in other.truths for wallet in truth.wallets)


@pytest.mark.parametrize("care", CARES)
def test_every_kind_can_be_played_at_every_care(care: str):
    # Adversaries come in turn: enough of them in one world is all of them.
    script = generate(seed=2, actors=20 * len(ADVERSARIES), difficulty=care).script  # type: ignore[arg-type]
    play_twin(script)
    kinds = {truth.actor.split()[0] for truth in script.truths}
    assert {kind.__name__ for kind in ADVERSARIES} <= kinds
    assert {truth.difficulty for truth in script.truths} == {"", care}


def test_all_honest_kinds_turn_up():
    script = generate(seed=1, actors=900).script
    assert {kind.__name__ for kind in HONEST} <= {truth.actor.split()[0] for truth in script.truths}


@pytest.mark.parametrize("actors", [20, 57, 400])
def test_the_honest_are_many(actors: int):
    truths = generate(seed=5, actors=actors).script.truths
    assert len(truths) == actors
    assert sum(truth.label == "benign" for truth in truths) >= HONEST_SHARE * actors


def test_nobody_is_two_people():
    truths = generate(seed=6, actors=200).script.truths
    wallets = [wallet for truth in truths for wallet in truth.wallets]
    assert len(wallets) == len(set(wallets))


def test_tuning_and_reporting_worlds_are_different_ones():
    assert not set(TUNING) & set(REPORTING)


def test_a_world_too_small_is_refused():
    with pytest.raises(InputError, match="at least 20"):
        generate(seed=1, actors=5)


def test_a_written_world_holds_every_lease_its_script_opens(tmp_path: Path):
    generated = generate(seed=3, actors=30)
    trial = write_world(generated, tmp_path / "world")
    found, result = judge_world(trial)
    opened = {step.opens for step in generated.script.steps() if step.opens is not None}
    leases = found.world.facts.leases
    assert leases.height == len(opened)
    assert not found.quarantine
    renters = {to_checksum_address(wallet) for wallet in leases.get_column("renter")}
    played = {wallet for truth in trial.world.truth for wallet in truth.renters}
    assert renters <= played
    assert result.precision.total == len(found.leads)
    (chain,) = found.chains
    assert chain.head is not None
    assert chain.finalized == chain.head - FINALITY_DEPTH, "hops are read of final blocks only"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_world(generate(seed=3, actors=20), tmp_path / "file" / "world")


@pytest.mark.node
@pytest.mark.slow
async def test_a_generated_world_is_the_same_on_a_node():
    script = generate(seed=3, actors=20).script
    twin = play_twin(script)
    first = len(script.stage.deployed) + 2
    async with Anvil(genesis=script.start - DAY) as anvil, Node(anvil.url) as node:
        await build(node, script.stage, {}, rich=script.wallet("exchange"), before=script.start)
        nonces = {script.stage.deployer: len(script.stage.deployed) + len(script.stage.setup) + 2}
        await perform(node, script, nonces)
        theirs = await node.rpc("eth_getLogs", {"fromBlock": hex(first), "toBlock": "latest"})
    mine = [log for log in twin.logs if log.block_number >= first]
    assert len(mine) == len(theirs) > 1000
    for own, other in zip(mine, theirs, strict=True):
        assert (f"0x{own.address.hex()}", f"0x{own.data.hex()}") == (other["address"], other["data"])
        assert [f"0x{topic.hex()}" for topic in own.topics] == other["topics"]
        assert own.block_number == int(other["blockNumber"], 16)
