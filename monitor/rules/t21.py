"""T21: a wallet on a list, money from or to one, or a declared name like one on a list the user gave."""

from __future__ import annotations

import polars as pl

from monitor.model.lead import Finding
from monitor.rules.facts import POSITION, Facts
from monitor.rules.hops import further
from monitor.rules.measure import DAY, MAX_POSITIONS
from monitor.rules.money import with_micro
from monitor.rules.names import MAX_LENGTH, alike
from monitor.rules.report import evidence, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["LISTED", "RULE"]

LISTED = "listed"
"""Kind of the labels that lists are imported as."""
_POINTS = {1: 30, 2: 20}
_DIRECT = 60
_ASSET = ["chain_id", "kind", "token"]
_PURSE = ["cluster_id", "payer"]


def check(facts: Facts, params: Params) -> Outcome:
    """Screen wallets of leases against listed addresses, directly and by hops, and names against given names."""
    listed = (
        facts.labels.filter(pl.col("kind") == LISTED)
        .sort("address", "label", "source", "date")
        .unique("address", keep="first", maintain_order=True)
        .select(
            "address", pl.col("label").alias("entry"), pl.col("source").alias("list"), pl.col("date").alias("list_date")
        )
    )
    named = () if facts.names.is_empty() else _named(facts, params)
    if listed.is_empty():
        return Outcome(named, ("T21: not assessable: no list of addresses was imported",))
    return Outcome((*_direct(facts, listed), *_exposed(facts, listed, params), *named))


def _direct(facts: Facts, listed: pl.DataFrame) -> tuple[Finding, ...]:
    """Match the people of leases themselves: renter, payer, beneficiary and provider."""
    shared = ("lease", "position", "opened_at")
    tenant = facts.tenancies.select(*shared, "cluster_id", "renter", "payer", "beneficiary")
    people = [
        tenant.select(*shared, "cluster_id", pl.col(role).alias("address"))
        for role in ("renter", "payer", "beneficiary")
    ]
    host = facts.tenancies.select(
        *shared, pl.col("provider_cluster").alias("cluster_id"), pl.col("provider").alias("address")
    )
    rows = (
        pl.concat([*people, host])
        .filter(pl.col("cluster_id").is_not_null())
        .join(listed, on="address", how="inner")
        .group_by("cluster_id", "address", "entry", "list", "list_date")
        .agg(*evidence())
        .sort("cluster_id", "address")
        .with_columns(pl.lit("direct").alias("scope"), pl.lit(_DIRECT).alias("points"), pl.lit(True).alias("screening"))
        .with_columns(pl.col("address").alias("subject"))
    )
    return report(
        RULE, rows, summary="{address} of a lease stands on {list} as {entry}", threshold="equal to a listed address"
    )


def _exposed(facts: Facts, listed: pl.DataFrame, params: Params) -> tuple[Finding, ...]:
    """Add up what tenant clusters, or payers of their leases, got from or sent to listed wallets.

    At one hop and, through no hub, at two.
    """
    mine = facts.purses.join(listed, on="address", how="anti")
    parts = [_dealt(facts, listed, mine, params, *ends) for ends in (("recipient", "sender"), ("sender", "recipient"))]
    enough = (pl.col("exposed_micro") >= params["min_usd"] * 10**6).fill_null(False)
    rows = (
        pl.concat(parts)
        .filter(enough | (pl.col("share_percent") >= params["min_share_percent"]))
        .sort(*_PURSE, *_ASSET, "hops", "direction")
        .with_columns(
            pl.when(pl.col("payer").is_null()).then(pl.lit("cluster")).otherwise(pl.lit("payer")).alias("whose"),
            pl.col("hops").replace_strict(_POINTS, return_dtype=pl.Int64()).alias("points"),
            pl.lit([], dtype=pl.List(pl.String())).alias("leases"),
            pl.concat_str(
                *("chain_id", "kind", pl.col("token").bin.encode("hex").fill_null(""), "hops", "direction"),
                pl.col("payer").bin.encode("hex"),
                separator=":",
                ignore_nulls=True,
            ).alias("scope"),
        )
        .drop(*_ASSET, "payer", "amount", "all")
    )
    return report(
        RULE,
        rows,
        summary="{share_percent} % of an asset of the {whose} went {direction} listed wallets at {hops} hops",
        threshold=f">= {params['min_usd']} USD or >= {params['min_share_percent']} % at one or two hops, hubs left out",
    )


