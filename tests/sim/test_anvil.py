from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

import monitor.sim.anvil as module
from monitor.errors import ChainUnreachable, NodeRefused, ToolMissing
from monitor.sim.anvil import GENESIS, Anvil, find_anvil

A, B = "0x" + "aa" * 20, "0x" + "bb" * 20


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def block(node: Anvil, number: int) -> dict[str, Any]:
    return dict(await node.rpc("eth_getBlockByNumber", [hex(number), False]))


@pytest.mark.node
async def test_the_node_is_gone_when_the_context_ends():
    async with Anvil() as node:
        pid = node.pid
        assert alive(pid)
        assert await node.rpc("eth_chainId") == hex(31337)
    assert not alive(pid)
    with pytest.raises(ChainUnreachable):
        await node.rpc("eth_chainId")


@pytest.mark.node
async def test_old_states_lie_in_a_folder_that_goes_with_the_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    for folder in (home, scratch):
        folder.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    async with Anvil() as node:
        await node.rpc("anvil_mine", [hex(1_200)])
        states = [path for path in scratch.rglob("*") if path.is_dir() and "state" in path.name]
        assert len(states) == 1
        assert any(states[0].iterdir())
    assert list(scratch.iterdir()) == []
    assert not [path for path in home.rglob("*") if path.is_file() or "state" in path.name]


@pytest.mark.node
async def test_a_node_without_history_knows_the_newest_state_only():
    wallet = f"0x{7:040x}"
    for history in (True, False):
        async with Anvil(history=history) as node:
            await node.mine(1)
            await node.rpc("anvil_setBalance", [wallet, "0x5"])
            await node.mine(2)
            assert await node.rpc("eth_getBalance", [wallet, "latest"]) == "0x5"
            if history:
                assert await node.rpc("eth_getBalance", [wallet, "0x0"]) == "0x0"
            else:
                with pytest.raises(NodeRefused):
                    await node.rpc("eth_getBalance", [wallet, "0x0"])


@pytest.mark.node
async def test_the_node_is_gone_after_an_error_inside():
    pids: list[int] = []

    async def work() -> None:
        async with Anvil() as node:
            pids.append(node.pid)
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        await work()
    assert not alive(pids[0])


@pytest.mark.node
async def test_the_node_is_gone_after_a_cancellation():
    started: asyncio.Future[int] = asyncio.Future()

    async def work() -> None:
        async with Anvil() as node:
            started.set_result(node.pid)
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    pid = await started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(pid)


@pytest.mark.node
async def test_the_node_is_gone_when_cancelled_while_starting(monkeypatch: pytest.MonkeyPatch):
    started: asyncio.Future[int] = asyncio.Future()

    async def never(self: Anvil, log: Path) -> int:
        started.set_result(self.pid)
        await asyncio.sleep(60)
        return 0

    monkeypatch.setattr(Anvil, "_port", never)
    task = asyncio.create_task(Anvil().__aenter__())
    pid = await started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(pid)


@pytest.mark.node
async def test_two_nodes_run_side_by_side():
    async with Anvil() as one, Anvil(chain_id=5, genesis=1_700_000_000) as two:
        assert one.url != two.url
        assert await two.rpc("eth_chainId") == "0x5"
        assert await two.head() == (0, 1_700_000_000)
        assert await one.head() == (0, GENESIS)


@pytest.mark.node
async def test_time_is_the_callers(anvil: Anvil):
    await anvil.mine(3, timestamp=GENESIS + 1000)
    assert await anvil.head() == (3, GENESIS + 1002)
    await anvil.mine()
    assert await anvil.head() == (4, GENESIS + 1003)
    await anvil.rpc("evm_setNextBlockTimestamp", [GENESIS + 9999])
    await anvil.rpc("evm_mine")
    assert await anvil.head() == (5, GENESIS + 9999)


@pytest.mark.node
@pytest.mark.parametrize("depth", [1, 7, 20])
async def test_a_reorg_replaces_blocks_and_their_transactions(anvil: Anvil, depth: int):
    await anvil.rpc("anvil_setBalance", [A, hex(10**18)])
    transfer = {"from": A, "to": B, "value": "0x5", "gas": hex(21000), "gasPrice": "0x0"}
    await anvil.mine(25, timestamp=GENESIS + 100)
    lost = await anvil.rpc("eth_sendTransaction", [transfer])
    await anvil.mine()
    head, _ = await anvil.head()
    before = [(await block(anvil, number))["hash"] for number in range(head + 1)]
    other = transfer | {"value": "0x7"}
    await anvil.reorg(depth, blocks=[[other]], extra=2)
    assert (await anvil.head())[0] == head + 2
    after = [(await block(anvil, number))["hash"] for number in range(head + 1)]
    fork = head - depth
    assert after[: fork + 1] == before[: fork + 1]
    assert all(new != old for new, old in zip(after[fork + 1 :], before[fork + 1 :], strict=True))
    assert await anvil.rpc("eth_getTransactionReceipt", [lost]) is None
    assert await anvil.rpc("eth_getBalance", [B, "latest"]) == "0x7"
    assert len((await block(anvil, fork + 1))["transactions"]) == 1
    assert (await anvil.rpc("txpool_status"))["pending"] == "0x0"


@pytest.mark.node
async def test_a_refusal_is_one_line_with_the_nodes_words(anvil: Anvil):
    with pytest.raises(NodeRefused) as caught:
        await anvil.rpc("eth_noSuchMethod")
    assert "eth_noSuchMethod" in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_missing_program_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(module, "bundled", lambda name: tmp_path / name)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing) as caught:
        find_anvil()
    assert "npm ci" in caught.value.hint
    assert "make demo" in caught.value.hint


def test_a_program_on_the_path_is_the_second_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    program = tmp_path / "anvil"
    program.write_text("#!/bin/sh\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(module, "bundled", lambda name: tmp_path / "nowhere" / name)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_anvil() == program


async def test_a_program_that_dies_at_once_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    program = tmp_path / "anvil"
    program.write_text("#!/bin/sh\necho unexpected argument\nexit 2\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(module, "find_anvil", lambda: program)
    with pytest.raises(ChainUnreachable, match="unexpected argument"):
        async with Anvil():
            pass
