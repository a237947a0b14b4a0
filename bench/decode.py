"""Decode the lease events of all built-in markets with the compiled decoders and with eth-abi, in one run.

Prints logs per second of both sides and their ratio per event; exits with 1 when an event is decoded less than ten
times as fast.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

from eth_abi.abi import encode

from monitor.abi import Array, Elementary, EventDecl, Tuple, Type, compile_event
from monitor.abi.reference import reference_codec
from monitor.config.resources import bundled
from monitor.markets.load import load_markets

ROUNDS = 7
SECONDS_PER_SIDE = 0.02
FLOOR = 10.0
_SPEC = (
    "{n:westcoast,pr:{a:[{k:region,v:us-central}]},s:[{n:py-cuda,r:{i:1,c:{u:8000,a:[]},m:{u:17179869184,a:[]},"
    "s:[{n:default,a:[],u:214748364800}],g:{a:[{k:vendor/nvidia/model/h100,v:true}],u:8},e:[{k:1,s:0}]},c:1}]}"
)


def sample(kind: Type) -> Any:  # noqa: PLR0911 - one arm per type
    match kind:
        case Array():
            return [sample(kind.item)] * (kind.size or 3)
        case Tuple():
            return tuple(sample(field.type) for field in kind.fields)
        case Elementary("uint" | "int", bits):
            return 2 ** min(bits - 1, 62) - 3
        case Elementary("bool"):
            return True
        case Elementary("address"):
            return b"\xaa" * 20
        case Elementary("string"):
            return _SPEC
        case Elementary("bytes", 0):
            return _SPEC.encode()
        case _:
            return b"\xbb" * (kind.bits // 8)


def log_of(decl: EventDecl) -> tuple[list[bytes], bytes]:
    topics, types, values = [decl.topic0], [], []
    for param in decl.params:
        if param.indexed and isinstance(param.type, Elementary) and param.type.words():
            topics.append(encode([param.type.canonical()], [sample(param.type)]))
        elif param.indexed:
            topics.append(b"\xcc" * 32)
        else:
            types.append(param.type.canonical())
            values.append(sample(param.type))
    return topics, encode(types, values)


def with_eth_abi(decl: EventDecl) -> Callable[[list[bytes], bytes], Any]:
    """Decode as users of eth-abi do: one call per indexed argument, one for the data."""
    codec = reference_codec()
    heads = [[param.type.canonical()] for param in decl.params if param.indexed]
    tails = [param.type.canonical() for param in decl.params if not param.indexed]

    def decode(topics: list[bytes], data: bytes) -> Any:
        return [codec.decode(kind, topic) for kind, topic in zip(heads, topics[1:], strict=True)], (
            codec.decode(tails, data) if tails else ()
        )

    return decode


def timed(decode: Callable[[list[bytes], bytes], Any], topics: list[bytes], data: bytes, count: int) -> float:
    start = perf_counter()
    for _ in range(count):
        decode(topics, data)
    return (perf_counter() - start) / count


def measure(decl: EventDecl) -> tuple[float, float]:
    """Take the best of several interleaved rounds, seconds per log: (compiled, eth-abi)."""
    topics, data = log_of(decl)
    sides = (compile_event(decl), with_eth_abi(decl))
    counts = [max(1, int(SECONDS_PER_SIDE / timed(side, topics, data, 20))) for side in sides]
    best = [float("inf")] * 2
    for _ in range(ROUNDS):
        for side, decode in enumerate(sides):
            best[side] = min(best[side], timed(decode, topics, data, counts[side]))
    return best[0], best[1]


def main() -> int:
    markets = load_markets([bundled("abis")])
    print(f"{'market':<14} {'event':<24} {'eth-abi/s':>10} {'compiled/s':>11} {'ratio':>7}")
    ours = theirs = 0.0
    worst = float("inf")
    for market in markets.values():
        rules = [rule for rule in market.rules if rule.verb.startswith("lease.")]
        for decl in dict.fromkeys(decl for rule in rules for decl in rule.decls):
            fast, slow = measure(decl)
            ours, theirs, worst = ours + fast, theirs + slow, min(worst, slow / fast)
            print(f"{market.id:<14} {decl.name:<24} {1 / slow:>10,.0f} {1 / fast:>11,.0f} {slow / fast:>6.1f}x")
    print(
        f"all lease events: {theirs / ours:.1f} times eth-abi per log, worst {worst:.1f} (at least {FLOOR:.0f} wanted)"
    )
    return 0 if worst >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
