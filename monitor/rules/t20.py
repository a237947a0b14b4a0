"""T20: a provider that rents from itself, or gives the money back. Self-dealing, not evasion."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.hops import further
from monitor.rules.measure import HOUR, MAX_POSITIONS, peaks
from monitor.rules.money import with_micro
from monitor.rules.report import evidence, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_PAIR = ["chain_id", "provider", "cluster_id"]


def check(facts: Facts, params: Params) -> Outcome:
    """Judge each tenant cluster and provider: one cluster, one first funder, or money that comes back."""
    long = facts.tenancies.filter(
        (pl.col("held_until") - pl.col("opened_at") >= params["min_hours"] * HOUR) & pl.col("provider").is_not_null()
    )
    large = peaks(long, _PAIR, params["min_h100e"] * 1000)
    traded = long.join(large, on=_PAIR, how="inner")
    ties = pl.concat([_one(traded), _funder(facts, traded), _returned(facts, traded, params)])
    rows = (
        traded.join(ties.unique(_PAIR, keep="first", maintain_order=True), on=_PAIR, how="inner")
        .group_by(*_PAIR, "tie")
        .agg(*evidence(pl.col("peak").first().alias("held_milli")), pl.col("proof").first())
        .sort(_PAIR)
        .select(
            pl.col("provider").alias("subject"),
            *("cluster_id", "at", "leases", "held_milli", "tie"),
            pl.concat_list("positions", "proof").alias("positions"),
            pl.col("chain_id").cast(pl.String()).alias("scope"),
        )
    )
    found = report(
        RULE,
        rows,
        summary="self-dealing: {held} H100e leased between wallets tied by {tie}",
        threshold=(
            f"one cluster, one first funder, or >= {params['min_returned_percent']} % of the escrow returned within"
            f" {params['return_hours']} h; >= {params['min_h100e']} H100e for >= {params['min_hours']} h"
        ),
    )
    return Outcome(found)


def _tied(frame: pl.DataFrame, words: str) -> pl.DataFrame:
    return frame.select(*_PAIR, pl.lit(words).alias("tie"), "proof")


def _one(traded: pl.DataFrame) -> pl.DataFrame:
    same = traded.filter(pl.col("cluster_id") == pl.col("provider_cluster"))
    return _tied(same.group_by(_PAIR).agg(pl.col("position").head(0).alias("proof")).sort(_PAIR), "one cluster")


def _funder(facts: Facts, traded: pl.DataFrame) -> pl.DataFrame:
    begun = facts.founders.select(
        *("chain_id", "address", "funder"),
        pl.struct("chain_id", pl.col("block_number").alias("block"), pl.col("tx_hash").alias("tx"), "log_index").alias(
            "position"
        ),
    )
    pairs = traded.select(*_PAIR, "renter").unique()
    both = pairs.join(begun.rename({"address": "renter"}), on=["chain_id", "renter"], how="inner").join(
        begun.rename({"address": "provider", "position": "other"}), on=["chain_id", "provider", "funder"], how="inner"
    )
    proof = pl.concat([pl.col("position"), pl.col("other")]).unique().sort().head(MAX_POSITIONS // 2)
    return _tied(both.group_by(_PAIR).agg(proof.alias("proof")).sort(_PAIR), "one first funder")


def _returned(facts: Facts, traded: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Add up what the provider sent the cluster between the first opening and shortly after the last end.

    Itself, or through one wallet that is no hub and passed it on within the same hours.
    """
    span = traded.group_by(_PAIR).agg(
        pl.col("opened_at").min().alias("begun"),
        (pl.col("held_until").max() + params["return_hours"] * HOUR).alias("ended"),
    )
    paid = facts.deposits.group_by(_PAIR).agg(pl.col("micro").sum().alias("paid"))
    near = facts.moved(span.select(pl.col("provider").alias("sender")).unique(), "sender").with_columns(
        pl.col("sender").alias("provider"), pl.lit(1).alias("hops"), pl.col("position").alias("origin")
    )
    through = near.join(facts.strangers.rename({"address": "recipient"}), on="recipient", how="anti")
    passed = further(facts, through, onward=True, seconds=params["return_hours"] * HOUR)
    moved = pl.concat([near, passed.filter(pl.col("sender") != pl.col("provider"))])
    back = (
        moved.join(facts.homes(moved, "recipient"), on="recipient", how="inner")
        # what moves between wallets of the cluster has come already
        .join(facts.homes(moved, "sender"), on=["sender", "cluster_id"], how="anti")
        .join(span, on=_PAIR, how="inner")
        .filter(pl.col("at").is_between("begun", "ended"))
    )
    summed = with_micro(back, facts.tokens).group_by(_PAIR).agg(
        pl.col("micro").sum().alias("back"),
        pl.concat([pl.col("position"), pl.col("origin")]).unique().sort().head(MAX_POSITIONS // 2).alias("proof"),
    )  # fmt: skip
    enough = (pl.col("paid") > 0) & (pl.col("back") * 100 >= pl.col("paid") * params["min_returned_percent"])
    return _tied(summed.join(paid, on=_PAIR, how="inner").filter(enough).sort(_PAIR), "money that comes back")


RULE = Rule(
    id="T20",
    version=2,
    title="Provider rents from itself",
    family="relation",
    role="core",
    max_points=20,
    pattern="Renter and provider are one cluster or have one first funder, or the lease money flows back.",
    parameters=(
        Parameter("min_h100e", 8, "H100e", "leased at once between the two", 1, 10**7),
        Parameter("min_hours", 24, "hours", "each lease lasts; self-tests are shorter", 0, 8_760),
        Parameter("min_returned_percent", 80, "percent", "of the escrow that flows back", 1, 1_000),
        Parameter(
            "return_hours", 72, "hours", "after the end in which it flows back, and in a middle wallet", 1, 8_760
        ),
    ),
    lawful=(
        "self-tests and benchmark jobs",
        "reward farming is another harm: this is self-dealing, not evasion",
    ),
    guidance="none was read as text; FATF's indicator on circular flows is unverified",
    blind_spots=(
        "money that returns over two wallets, or through an exchange, does not match",
        "a provider's transfers are seen only where the other side is watched",
    ),
    inputs=("leases with provider", "first funders", "escrow deposits and transfers in dollars", "clusters"),
    check=check,
    scope="tenants",
)
