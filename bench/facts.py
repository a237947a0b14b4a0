"""From ledger rows to lease facts, the logs of all built-in markets mixed, beside eth-abi on the same logs; one core.

Prints logs per second of CPU time: our decoders and eth-abi on the same logs with their ratio, the whole way to facts,
and what the other markets cost one of them. Exits with 1 when the decoders are less than ten times as fast as eth-abi.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from decimal import Decimal
from time import process_time
from typing import Any

# One thread, so that CPU time is time on one core; polars reads this when it is imported.
os.environ["POLARS_MAX_THREADS"] = "1"

import polars as pl
from eth_abi.abi import encode

from monitor.abi import Array, Decoder, Elementary, EventDecl, Tuple, Type, compile_event
from monitor.abi.reference import reference_decoder
from monitor.config.resources import bundled
from monitor.facts.inputs import TOKENS
from monitor.facts.leases import leases
from monitor.hardware.frame import resolve
from monitor.markets.decode import LOGS, decode_logs
from monitor.markets.load import Bound, Market, load_markets

LOGS_WANTED = 200_000
SAMPLE = 4_000
"""Logs eth-abi decodes: enough of every layout, few enough to wait for."""
ROUNDS = 3
FLOOR = 10.0
CHAIN, START = 31337, 1_760_000_000
_TEXTS = ('{"instance":"p5.48xlarge","region":"eu-west-1"}', "NVIDIA H100 80GB HBM3", "node-17", "{n:x,s:[]}")
_CHANCE = random.Random(7)
_WALLETS = [_CHANCE.randbytes(20) for _ in range(5_000)]

Layout = tuple[str, str, EventDecl]


def value(kind: Type) -> Any:  # noqa: PLR0911 - one arm per type
    """Make a value as markets hold them: wallets come again, identifiers do not."""
    match kind:
        case Array(item=item, size=size):
            return [value(item) for _ in range(2 if size is None else size)]
        case Tuple(fields=fields):
            return tuple(value(field.type) for field in fields)
        case Elementary("address"):
            return _CHANCE.choice(_WALLETS)
        case Elementary("string"):
            return _CHANCE.choice(_TEXTS)
        case Elementary("bool"):
            return _CHANCE.random() < 1 / 2
        case Elementary("bytes", bits):
            return _CHANCE.randbytes(bits // 8 or 40)
        case Elementary("uint" | "int", bits):
            return _CHANCE.randrange(2 ** min(bits - 1, 30))
        case _:
            message = f"no values of type {kind}"
            raise ValueError(message)


def encoded(decl: EventDecl) -> tuple[list[bytes], bytes]:
    topics, types, values = [decl.topic0], [], []
    for param in decl.params:
        made = value(param.type)
        if not param.indexed:
            types.append(param.type.canonical())
            values.append(made)
        elif isinstance(param.type, Elementary) and param.type.words():
            topics.append(encode([param.type.canonical()], [made]))
        else:
            topics.append(_CHANCE.randbytes(32))
    return topics, encode(types, values)


def layouts(markets: dict[str, Market]) -> list[Layout]:
    """List the layouts that say something of a lease or an order."""
    found = {
        (name, role, decl): None
        for name, market in markets.items()
        for rule in market.rules
        if rule.verb.startswith(("lease.", "order."))
        for decl in rule.decls
        for role in rule.roles
    }
    return list(found)


def world(markets: dict[str, Market], count: int) -> tuple[pl.DataFrame, list[Bound], list[EventDecl]]:
    """Make about `count` logs, the layouts in turn; gives ledger rows, the contracts, and each row's declaration."""
    places = {(name, role): None for name, role, _ in layouts(markets)}
    at = {place: number.to_bytes(20, "big") for number, place in enumerate(places, 1)}
    bound = [Bound(CHAIN, name, role, address, 0, _WALLETS[0], 18, Decimal(2)) for (name, role), address in at.items()]
    turn, rows, decls = layouts(markets), [], []
    for number in range(count):
        name, role, decl = turn[number % len(turn)]
        topics, data = encoded(decl)
        block = number // 20
        place = (CHAIN, block, START + block, block.to_bytes(32, "big"), number.to_bytes(32, "big"), number % 20)
        rows.append((*place, number % 20, at[name, role], topics, data, None))
        decls.append(decl)
    return pl.DataFrame(rows, schema=LOGS, orient="row"), bound, decls


def facts(logs: pl.DataFrame, markets: dict[str, Market], bound: list[Bound]) -> pl.DataFrame:
    """Go the whole way, as the daemon does."""
    events = decode_logs(logs, markets, bound).events
    spelled = events["gpu_raw"].drop_nulls().unique().sort().to_list()
    hardware = resolve(pl.Series("gpu_raw", spelled, dtype=pl.String))
    rules = {name: market.paid_until for name, market in markets.items()}
    return leases(events, hardware, pl.DataFrame(schema=TOKENS), rules, {CHAIN: Decimal(2)})


def seconds_of(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Take the best CPU time of several rounds."""
    best = float("inf")
    for _ in range(rounds):
        started = process_time()
        work()
        best = min(best, process_time() - started)
    return best


def decoding(logs: list[tuple[EventDecl, list[bytes], bytes]], make: Callable[[EventDecl], Decoder]) -> float:
    """Measure seconds per log of decoding alone."""
    decoders = {decl: make(decl) for decl, _, _ in logs}
    return seconds_of(lambda: [decoders[decl](topics, data) for decl, topics, data in logs]) / len(logs)


def main() -> int:
    markets = load_markets([bundled("abis")])
    logs, bound, decls = world(markets, LOGS_WANTED)
    ours = seconds_of(lambda: facts(logs, markets, bound)) / logs.height
    head = list(zip(decls, logs["topics"].to_list(), logs["data"].to_list(), strict=True))[:SAMPLE]
    fast, slow = decoding(head, compile_event), decoding(head, reference_decoder)
    print(f"{len(markets)} markets, {len(set(decls))} layouts, {logs.height:,} logs, one core")
    print(f"eth-abi, decoding alone:    {1 / slow:>10,.0f} logs/s")
    print(
        f"ours, decoding alone:       {1 / fast:>10,.0f} logs/s, {slow / fast:.1f} times eth-abi ({FLOOR:.0f} wanted)"
    )
    print(f"ledger rows to lease facts: {1 / ours:>10,.0f} logs/s, {slow / ours:.1f} times eth-abi's decoding alone")
    one = max(markets, key=lambda name: sum(market == name for market, _, _ in layouts(markets)))
    mine = logs.filter(pl.col("address").is_in([item.address for item in bound if item.market == one]))
    alone = seconds_of(lambda: decode_logs(mine, {one: markets[one]}, [x for x in bound if x.market == one]))
    among = seconds_of(lambda: decode_logs(mine, markets, bound))
    print(f"{one} among all markets takes {among / alone:.2f} times as long as alone")
    return 0 if slow / fast >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
