"""Proxies, beacons and diamonds: logs that say a contract's code was changed, and what may follow from it.

ERC-1967 and EIP-2535 name the events. They are read from every watched contract, whatever its adapter declares: of a
layout that nobody has looked at one must know. A beacon that a watched proxy names is watched for its own `Upgraded`.
Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import polars as pl

from monitor.markets.load import Market, Rule
from monitor.markets.standards import BEACON, BEACON_UPGRADED, EPOCHS
from monitor.model.schema import UPGRADES

__all__ = ["complete", "remarked", "upgrades"]

_UNCHANGED = "AdminChanged"
"""Says who may change the code, and changes none."""
_DAY = 86_400
_PER_BEACON = 16
"""Upgrades of one beacon that are told of its proxies, the newest: a stranger's may claim as many as it likes."""
_LOG_BITS, _BLOCK_BITS = 24, 38
_PLACE = ("block_number", "log_index")
_CONTRACT = ["chain_id", "contract"]


def complete(market: Market) -> Market:
    """Add the rules that need not be written: each role may emit the standard events that it does not declare."""
    declared = {(role, decl.topic0) for rule in market.rules for role in rule.roles for decl in rule.decls}
    more: list[Rule] = []
    for decl, key in EPOCHS.items():
        roles = tuple(role for role in (*market.roles(), BEACON) if (role, decl.topic0) not in declared)
        child = BEACON if decl == BEACON_UPGRADED else None
        place = len(market.rules) + len(more)
        if roles:
            more.append(Rule(place, roles, (decl,), "abi.epoch", (key,), (), (), None, None, None, child))
    return market._replace(rules=(*market.rules, *more))


def upgrades(events: pl.DataFrame, quarantine: pl.DataFrame, markets: Mapping[str, Market]) -> pl.DataFrame:
    """List the epochs of contracts (UPGRADES), in chain order; a beacon's stand under each proxy that names it.

    `changed` = the code became another: not where only the admin did, nor where a contract that no event with a meaning
    came from before, and that the adapter's last verification has seen, got its first code. `unseen` = later than the
    day the adapter was last verified.
    """
    marks = events.filter(pl.col("verb") == "abi.epoch")
    if marks.is_empty():
        return pl.DataFrame(schema=UPGRADES)
    own = marks.select(*_CONTRACT, *_PLACE, "block_time", "tx_hash", "market", "role", "event", detail="lease_id")
    found = pl.concat([own, _by_beacon(own).select(own.columns)]).sort("role")
    found = found.unique([*_CONTRACT, "market", *_PLACE], keep="first", maintain_order=True)
    place = _place()
    firsts = (
        pl.concat([frame.select(*_CONTRACT, first=place) for frame in (events, quarantine)])
        .join(found, on=_CONTRACT, how="semi")
        .group_by(_CONTRACT)
        .agg(pl.col("first").min())
    )
    dates = {name: market.verified for name, market in markets.items()}
    until = {name: _end_of(text) for name, text in dates.items()}
    market = pl.col("market")
    unseen = pl.col("block_time") >= market.replace_strict(until, return_dtype=pl.Int64, default=None)
    return (
        found.join(firsts, on=_CONTRACT, how="left")
        .with_columns(
            market.replace_strict(dates, return_dtype=pl.String, default="").alias("verified"),
            unseen.fill_null(value=False).alias("unseen"),
        )
        .with_columns(
            ((pl.col("event") != _UNCHANGED) & ((place > pl.col("first")) | pl.col("unseen"))).alias("changed")
        )
        .sort("chain_id", *_PLACE, "market", "contract")
        .select(pl.col(name).cast(dtype) for name, dtype in UPGRADES.items())
    )


def remarked(quarantine: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Add to the reason of a log that its contract was upgraded before it; the newest upgrade counts."""
    changed = found.filter("changed")
    if changed.is_empty() or quarantine.is_empty():
        return quarantine
    said = pl.format(
        "; the contract was upgraded in block {} (tx 0x{}, log {}){}; its layout may have changed",
        "block_number",
        pl.col("tx_hash").bin.encode("hex"),
        "log_index",
        pl.when("unseen")
        .then(pl.format(", after this adapter was last verified on {}", "verified"))
        .otherwise(pl.lit("")),
    )
    mine = [*_CONTRACT, "market"]
    notes = changed.select(*mine, _place().alias("at"), said.alias("said")).sort("at")
    rows = quarantine.with_row_index("order").with_columns(_place().alias("at")).sort("at")
    near = rows.join_asof(
        notes, on="at", by=mine, strategy="backward", allow_exact_matches=False, check_sortedness=False
    )
    reason = pl.concat_str("reason", pl.col("said").fill_null(""))
    return near.sort("order").with_columns(reason.alias("reason")).select(quarantine.columns)


def _place() -> pl.Expr:
    """Give each place of a chain a number: block, then log."""
    block, log = (
        pl.col(name).clip(0, 2**bits - 1) for name, bits in zip(_PLACE, (_BLOCK_BITS, _LOG_BITS), strict=True)
    )
    number: pl.Expr = block * 2**_LOG_BITS + log
    return number


def _by_beacon(marks: pl.DataFrame) -> pl.DataFrame:
    """Give what beacons announced last to each proxy that names one, from then on."""
    spoken = marks.filter(pl.col("role") == BEACON).sort(_place())
    spoken = spoken.group_by(*_CONTRACT, "market", maintain_order=True).tail(_PER_BEACON)
    links = marks.filter(pl.col("event") == BEACON_UPGRADED.name).with_columns(_address("detail").alias("via"))
    pairs = links.group_by(
        "chain_id", "market", "via", pl.col("contract").alias("proxy"), pl.col("role").alias("as")
    ).agg(_place().min().alias("since"))
    return (
        spoken.rename({"contract": "via"})
        .join(pairs, on=["chain_id", "market", "via"], how="inner")
        .filter(_place() > pl.col("since"))
        .drop("role")
        .rename({"proxy": "contract", "as": "role"})
    )


def _address(name: str) -> pl.Expr:
    return pl.col(name).str.slice(2).str.decode("hex", strict=False)


def _end_of(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) + _DAY
