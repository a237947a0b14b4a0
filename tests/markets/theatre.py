"""Play the events of any market on a real node: emitters stand in its contracts' places and say what a test tells them.

    async with Theatre("fluence", roles) as play:      # one `Emitter` per role, in a block each
        await play.tx(("diamond", "DealStoppedV2(address indexed owner, …)", [owner, deal, 7]))
        lease = (await play.leases())["1"]        # the unified lease without what is null

Every `tx` is one transaction in a block of its own. Time is `START` plus the seconds given, and never runs back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import polars as pl
from eth_abi.abi import encode
from eth_hash.auto import keccak

from monitor.chain.reads import ChainReads, Wanted
from monitor.chain.rpc import RpcClient
from monitor.config import Config
from monitor.config.spec import EndpointConfig
from monitor.facts.inputs import TOKENS
from monitor.facts.leases import leases
from monitor.hardware.frame import resolve
from monitor.markets.decode import LOGS, Decoded, decode_logs
from monitor.markets.load import bind, tokens
from monitor.model.schema import READS, empty
from monitor.sim.anvil import Anvil
from monitor.sim.contracts import artifact, create_address
from tests.markets.chain_of_logs import LOCAL, START, TOKEN, built_in, encoded, given

__all__ = ["Log", "Theatre", "call_data", "folded"]

Log = tuple[str | bytes, str, list[Any]]
"""A role (or the address of a child from `extra`), a declaration, and its arguments in order."""

_DEPLOYER = b"\xde" * 20
_SENDER = b"\xb1" * 20
_GAS = hex(200_000_000)
_RAW = "(address,bytes32[],bytes)[]"


class Theatre:
    """One market on one local node."""

    def __init__(self, market: str, roles: Sequence[str], *, decimals: int = 6) -> None:
        self.market = market
        self.roles = tuple(roles)
        self.decimals = decimals
        self.at = {role: create_address(_DEPLOYER, place) for place, role in enumerate(self.roles)}
        self.now = START
        self.node = Anvil(chain_id=LOCAL, genesis=START - 1000)

    async def __aenter__(self) -> Self:
        await self.node.__aenter__()
        for _ in self.roles:
            await self.extra()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.node.__aexit__(kind, error, trace)

    async def extra(self) -> bytes:
        """Deploy one more emitter that has no role, as a factory does; gives its address."""
        data = artifact("Emitter").deploy()
        receipt = await self._send({"from": _hex(_DEPLOYER), "data": _hex(data)})
        return bytes.fromhex(receipt["contractAddress"][2:])

    async def tx(
        self, *logs: Log, seconds: int = 0, sender: bytes = _SENDER, calldata: tuple[str, str, list[Any]] | None = None
    ) -> bytes:
        """Emit logs in one transaction `seconds` after the start; gives its hash.

        With `calldata` = (role, function signature, arguments) the transaction calls that very function of that role.
        """
        self.now = max(self.now + 1, START + seconds)
        first = self._where(calldata[0] if calldata else logs[0][0])
        raw = [(self._where(where), *encoded(text, values)) for where, text, values in logs]
        if calldata is None:
            data = call_data("play", [_RAW], [raw])
        else:
            data = call_data(calldata[1].partition("(")[0], _types(calldata[1]), calldata[2])
            await self._send(
                {
                    "from": _hex(_SENDER),
                    "to": _hex(first),
                    "data": _hex(call_data("script", ["bytes", _RAW], [data, raw])),
                }
            )
        receipt = await self._send({"from": _hex(sender), "to": _hex(first), "data": _hex(data)}, self.now)
        return bytes.fromhex(receipt["transactionHash"][2:])

    async def teach(self, where: str | bytes, signature: str, arguments: list[Any], output: bytes) -> None:
        """Let a contract answer `signature(arguments)` with the ABI-encoded `output` from the next block on."""
        question = call_data(signature.partition("(")[0], _types(signature), arguments)
        data = call_data("teach", ["bytes", "bytes"], [question, output])
        await self._send({"from": _hex(_SENDER), "to": _hex(self._where(where)), "data": _hex(data)})

    async def forget(self, where: str | bytes, signature: str, arguments: list[Any]) -> None:
        """Let a contract fail on `signature(arguments)` from the next block on."""
        question = call_data(signature.partition("(")[0], _types(signature), arguments)
        data = call_data("forget", ["bytes"], [question])
        await self._send({"from": _hex(_SENDER), "to": _hex(self._where(where)), "data": _hex(data)})

    async def settle_and_forget(
        self, where: bytes, text: str, values: list[Any], signature: str, arguments: list[Any]
    ) -> None:
        """Emit a log and forget a view's answer in one block, as a contract does that deletes a row when it ends."""
        question = call_data(signature.partition("(")[0], _types(signature), arguments)
        raw = [(where, *encoded(text, values))]
        for data in (call_data("play", [_RAW], [raw]), call_data("forget", ["bytes"], [question])):
            request = {"from": _hex(_SENDER), "to": _hex(where), "data": _hex(data), "gas": _GAS, "gasPrice": "0x0"}
            await self.node.rpc("eth_sendTransaction", [request])
        self.now += 1
        await self.node.mine(1, timestamp=self.now)

    def config(self) -> Config:
        """Configure the market's roles on this node; the token has `decimals` and is worth a dollar."""
        token = {"address": _hex(TOKEN), "decimals": self.decimals, "usd": "1"}
        chain = {
            "id": LOCAL,
            "rpc": [self.node.url or "http://127.0.0.1:1"],
            "tokens": {"TUSD": token},
            "block_seconds": "2",
        }
        contracts = {role: _hex(address) for role, address in self.at.items()}
        deployment = {"contracts": contracts, "token": _hex(TOKEN)}
        return Config.model_validate(
            {"chains": {"local": chain}, "markets": {self.market: {"deployments": {"local": deployment}}}}
        )

    async def logs(self) -> pl.DataFrame:
        """Read every log of the node."""
        found = await self.node.rpc("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "latest"}])
        return pl.DataFrame([_row(log) for log in found], schema=LOGS)

    async def decoded(self) -> Decoded:
        """Decode what was said so far with the built-in adapters, asking the node for every read they want."""
        markets = built_in()
        logs, bound = await self.logs(), bind(markets, self.config())
        known = empty(READS)
        async with RpcClient("local", LOCAL, [EndpointConfig.model_validate({"url": self.node.url})]) as rpc:
            while True:
                decoded = decode_logs(logs, markets, bound, reads=known)
                wanted = [Wanted(*row) for row in decoded.wanted.iter_rows()]
                if not wanted:
                    return decoded
                found = await ChainReads(rpc, len(wanted)).fetch(wanted)
                known = pl.concat([known, pl.DataFrame(found, schema=READS, orient="row")])

    async def leases(self) -> dict[str, dict[str, Any]]:
        """Fold what was said so far into unified leases: key → what is known; nothing may be in quarantine."""
        decoded = await self.decoded()
        assert decoded.quarantine["reason"].to_list() == []
        return folded(decoded.events, self.config())

    def _where(self, where: str | bytes) -> bytes:
        return where if isinstance(where, bytes) else self.at[where]

    async def _send(self, request: dict[str, str], at: int | None = None) -> dict[str, Any]:
        _, newest = await self.node.head()
        await self.node.rpc("eth_sendTransaction", [{"gas": _GAS, "gasPrice": "0x0", **request}])
        await self.node.mine(1, timestamp=max(newest + 1, at or 0))
        receipt: dict[str, Any] = (await self.node.rpc("eth_getBlockReceipts", ["latest"]))[0]
        assert receipt["status"] == "0x1"
        self.now = max(self.now, newest + 1)
        return receipt


def folded(events: pl.DataFrame, config: Config) -> dict[str, dict[str, Any]]:
    """Fold decoded events into leases by key, without what is null."""
    markets = built_in()
    known = [(x.chain_id, x.address, x.decimals, x.usd) for x in tokens(markets, config).values()]
    spelled = events["gpu_raw"].drop_nulls().unique().sort().to_list()
    found = leases(
        events,
        resolve(pl.Series("gpu_raw", spelled, dtype=pl.String)),
        pl.DataFrame(known, schema=TOKENS, orient="row"),
        {name: market.paid_until for name, market in markets.items()},
        {chain.id: Decimal(chain.block_seconds) for chain in config.chains.values()},
    )
    return {row["lease_id"]: row for row in given(found)}


def call_data(name: str, types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Encode a call of a function."""
    return keccak(f"{name}({','.join(types)})".encode())[:4] + encode(types, values)


def _types(signature: str) -> list[str]:
    """Split the argument types of `name(type,(type,type)[],…)`."""
    found, depth = [""], 0
    for letter in signature.partition("(")[2].rpartition(")")[0]:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [kind.strip() for kind in found if kind.strip()]


def _row(log: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {"block_number": "blockNumber", "block_time": "blockTimestamp", "tx_index": "transactionIndex"}
    return (
        {name: int(log[key], 16) for name, key in numbers.items()}
        | {"log_index": int(log["logIndex"], 16), "chain_id": LOCAL, "tx_from": None}
        | {
            "address": _raw(log["address"]),
            "topics": [_raw(topic) for topic in log["topics"]],
            "data": _raw(log["data"]),
        }
        | {"block_hash": _raw(log["blockHash"]), "tx_hash": _raw(log["transactionHash"])}
    )


def _raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _hex(raw: bytes) -> str:
    return f"0x{raw.hex()}"
