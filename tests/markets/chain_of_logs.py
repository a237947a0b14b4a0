"""Write logs as a node would: encode an event's arguments and give each log a place on a small chain."""

from __future__ import annotations

from functools import cache
from typing import Any

import polars as pl
from eth_abi.abi import encode
from eth_hash.auto import keccak

from monitor.abi import Elementary, EventDecl, parse_event
from monitor.config import Config
from monitor.config.resources import bundled
from monitor.markets.decode import LOGS, Decoded, decode_logs
from monitor.markets.load import Bound, Market, bind, load_markets

RENTER, PAYER, PROVIDER, TOKEN = (bytes([n]) * 20 for n in (0xB1, 0xB2, 0xA1, 0xD1))
START = 1_760_000_000
LOCAL = 31337
CONTRACT = {
    "reference": {"market": "0x" + "c1" * 20},
    "spheron": {
        "order": "0x" + "c2" * 20,
        "bid": "0x" + "c3" * 20,
        "lease": "0x" + "c4" * 20,
        "escrow": "0x" + "c5" * 20,
    }
    | {"provider_registry": "0x" + "c6" * 20},
    "deeplink_dbc": {"rent": "0x" + "c7" * 20, "staking": "0x" + "c8" * 20, "rent_dbc": "0x" + "c9" * 20},
    "marlin_oyster": {"market": "0x" + "ca" * 20},
}


@cache
def built_in() -> dict[str, Market]:
    return load_markets([bundled("abis")])


for _market in built_in().values():
    _made = {role: "0x" + keccak(f"{_market.id} {role}".encode())[:20].hex() for role in _market.roles()}
    CONTRACT[_market.id] = _made | CONTRACT.get(_market.id, {})


def local_config(**markets: Any) -> Config:
    token = {"address": "0x" + TOKEN.hex(), "decimals": 6, "usd": "1"}
    chain = {"id": LOCAL, "rpc": ["http://127.0.0.1:8545"], "tokens": {"TUSD": token}, "block_seconds": "2"}
    deployments = {
        name: {"deployments": {"local": {"contracts": roles, "token": "0x" + TOKEN.hex()}}} | markets.get(name, {})
        for name, roles in CONTRACT.items()
    }
    return Config.model_validate({"chains": {"local": chain}, "markets": deployments})


class Chain:
    """Logs in the order they are emitted; a new transaction and block for every `tx`."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.block = 100

    def tx(self, *logs: tuple[str, str, str, list[Any]], seconds: int = 0) -> None:
        """Emit logs (market, role, declaration, arguments) in one transaction."""
        self.block += 1
        for index, (market, role, text, values) in enumerate(logs):
            topics, data = encoded(text, values)
            self.rows.append(
                {
                    "chain_id": LOCAL,
                    "block_number": self.block,
                    "block_time": START + seconds,
                    "block_hash": self.block.to_bytes(32, "big"),
                    "tx_hash": b"\xee" + self.block.to_bytes(31, "big"),
                    "tx_index": 0,
                    "log_index": index,
                    "address": self.address(market, role),
                    "topics": topics,
                    "data": data,
                    "tx_from": RENTER,
                }
            )

    @staticmethod
    def address(market: str, role: str) -> bytes:
        """Say where a role stands."""
        return bytes.fromhex(CONTRACT[market][role][2:])

    def logs(self) -> pl.DataFrame:
        return pl.DataFrame(self.rows, schema=LOGS)

    def decoded(self, bound: tuple[Bound, ...] | None = None) -> Decoded:
        markets = built_in()
        return decode_logs(self.logs(), markets, bind(markets, local_config()) if bound is None else bound)


def declared(market: str, event: str, place: int = 0) -> str:
    """Spell an event as the adapter declares it; `place` picks one of several layouts, in the adapter's order."""
    decls = dict.fromkeys(decl for rule in built_in()[market].rules for decl in rule.decls if decl.name == event)
    return spelled(list(decls)[place])


def spelled(decl: EventDecl) -> str:
    """Spell a declaration as Solidity does."""
    arguments = [f"{param.type.canonical()}{' indexed' * param.indexed} {param.name}" for param in decl.params]
    return f"{decl.name}({', '.join(arguments)})"


def encoded(text: str, values: list[Any]) -> tuple[list[bytes], bytes]:
    return encoded_as(parse_event(text), values)


def encoded_as(decl: EventDecl, values: list[Any]) -> tuple[list[bytes], bytes]:
    """Encode arguments; an indexed text, list or tuple is given as its hash, or hashed as 32 bytes of what it says."""
    topics, types, held = [decl.topic0], [], []
    for param, value in zip(decl.params, values, strict=True):
        if not param.indexed:
            types.append(param.type.canonical())
            held.append(value)
        elif isinstance(param.type, Elementary) and param.type.words():
            topics.append(encode([param.type.canonical()], [value]))
        else:
            topics.append(value if isinstance(value, bytes) and len(value) == 32 else keccak(repr(value).encode()))
    return topics, encode(types, held)


def by_verb(frame: pl.DataFrame, verb: str) -> list[dict[str, Any]]:
    return [row for row in given(frame) if row["verb"] == verb]


def given(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows without what is null."""
    return [{name: value for name, value in row.items() if value is not None} for row in frame.to_dicts()]
