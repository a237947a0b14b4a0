"""T03: a freshly funded renter wallet takes a large lease."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from monitor.facts.inorder import under
from monitor.rules.facts import Facts
from monitor.rules.measure import HOUR
from monitor.rules.report import NATIVE_HINT, evidence, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_WALLET = ["chain_id", "renter"]
_OTHERS = ("behaviour", "lease", "list", "location", "payment", "price", "relation", "timing")


def check(facts: Facts, params: Params) -> Outcome:
    """Judge each renter's first leases against the moment the wallet was first funded."""
    blind = _blind_chains(facts, params)
    order = (*_WALLET, "opened_at", "open_block", "open_log_index", "market", "lease_id")
    told = facts.judged.select(*order, "open_tx", "cluster_id", "milli", "lease", "position")
    firsts = told.filter(~pl.col("chain_id").is_in(sorted(blind))).sort(order)
    first = firsts.unique(_WALLET, keep="first", maintain_order=True).select(
        *_WALLET, pl.col("opened_at").alias("first_at"), "open_block", "open_tx"
    )
    spot = (pl.col("block_number").alias("block"), pl.col("tx_hash").alias("tx"))
    ours = first.select("chain_id", pl.col("renter").alias("address"))
    theirs = under(facts.funders, ours).rename({"address": "renter", "at": "funded_at"})
    begun = theirs.select(*_WALLET, "funder", "funded_at", pl.struct("chain_id", *spot, "log_index").alias("funding"))
    funded = first.join(begun, on=_WALLET, how="left")
    age = pl.col("first_at") - pl.col("funded_at")
    fresh = funded.filter((age >= 0) & (age < params["max_age_hours"] * HOUR))
    judged = (
        _with_leases(facts, fresh, firsts, params["first_hours"] * HOUR)
        .join(_prior_transactions(facts, fresh), on=_WALLET, how="left")
        .with_columns(pl.col("prior_txs").fill_null(0))
    )
    enough = (pl.col("h100e_milli") >= params["min_h100e"] * 1000) | (
        pl.col("escrow_micro") >= params["min_escrow_usd"] * 10**6
    ).fill_null(False)
    # hubs are left out before any question about a funder: every customer of an exchange begins like this
    customer = pl.col("funder").is_in(facts.strangers.get_column("address").implode())
    rows = (
        judged.filter(enough & (pl.col("prior_txs") <= params["max_prior_txs"]))
        .sort(_WALLET)
        .select(
            *("cluster_id", "leases", "h100e_milli", "escrow_micro", "prior_txs", "funder"),
            pl.col("renter").alias("subject"),
            pl.col("chain_id").cast(pl.String()).alias("scope"),
            pl.max_horizontal("at", "funded_at").alias("at"),
            pl.concat_list("positions", pl.concat_list("funding")).alias("positions"),
            (age // HOUR).alias("age_hours"),
            pl.col("leases").list.len().alias("leases_opened"),
            pl.lit(value=True).alias("common"),
            pl.when(customer).then(pl.lit(list(_OTHERS), dtype=pl.List(pl.String()))).alias("needs"),
        )
    )
    found = report(
        RULE,
        rows,
        summary="funded {age_hours} h before it first leased {h100e} H100e, {prior_txs} transactions before",
        threshold=(
            f"funded < {params['max_age_hours']} h before, at most {params['max_prior_txs']} earlier transactions, and"
            f" >= {params['min_h100e']} H100e or >= {params['min_escrow_usd']} USD in escrow"
        ),
    )
    return Outcome(found, (*blind.values(), *_unfunded(facts, blind)))


def _blind_chains(facts: Facts, params: Params) -> dict[int, str]:
    needed = params["max_age_hours"] * HOUR
    blind = {}
    for chain_id in sorted(set(facts.venues.get_column("chain_id"))):
        chain = facts.chains.get(chain_id)
        seen = chain.native_lookback_seconds if chain is not None else 0
        if seen < needed:
            have = f"{seen // HOUR} h of native transfers before the first lease" if seen else "no native transfers"
            blind[chain_id] = (
                f"T03: not assessable: chain {chain_id}: {have} are read, {needed // HOUR} h needed; {NATIVE_HINT}"
            )
    return blind


def _unfunded(facts: Facts, blind: Collection[int]) -> list[str]:
    """Say on which other chains renters came up of whom no funding was seen."""
    unfunded = facts.unfunded.group_by("chain_id").len().sort("chain_id")
    unseen = unfunded.filter(~pl.col("chain_id").is_in(sorted(blind)))
    return [
        f"T03: not assessable: chain {chain}: no funding seen for {count} renters" for chain, count in unseen.rows()
    ]


def _with_leases(facts: Facts, fresh: pl.DataFrame, firsts: pl.DataFrame, seconds: int) -> pl.DataFrame:
    """Add what fresh wallets leased and paid in within `seconds` of their first lease, with its evidence."""
    soon = pl.col("first_at") + seconds
    together = firsts.join(fresh.select(*_WALLET, "first_at"), on=_WALLET, how="inner").filter(
        pl.col("opened_at") <= soon
    )
    escrow = (
        facts.deposits.join(together.select("lease", "first_at"), on="lease", how="inner")
        .filter(pl.col("at") <= soon)
        .group_by(_WALLET)
        .agg(pl.when(pl.col("micro").is_not_null().any()).then(pl.col("micro").sum()).alias("escrow_micro"))
    )
    taken = together.group_by(_WALLET).agg(
        *evidence(pl.col("milli").sum().alias("h100e_milli"), pl.col("cluster_id").first())
    )
    return fresh.join(taken, on=_WALLET, how="inner").join(escrow, on=_WALLET, how="left")


def _prior_transactions(facts: Facts, fresh: pl.DataFrame) -> pl.DataFrame:
    """Count what each wallet had sent before its lease: the leasing transaction's nonce, else one above the last."""
    sent = (
        facts.dealt(fresh.select("chain_id", pl.col("renter").alias("sender")), "sender")
        .filter((pl.col("kind") == "native") & pl.col("nonce").is_not_null())
        .rename({"sender": "renter"})
        .join(fresh.select(*_WALLET, "open_block", "open_tx"), on=_WALLET, how="inner")
        .filter(pl.col("block_number") <= pl.col("open_block"))
    )
    leasing = pl.col("nonce").filter(pl.col("tx_hash") == pl.col("open_tx")).min()
    return sent.group_by(_WALLET).agg(pl.coalesce(leasing, pl.col("nonce").max() + 1).alias("prior_txs"))


RULE = Rule(
    id="T03",
    version=3,
    title="Freshly funded renter wallet takes a large lease",
    family="funding",
    role="core",
    max_points=10,
    pattern="A wallet's first lease is large and starts soon after it was first funded; little happened before.",
    parameters=(
        Parameter("max_age_hours", 72, "hours", "the first lease starts less than this after funding", 1, 8760),
        Parameter("max_prior_txs", 5, "transactions", "at most this many sent before the lease", 0, 10_000),
        Parameter("min_h100e", 8, "H100e", "size of the first leases together", 1, 1_000_000),
        Parameter("min_escrow_usd", 5_000, "USD", "or escrow paid in around the opening", 1, 10**9),
        Parameter("first_hours", 24, "hours", "leases and deposits this long after the first lease count", 0, 720),
    ),
    lawful=(
        "every new customer starts with a new wallet: one that a hub funded makes no family of evidence",
        "smart accounts and treasuries use one wallet per project: beside other common signs it makes no lead",
    ),
    guidance="FATF 2020, red flags (new users with large first deposits); BIS May 2025 (first-time large buyers)",
    blind_spots=(
        "funding through contracts' internal calls is not in transfers",
        "a wallet prepared days ahead, or an old wallet, does not match",
        "a renter whose transactions a relayer sends has no nonce of its own",
    ),
    inputs=("leases", "escrow deposits", "native and token transfers before the first lease"),
    check=check,
    scope="tenants",
    hops=1,
    ages=False,
)
