"""T08: a shell that only passes money through to a lease."""

from __future__ import annotations

import polars as pl

from monitor.facts.inorder import on_every_chain, under
from monitor.rules.facts import Facts
from monitor.rules.measure import HOUR, MAX_POSITIONS
from monitor.rules.money import with_micro
from monitor.rules.report import quiet_chains, report
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_SHELL = ["chain_id", "shell"]
_ASSET = [*_SHELL, "kind", "token"]
_SIDES = (("recipient", "sender"), ("sender", "recipient"))
_BOXES = 61


def check(facts: Facts, params: Params) -> Outcome:
    """Judge wallets that pay tenants, or pay their leases, by what comes in and goes on."""
    served = _served(facts)
    few = _few(facts, served.select(_SHELL).unique(), params["max_counterparties"])
    if few.is_empty():
        return Outcome((), quiet_chains(facts, "T08"))
    came, went = (_side(facts, few, *side) for side in _SIDES)
    both = pl.concat([came, went]).join(served, on=_SHELL, how="semi")
    quiet = (
        both.group_by(_SHELL)
        .agg(pl.col("other").n_unique().alias("counterparties"))
        .filter(pl.col("counterparties") <= params["max_counterparties"])
    )
    shown = (
        _cycles(with_micro(both, facts.tokens).join(quiet, on=_SHELL, how="inner"), params)
        .group_by(*_SHELL, "counterparties")
        .agg(
            pl.len().alias("cycles"),
            pl.col("micro").sum().alias("passed_micro"),
            pl.col("at").max(),
            pl.col("position").explode().unique().sort().head(MAX_POSITIONS).alias("positions"),
        )
    )
    rows = (
        shown.filter(pl.col("cycles") >= params["min_cycles"])
        .join(served, on=_SHELL, how="inner")
        .join(facts.judged.select("chain_id", "renter", "lease"), on=["chain_id", "renter"], how="inner")
        .group_by(*_SHELL, "cluster_id")
        .agg(
            pl.col("counterparties", "cycles", "passed_micro", "at", "positions").first(),
            pl.col("lease").unique().sort().alias("leases"),
        )
        .rename({"shell": "subject"})
        .with_columns(pl.col("chain_id").cast(pl.String()).alias("scope"))
        .sort("cluster_id", "subject", "chain_id")
        .drop("chain_id")
    )
    found = report(
        RULE,
        rows,
        summary="a wallet passed on what came in {cycles} times within hours and dealt with {counterparties} others",
        threshold=(
            f">= {params['min_out_percent']} % out within {params['dwell_hours']} h, >= {params['min_cycles']} times,"
            f" at most {params['max_counterparties']} counterparties"
        ),
    )
    return Outcome(found, quiet_chains(facts, "T08"))


def _cycles(flows: pl.DataFrame, params: Params) -> pl.DataFrame:
    """List the cycles in which most of what came in soon left: a shell's, by asset, with micro, at and position.

    A cycle starts with each arrival and takes what leaves until the next one.
    """
    arrived = pl.col("came")
    return (
        flows.sort(*_ASSET, "at", "block_number", "log_index", "came", descending=[False] * 7 + [True], nulls_last=True)
        .with_columns(arrived.cast(pl.Int64()).cum_sum().over(_ASSET).alias("cycle"))
        .filter(pl.col("cycle") > 0)
        .with_columns(pl.col("at").filter(arrived).first().over(*_ASSET, "cycle").alias("start"))
        .filter(pl.col("at") <= pl.col("start") + params["dwell_hours"] * HOUR)
        .group_by(*_ASSET, "cycle", "counterparties")
        .agg(
            pl.col("amount").filter(arrived).sum().alias("in"),
            pl.col("amount").filter(~arrived).sum().alias("out"),
            pl.col("micro").filter(arrived).sum(),
            pl.col("at").max(),
            pl.col("position"),
        )
        .filter((pl.col("out") * 100 >= pl.col("in") * params["min_out_percent"]) & (pl.col("out") <= pl.col("in")))
    )


def _few(facts: Facts, shells: pl.DataFrame, most: int) -> pl.DataFrame:
    """List the shells that may have so few counterparties, and some more: chain_id, shell.

    Counterparties are thrown into boxes: whoever has more full boxes than that has more counterparties.
    """
    box = pl.lit(2, dtype=pl.Int64()).pow(pl.col("other").hash() % _BOXES).alias("boxes")
    thrown = [
        facts.payments(shells.rename({"shell": side}), side, "chain_id", side, other)
        .select("chain_id", pl.col(side).alias("shell"), pl.col(other).alias("other"))
        .group_by(_SHELL)
        .agg(box.bitwise_or())
        for side, other in _SIDES
    ]
    full = pl.concat(thrown).group_by(_SHELL).agg(pl.col("boxes").bitwise_or().bitwise_count_ones())
    return full.filter(pl.col("boxes") <= most).select(_SHELL)


def _served(facts: Facts) -> pl.DataFrame:
    """List who sends value to renters or pays for their leases: chain_id, shell, renter, cluster_id; hubs never."""
    renters = facts.judged.select("chain_id", "renter", "cluster_id").unique()
    theirs = renters.select("chain_id", pl.col("renter").alias("recipient"))
    pairs = (
        facts.payments(theirs, "recipient", "chain_id", "sender", "recipient")
        .unique()
        .rename({"sender": "shell", "recipient": "renter"})
    )
    paid = facts.deposits.filter(pl.col("payer") != pl.col("renter")).select(
        "chain_id", pl.col("payer").alias("shell"), "renter"
    )
    hub = facts.strangers.rename({"address": "shell"})
    others = pl.concat([pairs, paid]).unique().join(hub, on="shell", how="anti")
    tenant = under(facts.renters, on_every_chain(others["shell"].drop_nulls().unique(), facts.renters, name="renter"))
    others = others.join(tenant, left_on="shell", right_on="renter", how="anti")
    return others.join(renters, on=["chain_id", "renter"], how="inner")


def _side(facts: Facts, shells: pl.DataFrame, side: str, other: str) -> pl.DataFrame:
    mine = facts.moved(shells.rename({"shell": side}), side).rename({side: "shell", other: "other"})
    came = pl.lit(side == "recipient").alias("came")
    return mine.select(*_ASSET, "other", "amount", "at", "block_number", "log_index", "position", came)


RULE = Rule(
    id="T08",
    version=1,
    title="Shell pass-through wallet",
    family="funding",
    role="core",
    max_points=15,
    pattern="A wallet between payer and lease passes on nearly all that comes in within a day, and does nothing else.",
    parameters=(
        Parameter("min_out_percent", 95, "percent", "of what came in goes on", 1, 100),
        Parameter("dwell_hours", 24, "hours", "within this time", 1, 8_760),
        Parameter("min_cycles", 3, "cycles", "of money in and on", 1, 10_000),
        Parameter("max_counterparties", 3, "wallets", "the wallet ever deals with", 2, 1_000),
    ),
    lawful=(
        "payment processors and treasury sweepers pass money through by design",
        "an exchange's deposit address forwards all it gets",
    ),
    guidance="FATF 2020 (accumulate, then transfer); FinCEN/BIS FIN-2023-GLOBALEXPORT (trading consignees)",
    blind_spots=(
        "a shell whose own transfers were not read shows only part of its money",
        "a shell that keeps a tenth, waits two days or has a fourth counterparty does not match",
    ),
    inputs=("token and native transfers", "escrow deposits with their payer", "hub labels"),
    check=check,
    scope="tenants",
    ages=False,
)
