from __future__ import annotations

from typing import Any

import pytest

from monitor.errors import InputError
from monitor.sim.node import Node
from monitor.sim.script import DAY, Ref, Script
from monitor.sim.stage import Stage
from monitor.sim.twin import play_twin
from monitor.sim.venues import MARKET, offer, rent, return_machine
from monitor.sim.world import write_script
from tests.anvil_fixture import Played

Row = tuple[int, int, str, tuple[str, ...], str]


def _rows(found: list[dict[str, Any]], *, silent: str) -> list[Row]:
    return [
        (
            int(log["blockNumber"], 16),
            int(log["blockTimestamp"], 16),
            log["address"],
            tuple(log["topics"]),
            log["data"],
        )
        for log in found
        if log["address"] != silent
    ]


@pytest.mark.node
async def test_the_twin_writes_what_the_node_records(played_world: Played):
    world = played_world.world
    script = write_script(seed=world.seed, scale=world.scale, start=world.start)
    first = len(script.stage.deployed) + 1
    shared = f"0x{script.stage.at('common', 'members').address.hex()}"
    async with Node(played_world.url) as node:
        found = await node.rpc("eth_getLogs", {"fromBlock": hex(first + 1), "toBlock": "latest"})
        block = await node.rpc("eth_getBlockByNumber", hex(first + 40), True)
    twin = play_twin(script)
    times = {header.number: header.timestamp for header in twin.headers}
    mine: list[Row] = [
        (
            log.block_number,
            times[log.block_number],
            f"0x{log.address.hex()}",
            tuple(f"0x{topic.hex()}" for topic in log.topics),
            f"0x{log.data.hex()}",
        )
        for log in twin.logs
        if log.block_number > first
    ]
    theirs = _rows(found, silent=shared)
    assert len(theirs) > 1000
    assert mine == theirs
    assert twin.headers[-1].number == world.head
    sent = [
        (f"0x{item.sender.hex()}", item.value, item.nonce) for item in twin.transfers if item.block_number == first + 40
    ]
    assert sent == [(tx["from"], int(tx["value"], 16), int(tx["nonce"], 16)) for tx in block["transactions"]]
    tips = [fee.tip for fee in twin.fees if fee.block_number == first + 40]
    assert tips == [int(tx["maxPriorityFeePerGas"], 16) for tx in block["transactions"]]
    assert min(tips) > 0


def _script() -> tuple[Script, bytes]:
    written = write_script(seed=5, scale=0.1)
    script = Script(written.stage, seed=5, start=written.start, scale=0.1)
    provider = script.wallet("provider")
    script.call(script.start, provider, MARKET, "registerProvider", "here", b"\1" * 32)
    return script, provider


def test_a_step_the_contract_would_refuse_is_refused():
    script, provider = _script()
    machine = offer(script, script.start + 60, provider, "m", "H100", 8, 100)
    renter = script.wallet("renter")
    script.fund(script.start, script.wallet("exchange"), renter, usd=10_000)
    rent(script, script.start + DAY, machine, renter, 48, "first")
    rent(script, script.start + DAY + 60, machine, renter, 48, "second")
    with pytest.raises(InputError, match="not to be had"):
        play_twin(script)


def test_who_cannot_pay_is_refused():
    script, provider = _script()
    machine = offer(script, script.start + 60, provider, "m", "H100", 8, 100)
    rent(script, script.start + DAY, machine, script.wallet("poor"), 48, "first")
    with pytest.raises(InputError, match="holds 0"):
        play_twin(script)


def test_a_stranger_cannot_close():
    script, provider = _script()
    machine = offer(script, script.start + 60, provider, "m", "H100", 8, 100)
    renter = script.wallet("renter")
    script.fund(script.start, script.wallet("exchange"), renter, usd=10_000)
    lease: Ref = rent(script, script.start + DAY, machine, renter, 48, "first")
    return_machine(script, script.start + DAY + 60, lease, script.wallet("stranger"))
    with pytest.raises(InputError, match="stranger"):
        play_twin(script)


def test_an_unknown_function_is_named():
    script, provider = _script()
    script.call(script.start, provider, MARKET, "withdrawHeld", provider)
    with pytest.raises(InputError, match="withdrawHeld"):
        play_twin(script)


def test_the_twin_is_the_same_twice():
    first, second = (play_twin(write_script(seed=11, scale=0.2)) for _ in range(2))
    assert first == second
    assert isinstance(write_script(seed=11).stage, Stage)
