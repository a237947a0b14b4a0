"""T30: shared infrastructure behind separate providers."""

from __future__ import annotations

import polars as pl

from monitor.rules.facts import POSITION, Facts, milli_of
from monitor.rules.measure import DAY, MAX_POSITIONS
from monitor.rules.report import at_providers, quiet_chains, report, telling
from monitor.rules.rule import Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

_OWNER = ["chain_id", "provider"]
_SHARED = ["chain_id", "kind", "key"]
_STRONG = ("endpoint", "hardware", "reward sink")


def check(facts: Facts, params: Params) -> Outcome:
    """Pair providers by what they share: endpoint, hardware and reward sink are strong, gas funder and start weak."""
    large = facts.of_supply(_large, params["min_h100e"] * 1000)
    said = [facts.of_supply(links) for links in (_endpoints, _hardware, _starts)]
    shared = pl.concat([*said, _sinks(facts, large), _funders(facts, large)]).join(large, on=_OWNER, how="semi")
    ordered = shared.sort(*_SHARED, "provider", "at", "position")
    few = ordered.unique([*_SHARED, "provider"], keep="first", maintain_order=True).filter(
        pl.len().over(_SHARED).is_between(2, params["max_owners"])
    )
    blind = (*quiet_chains(facts, "T30"), *_no_endpoints(facts))
    if few.is_empty():
        return Outcome((), blind)
    each = (
        _tied(few)
        .group_by(_OWNER)
        .agg(
            pl.col("provider_other").n_unique().alias("others"),
            pl.col("kinds").explode().unique().sort().alias("shared"),
            pl.col("positions").explode().unique().sort().head(MAX_POSITIONS),
            pl.col("at").max(),
        )
    )
    rows = (
        at_providers(facts, each)
        .sort("cluster_id", *_OWNER)
        .with_columns(
            pl.col("chain_id").cast(pl.String()).alias("scope"), pl.lit([], dtype=pl.List(pl.String())).alias("leases")
        )
        .rename({"provider": "subject"})
        .drop("chain_id")
    )
    found = report(
        RULE,
        rows,
        summary="a provider shares {shared} with {others} other providers",
        threshold=(
            "two of endpoint, hardware and reward sink, or one of them with gas funder and start in common; what more"
            f" than {params['max_owners']} owners share says nothing"
        ),
    )
    return Outcome(found, blind)


def _tied(few: pl.DataFrame) -> pl.DataFrame:
    """Pair providers that share enough: two strong kinds, or one and two weak ones."""
    pairs = few.join(few, on=_SHARED, how="inner", suffix="_other").filter(
        pl.col("provider") != pl.col("provider_other")
    )
    strong = pl.col("kind").is_in(_STRONG)
    return (
        pairs.group_by(*_OWNER, "provider_other")
        .agg(
            pl.col("kind").filter(strong).n_unique().alias("strong"),
            pl.col("kind").filter(~strong).n_unique().alias("weak"),
            pl.col("kind").unique().sort().alias("kinds"),
            pl.concat([pl.col("position"), pl.col("position_other")]).unique().sort().alias("positions"),
            pl.max_horizontal("at", "at_other").max().alias("at"),
        )
        .filter((pl.col("strong") >= 2) | ((pl.col("strong") == 1) & (pl.col("weak") >= 2)))  # noqa: PLR2004
    )


def _link(frame: pl.DataFrame, kind: str, key: pl.Expr) -> pl.DataFrame:
    return frame.select(*_OWNER, pl.lit(kind).alias("kind"), key.cast(pl.String()).alias("key"), "at", "position")


def _large(_: pl.DataFrame, capacity: pl.DataFrame, least: int) -> pl.DataFrame:
    """List the providers that offer so many thousandths of H100e: chain_id, provider."""
    sized = capacity.filter(pl.col("provider").is_not_null()).group_by(_OWNER).agg(milli_of("h100e").sum())
    return sized.filter(pl.col("h100e") >= least).select(_OWNER)


def _told(supply: pl.DataFrame, _: pl.DataFrame) -> pl.DataFrame:
    named = supply.filter((pl.col("verb") == "provider.upsert") & pl.col("provider").is_not_null())
    return named.with_columns(pl.struct(POSITION).alias("position")).sort("at", "block", "log_index")


