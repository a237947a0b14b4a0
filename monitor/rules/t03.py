"""T03: a freshly funded renter wallet takes a large lease."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from monitor.facts.bounds import believable_amount
from monitor.facts.fold import DEPOSITS
from monitor.model.chain import Position
from monitor.model.lead import Finding
from monitor.rules.measure import (
    HOUR,
    address_text,
    cluster_of,
    dollars,
    finding,
    lease_text,
    number_text,
    open_position,
    tenant_leases,
    token_prices,
)
from monitor.rules.rule import Facts, Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

POINTS = 10


class _First(NamedTuple):
    """A renter's beginning: its funding, the leases it opened at once, what it had done and paid by then."""

    funding: dict[str, Any]
    leases: pl.DataFrame
    prior: int
    escrow: Decimal | None
    cluster_id: str

    @property
    def h100e(self) -> Decimal:
        """Size of the leases together."""
        return sum(self.leases.get_column("h100e").drop_nulls(), Decimal(0))


def check(facts: Facts, params: Params) -> Outcome:
    """Judge each renter's first leases against the moment the wallet was first funded."""
    blind = _blind_chains(facts, params)
    firsts = _first_leases(facts).filter(~pl.col("chain_id").is_in(sorted(blind)))
    funded = firsts.join(
        facts.funders.rename({"address": "renter", "at": "funded_at"}), on=["chain_id", "renter"], how="left"
    ).sort("chain_id", "renter")
    age = pl.col("opened_at") - pl.col("funded_at")
    fresh = funded.filter((age >= 0) & (age < params["max_age_hours"] * HOUR))
    together = _opened_together(facts, fresh, params["first_hours"] * HOUR)
    prior, escrow = _prior_transactions(facts, fresh), _escrow(facts, together, params["first_hours"] * HOUR)
    clusters = cluster_of(facts)
    found = []
    for row in fresh.iter_rows(named=True):
        wallet = (row["chain_id"], row["renter"])
        leases = together.filter((pl.col("chain_id") == wallet[0]) & (pl.col("renter") == wallet[1]))
        first = _First(row, leases, prior.get(wallet, 0), escrow.get(wallet), clusters[row["renter"]])
        large = first.h100e >= params["min_h100e"]
        dear = first.escrow is not None and first.escrow >= params["min_escrow_usd"]
        if first.prior <= params["max_prior_txs"] and (large or dear):
            found.append(_finding(first, params))
    unseen = funded.filter(pl.col("funder").is_null()).group_by("chain_id").len().sort("chain_id")
    lines = [
        f"T03: not assessable: chain {chain}: no funding seen for {count} renters" for chain, count in unseen.rows()
    ]
    return Outcome(tuple(found), (*blind.values(), *lines))


def _blind_chains(facts: Facts, params: Params) -> dict[int, str]:
    needed = params["max_age_hours"] * HOUR
    blind = {}
    for chain_id in facts.leases.get_column("chain_id").unique().sort():
        chain = facts.chains.get(chain_id)
        seen = chain.native_lookback_seconds if chain is not None else 0
        if seen < needed:
            have = f"{seen // HOUR} h of native transfers before the first lease" if seen else "no native transfers"
            blind[chain_id] = f"T03: not assessable: chain {chain_id}: {have}, {needed // HOUR} h needed"
    return blind


def _first_leases(facts: Facts) -> pl.DataFrame:
    order = ("chain_id", "renter", "opened_at", "open_block", "open_log_index", "market", "lease_id")
    return tenant_leases(facts).sort(order).unique(["chain_id", "renter"], keep="first", maintain_order=True)


def _opened_together(facts: Facts, fresh: pl.DataFrame, seconds: int) -> pl.DataFrame:
    """List the leases each wallet opened within `seconds` of its first: some markets lease one machine at a time."""
    begun = fresh.select("chain_id", "renter", pl.col("opened_at").alias("first_at"))
    joined = tenant_leases(facts).join(begun, on=["chain_id", "renter"], how="inner")
    return joined.filter(pl.col("opened_at") <= pl.col("first_at") + seconds).sort(
        "chain_id", "renter", "opened_at", "open_block", "open_log_index", "market", "lease_id"
    )


