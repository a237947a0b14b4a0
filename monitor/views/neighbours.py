"""The neighbourhood of a wallet: whom evidence ties it to, drawn as a tree for a terminal and told as rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import polars as pl

from monitor.views import format as fmt
from monitor.views.clean import terminal
from monitor.wallets.evidence import PairScore, pair_scores

__all__ = ["Neighbour", "drawn", "neighbours", "rows"]

_SHOWN = 20


class Neighbour(NamedTuple):
    """A wallet that evidence ties to the one before it; `txs` = transactions of all its links to it, sorted."""

    address: bytes
    pair: PairScore
    heuristics: tuple[str, ...]
    txs: tuple[bytes, ...]
    cluster_id: str
    beyond: tuple[Neighbour, ...]


def neighbours(links: pl.DataFrame, wallets: pl.DataFrame, address: bytes, depth: int) -> tuple[Neighbour, ...]:
    """Find whom evidence ties to `address`, strongest first, `depth` steps far, each wallet once, at its nearest.

    `links` LINKS, `wallets` WALLETS.
    """
    named = dict(wallets.select("address", "cluster_id").iter_rows())
    around: dict[bytes, list[tuple[bytes, PairScore]]] = {}
    for pair in pair_scores(links):
        around.setdefault(pair.a, []).append((pair.b, pair))
        around.setdefault(pair.b, []).append((pair.a, pair))
    children: dict[bytes, list[tuple[bytes, PairScore]]] = {}
    seen, rim = {address}, [address]
    for _ in range(depth):
        following = []
        for here in rim:
            for there, pair in around.get(here, ()):
                if there not in seen:
                    seen.add(there)
                    children.setdefault(here, []).append((there, pair))
                    following.append(there)
        rim = following
    near = links.filter(pl.col("a").is_in(list(seen)) & pl.col("b").is_in(list(seen)))
    about: dict[tuple[bytes, bytes], list[tuple[str, list[bytes]]]] = {}
    for a, b, heuristic, txs in near.select("a", "b", "heuristic", "evidence").iter_rows():
        about.setdefault((a, b), []).append((heuristic, txs or []))

    def grown(here: bytes) -> tuple[Neighbour, ...]:
        return tuple(
            Neighbour(
                there,
                pair,
                tuple(sorted({name for name, _ in about[pair.a, pair.b]})),
                tuple(sorted({tx for _, txs in about[pair.a, pair.b] for tx in txs})),
                named.get(there, ""),
                grown(there),
            )
            for there, pair in children.get(here, ())
        )

    return grown(address)


def rows(found: Sequence[Neighbour], step: int = 1) -> list[dict[str, Any]]:
    """Tell the tree as nested objects for JSON."""
    return [
        {
            "address": fmt.address(item.address),
            "step": step,
            "bits": fmt.number(item.pair.tenths // 10) + f".{item.pair.tenths % 10}",
            "families": list(item.pair.families),
            "heuristics": list(item.heuristics),
            "merges": item.pair.accepted,
            "transactions": [fmt.hex_text(tx) for tx in item.txs],
            "cluster_id": item.cluster_id,
            "neighbours": rows(item.beyond, step + 1),
        }
        for item in found
    ]


def drawn(found: Sequence[Neighbour], indent: str = "") -> Iterator[str]:
    """Draw the tree: `═` joins, `─` is a mere candidate; of very many neighbours the strongest are shown."""
    shown = found[:_SHOWN]
    for at, item in enumerate(shown):
        last = at == len(shown) - 1 and len(found) <= _SHOWN
        line = "═" if item.pair.accepted else "─"
        bits = f"{item.pair.tenths // 10}.{item.pair.tenths % 10} bits"
        how = f"{bits} from {', '.join(item.pair.families)}; {len(item.txs)} transactions"
        yield terminal(f"{indent}{'└' if last else '├'}{line}{line} {fmt.address(item.address)}  {how}", 400)
        yield from drawn(item.beyond, indent + ("    " if last else "│   "))
    if len(found) > _SHOWN:
        yield f"{indent}└── … and {len(found) - _SHOWN} more: --format json shows all"
