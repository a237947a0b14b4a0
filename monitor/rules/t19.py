"""T19: a price far from the market's own trailing median."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files

import polars as pl

from monitor.facts.prices import priced
from monitor.rules.facts import Facts
from monitor.rules.measure import peaks
from monitor.rules.report import evidence, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE", "list_prices"]

_MARKET = ["market", "chain_id", "gpu_model", "term", "week"]
_VENUE = ["market", "chain_id", "gpu_model"]
_SANE = 5
"""A median this many times outside the band of list prices is a misread unit, not a market."""


@cache
def list_prices() -> pl.DataFrame:
    """Read the packaged list prices: gpu_model, low, high (millionths of a dollar per GPU-hour)."""
    raw = tomllib.loads(files("monitor.rules").joinpath("list_prices.toml").read_text(encoding="utf-8"))
    rows = [
        (model, int(Decimal(low).scaleb(6)), int(Decimal(high).scaleb(6)))
        for model, (low, high) in raw["usd_per_gpu_hour"].items()
    ]
    return pl.DataFrame(rows, schema={"gpu_model": pl.String(), "low": pl.Int64(), "high": pl.Int64()}, orient="row")


def check(facts: Facts, params: Params) -> Outcome:
    """Judge, per tenant cluster and direction, leases far from the reference of their market, model and term."""
    usual = (
        facts.reference(params["weeks"])
        .filter(pl.col("comparable") >= params["min_comparable"])
        .join(list_prices(), on="gpu_model", how="left")
        .with_columns(_insane().fill_null(False).alias("insane"))
    )
    compared = priced(facts.tenancies).join(usual, on=_MARKET, how="inner")
    gap = pl.col("price") - pl.col("median")
    # where a quarter pays as much, as list prices beside bulk ones, nobody is far from the market by paying it
    beyond = pl.max_horizontal(pl.col("price") - pl.col("upper"), pl.col("lower") - pl.col("price"))
    # 0.6745 / MAD makes a gap a robust z; without any spread, one percent of the median stands in
    spread = pl.max_horizontal("mad", pl.col("median") // 100, pl.lit(1))
    # whoever is cheap by this market's measure and not by public offers found a bargain in the open
    bargain = ((gap < 0) & (pl.col("price") >= pl.col("low"))).fill_null(False)
    far = compared.filter(
        ~pl.col("insane")
        & ~bargain
        & (gap.abs() * 100 >= pl.col("median") * params["min_gap_percent"])
        & (beyond * 6_745 * 10 >= spread * 10_000 * params["min_z_tenths"])
    ).with_columns(
        pl.when(gap > 0).then(pl.lit("above")).otherwise(pl.lit("below")).alias("side"),
        (gap.abs() * 100 // pl.col("median")).alias("gap"),
    )
    key = ["cluster_id", "side"]
    large = peaks(far, key, params["min_h100e"] * 1000)
    rows = (
        far.join(large, on=key, how="inner")
        .group_by(key)
        .agg(
            *evidence(pl.col("peak").first().alias("held_milli"), pl.col("gap").median().cast(pl.Int64())),
            pl.col("gpu_model").unique().sort().alias("models"),
            pl.col("comparable").min(),
            pl.col("price").median().cast(pl.Int64()).alias("paid_micro"),
            pl.col("median").median().cast(pl.Int64()).alias("usual_micro"),
            pl.col("renter").sort().first().alias("subject"),
        )
        .sort(key)
        .with_columns(pl.col("side").alias("scope"), (pl.col("side") == "below").alias("common"))
    )
    found = report(
        RULE,
        rows,
        summary="{held} H100e leased {gap} % {side} the trailing median of their market, model and term",
        threshold=(
            f">= {params['min_gap_percent']} % from the median and robust z >= {params['min_z_tenths'] / 10} from the"
            f" nearer quartile of >= {params['min_comparable']} leases of {params['weeks']} weeks before,"
            f" >= {params['min_h100e']} H100e"
        ),
    )
    return Outcome(found, _blind(facts, usual))


def _insane() -> pl.Expr:
    return (pl.col("median") * _SANE < pl.col("low")) | (pl.col("median") > pl.col("high") * _SANE)


def _blind(facts: Facts, known: pl.DataFrame) -> tuple[str, ...]:
    """Say which venues have no dollar prices, and which medians cannot be right."""
    silent = facts.venues.filter(~pl.col("priced")).select("market", "chain_id")
    odd = known.filter("insane").select(_VENUE).unique().sort(_VENUE)
    return (
        *(
            f"T19: not assessable: {market} on chain {chain_id}: no lease has a price in dollars"
            for market, chain_id in silent.iter_rows()
        ),
        *(
            f"T19: not assessable: {market} on chain {chain_id}: the median of {model} is far outside list prices"
            for market, chain_id, model in odd.iter_rows()
        ),
    )


RULE = Rule(
    id="T19",
    version=4,
    title="Price far from the market",
    family="price",
    role="core",
    max_points=10,
    pattern="A tenant pays far more or less per GPU-hour than earlier leases of the same market, model and term.",
    parameters=(
        Parameter("min_gap_percent", 40, "percent", "from the median", 1, 10_000),
        Parameter("min_z_tenths", 35, "tenths", "of a robust z, from the nearer quartile", 1, 10_000),
        Parameter("min_comparable", 20, "leases", "in the weeks before", 2, 100_000),
        Parameter("weeks", 13, "weeks", "the reference looks back", 1, 104),
        Parameter("min_h100e", 8, "H100e", "leased at such prices at once", 1, 10**7),
    ),
    lawful=(
        "spot against reserved, bundled storage; within public list prices no discount counts",
        "loyalty and bulk discounts: a low price makes no lead beside other common signs",
        "a token that moved between the offer and the lease",
    ),
    guidance="FinCEN/BIS lists contain a price flag (unverified)",
    blind_spots=(
        "tokens without a fixed dollar value have no price here",
        "thin markets have no reference; a tenant that is most of a market sets it",
        "regions are not told apart",
    ),
    inputs=("leases with dollars per GPU-hour, model and promised length", "list prices as a band of sanity"),
    check=check,
    scope="tenants",
    hops=0,
    ages=False,
)
