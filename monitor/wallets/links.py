"""Links between wallets: what they share, how much it weighs, and the transactions that show it.

Heuristics by family: `first_funder`, `shared_funder` (funding), `funded_to_lease` (timing), `leased_alike` (market),
`payer`, `siblings_payer`, `sole_owner` (authority), `return_flow` (flow), `shared_sink`, `siblings_sink` (sink),
`bridge_match` (bridge), `same_fee`, `siblings_fee` (fee), `owner_label` (declared). Wallets that share a funder, payer
or sink are linked to the shared wallet, not to each other, so links grow with the wallets and not with their square.

Each link says which side acted. Who funds or pays acts, and who was funded does by sending anything from then on; who
is paid for, sent to or named by a Safe does not. To set alike fees or to have one label takes no act towards the other.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from monitor.facts.bounds import believable_amount
from monitor.model.schema import LINKS, empty
from monitor.wallets.bridges import bridge_matches, crossings
from monitor.wallets.evidence import ALONE_TENTHS, LARGE, MAX_EVIDENCE, MEDIUM, SMALL
from monitor.wallets.fees import NO_FEES, alike, used
from monitor.wallets.labels import OWNER
from monitor.wallets.owners import NO_OWNED, controlled
from monitor.wallets.siblings import rarity, siblings, traits

__all__ = [
    "ORDER",
    "PAYMENTS",
    "SUNK",
    "declared",
    "judged",
    "links",
    "payments",
    "same_fees",
    "sinks",
    "sole_owners",
    "without",
]

_FOUND: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "x": pl.Binary(),
    "y": pl.Binary(),
    "heuristic": pl.String(),
    "family": pl.String(),
    "tenths": pl.Int64(),
    "tx": pl.Binary(),
    "at": pl.Int64(),
    "volition_x": pl.Boolean(),
    "volition_y": pl.Boolean(),
}
PAYMENTS: dict[str, pl.DataType] = {
    "market": pl.String(),
    "chain_id": pl.Int64(),
    "lease_id": pl.String(),
    "payer": pl.Binary(),
    "renter": pl.Binary(),
    "provider": pl.Binary(),
    "tx": pl.Binary(),
    "at": pl.Int64(),
}
SUNK: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "renter": pl.Binary(),
    "sink": pl.Binary(),
    "degree": pl.Int64(),
    "tx": pl.Binary(),
    "at": pl.Int64(),
}
"""`degree` = the step up to which the sink's counterparties go: 20, 50 or 200."""
ORDER = ("chain_id", "a", "b", "heuristic")
"""What LINKS are sorted by."""
_SHARED = 2
"""Wallets that must share a thing before it is shared."""
_BOTH, _FIRST, _NEITHER = (True, True), (True, False), (False, False)
_ACTED = ("volition_x", "volition_y")
_Acts = tuple[bool | pl.Expr, bool | pl.Expr]
"""Whether x and y acted."""


def links(
    leases: pl.DataFrame,
    lease_events: pl.DataFrame,
    transfers: pl.DataFrame,
    degrees: pl.DataFrame,
    funders: pl.DataFrame,
    hubs: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    fees: pl.DataFrame = NO_FEES,
    owned: pl.DataFrame = NO_OWNED,
) -> pl.DataFrame:
    """Find all links (`LINKS`), one row per chain, pair and heuristic, `a` < `b`, sorted.

    No link touches a hub. Money that a renter sends to a provider it leased from is the price and links nobody.
    """
    sunk = sinks(transfers, degrees, funders, leases, hubs)
    weight = rarity(pl.concat([traits(leases), used(fees)]))
    kin = siblings(without(funders, hubs, "funder", "address"), leases, weight)
    paid = payments(leases, lease_events)
    crossed = bridge_matches(crossings(transfers, labels))
    told = (declared(labels, leases, transfers), same_fees(fees, weight, kin, paid), sole_owners(owned, transfers))
    named = pl.concat(told)
    found = judged(kin, paid, sunk, crossed, transfers, leases, hubs, named)
    return found.sort(ORDER)


