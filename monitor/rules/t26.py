"""T26: newest-generation hardware. It weighs a lead and never makes one."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.report import evidence, report
from monitor.rules.rule import Outcome, Params, Rule

__all__ = ["RULE"]


def check(facts: Facts, params: Params) -> Outcome:  # noqa: ARG001 - every rule is asked alike
    """Tag tenants of models above the numbers of 2026."""
    newest = facts.models.filter("newest").select("gpu_model")
    rows = (
        facts.tenancies.join(newest, on="gpu_model", how="semi")
        .group_by("cluster_id")
        .agg(
            *evidence(
                pl.col("gpu_model").unique().sort().alias("models"), pl.col("milli").max().alias("largest_milli")
            ),
            pl.col("renter").sort().first().alias("subject"),
        )
        .sort("cluster_id")
    )
    found = report(
        RULE,
        rows,
        summary="leased {models}: above the numbers of the 2026 review policy",
        threshold="TPP >= 21,000 or memory bandwidth >= 6,500 GB/s",
    )
    return Outcome(found)


RULE = Rule(
    id="T26",
    version=1,
    title="Newest-generation multiplier",
    family="hardware",
    role="multiplier",
    max_points=0,
    percent=125,
    pattern="A leased model lies above the numbers of the case-by-case review of January 2026.",
    parameters=(),
    lawful=("the hardware is legal everywhere outside controlled transactions",),
    guidance="91 FR 1684 (TPP 21,000; memory bandwidth 6,500 GB/s)",
    blind_spots=("models that are not in the catalogue",),
    inputs=("leases with GPU model", "the accelerator catalogue"),
    check=check,
    scope="tenants",
    hops=0,
    ages=False,
)
