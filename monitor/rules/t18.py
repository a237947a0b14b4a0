"""T18: a model made for one market, or memory the model was never sold with. A tag that counts in company only."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.report import evidence, report
from monitor.rules.rule import Outcome, Params, Rule

__all__ = ["RULE"]

_GIGABYTES = r"(?i)(?:^|[^0-9])(\d{1,3})\s?(?:gb|gib)"


def check(facts: Facts, params: Params) -> Outcome:  # noqa: ARG001 - every rule is asked alike
    """Tag tenants of such models."""
    known = facts.tenancies.filter(pl.col("gpu_model").is_not_null() & (pl.col("gpu_precision") == "exact")).join(
        facts.models.select("gpu_model", "one_market", "memory_gb"), on="gpu_model", how="inner"
    )
    said = pl.col("gpu_raw").str.extract(_GIGABYTES, 1).cast(pl.Int64(), strict=False)
    strange = said.is_not_null() & ~pl.col("memory_gb").list.contains(said)
    rows = (
        known.with_columns(strange.alias("odd_memory"))
        .filter(pl.col("one_market") | pl.col("odd_memory"))
        .group_by("cluster_id")
        .agg(
            *evidence(pl.col("gpu_model").unique().sort().alias("models"), pl.col("odd_memory").any()),
            pl.col("milli").max().alias("largest_milli"),
            pl.col("renter").sort().first().alias("subject"),
            pl.lit(["location", "relation"]).first().alias("needs"),
        )
        .sort("cluster_id")
        .with_columns(pl.col("odd_memory").replace_strict({True: "yes", False: "no"}, return_dtype=pl.String()))
    )
    found = report(
        RULE,
        rows,
        summary="leased {models}: made for one market, or with memory the model was not sold with",
        threshold="any; counts only beside evidence of location or relation",
    )
    return Outcome(found)


RULE = Rule(
    id="T18",
    version=1,
    title="One-market or modified model",
    family="hardware",
    role="context",
    max_points=5,
    pattern="A leased model was made for one country's market, or its memory does not exist for that model.",
    parameters=(),
    lawful=(
        "catalogues list such models in the open, and second-hand import is lawful in most places",
        "catalogue noise and typing errors",
    ),
    guidance="none: public catalogues list such models, so the tag says something about hardware only",
    blind_spots=("models that no event names exactly are passed over",),
    inputs=("leases with GPU spelling and exact model", "the accelerator catalogue"),
    check=check,
    scope="tenants",
    hops=0,
    ages=False,
)
