"""What each piece of evidence is worth, and when two wallets are taken for one owner.

Weights are log2 likelihood ratios. Funding, flow and sink weights were measured on a public benchmark of wallets with
known owners (Hop transfers against signed handles and ENS grants); payer, timing, product, bridge and fee weights are
starting points.

The rule: per family the best link counts, up to the family's cap; families add up; two wallets merge when at least two
families speak, the sum reaches 16.3 bits, and each of the two did something towards the other, for anybody can pay for
a stranger, send him value and imitate him. To be funded first is enough: all that wallet does, it does with that gas,
and it may do so where nobody looks. The sum is a posterior of 95 % (4.3 bits) over a prior of -12 bits, the odds
of a random pair among some 8,000 wallets with three per owner. A link of 20 bits merges by itself: a user's own label,
or a key that was seen to use the Safe it alone controls.
So a first funder (11.8) alone stays a candidate, and so does a first funder whose money went straight into a lease
(15.8); it takes siblings that lease alike, a payer in common, or money that flows back.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

__all__ = [
    "ACCEPT_TENTHS",
    "ALONE_TENTHS",
    "CAPS",
    "LARGE",
    "MAX_EVIDENCE",
    "MEDIUM",
    "SMALL",
    "PairScore",
    "pair_scores",
    "rarity_tenths",
]

ACCEPT_TENTHS = 163
ALONE_TENTHS = 200
"""What needs no second family."""
CAPS = {
    "funding": 118,
    "flow": 40,
    "sink": 86,
    "authority": 200,
    "timing": 40,
    "market": 40,
    "bridge": 40,
    "fee": 40,
    "declared": 200,
}
"""Most a family can add, in tenths of a bit."""
MAX_EVIDENCE = 8
"""Transaction hashes kept per link."""
SMALL, MEDIUM, LARGE = 20, 50, 200
"""Degrees up to which a shared counterparty is rare, uncommon, common; above the last it says nothing."""

_SIDES = ("volition_a", "volition_b")


class PairScore(NamedTuple):
    """Evidence between two wallets added up; `tenths` of a bit, `families` sorted, `accepted` when they merge."""

    a: bytes
    b: bytes
    tenths: int
    families: tuple[str, ...]
    accepted: bool


def rarity_tenths(having: pl.Expr, total: pl.Expr) -> pl.Expr:
    """Weight in tenths of a bit of sharing a value that `having` of `total` wallets have: whole bits, 0 to 4."""
    return (
        pl.when(having * 16 <= total)
        .then(pl.lit(40))
        .when(having * 8 <= total)
        .then(pl.lit(30))
        .when(having * 4 <= total)
        .then(pl.lit(20))
        .when(having * 2 <= total)
        .then(pl.lit(10))
        .otherwise(pl.lit(0))
    )


def pair_scores(links: pl.DataFrame, *, accepted: bool = False) -> list[PairScore]:
    """Add up `LINKS` per pair of addresses over all chains, strongest first, then by address.

    With `accepted`, only pairs that merge are listed, which are few.
    """
    best = (
        links.with_columns((pl.col("weight") * 10).cast(pl.Int64()).alias("tenths"))
        .group_by("a", "b", "family")
        .agg(pl.col("tenths").max(), (pl.col(*_SIDES) | (pl.col("family") == "funding")).any())
        .with_columns(pl.min_horizontal("tenths", pl.col("family").replace_strict(CAPS, default=0)).alias("tenths"))
        .filter(pl.col("tenths") > 0)
    )
    enough = (pl.col("tenths").sum() >= ACCEPT_TENTHS) & (pl.len() > 1)
    merging = (pl.col("tenths").max() >= ALONE_TENTHS) | (enough & pl.all_horizontal(pl.col(*_SIDES).any()))
    pairs = best.group_by("a", "b").agg(pl.col("tenths").sum(), pl.col("family").sort(), merging.alias("merging"))
    listed = pairs.filter("merging") if accepted else pairs
    ordered = listed.sort(["tenths", "a", "b"], descending=[True, False, False])
    return [PairScore(a, b, tenths, tuple(families), merges) for a, b, tenths, families, merges in ordered.iter_rows()]
