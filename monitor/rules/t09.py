"""T09: a reseller chain: one cluster rents capacity and offers the same model on at a higher price."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import Facts, milli_of
from monitor.rules.measure import HOUR
from monitor.rules.report import evidence, per_cluster, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_KEY = ["group", "gpu_model"]
_PRICE = (pl.col("usd_per_gpu_hour") * 10**6).cast(pl.Int64())
_LARGEST = 50
"""Percent of the sold hours that one customer of an open reseller has, at most."""
_OPENLY = "resold in the open: under the name that rents, to several customers"


def check(facts: Facts, params: Params) -> Outcome:
    """Judge clusters that are renter and provider of one model at one time."""
    told = facts.together.select(
        *_KEY, "milli", "cluster_id", "provider_cluster", "provider", "renter", "milli_hours", "usd_per_gpu_hour",
        "lease", "position", "opened_at", "held_until",
    )  # fmt: skip
    sized = told.filter((pl.col("milli") > 0) & pl.col("cluster_id").ne_missing(pl.col("provider_cluster")))
    rented = _rented(sized, _sold(facts, sized)).join(_offered(facts), on=_KEY, how="inner")
    markup = ((pl.col("asked") - pl.col("paid")) * 100 // pl.col("paid")).alias("markup_percent")
    hits = _overlapping(rented).filter(pl.col("paid") > 0).with_columns(
        markup, pl.min_horizontal(pl.col("hours") * 100 // pl.col("rented"), 100).alias("reoffered_percent")
    )  # fmt: skip
    own_name = pl.col("sellers").list.set_difference("takers").list.len() == 0
    crowd = (pl.col("customers") >= params["open_customers"]) & (pl.col("largest_percent") <= _LARGEST)
    rows = (
        hits.with_columns((own_name & crowd).alias("common"))
        .filter(
            (pl.col("reoffered_percent") >= params["min_share_percent"])
            & (pl.col("rented") >= params["min_h100e_hours"] * 1000)
            & pl.col("markup_percent").is_between(params["min_markup_percent"], params["max_markup_percent"])
        )
        .sort(_KEY)
        .select(
            *("subject", "group", "cluster_ids", "at", "positions", "markup_percent", "reoffered_percent"),
            pl.concat_list("leases", "sold").alias("leases"),
            pl.col("gpu_model").alias("scope"),
            pl.col("gpu_model").alias("model"),
            pl.col("rented").alias("rented_hours_milli"),
            *("customers", "common"),
            pl.when("common").then(pl.lit(_OPENLY)).alias("caveat"),
        )
    )
    found = report(
        RULE,
        per_cluster(rows),
        summary="{reoffered_percent} % of the rented {model} hours offered on at {markup_percent} % more",
        threshold=(
            f">= {params['min_share_percent']} % of >= {params['min_h100e_hours']} rented H100e-hours offered on,"
            f" mark-up {params['min_markup_percent']} to {params['max_markup_percent']} %"
        ),
    )
    return Outcome(found, _unpriced(facts))


def _sold(facts: Facts, sized: pl.DataFrame) -> pl.DataFrame:
    """Sum up by _KEY what others rent of those who rent: asked, sold, sellers, customers, largest_percent."""
    # who rents nothing resells nothing
    sellers = facts.groups.join(sized, on="group", how="semi").rename({"address": "provider", "group": "seller"})
    apart = sized.filter(pl.col("group") == pl.col("cluster_id")).join(sellers, on="provider", how="inner")
    return (
        apart.rename({"group": "customer", "seller": "group"})
        .with_columns(pl.col("milli_hours").sum().over(*_KEY, "customer").alias("bought"))
        .group_by(_KEY)
        .agg(
            _PRICE.median().cast(pl.Int64()).alias("asked"),
            pl.col("lease").unique().sort().alias("sold"),
            pl.col("provider").unique().sort().alias("sellers"),
            pl.col("customer").n_unique().alias("customers"),
            (pl.col("bought").max() * 100 // pl.col("milli_hours").sum().clip(1)).alias("largest_percent"),
        )
    )


def _rented(sized: pl.DataFrame, sold: pl.DataFrame) -> pl.DataFrame:
    """Sum up by _KEY what those who sold rented, with when and at which price, beside what they sold."""
    return (
        sized.join(sold.select(_KEY), on=_KEY, how="semi")
        .group_by(_KEY)
        .agg(
            *evidence(pl.col("milli_hours").sum().alias("rented"), pl.col("renter").sort().first().alias("subject")),
            pl.col("cluster_id").unique().sort().alias("cluster_ids"),
            pl.col("renter").unique().alias("takers"),
            *(pl.col("opened_at").min().alias("begun"), pl.col("held_until").max().alias("ended")),
            _PRICE.median().cast(pl.Int64()).alias("paid"),
        )
        .join(sold, on=_KEY, how="inner")
    )


def _offered(facts: Facts) -> pl.DataFrame:
    """List what each group offers: group, gpu_model, and per machine its size and stay."""
    owners = facts.groups.rename({"address": "provider"})
    own = facts.capacity.filter(pl.col("gpu_model").is_not_null()).join(owners, on="provider", how="inner")
    stay = own.join(facts.heads, on="chain_id", how="left").with_columns(
        milli_of("h100e").alias("size"), pl.coalesce("until", "now", "since").alias("until")
    )
    return stay.select(*_KEY, "size", "since", "until").group_by(_KEY).agg("size", "since", "until")


def _overlapping(rented: pl.DataFrame) -> pl.DataFrame:
    """Add `hours`: H100e-hours on offer while something was rented (thousandths)."""
    each = rented.select(*_KEY, "begun", "ended", "size", "since", "until").explode(
        "size", "since", "until", empty_as_null=True, keep_nulls=True
    )
    seconds = pl.min_horizontal("until", "ended") - pl.max_horizontal("since", "begun")
    hours = each.group_by(_KEY).agg((pl.col("size") * seconds.clip(0, 10**9) // HOUR).sum().alias("hours"))
    return rented.drop("size", "since", "until").join(hours, on=_KEY, how="inner")


def _unpriced(facts: Facts) -> tuple[str, ...]:
    silent = facts.venues.filter(~pl.col("priced")).select("market", "chain_id")
    return tuple(
        f"T09: not assessable: {market} on chain {chain_id}: no lease has a price in dollars"
        for market, chain_id in silent.iter_rows()
    )


RULE = Rule(
    id="T09",
    version=2,
    title="Reseller chain",
    family="relation",
    role="core",
    max_points=20,
    pattern="One cluster or hand rents a model and at the same time offers the same model at a mark-up.",
    parameters=(
        Parameter("min_share_percent", 60, "percent", "of the rented H100e-hours offered on", 1, 100),
        Parameter("min_h100e_hours", 500, "H100e-hours", "rented at least", 0, 10**9),
        Parameter("min_markup_percent", 5, "percent", "median asked over median paid", 0, 10_000),
        Parameter("max_markup_percent", 100, "percent", "more is another kind of product", 1, 100_000),
        Parameter("open_customers", 3, "customers", "of one name, none above half: resale in the open", 2, 1_000),
    ),
    lawful=(
        "aggregators and brokers resell in the open",
        "a provider may rent to cover a shortage of its own",
    ),
    guidance="IaaS proposed rule, January 2024 (foreign resellers); BIS May 2025 (resellers and forwarders)",
    blind_spots=(
        "resale outside the watched markets is not seen",
        "a reseller that rents and offers from unlinked wallets does not match",
        "chains are judged link by link, not end to end",
    ),
    inputs=("leases with dollars per GPU-hour", "capacity offers", "clusters"),
    check=check,
    scope="tenants",
    hops=0,
)
