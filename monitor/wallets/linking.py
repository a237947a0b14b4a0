"""Links kept up to date: news of transfers, leases and labels in, the links of the wallets they concern anew.

Everything between transfers and links is a table held by wallet (`monitor.wallets.held`): degrees, hubs, first
fundings, sinks, what renters lease. News names wallets; their rows in the next table are computed again from the rows
they follow from, by the functions that `monitor.wallets.links.links` uses for everything; only where that changed
something does the next table hear of it. So a shared thing that crosses a step of its degree dirties the pairs that
share it, and no others. The result is what `links` gives, whatever the road (`tests/laws/test_linking.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import polars as pl

from monitor.model.schema import LEASES, LINKS, TRANSFERS, empty
from monitor.wallets.bridges import BRIDGE, CROSSINGS, MATCHES, bridge_matches, crossings
from monitor.wallets.evidence import LARGE, MEDIUM, SMALL
from monitor.wallets.fees import FEES, NO_FEES, used
from monitor.wallets.funding import FUNDINGS, first_fundings, with_degrees
from monitor.wallets.held import Delta, Held, Numbers, distinct
from monitor.wallets.hubs import DEGREES, HUBS, degrees, hubs_among
from monitor.wallets.labels import LABELS, OWNER
from monitor.wallets.links import PAYMENTS, SUNK, declared, judged, same_fees, sinks, without
from monitor.wallets.rarity import Counts
from monitor.wallets.siblings import TRAITS, siblings, traits

__all__ = ["LEASED", "PERSONS", "Links", "News"]

LEASED = {
    name: LEASES[name]
    for name in (
        *("market", "chain_id", "lease_id", "renter", "payer", "provider", "machine_id", "gpu_model", "gpu_count"),
        *("opened_at", "open_block", "open_tx", "open_log_index"),
    )
}
"""What links are told of a lease."""
PERSONS: dict[str, pl.DataType] = {"chain_id": pl.Int64(), "address": pl.Binary()}
"""Wallets whose first funding is asked for."""


_NOBODY = pl.Series("address", [], dtype=pl.Binary())


class News(NamedTuple):
    """What changed: rows that went and came.

    TRANSFERS, LEASED, PAYMENTS (`monitor.wallets.links`), PERSONS, LABELS, FEES (`monitor.wallets.fees`).
    """

    transfers: Delta
    leases: Delta
    payments: Delta
    persons: Delta
    labels: Delta
    fees: Delta = Delta(NO_FEES, NO_FEES)


class Links:
    """Links under a stream of news; `contracts` and `hub_degree` as in `monitor.wallets.hubs.hubs`, for good."""

    def __init__(self, contracts: Collection[bytes], hub_degree: int) -> None:
        self._contracts = frozenset(contracts)
        self._hub_degree = hub_degree
        numbers = Numbers()
        self._transfers = Held(TRANSFERS, numbers, "sender", "recipient")
        self._leases = Held(LEASED, numbers, "renter", "payer", "provider")
        self._payments = Held(PAYMENTS, numbers, "payer", "renter")
        self._persons = Held(PERSONS, numbers, "address")
        self._labels = Held(LABELS, numbers, "address")
        self._fees = Held(FEES, numbers, "address")
        self._degrees = Held(DEGREES, numbers, "address")
        self._hubs = Held(HUBS, numbers, "address")
        self._fundings = Held(FUNDINGS, numbers, "address", "funder")
        self._sunk = Held(SUNK, numbers, "renter", "sink")
        self._crossings = Held(CROSSINGS, numbers, "wallet")
        self._matches = Held(MATCHES, numbers, "giver", "taker")
        self._traits = Held(TRAITS, numbers, "address", "value")
        self._links = Held(LINKS, numbers, "a", "b")
        self.moved_wallets = _NOBODY
        """Wallets with a transfer that the last update took away or brought."""
        self._counts = Counts()
        known = hubs_among(empty(DEGREES), empty(LABELS), self._contracts, hub_degree)
        self._hubs.change(Delta(known.clear(), known))

    @property
    def links(self) -> pl.DataFrame:
        """All links, as `monitor.wallets.links.links` gives them."""
        return self._links.frame().sort("chain_id", "a", "b", "heuristic")

    @property
    def funders(self) -> pl.DataFrame:
        """All first funders, as `monitor.wallets.funding.first_funders` gives them."""
        return with_degrees(self._fundings.frame(), self._degrees.frame())

    @property
    def hubs(self) -> pl.DataFrame:
        """All hubs, as `monitor.wallets.hubs.hubs` gives them."""
        return self._hubs.frame().sort("address")

    def of(self, wallets: pl.Series) -> pl.DataFrame:
        """Give the links that end at one of the wallets, in any order."""
        return self._links.near(wallets, "a", "b")

    def moved(self, wallets: pl.Series, side: str) -> pl.DataFrame:
        """Give the transfers whose sender or recipient is one of the wallets, in any order."""
        return self._transfers.near(wallets, side)

    def become(
        self, transfers: pl.DataFrame, leases: pl.DataFrame, payments: pl.DataFrame, persons: pl.DataFrame,
        labels: pl.DataFrame, fees: pl.DataFrame = NO_FEES,
    ) -> pl.Series:  # fmt: skip
        """Take these frames as all there is; as `update`."""
        return self.update(
            News(
                self._transfers.difference(transfers.select(TRANSFERS.keys()), "block_number"),
                self._leases.difference(leases.select(LEASED.keys())),
                self._payments.difference(payments.select(PAYMENTS.keys())),
                self._persons.difference(persons.select(PERSONS.keys()).unique()),
                self._labels.difference(labels.select(LABELS.keys())),
                self._fees.difference(fees.select(FEES.keys())),
            )
        )

    def update(self, news: News) -> pl.Series:
        """Take in what changed; returns the wallets whose links were looked at again, each once."""
        tables = (self._transfers, self._leases, self._payments, self._persons, self._labels, self._fees)
        for table, delta in zip(tables, news, strict=True):
            table.change(delta)
        moved = distinct([news.transfers.values("sender", "recipient")])
        self.moved_wallets = moved
        spread = self._count(moved)
        hubs = self._name_hubs(distinct([spread.values("address"), news.labels.values("address")]))
        funded = self._fund(distinct([moved, news.persons.values("address")]))
        stepped = _stepped(spread)
        sunk = self._sink(news, distinct([stepped, hubs, funded.values("address", "funder")]))
        told = distinct([news.leases.values("renter"), news.fees.values("address")])
        begun = distinct([
            stepped, hubs, told, self._have(told), funded.values("address", "funder"), sunk.values("renter", "sink"),
            news.leases.values("renter", "payer"), news.payments.values("payer", "renter"), self._returned(news),
            self._declared_anew(news, moved), self._cross(news, moved).values("giver", "taker"),
        ])  # fmt: skip
        funders = self._fundings.near(begun, "address", only=["funder"]).get_column("funder")
        wallets = distinct([begun, funders])
        self._links.swap(wallets, self._judge(wallets), "a", "b")
        return wallets

    def _count(self, wallets: pl.Series) -> Delta:
        told = ["chain_id", "sender", "recipient", "amount"]
        near = self._transfers.near(wallets, "sender", "recipient", only=told)
        counted = _among(degrees(near), wallets, "address")
        return self._degrees.replace(wallets, counted, "address")

    def _name_hubs(self, wallets: pl.Series) -> pl.Series:
        """Name hubs among the wallets; returns those that became one or no longer are one."""
        ours = self._contracts & set(wallets)
        labels = self._labels.near(wallets, "address")
        named = hubs_among(self._degrees.near(wallets, "address"), labels, ours, self._hub_degree)
        gone, fresh = self._hubs.replace(wallets, _among(named, wallets, "address"), "address")
        both = (gone.join(fresh, on="address", how="anti"), fresh.join(gone, on="address", how="anti"))
        return distinct(frame.get_column("address") for frame in both)

    def _fund(self, wallets: pl.Series) -> Delta:
        persons = self._persons.near(wallets, "address")
        near = self._transfers.near(persons.get_column("address"), "sender", "recipient")
        return self._fundings.replace(wallets, first_fundings(near, persons, self._contracts), "address")

    def _sink(self, news: News, wallets: pl.Series) -> Delta:
        """Look again at sinks: wallets that got something, whose senders became tenants, and those given."""
        renters = distinct([news.leases.values("renter")])
        sent_to = self._transfers.near(renters, "sender", only=["recipient"]).get_column("recipient")
        lessors = news.leases.values("provider")
        looked = distinct([wallets, sent_to, news.transfers.values("recipient"), lessors])
        quiet = self._degrees.near(looked, "address").filter(pl.col("degree") <= LARGE)
        few = distinct([quiet.get_column("address")])
        moved = self._transfers.near(few, "recipient")
        ends = distinct([few, moved.get_column("sender")])
        roles = ["chain_id", "renter", "provider"]
        leases = [self._leases.near(ends, "renter", only=roles), self._leases.near(few, "provider", only=roles)]
        found = sinks(
            moved, quiet, self._fundings.near(ends, "address"), pl.concat(leases), self._hubs.near(few, "address")
        )
        return self._sunk.replace(looked, found, "sink")

    def _cross(self, news: News, moved: pl.Series) -> Delta:
        """Look again at what wallets put into bridges and got out; any of it may make or break a match of others."""
        labels = self._labels.frame()
        told = news.labels.rows.filter(pl.col("kind") == BRIDGE).get_column("address")
        bridges = distinct([labels.filter(pl.col("kind") == BRIDGE).get_column("address"), told])
        passed = pl.concat([
            _ending(news.transfers.rows, bridges, "sender", "recipient"),
            self._transfers.near(told, "sender", "recipient"),
        ])  # fmt: skip
        before = self._crossings.near(moved, "wallet").get_column("wallet")
        wallets = distinct([before, passed.get_column("sender"), passed.get_column("recipient")])
        found = crossings(self._transfers.near(wallets, "sender", "recipient"), labels)
        delta = self._crossings.replace(wallets, _among(found, wallets, "wallet"), "wallet")
        if delta.rows.is_empty():
            return Delta(empty(MATCHES), empty(MATCHES))
        matches = self._matches.difference(bridge_matches(self._crossings.frame()))
        self._matches.change(matches)
        return matches

    def _have(self, wallets: pl.Series) -> pl.Series:
        """Look again at what the wallets lease and set for fees; returns all who have what became rarer or commoner."""
        found = pl.concat([traits(self._leases.near(wallets, "renter")), used(self._fees.near(wallets, "address"))])
        delta = self._traits.replace(wallets, found, "address")
        return self._traits.near(self._counts.take(delta), "value", only=["address"]).get_column("address")

    def _returned(self, news: News) -> pl.Series:
        """List wallets that sent something to their first funder or payer, or no longer did."""
        pair = ["chain_id", "sender", "recipient"]
        moved = news.transfers.rows.select(pair).unique()
        given = self._fundings.near(moved.get_column("sender"), "address").rename(
            {"address": "sender", "funder": "recipient"}
        )
        paid = self._payments.near(moved.get_column("sender"), "renter").rename(
            {"renter": "sender", "payer": "recipient"}
        )
        return pl.concat([moved.join(each, on=pair, how="semi").get_column("sender") for each in (given, paid)])

    def _owned(self) -> pl.DataFrame:
        return self._labels.frame().filter(pl.col("kind") == OWNER)

    def _declared_anew(self, news: News, moved: pl.Series) -> pl.Series:
        """List all wallets of labelled owners when one of them was told of, else none."""
        owned = pl.concat([self._owned(), news.labels.gone.filter(pl.col("kind") == OWNER)]).get_column("address")
        told = distinct([news.labels.values("address"), moved, news.leases.values("renter", "payer", "provider")])
        return owned if owned.is_in(told.implode()).any() else owned.clear()

    def _judge(self, wallets: pl.Series) -> pl.DataFrame:
        """Find the links that end at one of the wallets."""
        beside = self._fundings.near(wallets, "address", "funder").get_column("funder")
        quiet = self._degrees.near(beside, "address").filter(pl.col("out_degree") <= LARGE)
        known = with_degrees(self._fundings.near(quiet.get_column("address"), "funder"), quiet)
        kin = distinct([known.get_column("address")])
        payers = pl.concat([self._payments.near(wallets, "payer", "renter"), self._payments.near(kin, "renter")])
        paid = self._payments.near(payers.get_column("payer"), "payer")
        sunk = pl.concat([self._sunk.near(wallets, "renter", "sink"), self._sunk.near(kin, "renter")]).unique()
        crossed = self._matches.near(wallets, "giver", "taker")
        ends = distinct(
            frame.get_column(column)
            for frame, columns in (
                (known, ("address", "funder")), (paid, ("payer", "renter")), (sunk, ("renter", "sink")),
                (crossed, ("giver", "taker")), (wallets.to_frame("address"), ("address",)),
            )
            for column in columns
        )  # fmt: skip
        hubs = self._hubs.near(ends, "address")
        leases = self._leases.near(ends, "renter", "payer")
        weight = self._counts.rarity(self._traits.near(ends, "address"))
        family = siblings(without(known, hubs, "funder", "address"), leases, weight)
        named = pl.concat([
            self._declare(wallets), same_fees(self._fees.near(ends, "address"), weight, family, paid),
        ])  # fmt: skip
        back = pl.concat([
            known.select(pl.col("address").alias("x"), pl.col("funder").alias("y")),
            paid.select(pl.col("renter").alias("x"), pl.col("payer").alias("y")),
        ])  # fmt: skip
        senders = _ending(back, wallets, "x", "y").get_column("x")
        found = judged(family, paid, sunk, crossed, self._transfers.near(senders, "sender"), leases, hubs, named)
        return _ending(found, wallets, "a", "b")

    def _declare(self, wallets: pl.Series) -> pl.DataFrame:
        owned = self._owned()
        if _among(owned, wallets, "address").is_empty():
            owned = owned.clear()
        whose = owned.get_column("address")
        seen = (
            self._leases.near(whose, "renter", "payer", "provider"),
            self._transfers.near(whose, "sender", "recipient"),
        )
        return declared(owned, *seen)


def _among(frame: pl.DataFrame, wallets: pl.Series, column: str) -> pl.DataFrame:
    return frame.join(wallets.alias(column).to_frame(), on=column, how="semi")


def _ending(frame: pl.DataFrame, wallets: pl.Series, one: str, other: str) -> pl.DataFrame:
    """Keep the rows with one of the wallets at either end."""
    rows = frame.with_row_index("_row")
    near = pl.concat([_among(rows, wallets, column).get_column("_row") for column in (one, other)]).unique()
    return frame[near.sort()]


def _stepped(spread: Delta) -> pl.Series:
    """List the wallets whose degree passed a step at which a shared wallet weighs something else."""
    step = pl.sum_horizontal
    steps = [
        step(*(pl.col(name) > limit for limit in (SMALL, MEDIUM, LARGE))).alias(name)
        for name in ("degree", "out_degree")
    ]
    before, after = (frame.select("chain_id", "address", *steps) for frame in spread)
    moved = [
        one.join(other, on=one.columns, how="anti").get_column("address")
        for one, other in ((before, after), (after, before))
    ]
    return distinct(moved)
