"""A desk to work at one contract from: send as anybody, read, decode what was logged."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from eth_abi.abi import decode
from eth_hash.auto import keccak

from monitor.config.resources import bundled
from monitor.errors import NodeRefused
from monitor.sim.anvil import Anvil
from monitor.sim.contracts import artifact, create_address
from tests.anvil_fixture import anvil, anvil_session, played_world

__all__ = ["Desk", "anvil", "anvil_session", "desk", "played_world"]


class Desk:
    """Contracts on one node: every call is its own block, at `now` seconds."""

    def __init__(self, node: Anvil) -> None:
        self.node = node
        self.now = 1_800_000_000
        self.deployer = b"\xde" * 20
        self.names: dict[str, str] = {}
        self._nonce = 0

    async def deploy(self, name: str, *args: Any, speaks: str = "") -> bytes:
        address = create_address(self.deployer, self._nonce)
        self._nonce += 1
        await self._send(self.deployer, None, artifact(name).deploy(*args))
        self.names[f"0x{address.hex()}"] = speaks or name
        return address

    async def call(self, sender: bytes, to: bytes, function: str, *args: Any) -> list[dict[str, Any]]:
        """Send one transaction; gives its logs as `{event, address, <argument>…}`; raises NodeRefused on a revert."""
        if sender == self.deployer:
            self._nonce += 1
        data = artifact(self.names[f"0x{to.hex()}"]).call(function, *args)
        receipt = await self._send(sender, to, data)
        return [self._decode(log) for log in receipt["logs"]]

    async def refuses(self, sender: bytes, to: bytes, function: str, *args: Any) -> str:
        """Name the custom error that a call would fail with."""
        contract = self.names[f"0x{to.hex()}"]
        request = {
            "from": f"0x{sender.hex()}",
            "to": f"0x{to.hex()}",
            "data": f"0x{artifact(contract).call(function, *args).hex()}",
        }
        with pytest.raises(NodeRefused) as caught:
            await self.node.rpc("eth_call", [request, "latest"])
        selector = re.search(r"reverted with error 0x([0-9a-f]{8})", caught.value.message)
        assert selector is not None, caught.value.message
        return self._errors()[str(selector[1])]

    def _errors(self) -> dict[str, str]:
        items = [item for name in set(self.names.values()) for item in _abi(name) if item["type"] == "error"]
        signatures = {f"{item['name']}({','.join(_type(i) for i in item['inputs'])})": item["name"] for item in items}
        return {keccak(text.encode())[:4].hex(): name for text, name in signatures.items()}

    async def read(self, to: bytes, function: str, *args: Any) -> Any:
        contract = self.names[f"0x{to.hex()}"]
        data = f"0x{artifact(contract).call(function, *args).hex()}"
        raw = await self.node.rpc("eth_call", [{"to": f"0x{to.hex()}", "data": data}, "latest"])
        outputs = next(i["outputs"] for i in _abi(contract) if i["type"] == "function" and i["name"] == function)
        values = [_plain(value) for value in decode([_type(item) for item in outputs], bytes.fromhex(raw[2:]))]
        return values[0] if len(values) == 1 else tuple(values)

    async def wait(self, seconds: int) -> None:
        """Let time pass, also for calls that only read."""
        self.now += seconds
        await self.node.mine(1, timestamp=self.now)

    async def _send(self, sender: bytes, to: bytes | None, data: bytes) -> dict[str, Any]:
        self.now += 1
        request = {"from": f"0x{sender.hex()}", "data": f"0x{data.hex()}", "gas": hex(30_000_000), "gasPrice": "0x0"}
        if to is not None:
            request["to"] = f"0x{to.hex()}"
        tx_hash = await self.node.rpc("eth_sendTransaction", [request])
        await self.node.mine(1, timestamp=self.now)
        receipt: dict[str, Any] = await self.node.rpc("eth_getTransactionReceipt", [tx_hash])
        if receipt["status"] != "0x1":
            message = "the transaction failed"
            raise NodeRefused(message)
        return receipt

    def _decode(self, log: dict[str, Any]) -> dict[str, Any]:
        contract = artifact(self.names[log["address"]])
        topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
        event = next(name for name in contract.events if contract.topic(name) == topics[0])
        inputs = next(i["inputs"] for i in _abi(contract.name) if i["type"] == "event" and i["name"] == event)
        plain = map(_plain, decode([i["type"] for i in inputs if not i["indexed"]], bytes.fromhex(log["data"][2:])))
        words = iter(topics[1:])
        values = {
            i["name"]: _plain(decode([i["type"]], next(words))[0]) if i["indexed"] else next(plain) for i in inputs
        }
        return {"event": event, "address": bytes.fromhex(log["address"][2:]), **values}


def _abi(name: str) -> Sequence[dict[str, Any]]:
    path = bundled("contracts/artifacts") / f"{name}.json"
    abi: Sequence[dict[str, Any]] = json.loads(path.read_bytes())["abi"]
    return abi


def _plain(value: Any) -> Any:
    return bytes.fromhex(value[2:]) if isinstance(value, str) and re.fullmatch(r"0x[0-9a-f]{40}", value) else value


def _type(item: dict[str, Any]) -> str:
    if not item["type"].startswith("tuple"):
        return str(item["type"])
    return str("(" + ",".join(_type(part) for part in item["components"]) + ")" + item["type"].removeprefix("tuple"))


@pytest.fixture
def desk(anvil: Anvil) -> Desk:
    return Desk(anvil)