def _endpoints(supply: pl.DataFrame, capacity: pl.DataFrame) -> pl.DataFrame:
    text = pl.col("endpoint").str.to_lowercase().str.strip_prefix("0x")
    return _link(_told(supply, capacity).filter(telling(text).fill_null(False)), "endpoint", text)


def _hardware(supply: pl.DataFrame, _: pl.DataFrame) -> pl.DataFrame:
    """Link hardware that one provider attests after another; at the same time is T15's question."""
    told = supply.filter((pl.col("verb") == "attest") & pl.col("provider").is_not_null())
    text = pl.col("hardware_id").str.to_lowercase().str.strip_prefix("0x")
    named = told.with_columns(text.alias("hardware_id")).filter(telling(pl.col("hardware_id")).fill_null(False))
    # most hardware has one owner for good: it is left out before rows are put in order
    key = ["chain_id", "hardware_id"]
    owners = named.select(*key, "provider").unique().group_by(key).len()
    shared = named.join(owners.filter(pl.col("len") > 1), on=key, how="semi")
    placed = shared.with_columns(pl.struct(POSITION).alias("position")).sort("at", "block", "log_index")
    return _link(placed, "hardware", pl.col("hardware_id"))


def _starts(supply: pl.DataFrame, capacity: pl.DataFrame) -> pl.DataFrame:
    """Pair providers that registered on one day."""
    first = _told(supply, capacity).unique(_OWNER, keep="first", maintain_order=True)
    return _link(first, "start", pl.col("at") // DAY)


def _sinks(facts: Facts, owners: pl.DataFrame) -> pl.DataFrame:
    """Wallets that rewards go to: as registered, or as providers send them on; hubs and tenants are none."""
    sink = facts.strangers.rename({"address": "sink"})
    paid = (
        facts.moved(owners.rename({"provider": "sender"}), "sender")
        .rename({"sender": "provider", "recipient": "sink"})
        .join(facts.renters, left_on="sink", right_on="renter", how="anti")
        .select(*_OWNER, "sink", "at", "position")
    )
    named = facts.of_supply(_told).rename({"beneficiary": "sink"})
    said = named.filter(pl.col("sink").is_not_null()).select(paid.columns)
    both = pl.concat([said, paid]).filter(pl.col("sink") != pl.col("provider")).join(sink, on="sink", how="anti")
    return _link(both.sort("at", "sink"), "reward sink", pl.col("sink").bin.encode("hex"))


def _funders(facts: Facts, owners: pl.DataFrame) -> pl.DataFrame:
    """Name who first funded providers, themselves or over wallets used once."""
    begun = facts.origins.rename({"address": "provider"}).join(owners, on=_OWNER, how="semi")
    first = begun.with_columns(pl.col("positions").list.first().alias("position"))
    return _link(first, "gas funder", pl.col("origin").bin.encode("hex"))


def _no_endpoints(facts: Facts) -> tuple[str, ...]:
    return tuple(
        f"T30: partly assessable: {market} on chain {chain_id}: market emits no provider endpoint"
        for market, chain_id in sorted(facts.suppliers.iter_rows())
        if "provider.upsert.endpoint" not in facts.emits.get(market, frozenset())
    )


RULE = Rule(
    id="T30",
    version=2,
    title="Shared infrastructure behind separate providers",
    family="relation",
    role="core",
    max_points=15,
    pattern="Providers that appear separate share an endpoint, hardware, a reward wallet, or their beginnings.",
    parameters=(
        Parameter("max_owners", 10, "owners", "what more of them share is a service or a default", 2, 10_000),
        Parameter("min_h100e", 8, "H100e", "each provider offers", 0, 10**7),
    ),
    lawful=("colocation and hosting resellers", "management software that many providers use"),
    guidance="press report on shell companies; BIS May 2025 (address and site flags), through secondary sources",
    blind_spots=(
        "network ranges and certificates are seen only where a market emits them",
        "a provider's transfers are seen only where the other side is watched",
    ),
    inputs=(
        "provider registrations with endpoint and reward wallet",
        "attested hardware identifiers",
        "transfers of providers and their first funders",
    ),
    check=check,
)
