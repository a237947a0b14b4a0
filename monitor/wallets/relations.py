"""Who dealt with whom in a table that says nothing but from and to: relations, their rarity, and the groups they form.

Without times and values there is one family of evidence, so rarity does what the second family does elsewhere. The
weights were chosen on the development half of a public benchmark (docs/wallets.md tells what was tried):

- A wallet with more than `HUB` counterparties connects nobody.
- A thin relation, where money went one way only, says nothing where either side has more than `BUSY` counterparties:
  payrolls, airdrops, dust and withdrawals look like that.
- A relation weighs 1, half for a single transfer, double from four on, half more when money went both ways, times
  `RARE` over the counterparties of its busier side.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from monitor.wallets.fleets import fleets
from monitor.wallets.graph import Edges, Ids, communities

__all__ = ["LARGEST", "MOVES", "related"]

MOVES: dict[str, pl.DataType] = {
    "sender": pl.Int64(),
    "recipient": pl.Int64(),
    "kind": pl.String(),
}
"""One row per transfer between two different wallets; `kind` = what moved where (asset and chain), "" when unknown."""

HUB = 200
BUSY = 50
RARE = 8
LARGEST = 300
_RESOLUTION = 3.5e-4
_WHOLE = 30
"""Up to this size the lightest relation outweighs `_RESOLUTION` times any split, so nothing is ever split."""
_OFTEN = 4


def related(count: int, moves: pl.DataFrame, services: Ids) -> Ids:
    """Group `count` wallets by `MOVES`; each group is named by its lowest wallet, and none exceeds `LARGEST`.

    `services` = wallets known to serve many people, which connect nobody.
    """
    pairs = _pairs(moves)
    degree = np.bincount(pairs["a"], minlength=count) + np.bincount(pairs["b"], minlength=count)
    hub = degree > HUB
    hub[services] = True
    groups = communities(count, _edges(pairs, degree, hub), _RESOLUTION, _WHOLE, LARGEST)
    for fleet in fleets(moves, pairs, degree, hub, LARGEST):
        groups[fleet] = fleet[0]
    return groups


def _pairs(moves: pl.DataFrame) -> pl.DataFrame:
    """Count transfers per pair: a < b, transfers, both (went both ways); sorted."""
    ours = pl.col("sender") < pl.col("recipient")
    return (
        moves.select(
            pl.min_horizontal("sender", "recipient").alias("a"),
            pl.max_horizontal("sender", "recipient").alias("b"),
            ours.alias("up"),
        )
        .group_by("a", "b")
        .agg(pl.len().alias("transfers"), (pl.col("up").any() & ~pl.col("up").all()).alias("both"))
        .sort("a", "b")
    )


def _edges(pairs: pl.DataFrame, degree: Ids, hub: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Edges:
    a, b = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    transfers, both = pairs["transfers"].to_numpy(), pairs["both"].to_numpy()
    busier = np.maximum(degree[a], degree[b])
    keep = ~hub[a] & ~hub[b] & (both | (busier <= BUSY))
    times = np.where(transfers == 1, 0.5, np.where(transfers >= _OFTEN, 2.0, 1.0)) * np.where(both, 1.5, 1.0)
    return Edges(a, b, times * RARE / np.maximum(busier, RARE)).only(keep)