def judged(
    kin: pl.DataFrame,
    paid: pl.DataFrame,
    sunk: pl.DataFrame,
    crossed: pl.DataFrame,
    transfers: pl.DataFrame,
    leases: pl.DataFrame,
    hubs: pl.DataFrame,
    named: pl.DataFrame,
) -> pl.DataFrame:
    """Weigh what was found: `siblings`, `payments`, `sinks`, `bridge_matches`, transfers back.

    `named` = what `declared`, `same_fees` and `sole_owners` say.
    A link comes out whole when all rows about either of its wallets are given, and those of its wallets' siblings.
    Rows come in any order.
    """
    flows = pl.concat([_return_flow(transfers, kin, paid), _shared_sink(sunk)])
    found = pl.concat(
        [
            *_funding(kin),
            _payer(paid),
            _among_siblings(kin, paid, "payer", "siblings_payer", "authority", pl.lit(80), _FIRST),
            flows.join(_trade(leases), on=["chain_id", "x", "y"], how="anti"),
            _among_siblings(kin, sunk, "sink", "siblings_sink", "sink", _by_degree("degree", 86, 86), _BOTH),
            _row(crossed, "giver", "taker", "bridge_match", "bridge", pl.lit(40), _BOTH),
            named,
        ]
    )
    ours = pl.col("x") < pl.col("y")
    paired = (
        without(found, hubs, "x", "y")
        .filter(pl.col("x") != pl.col("y"))
        .with_columns(
            pl.when(ours).then(pl.col("x")).otherwise(pl.col("y")).alias("a"),
            pl.when(ours).then(pl.col("y")).otherwise(pl.col("x")).alias("b"),
            pl.when(ours).then(pl.col("volition_x")).otherwise(pl.col("volition_y")).alias("volition_a"),
            pl.when(ours).then(pl.col("volition_y")).otherwise(pl.col("volition_x")).alias("volition_b"),
        )
    )
    return (
        paired.sort("tx")
        .group_by("chain_id", "a", "b", "heuristic", "family")
        .agg(
            (pl.col("tenths").max().cast(pl.Decimal(38, 1)) * pl.lit(Decimal("0.1"))).alias("weight"),
            pl.col("tx").drop_nulls().unique(maintain_order=True).head(MAX_EVIDENCE).alias("evidence"),
            pl.col("at").max(),
            pl.col("volition_a", "volition_b").any(),
        )
        .select(pl.col(name).cast(kind) for name, kind in LINKS.items())
    )


def payments(leases: pl.DataFrame, lease_events: pl.DataFrame) -> pl.DataFrame:
    """List who paid for whose lease where payer and renter differ (`PAYMENTS`), sorted by time."""
    columns = list(PAYMENTS)
    opened = leases.filter(pl.col("opened_at").is_not_null()).with_columns(
        pl.col("open_tx").alias("tx"), pl.col("opened_at").alias("at")
    )
    topped = (
        lease_events.filter(pl.col("verb").is_in(("lease.deposit", "lease.extend")))
        .select("market", "chain_id", "lease_id", pl.col("actor").alias("payer"), "tx", "at")
        .join(
            leases.select("market", "chain_id", "lease_id", "renter", "provider"),
            on=["market", "chain_id", "lease_id"],
            how="inner",
        )
    )
    both = pl.concat([opened.select(columns), topped.select(columns)])
    return both.filter(pl.col("payer") != pl.col("renter")).unique().sort("at", *columns[:3], "tx", "payer")