def _prior_transactions(facts: Facts, fresh: pl.DataFrame) -> dict[tuple[int, bytes], int]:
    """Count what each wallet had sent before its lease: the leasing transaction's nonce, else one above the last."""
    sent = (
        facts.transfers.filter((pl.col("kind") == "native") & pl.col("nonce").is_not_null())
        .rename({"sender": "renter"})
        .join(fresh.select("chain_id", "renter", "open_block", "open_tx"), on=["chain_id", "renter"], how="inner")
        .filter(pl.col("block_number") <= pl.col("open_block"))
    )
    leasing = pl.col("nonce").filter(pl.col("tx_hash") == pl.col("open_tx")).min()
    counted = sent.group_by("chain_id", "renter").agg(pl.coalesce(leasing, pl.col("nonce").max() + 1).alias("prior"))
    return {(chain_id, renter): prior for chain_id, renter, prior in counted.iter_rows()}


def _escrow(facts: Facts, together: pl.DataFrame, seconds: int) -> dict[tuple[int, bytes], Decimal | None]:
    """Value what went into each wallet's first leases up to `seconds` after the first opened."""
    key = ["market", "chain_id", "lease_id"]
    paid = (
        facts.lease_events.with_columns(believable_amount("amount"))
        .filter(pl.col("verb").is_in(DEPOSITS) & pl.col("amount").is_not_null())
        .join(together.select(*key, "renter", "first_at", "price_token"), on=key, how="inner")
        .filter(pl.col("at") <= pl.col("first_at") + seconds)
        .select("chain_id", "renter", pl.coalesce("token", "price_token").alias("token"), "amount")
    )
    parts: dict[tuple[int, bytes], list[tuple[int, bytes | None, Decimal]]] = {}
    for chain_id, renter, token, amount in paid.iter_rows():
        parts.setdefault((chain_id, renter), []).append((chain_id, token, amount))
    prices = token_prices(facts)
    return {wallet: dollars(amounts, prices) for wallet, amounts in parts.items()}


def _finding(first: _First, params: Params) -> Finding:
    row = first.funding
    hours = (row["opened_at"] - row["funded_at"]) // HOUR
    funding = Position(row["chain_id"], row["block_number"], row["tx_hash"], row["log_index"])
    leases = list(first.leases.iter_rows(named=True))
    size = number_text(first.h100e)
    return finding(
        RULE,
        subject=address_text(row["renter"]),
        cluster_id=first.cluster_id,
        points=POINTS,
        summary=f"funded {hours} h before it first leased {size} H100e, {first.prior} transactions before",
        threshold=(
            f"funded < {params['max_age_hours']} h before, at most {params['max_prior_txs']} earlier transactions, and"
            f" >= {params['min_h100e']} H100e or >= {params['min_escrow_usd']} USD in escrow"
        ),
        values={
            "age_hours": str(hours),
            "prior_txs": str(first.prior),
            "h100e": size,
            "leases": str(len(leases)),
            "escrow_usd": "unknown" if first.escrow is None else number_text(first.escrow),
            "funder": address_text(row["funder"]),
        },
        positions=(funding, *(open_position(lease) for lease in leases)),
        leases=[lease_text(lease["market"], lease["chain_id"], lease["lease_id"]) for lease in leases],
        at=max(row["funded_at"], *(lease["opened_at"] for lease in leases)),
        scope=str(row["chain_id"]),
    )


RULE = Rule(
    id="T03",
    version=1,
    title="Freshly funded renter wallet takes a large lease",
    family="funding",
    role="core",
    max_points=POINTS,
    pattern="A wallet's first lease is large and starts soon after it was first funded; little happened before.",
    parameters=(
        Parameter("max_age_hours", 72, "hours", "the first lease starts less than this after funding", 1, 8760),
        Parameter("max_prior_txs", 5, "transactions", "at most this many sent before the lease", 0, 10_000),
        Parameter("min_h100e", 8, "H100e", "size of the first leases together", 1, 1_000_000),
        Parameter("min_escrow_usd", 5_000, "USD", "or escrow paid in around the opening", 1, 10**9),
        Parameter("first_hours", 24, "hours", "leases and deposits this long after the first lease count", 0, 720),
    ),
    lawful=(
        "every new customer starts with a new wallet",
        "smart accounts and treasuries often use one wallet per project",
    ),
    guidance="FATF 2020, red flags (new users with large first deposits); BIS May 2025 (first-time large buyers)",
    blind_spots=(
        "funding through contracts' internal calls is not in transfers",
        "a wallet prepared days ahead, or an old wallet, does not match",
        "a renter whose transactions a relayer sends has no nonce of its own",
    ),
    inputs=("leases", "escrow deposits", "native and token transfers before the first lease"),
    check=check,
)