def _dealt(
    facts: Facts, listed: pl.DataFrame, mine: pl.DataFrame, params: Params, side: str, other: str
) -> pl.DataFrame:
    """Add up, by purse, asset and hops, what purses on one `side` of transfers had from or to listed wallets.

    Adds amount, all (of the asset), exposed_micro, share_percent, direction and where it stands.
    """
    named = listed.rename({"address": other})
    near = (
        facts.moved(named, other)
        .join(named, on=other, how="inner")
        .with_columns(pl.lit(1).alias("hops"), pl.col("position").alias("origin"))
    )
    through = near.join(facts.strangers.rename({"address": side}), on=side, how="anti")
    onward = side == "recipient"
    both = pl.concat([near, further(facts, through, onward=onward, seconds=params["hop_days"] * DAY)])
    placed = both.join(mine.rename({"address": side}), on=side, how="inner")
    touched = mine.join(placed, on=_PURSE, how="semi", nulls_equal=True).rename({"address": side})
    total = (
        facts.moved(touched, side)
        .join(touched, on=side, how="inner")
        .group_by(*_PURSE, *_ASSET)
        .agg(pl.col("amount").sum().alias("all"))
    )
    return (
        with_micro(placed, facts.tokens)
        .group_by(*_PURSE, *_ASSET, "hops")
        .agg(
            *(pl.col("amount").sum(), pl.col("micro").sum().alias("exposed_micro"), pl.col("at").max()),
            pl.col("entry").unique().sort().alias("entries"),
            pl.col("list").unique().sort().alias("lists"),
            pl.col(side).sort().first().alias("subject"),
            pl.concat([pl.col("position"), pl.col("origin")]).unique().sort().head(MAX_POSITIONS).alias("positions"),
        )
        .join(total, on=[*_PURSE, *_ASSET], how="inner", nulls_equal=True)
        .with_columns(
            pl.lit("from" if onward else "to").alias("direction"),
            (pl.col("amount") * 100 // pl.col("all")).cast(pl.Int64()).alias("share_percent"),
        )
    )


def _named(facts: Facts, params: Params) -> tuple[Finding, ...]:
    """Compare the names providers declare with the names the user gave; for review only, no points."""
    told = facts.supply.filter(pl.col("name").is_not_null() & pl.col("provider").is_not_null()).with_columns(
        pl.struct(POSITION).alias("position"), pl.col("name").str.slice(0, MAX_LENGTH)
    )
    wanted = facts.names.sort("name", "source", "date").unique("name", keep="first", maintain_order=True)
    close = alike(
        told.get_column("name").unique().to_list(), wanted.get_column("name").to_list(), params["min_name_percent"]
    )
    rows = (
        told.join(close, left_on="name", right_on="declared", how="inner")
        .join(wanted, left_on="wanted", right_on="name", how="inner")
        .join(facts.clusters.rename({"address": "provider"}), on="provider", how="inner")
        .group_by("cluster_id", "provider", pl.col("name").alias("declared"), "wanted", "percent", "source", "date")
        .agg(pl.col("at").min(), pl.col("position").sort().head(1).alias("positions"))
        .sort("cluster_id", "provider", "declared", "wanted")
        .rename({"provider": "subject"})
        .with_columns(
            pl.lit([], dtype=pl.List(pl.String())).alias("leases"),
            pl.lit(0).alias("points"),
            pl.concat_str(pl.lit("name"), "declared", "wanted", separator="\x1f").alias("scope"),
            pl.lit("a name proves nothing: many people and firms share one; for review only").alias("caveat"),
        )
    )
    return report(
        RULE,
        rows,
        summary="a declared name is {percent} % like one on a list the user gave (both are among the values)",
        threshold=f">= {params['min_name_percent']} % alike by letter pairs; review only, no points",
    )


RULE = Rule(
    id="T21",
    version=2,
    title="List match",
    family="list",
    role="core",
    max_points=60,
    pattern="A wallet of a lease is on a list, tenant or payer dealt with one within two hops, or a name is like one.",
    parameters=(
        Parameter("min_usd", 1_000, "USD", "of an asset from or to listed wallets", 1, 10**9),
        Parameter(
            "min_share_percent", 10, "percent", "or this share of the cluster's or payer's flow of the asset", 1, 100
        ),
        Parameter("hop_days", 30, "days", "a middle wallet passes it on within this time", 0, 3_650),
        Parameter("min_name_percent", 85, "percent", "of likeness of two names", 50, 100),
    ),
    lawful=(
        "anybody can send dust from a listed wallet to a stranger",
        "names have homonyms, and lists grow old",
        "money that went through an unlabelled hub is not its customers'",
        "a sponsor's dealings are not those of everybody it pays for",
    ),
    guidance="OFAC 2021 guidance for virtual currency; that the Entity List publishes no addresses is unverified",
    blind_spots=(
        "only lists that were imported are known",
        "three hops, and hops through services, are not followed",
        "a transfer of two strangers to the market is not read, so a second hop is seen only where one end is watched",
    ),
    inputs=("labels of kind `listed`", "names the user gave", "token and native transfers", "declared provider names"),
    check=check,
    scope="tenants",
    ages=False,
)