def without(frame: pl.DataFrame, hubs: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Leave out rows that name a hub in one of the columns."""
    for column in columns:
        frame = frame.join(hubs.select(pl.col("address").alias(column)), on=column, how="anti")
    return frame


def _row(
    frame: pl.DataFrame, x: str, y: str, heuristic: str, family: str, tenths: pl.Expr, acts: _Acts, *,
    tx: str = "tx", at: str = "at",
) -> pl.DataFrame:  # fmt: skip
    """Shape found evidence; rows without weight say nothing and fall away. Needs chain_id and the columns named."""
    if frame.is_empty():
        return empty(_FOUND)
    told = {
        "chain_id": pl.col("chain_id"), "x": pl.col(x), "y": pl.col(y), "heuristic": pl.lit(heuristic),
        "family": pl.lit(family), "tenths": tenths, "tx": pl.col(tx), "at": pl.col(at),
        **{name: pl.lit(act) if isinstance(act, bool) else act for name, act in zip(_ACTED, acts, strict=True)},
    }  # fmt: skip
    shaped = frame.select(told[name].cast(kind).alias(name) for name, kind in _FOUND.items())
    return shaped.filter(pl.col("tenths") > 0)


def _by_degree(column: str, rare: pl.Expr | int, uncommon: int) -> pl.Expr:
    """Weight a shared wallet by its degree: 3 bits above 50 counterparties, nothing above 200."""
    degree = pl.col(column)
    first = pl.lit(rare) if isinstance(rare, int) else rare
    return (
        pl.when(degree <= SMALL)
        .then(first)
        .when(degree <= MEDIUM)
        .then(pl.lit(uncommon))
        .when(degree <= LARGE)
        .then(pl.lit(30))
    )


def _funding(kin: pl.DataFrame) -> list[pl.DataFrame]:
    """First funder (10.9 bits, 11.8 when the only one), its siblings, the hurry and the likeness of their leases."""
    sole = pl.when(pl.col("sole")).then(pl.lit(118)).otherwise(pl.lit(109))
    shared = pl.when(pl.col("siblings") >= _SHARED).then(_by_degree("out_degree", 89, 80))
    leased = kin.filter(pl.col("leased_at").is_not_null()).with_columns(
        pl.max_horizontal("at", "leased_at").alias("both_at")
    )
    pair, acts = ("funder", "address"), (True, pl.col("used"))
    return [
        _row(kin, *pair, "first_funder", "funding", _by_degree("out_degree", sole, 80), acts, tx="tx_hash"),
        _row(kin, *pair, "shared_funder", "funding", shared, acts, tx="tx_hash"),
        *(
            _row(leased, *pair, "funded_to_lease", "timing", pl.col("timing"), acts, tx=tx, at="both_at")
            for tx in ("tx_hash", "lease_tx")
        ),
        _row(leased, *pair, "leased_alike", "market", pl.col("market"), acts, tx="lease_tx", at="leased_at"),
    ]


def _payer(paid: pl.DataFrame) -> pl.DataFrame:
    """Someone who pays for another wallet's lease can act for it; the more renters, the less it says."""
    counted = paid.with_columns(pl.col("renter").n_unique().over("chain_id", "payer").alias("renters"))
    weight = pl.when(pl.col("renters") <= MEDIUM).then(pl.lit(80)).when(pl.col("renters") <= LARGE).then(pl.lit(30))
    return _row(counted, "payer", "renter", "payer", "authority", weight, _FIRST)


def _among_siblings(
    kin: pl.DataFrame, found: pl.DataFrame, value: str, heuristic: str, family: str, weight: pl.Expr,
    acts: _Acts,
) -> pl.DataFrame:  # fmt: skip
    """Link funder and wallet where two wallets of one funder also share `value` (a payer or a sink)."""
    theirs = found.rename({"renter": "address"}).drop("provider", strict=False)
    joined = kin.select("chain_id", "funder", "address").join(theirs, on=["chain_id", "address"], how="inner")
    if joined.is_empty():
        return empty(_FOUND)
    group = ["chain_id", "funder", value]
    shared = joined.with_columns(pl.col("address").n_unique().over(group).alias("sharing")).filter(
        (pl.col("sharing") >= _SHARED) & (pl.col(value) != pl.col("funder"))
    )
    return _row(shared, "funder", "address", heuristic, family, weight, acts)


def _return_flow(moved: pl.DataFrame, kin: pl.DataFrame, paid: pl.DataFrame) -> pl.DataFrame:
    """Value that goes back from a wallet to the one that funded it or pays for it."""
    funded = kin.select("chain_id", pl.col("address").alias("sender"), pl.col("funder").alias("recipient"))
    backed = paid.select("chain_id", pl.col("renter").alias("sender"), pl.col("payer").alias("recipient"))
    pairs = pl.concat([funded, backed]).unique()
    back = believed(moved.join(pairs, on=["chain_id", "sender", "recipient"], how="semi"))
    return _row(back, "sender", "recipient", "return_flow", "flow", pl.lit(40), _BOTH, tx="tx_hash", at="block_time")


def believed(transfers: pl.DataFrame) -> pl.DataFrame:
    """Keep transfers that moved a believable amount to somebody."""
    return transfers.with_columns(believable_amount("amount")).filter(
        (pl.col("amount") > 0) & pl.col("recipient").is_not_null()
    )


def sinks(
    transfers: pl.DataFrame, degrees: pl.DataFrame, funders: pl.DataFrame, leases: pl.DataFrame, hubs: pl.DataFrame
) -> pl.DataFrame:
    """List what two or more renters sent to one wallet (`SUNK`); providers and hubs are no sinks.

    A sink comes out whole when all transfers to it are given, and the leases and first fundings of it and its senders.
    """
    renters = leases.select("chain_id", pl.col("renter").alias("sender")).unique()
    providers = leases.select("chain_id", pl.col("provider").alias("recipient")).unique()
    own = funders.select("chain_id", pl.col("address").alias("sender"), pl.col("funder").alias("recipient"))
    # What a wallet is funded with is told by the funding family; the same transfer must not speak twice.
    given = funders.select("chain_id", pl.col("funder").alias("sender"), pl.col("address").alias("recipient"))
    sent = (
        without(believed(transfers).filter(pl.col("sender") != pl.col("recipient")), hubs, "recipient")
        .join(renters, on=["chain_id", "sender"], how="semi")
        .join(providers, on=["chain_id", "recipient"], how="anti")
        .join(pl.concat([own, given]), on=["chain_id", "sender", "recipient"], how="anti")
        .with_columns(pl.col("sender").n_unique().over("chain_id", "recipient").alias("senders"))
        .filter(pl.col("senders") >= _SHARED)
    )
    step = pl.when(pl.col("degree") <= SMALL).then(SMALL).when(pl.col("degree") <= MEDIUM).then(MEDIUM).otherwise(LARGE)
    counted = degrees.filter(pl.col("degree") <= LARGE).select(
        "chain_id", pl.col("address").alias("recipient"), step.cast(pl.Int64()).alias("degree")
    )
    told = sent.join(counted, on=["chain_id", "recipient"], how="inner").rename(
        {"sender": "renter", "recipient": "sink", "tx_hash": "tx", "block_time": "at"}
    )
    return told.select(pl.col(name).cast(kind) for name, kind in SUNK.items()).unique()


def _shared_sink(sunk: pl.DataFrame) -> pl.DataFrame:
    return _row(sunk, "renter", "sink", "shared_sink", "sink", _by_degree("degree", 82, 80), _FIRST)


def declared(labels: pl.DataFrame, leases: pl.DataFrame, transfers: pl.DataFrame) -> pl.DataFrame:
    """Wallets the user labelled with one owner, as a star to the lowest address, on the first chain each is seen."""
    owned = labels.filter(pl.col("kind") == OWNER).select(pl.col("address").alias("y"), "label").unique()
    if owned.is_empty():
        return empty(_FOUND)
    seen = pl.concat(
        [
            *(leases.select("chain_id", pl.col(role).alias("y")) for role in ("renter", "payer", "provider")),
            *(transfers.select("chain_id", pl.col(role).alias("y")) for role in ("sender", "recipient")),
        ]
    )
    chains = seen.group_by("y").agg(pl.col("chain_id").min())
    star = owned.with_columns(pl.col("y").sort().first().over("label").alias("x")).join(chains, on="y", how="inner")
    blank = star.with_columns(pl.lit(None, dtype=pl.Binary()).alias("tx"), pl.lit(None, dtype=pl.Int64()).alias("at"))
    return _row(blank, "x", "y", "owner_label", "declared", pl.lit(ALONE_TENTHS), _NEITHER)


def same_fees(fees: pl.DataFrame, rarity: pl.DataFrame, kin: pl.DataFrame, paid: pl.DataFrame) -> pl.DataFrame:
    """Wallets that set the same for fees, again and again (`monitor.wallets.fees.alike`)."""
    if fees.is_empty():
        return empty(_FOUND)
    found = alike(fees, rarity, kin, paid)
    return pl.concat(
        _row(found.filter(pl.col("heuristic") == name), "x", "y", name, "fee", pl.col("tenths"), _NEITHER)
        for name in ("same_fee", "siblings_fee")
    )


def sole_owners(owned: pl.DataFrame, transfers: pl.DataFrame) -> pl.DataFrame:
    """Safes and the one owner whose signature is enough (`monitor.wallets.owners`)."""
    if owned.is_empty():
        return empty(_FOUND)
    acts = (True, pl.col("willed"))
    return _row(controlled(owned, transfers), "safe", "owner", "sole_owner", "authority", pl.col("tenths"), acts)


def _trade(leases: pl.DataFrame) -> pl.DataFrame:
    """Who leased from whom, both ways: chain_id, x, y."""
    sides = [
        leases.select("chain_id", pl.col(one).alias("x"), pl.col(other).alias("y"))
        for one, other in (("renter", "provider"), ("provider", "renter"), ("payer", "provider"), ("provider", "payer"))
    ]
    return pl.concat(sides).drop_nulls()
