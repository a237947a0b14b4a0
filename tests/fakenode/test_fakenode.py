"""The fake is as strict as the real: its hashes are those of an EVM node, its answers agree with one another."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from monitor.sim.anvil import Anvil
from tests.fakenode import faults
from tests.fakenode.chain import Chain, Log, Tx, dense
from tests.fakenode.encode import EMPTY_ROOT, bloom, data, header_hash, ordered_root, receipt, rlp, transaction
from tests.fakenode.node import Node

ECHO = "0x" + "ec" * 20
# PUSH32 word, PUSH0, PUSH0, LOG1: emits one log with an empty body and a fixed topic.
EMITTER = "0x7f" + "07" * 32 + "5f5fa100"


async def ask(node: Node, method: str, *params: Any) -> Any:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    async with aiohttp.ClientSession() as session, session.post(node.url, json=body) as response:
        return (await response.json())["result"]


def test_rlp_of_the_yellow_paper():
    assert rlp(b"dog") == b"\x83dog"
    assert rlp([b"cat", b"dog"]) == b"\xc8\x83cat\x83dog"
    assert rlp([[], [[]], [[], [[]]]]) == bytes.fromhex("c7c0c1c0c3c0c1c0")
    assert rlp(b"Lorem ipsum dolor sit amet, consectetur adipisicing elit")[:2] == b"\xb8\x38"
    assert EMPTY_ROOT.hex() == "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"


@pytest.mark.node
async def test_hashes_are_those_of_a_real_node():
    async with Anvil() as anvil:
        sender = (await anvil.rpc("eth_accounts", []))[0] if await anvil.rpc("eth_accounts", []) else "0x" + "a1" * 20
        await anvil.rpc("anvil_setBalance", [sender, hex(10**20)])
        await anvil.rpc("anvil_impersonateAccount", [sender])
        await anvil.rpc("anvil_setCode", [ECHO, EMITTER])
        for place in range(40):
            fees = (
                {"gasPrice": hex(10**10)} if place % 3 else {"maxFeePerGas": hex(10**10), "maxPriorityFeePerGas": "0x1"}
            )
            call = {"from": sender, "to": ECHO, "value": hex(place % 2), "gas": hex(100_000), **fees}
            await anvil.rpc("eth_sendTransaction", [call])
        await anvil.mine()
        block = await anvil.rpc("eth_getBlockByNumber", ["latest", True])
        receipts = await anvil.rpc("eth_getBlockReceipts", [block["number"]])
    assert len(receipts) == 40
    assert f"0x{header_hash(block).hex()}" == block["hash"]
    assert f"0x{ordered_root([receipt(item) for item in receipts]).hex()}" == block["receiptsRoot"]
    logs = [(data(log["address"]), [data(word) for word in log["topics"]]) for item in receipts for log in item["logs"]]
    assert f"0x{bloom(logs).hex()}" == block["logsBloom"]
    assert f"0x{ordered_root([transaction(tx) for tx in block['transactions']]).hex()}" == block["transactionsRoot"]


def test_the_same_seed_gives_the_same_chain():
    one, same, other = dense(1, 20), dense(1, 20), dense(2, 20)
    assert one.blocks == same.blocks
    assert one.blocks[-1].hash != other.blocks[-1].hash


def test_a_fork_changes_hashes_and_can_carry_a_transaction_over():
    chain = Chain()
    chain.mine(Tx((Log(b"\x01" * 20),)))
    before = chain.mine(Tx((Log(b"\x02" * 20),), sender=b"\x03" * 20))
    chain.fork(1, [[], [Tx((Log(b"\x02" * 20),), sender=b"\x03" * 20)]])
    after = chain.blocks[-1]
    assert chain.head == before.number + 1
    assert after.transactions[0]["hash"] == before.transactions[0]["hash"]
    assert [block.hash for block in chain.blocks].count(before.hash) == 0
    assert chain.by_hash[before.hash] is before


async def test_answers_agree():
    chain = dense(3, 12)
    async with Node(chain).running() as node:
        block = await ask(node, "eth_getBlockByNumber", "0x5", True)
        assert block == await ask(node, "eth_getBlockByHash", block["hash"], True)
        logs = await ask(node, "eth_getLogs", {"blockHash": block["hash"]})
        assert len(logs) == 20
        assert logs == await ask(node, "eth_getLogs", {"fromBlock": "0x5", "toBlock": "0x5", "address": []})
        receipts = await ask(node, "eth_getBlockReceipts", "0x5")
        assert [log for item in receipts for log in item["logs"]] == logs
        assert receipts[2] == await ask(node, "eth_getTransactionReceipt", receipts[2]["transactionHash"])
        sender = block["transactions"][0]["from"]
        assert await ask(node, "eth_getTransactionCount", sender, "latest") == "0x1"
        assert await ask(node, "eth_getCode", sender, "latest") == "0x"
        one = await ask(node, "eth_getLogs", {"fromBlock": "0x0", "toBlock": "0xb", "address": "0x" + "c2" * 20})
        assert len(one) == 11 * 5
        worded = next(log for log in logs if len(log["topics"]) > 1)
        topics = [None, [worded["topics"][1]]]
        found = await ask(node, "eth_getLogs", {"fromBlock": "0x0", "toBlock": "0xb", "topics": topics})
        assert found == [worded]


async def test_new_heads_over_a_websocket():
    chain = Chain()
    async with Node(chain).running() as node, aiohttp.ClientSession() as session, session.ws_connect(node.ws_url) as ws:
        await ws.send_json({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
        assert (await ws.receive_json())["result"] == "0x1"
        mined = chain.mine()
        pushed = await asyncio.wait_for(ws.receive_json(), 60)
        assert pushed["params"]["result"]["hash"] == mined.hash
        await ws.send_json({"jsonrpc": "2.0", "id": 2, "method": "eth_blockNumber", "params": []})
        assert (await ws.receive_json())["result"] == "0x1"


async def test_faults_go_together():
    chain = dense(4, 30)
    lagging = faults.between(3, 3, faults.lag(5))
    capped = faults.result_cap(100, faults.alchemy)
    async with Node(chain, lagging, capped).running() as node, aiohttp.ClientSession() as session:

        async def logs() -> dict[str, Any]:
            params = [{"fromBlock": "0x0", "toBlock": "0x1d"}]
            body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": params}
            async with session.post(node.url, json=body) as response:
                return dict(await response.json())

        refused = await logs()
        assert "this block range should work: [0x0, 0x5]" in refused["error"]["message"]
        assert await ask(node, "eth_blockNumber") == "0x1d"
        assert await ask(node, "eth_blockNumber") == hex(29 - 5)
        node.faults = [faults.wrong_ids()]
        assert (await logs())["id"] == 7_000_000
        node.faults = [faults.half_written()]
        with pytest.raises(aiohttp.ClientPayloadError):
            await logs()
