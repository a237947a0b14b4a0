"""Every event of every adapter, with random values: decoded as eth-abi decodes it, and mapped without a fault."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from eth_hash.auto import keccak
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from monitor.abi import Array, Elementary, EventDecl, Tuple, Type, compile_event
from monitor.abi.reference import reference_decoder
from monitor.markets.decode import LOGS, map_logs
from monitor.markets.fit import text_of
from monitor.markets.load import Bound, Market
from monitor.markets.stepspec import Explode
from monitor.model.schema import UNIFIED
from tests.markets.chain_of_logs import LOCAL, START, TOKEN, built_in, encoded_as

MARKETS = built_in()
WORDS = ("", "a", "{}", '{"instance": "p5", "region": "eu-west-1"}', "NVIDIA H100", "{n:x,s:[]}", "é\u202e", "x" * 70)
ROUNDS = 3


def made(kind: Type, chance: random.Random, length: int) -> Any:
    """Make a value eth-abi can encode; integers stay far below 38 digits, so that no product of two overflows.

    All lists of an event have one `length`, as lists side by side do.
    """
    match kind:
        case Array(item=item, size=size):
            return [made(item, chance, length) for _ in range(length if size is None else size)]
        case Tuple(fields=fields):
            return tuple(made(field.type, chance, length) for field in fields)
        case Elementary(base, bits):
            return {
                "uint": lambda: chance.randrange(2 ** min(bits, 30)),
                "int": lambda: chance.randrange(-(2**15), 2**15) if bits > 16 else 0,
                "bool": lambda: chance.random() < 0.5,
                "address": lambda: chance.randbytes(20),
                "string": lambda: chance.choice(WORDS),
                "bytes": lambda: chance.randbytes(bits // 8 or chance.randrange(40)),
            }[base]()


def layouts(market: Market) -> list[tuple[str, EventDecl]]:
    found = {(role, decl): None for rule in market.rules for decl in rule.decls for role in rule.roles}
    return list(found)


def addresses(market: Market) -> dict[str, bytes]:
    return {role: bytes([place + 1]) * 20 for place, role in enumerate(market.roles())}


def logs_of(market: Market, chance: random.Random) -> list[tuple[str, EventDecl, dict[str, Any]]]:
    at = addresses(market)
    made_logs: list[tuple[str, EventDecl, dict[str, Any]]] = []
    for role, decl in layouts(market) * ROUNDS:
        length = chance.randrange(4)
        topics, data = encoded_as(decl, [made(param.type, chance, length) for param in decl.params])
        place = len(made_logs)
        row = dict.fromkeys(LOGS) | {
            "chain_id": LOCAL,
            "block_number": place // 5,
            "block_time": START + place,
            "tx_hash": (place // 5).to_bytes(32, "big"),
            "log_index": place % 5,
            "address": at[role],
            "topics": topics,
            "data": data,
        }
        made_logs.append((role, decl, row))
    return made_logs


def carried(market: Market, logs: list[tuple[str, EventDecl, dict[str, Any]]], rows: pl.DataFrame) -> None:
    """Hold every column that a rule takes straight from an argument against what eth-abi reads there."""
    rules = {rule.place: rule for rule in market.rules}
    said = [reference_decoder(decl)(row["topics"], row["data"]) for _, decl, row in logs]
    for row in rows.iter_rows(named=True):
        rule, decl = rules[row["_rule"]], logs[row["_row"]][1]
        if any(isinstance(step, Explode) for step in rule.steps):
            continue
        values = {param.name: value for param, value in zip(decl.params, said[row["_row"]], strict=True)}
        for column, sql in rule.sets:
            if (argument := sql.strip('"')) in values:
                value = values[argument]
                if UNIFIED[column] == pl.String():
                    value = text_of(value) if isinstance(value, bytes) else str(value)
                assert row[column] == value, f"{decl.name}: set.{column} = {sql}"


@pytest.mark.parametrize("name", list(MARKETS))
@settings(max_examples=3, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(seed=st.integers(0, 2**32))
def test_every_event_decodes_like_eth_abi_and_maps_without_a_fault(name: str, seed: int):
    market = MARKETS[name]
    logs = logs_of(market, random.Random(seed))
    for _, decl, row in logs:
        assert compile_event(decl)(row["topics"], row["data"]) == reference_decoder(decl)(row["topics"], row["data"])
    bound = [Bound(LOCAL, name, role, address, 0, TOKEN, 18, Decimal(2)) for role, address in addresses(market).items()]
    frame = pl.DataFrame([row for *_, row in logs], schema=LOGS).with_row_index("_row")
    mapped = map_logs(frame.with_columns(pl.col("_row").cast(pl.Int64)), MARKETS, bound)
    assert mapped.faults["reason"].to_list() == []
    seen = set(mapped.rows["_row"].to_list())
    for place, (_, decl, _) in enumerate(logs):
        reading = [rule for rule in market.rules if decl in rule.decls]
        if not any(rule.where or rule.steps for rule in reading):
            assert place in seen, decl.name
    carried(market, logs, mapped.rows)
    unknown = mapped.rows.filter(pl.col("_gap").is_not_null() & ~pl.col("_gap").str.contains("nothing known yet in"))
    assert unknown["_gap"].to_list() == []


def test_one_topic_with_several_indexed_layouts_means_what_its_own_contract_says():
    """Of layouts that share a topic the contract decides, and where one contract has several the number of topics."""
    shared: dict[bytes, list[tuple[str, str, EventDecl]]] = {}
    for name, market in MARKETS.items():
        for role, decl in layouts(market):
            shared.setdefault(decl.topic0, []).append((name, role, decl))
    torn = [
        found
        for found in shared.values()
        if len({tuple(param.indexed for param in decl.params) for *_, decl in found}) > 1
    ]
    assert len(torn) >= 10, "the notes count 15 over all they know"
    emitters = [item for found in torn for item in found]
    at = {key: keccak(repr(key).encode())[:20] for key in {(name, role) for name, role, _ in emitters}}
    bound = [Bound(LOCAL, name, role, address, 0, TOKEN, 18, Decimal(2)) for (name, role), address in at.items()]
    chance, rows = random.Random(5), []
    for place, (name, role, decl) in enumerate(emitters):
        topics, data = encoded_as(decl, [made(param.type, chance, 1) for param in decl.params])
        rows.append(
            dict.fromkeys(LOGS)
            | {"chain_id": LOCAL, "block_number": place, "block_time": START, "log_index": 0, "topics": topics}
            | {"address": at[name, role], "data": data, "tx_hash": place.to_bytes(32, "big")}
        )
    frame = pl.DataFrame(rows, schema=LOGS).with_row_index("_row").with_columns(pl.col("_row").cast(pl.Int64))
    mapped = map_logs(frame, MARKETS, bound)
    assert mapped.faults["reason"].to_list() == []
    for row, name, role, event in mapped.rows.select("_row", "market", "role", "event").iter_rows():
        assert (name, role, event) == (*emitters[row][:2], emitters[row][2].name)
