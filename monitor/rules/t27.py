"""T27: a move away from a verified tier after a market introduced one."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts
from monitor.rules.measure import DAY, HOUR
from monitor.rules.report import evidence, report, silent_markets
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_VENUE = ["market", "chain_id"]
_MACHINE = [*_VENUE, "machine_id"]
_KEY = ["cluster_id", *_VENUE]
VERIFIED = "verified"


def check(facts: Facts, params: Params) -> Outcome:
    """Hold each cluster's load in the weeks before a market's first verified offer against the weeks after."""
    tiers = facts.supply.filter(pl.col("tier").is_not_null() & pl.col("machine_id").is_not_null())
    policy = tiers.filter(pl.col("tier") == VERIFIED).group_by(_VENUE).agg(pl.col("at").min().alias("day"))
    last = tiers.sort("at", "block", "log_index").group_by(_MACHINE).agg(pl.col("tier").last())
    blind = _blind(facts)
    if policy.is_empty():
        return Outcome((), blind)
    span = params["window_days"] * DAY
    load = facts.tenancies.join(policy, on=_VENUE, how="inner").join(last, on=_MACHINE, how="left").with_columns(
        (pl.col("tier") == VERIFIED).fill_null(False).alias("verified"),
        _hours(pl.col("day") - span, pl.col("day")).alias("before"),
        _hours(pl.col("day"), pl.col("day") + span).alias("after"),
    )  # fmt: skip
    moved = (
        load.filter((pl.col("before") > 0) | (pl.col("after") > 0))
        .group_by(_KEY)
        .agg(
            *evidence(pl.col("before").sum(), pl.col("after").sum(), pl.col("day").first()),
            pl.col("before").filter("verified").sum().alias("before_verified"),
            pl.col("after").filter(~pl.col("verified")).sum().alias("after_unverified"),
            pl.col("renter").sort().first().alias("subject"),
        )
        .filter(pl.col("before") >= params["min_h100e_hours"] * 1000)
        .with_columns(
            (pl.col("before_verified") * 100 // pl.col("before")).alias("was_percent"),
            (pl.col("after_unverified") * 100 // pl.col("before")).alias("moved_percent"),
            (pl.col("after") * 100 // pl.col("before")).alias("load_percent"),
        )
    )
    least = params["min_moved_percent"]
    rows = (
        moved.filter((pl.col("was_percent") >= least) & (pl.col("moved_percent") >= least))
        .sort(_KEY)
        .select(
            *("subject", "cluster_id", "at", "leases", "positions", "was_percent", "moved_percent", "load_percent"),
            pl.col("before").alias("hours_before_milli"),
            pl.concat_str(_VENUE, separator=":").alias("scope"),
        )
    )
    found = report(
        RULE,
        rows,
        summary="{was_percent} % of the load was on offers that became verified, {moved_percent} % then ran on others",
        threshold=(
            f">= {least} % of the H100e-hours moves to unverified offers within {params['window_days']} d of the"
            f" market's first verified one, >= {params['min_h100e_hours']} H100e-hours"
        ),
    )
    return Outcome(found, blind)


def _blind(facts: Facts) -> tuple[str, ...]:
    needs = ("capacity.upsert.tier", "provider.upsert.tier")
    blind = [set(silent_markets(facts, "T27", need, "verification tier")) for need in needs]
    return tuple(sorted(blind[0] & blind[1]))


def _hours(begin: pl.Expr, end: pl.Expr) -> pl.Expr:
    """H100e-hours (thousandths) of a lease inside a span."""
    seconds = pl.min_horizontal(pl.col("held_until"), end) - pl.max_horizontal(pl.col("opened_at"), begin)
    return pl.col("milli") * seconds.clip(0, 10**7) // HOUR


RULE = Rule(
    id="T27",
    version=1,
    title="Move away from a verified tier",
    family="behaviour",
    role="core",
    max_points=15,
    pattern="When a market begins to verify customers, a tenant moves the same load to offers that do not.",
    parameters=(
        Parameter("window_days", 30, "days", "before and after the first verified offer", 1, 365),
        Parameter("min_moved_percent", 70, "percent", "of the load", 1, 100),
        Parameter("min_h100e_hours", 1_000, "H100e-hours", "in the window before", 1, 10**9),
    ),
    lawful=("price, availability and privacy move customers too",),
    guidance="IaaS proposed rule, January 2024 (customer identification); FATF on weak venues: unverified",
    blind_spots=(
        "markets that emit no tier cannot be assessed",
        "a move to another market is T23's question",
        "machines without a tier count as unverified",
    ),
    inputs=("capacity offers with a tier", "leases with machine and H100e", "clusters"),
    check=check,
)
