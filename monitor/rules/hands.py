"""Wallets that one hand started: a common first source that is no hub, also through wallets used once.

A cluster says that wallets have one owner; a hand says less, that one wallet paid for their beginning; that wallet is
of the hand too. Rules that ask what several wallets do together look at both, and what a hand did is told of every
cluster that took part.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from monitor.wallets.funding import first_fundings

__all__ = [
    "FOUNDED",
    "GROUPED",
    "HAND",
    "ORIGIN",
    "Behind",
    "founders",
    "groups",
    "hands",
    "named",
    "origins",
    "started",
]

HAND = "hand-"
"""What the name of a hand begins with."""

_ONCE = 2
"""Distinct wallets a go-between ever sent value to, at most."""
_BETWEEN = 3
"""Go-betweens in a row that are looked through; how far transfers were read may end it sooner."""
_MAX_DEGREE = 200
_SIDES = ("sender", "recipient")
_WALLET = ["chain_id", "origin"]
FOUNDED = ["chain_id", "address", "block_number", "kind"]
ORIGIN = ["chain_id", "address", "origin"]
GROUPED = ["group", "address"]
"""What founders, origins, and hands and groups are sorted by."""

Dealt = Callable[[pl.DataFrame, str], pl.DataFrame]


class Behind:
    """Who first funded go-betweens, asked once of each; hubs are the same for as long as it is kept."""

    def __init__(self, asked: pl.DataFrame, found: pl.DataFrame | None = None) -> None:
        self._asked = asked
        self._found = found

    @classmethod
    def nothing(cls) -> Behind:
        """Begin without any."""
        return cls(pl.DataFrame(schema={"chain_id": pl.Int64(), "origin": pl.Binary()}))

    def of(self, between: pl.DataFrame, dealt: Dealt, hubs: pl.DataFrame) -> pl.DataFrame:
        """Give chain_id, origin (of `between`), further, further_degree and step."""
        fresh = between.join(self._asked, on=_WALLET, how="anti")
        if self._found is None or fresh.height:
            parts = [] if self._found is None else [self._found]
            self._found = pl.concat([*parts, _sources(fresh, dealt, hubs)], rechunk=True)
            self._asked = pl.concat([self._asked, fresh], rechunk=True)
        return self._found.join(between, on=_WALLET, how="semi")

    def through(self, wallets: pl.Series) -> pl.Series:
        """List the wallets, each once, and the go-betweens behind which one of them stands."""
        reached, found = wallets.alias("origin").unique(), self._found
        if found is None:
            return reached
        for _ in range(_BETWEEN):
            further = found.filter(pl.col("further").is_in(reached.implode())).get_column("origin")
            reached = pl.concat([reached, further]).unique()
        return reached

    def but(self, moved: pl.Series) -> Behind:
        """Forget what may be otherwise since a transfer of some wallets went or came; itself where that is nothing."""
        if self._found is None:
            return self
        told = moved.implode()
        stale = self._found.filter(pl.col("further").is_in(told)).select(_WALLET)
        asked = self._asked.filter(~pl.col("origin").is_in(told)).join(stale, on=_WALLET, how="anti")
        if asked.height == self._asked.height:
            return self
        return Behind(asked, self._found.join(asked, on=_WALLET, how="semi"))


def founders(strangers: pl.DataFrame, *fundings: pl.DataFrame) -> pl.DataFrame:
    """Pick from FUNDERS the first funders that are no `strangers` (column address), in order."""
    hub = pl.col("funder").is_in(strangers.get_column("address").implode())
    # most are hubs, and left out before rows are compared
    own = ~hub & (pl.col("funder") != pl.col("address"))
    return pl.concat([each.filter(own) for each in fundings]).unique().sort(FOUNDED)


def origins(founders: pl.DataFrame, people: pl.Series, sources: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """Follow first funders that are no hubs back through wallets used once.

    Columns chain_id, address, origin, at, out_degree (of the origin), hops (1 to 4), positions (structs, one per hop).
    `people` are wallets with leases or offers of their own, which are no go-betweens; `sources` says who is behind
    these (`Behind.of`).
    """
    reached = founders.select(
        *("chain_id", "address", pl.col("funder").alias("origin"), "at", "out_degree"),
        pl.lit(1).alias("hops"),
        pl.concat_list(_spot()).alias("positions"),
    )
    ends = []
    for _ in range(_BETWEEN):
        between = reached.filter(pl.col("out_degree") <= _ONCE).select(_WALLET)
        busy = people.filter(people.is_in(between.get_column("origin").implode()))
        wanted = between.unique().filter(~pl.col("origin").is_in(busy.implode()))
        behind = sources(wanted)
        if behind.is_empty():
            break
        # nearly all end at once
        ends.append(reached.join(behind, on=_WALLET, how="anti"))
        gone = pl.col("further").is_not_null() & (pl.col("further") != pl.col("address"))
        reached = reached.join(behind, on=_WALLET, how="inner").select(
            *("chain_id", "address", pl.when(gone).then("further").otherwise("origin").alias("origin"), "at"),
            pl.when(gone).then("further_degree").otherwise("out_degree").alias("out_degree"),
            (pl.col("hops") + gone.cast(pl.Int32())).alias("hops"),
            pl.when(gone).then(pl.concat_list("step", "positions")).otherwise("positions").alias("positions"),
        )
    # the nearer and earlier way to one origin is told
    ordered = pl.concat([*ends, reached]).sort(*ORIGIN, "hops", "at", "positions")
    return ordered.unique(ORIGIN, keep="first", maintain_order=True)


def _sources(wanted: pl.DataFrame, dealt: Dealt, hubs: pl.DataFrame) -> pl.DataFrame:
    """Say who first funded each go-between, hubs left out; as `Behind.of`, for `wanted` chain_id, origin."""
    between = wanted.rename({"origin": "address"})
    contracts = hubs.filter(pl.col("reason") == "contract").get_column("address").to_list()
    # what a go-between got and passed on is all that its first funder is read from
    near = [dealt(between.rename({"address": side}), side) for side in _SIDES]
    moved = pl.concat(near).unique()
    begun = pl.concat([first_fundings(moved, between, contracts, kind) for kind in (None, "erc20")]).unique()
    first = begun.join(hubs.select(pl.col("address").alias("funder")), on="funder", how="anti")
    sent = dealt(first.select("chain_id", pl.col("funder").alias("sender")).unique(), "sender")
    degree = sent.group_by("chain_id", pl.col("sender").alias("further")).agg(
        pl.col("recipient").n_unique().cast(pl.Int64()).alias("further_degree")
    )
    named = first.select(
        *("chain_id", pl.col("address").alias("origin"), pl.col("funder").alias("further"), _spot().alias("step"))
    )
    return named.filter(pl.col("origin") != pl.col("further")).join(degree, on=["chain_id", "further"], how="left")


def _spot() -> pl.Expr:
    return pl.struct("chain_id", pl.col("block_number").alias("block"), pl.col("tx_hash").alias("tx"), "log_index")


def started(origins: pl.DataFrame) -> pl.DataFrame:
    """List who came of whom, where that may be a hand: address, origin.

    The wallet a hand came from is of the hand itself: who funds a front of its own acts beside it.
    """
    begun = origins.filter(pl.col("out_degree").fill_null(0) < _MAX_DEGREE).select("address", "origin")
    return pl.concat([begun, begun.select(pl.col("origin").alias("address"), "origin")]).unique().sort(pl.all())


def hands(begun: pl.DataFrame, clusters: pl.DataFrame) -> pl.DataFrame:
    """List who is of a hand (`started`) that is over several clusters: address, group, in the order of groups."""
    placed = begun.join(clusters, on="address", how="inner")
    wide = placed.filter(pl.col("cluster_id").n_unique().over("origin") > 1)
    return wide.select("address", named("origin").alias("group")).unique().sort(GROUPED)


def named(origin: str) -> pl.Expr:
    """Name the hands of a column of origins."""
    return pl.concat_str(pl.lit(HAND), pl.col(origin).bin.encode("hex"))


def groups(hands: pl.DataFrame, clusters: pl.DataFrame) -> pl.DataFrame:
    """List every wallet's groups, its cluster and the hands it is of: address, group."""
    return pl.concat([clusters.select("address", pl.col("cluster_id").alias("group")), hands]).sort(GROUPED)
