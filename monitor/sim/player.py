"""Send a script to a node, one block per second of the story, and check every receipt."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from monitor.errors import InputError, NodeRefused
from monitor.sim.contracts import artifact
from monitor.sim.node import Node
from monitor.sim.script import HOUR, Ref, Script, encode
from monitor.sim.stage import MARKETS, Stage

__all__ = ["GAS", "build", "mine_block", "perform", "request"]

GAS = 2_999_999
GAS_LARGE = 99_999_999
"""No round limits: those are taken for somebody's habit."""
LARGE_DATA = 2_000
"""Bytes of call data from which a transaction gets the large gas limit: deployments and long texts."""
RICH_UNITS = 10**27
"""Base units of each token that the exchange starts with."""
RICH_WEI = 10**24
GIFT_WEI = 10**20
"""What every sender gets for its tips, so that no story has to reckon with them; nobody sees it."""


async def build(node: Node, stage: Stage, nonces: dict[bytes, int], *, rich: bytes, before: int) -> dict[bytes, int]:
    """Deploy a contract per block, connect them and make the exchange rich; gives each contract's block.

    Raises InputError when the node is not fresh and NodeRefused when a deployment fails.
    """
    newest = await node.rpc("eth_getBlockByNumber", "latest", False)
    at = before - 12 * HOUR
    if int(newest["number"], 16) != 0 or int(newest["timestamp"], 16) >= at:
        message = f"the node at {node.url} is not fresh: it stands at block {int(newest['number'], 16)}"
        raise InputError(message, hint="start a new local node for every world")
    blocks = {}
    for number, item in enumerate(stage.deployed):
        data = {"from": _hex(stage.deployer), "data": _hex(item.data), "gas": hex(GAS_LARGE), "nonce": hex(number)}
        receipt = (await mine_block(node, at + 60 * number, [data | {"gasPrice": "0x0"}], [item.contract]))[0]
        if receipt["contractAddress"] != _hex(item.address):
            message = f"{item.contract} landed at {receipt['contractAddress']}, not at {_hex(item.address)}"
            raise NodeRefused(message, hint="start a new local node for every world")
        blocks[item.address] = int(receipt["blockNumber"], 16)
    await node.rpc("anvil_setBalance", _hex(rich), hex(RICH_WEI))
    nonces[stage.deployer] = len(stage.deployed)
    calls = [(item.to, item.data) for item in stage.setup]
    mint = artifact("TestToken").call("mint", rich, RICH_UNITS)
    calls += [(item.address, mint) for item in stage.deployed if item.market == "tokens"]
    requests = [request(stage.deployer, to, data, nonces) for to, data in calls]
    await mine_block(node, at + HOUR, requests, ["setup"] * len(requests))
    return blocks


async def perform(node: Node, script: Script, nonces: dict[bytes, int]) -> None:
    """Play the script's steps in order; raises NodeRefused that names the first step that fails."""
    steps = script.steps()
    await _give(node, sorted({step.sender for step in steps}))
    ids: dict[Ref, int] = {}
    counters = dict.fromkeys(MARKETS, 0)
    for at, group in groupby(steps, key=lambda step: step.at):
        requests, names = [], []
        for step in group:
            data, tip = encode(step, ids), script.tip(step)
            requests.append(request(step.sender, step.to, data, nonces, value=step.value, tip=tip))
            names.append(f"{step.contract or 'transfer'}.{step.function}")
            if step.opens is not None:
                counters[step.opens.market] += 1
                ids[step.opens] = counters[step.opens.market]
        await mine_block(node, at, requests, names)


async def _give(node: Node, wallets: Sequence[bytes]) -> None:
    """Add the gift to what each wallet has."""
    held = await node.batch([("eth_getBalance", (_hex(wallet), "latest")) for wallet in wallets])
    richer = [hex(int(wei, 16) + GIFT_WEI) for wei in held]
    await node.batch([("anvil_setBalance", (_hex(wallet), wei)) for wallet, wei in zip(wallets, richer, strict=True)])


def request(
    sender: bytes, to: bytes, data: bytes, nonces: dict[bytes, int], *, value: int = 0, tip: int = 0
) -> dict[str, str]:
    """Write one unsigned transaction and count the sender's nonce on; gas is generous and costs the tip (wei) alone."""
    nonce = nonces.get(sender, 0)
    nonces[sender] = nonce + 1
    return {
        "from": _hex(sender),
        "to": _hex(to),
        "data": _hex(data),
        "value": hex(value),
        "gas": hex(GAS_LARGE if len(data) > LARGE_DATA else GAS),
        "maxFeePerGas": hex(tip),
        "maxPriorityFeePerGas": hex(tip),
        "nonce": hex(nonce),
    }


async def mine_block(
    node: Node, at: int, requests: Sequence[dict[str, str]], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Put the transactions into one block of the given second, in order; gives the receipts.

    Raises NodeRefused when one fails or the node changed their order.
    """
    # One by one: anvil works on the calls of a batch at the same time.
    hashes = [await node.rpc("eth_sendTransaction", item) for item in requests]
    await node.rpc("evm_mine", at)
    receipts = await node.rpc("eth_getBlockReceipts", "latest")
    if [receipt["transactionHash"] for receipt in receipts] != hashes:
        message = f"the block at {at} holds other transactions than were sent: {', '.join(names)[:300]}"
        raise NodeRefused(message, hint="nobody else may use this node while a world is played")
    for name, item, receipt in zip(names, requests, receipts, strict=True):
        if receipt["status"] != "0x1":
            message = f"{name} from {item['from']} at {at} failed in block {int(receipt['blockNumber'], 16)}"
            raise NodeRefused(message, hint="the script and the contracts disagree")
    return list(receipts)


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
