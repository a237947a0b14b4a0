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

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitor.facts.fold import KEY
from monitor.facts.inorder import replaced, runs
from monitor.facts.moving import Moved
from monitor.model.schema import LEASES, LINKS, TRANSFERS, empty
from monitor.wallets.bridges import BRIDGE, CROSSINGS, MATCHES, bridge_matches, crossings
from monitor.wallets.clusters import WALLET
from monitor.wallets.counterparties import Counterparties
from monitor.wallets.evidence import LARGE, MEDIUM, SMALL
from monitor.wallets.fees import FEES, NO_FEES, used
from monitor.wallets.funding import FUNDINGS, first_fundings, with_degrees
from monitor.wallets.held import Changed, Delta, Held
from monitor.wallets.hubs import DEGREES, NAMED, a_side, hubs_among, measured
from monitor.wallets.labels import LABELS, OWNER
from monitor.wallets.links import ORDER, PAYMENTS, SUNK, declared, judged, same_fees, sinks, sole_owners, without
from monitor.wallets.numbers import NOBODY, Ids, Numbers, together
from monitor.wallets.owners import NO_OWNED, OWNED
from monitor.wallets.rarity import Counts
from monitor.wallets.siblings import TRAITS, siblings, traits

__all__ = ["LEASED", "PERSONS", "Links", "News"]

LEASED = {
    name: LEASES[name]
    for name in (
        *("market", "chain_id", "lease_id", "renter", "payer", "beneficiary", "provider"),
        *("machine_id", "gpu_model", "gpu_count", "opened_at", "open_block", "open_tx", "open_log_index"),
    )
}
"""What links are told of a lease."""
PERSONS: dict[str, pl.DataType] = {"chain_id": pl.Int64(), "address": pl.Binary()}
"""Wallets whose first funding is asked for."""
_NUMBER = "_number"
_ENDS = ["chain_id", "a", "b"]
_SENT = ("chain_id", "sender", "recipient", "amount", "tx_hash", "block_time")


class News(NamedTuple):
    """What changed: rows that went and came.

    TRANSFERS, LEASED, PAYMENTS (`monitor.wallets.links`), PERSONS, LABELS, FEES (`monitor.wallets.fees`), OWNED
    (`monitor.wallets.owners`).
    """

    transfers: Delta
    leases: Delta
    payments: Delta
    persons: Delta
    labels: Delta
    fees: Delta = Delta(NO_FEES, NO_FEES)
    owned: Delta = Delta(NO_OWNED, NO_OWNED)


class Links:
    """Links under a stream of news; `contracts` and `hub_degree` as in `monitor.wallets.hubs.hubs`, for good."""

    def __init__(self, contracts: Collection[bytes], hub_degree: int) -> None:
        self._sources = frozenset(contracts)
        self._hub_degree = hub_degree
        self._numbers = numbers = Numbers()
        self._transfers = Held(TRANSFERS, numbers, "sender", "recipient")
        self._leases = Held(LEASED, numbers, "renter", "payer", "beneficiary", "provider")
        self._payments = Held(PAYMENTS, numbers, "payer", "renter")
        self._persons = Held(PERSONS, numbers, "address")
        self._labels = Held(LABELS, numbers, "address")
        self._fees = Held(FEES, numbers, "address")
        self._owned = Held(OWNED, numbers, "safe", "owner")
        self._degrees = Counterparties(numbers)
        self._hubs = Held(NAMED, numbers, "address")
        self._fundings = Held(FUNDINGS, numbers, "address", "funder")
        self._tokens = Held(FUNDINGS, numbers, "address", "funder")
        self._sunk = Held(SUNK, numbers, "renter", "sink")
        self._crossings = Held(CROSSINGS, numbers, "wallet")
        self._matches = Held(MATCHES, numbers, "giver", "taker")
        self._traits = Held(TRAITS, numbers, "address", "value")
        self._links = Held(LINKS, numbers, "a", "b")
        self._ordered = empty(LINKS)
        self._funders = self._token_funders = empty(FUNDINGS | {_NUMBER: pl.UInt32()})
        """Fundings in order of wallets, with the number of each funder: degrees are added when asked."""
        self._told: dict[str, tuple[pl.DataFrame, pl.DataFrame]] = {}
        """What was told of fundings last, and of which rows: the same frame again says that nothing changed."""
        self._behind = NOBODY
        """Wallets that are `a` of links which are not in order yet."""
        self.moved_wallets = numbers.addresses(NOBODY)
        """Wallets with a transfer that the last update took away or brought."""
        self.linked_wallets = self.moved_wallets
        """Wallets at the ends of links that it took away or brought."""
        self.funded_wallets = self.moved_wallets
        """Wallets whose first funding it found otherwise, or whose funder, no hub, it counted otherwise."""
        self._counts = Counts()
        self._labelled = self._bridges = empty(LABELS)
        known = hubs_among(empty(DEGREES), empty(LABELS), self._sources, hub_degree)
        self._contracts = self._hubs.change(Delta(known.clear(), known)).wallets("address")

    @property
    def links(self) -> pl.DataFrame:
        """All links, as `monitor.wallets.links.links` gives them."""
        behind, self._behind = self._behind, NOBODY
        if len(behind):
            rows = self._links.near(a=behind).frame()
            chains = {*rows.get_column("chain_id").unique(), *(name for name, *_ in runs(self._ordered["chain_id"]))}
            begins = pl.DataFrame({"chain_id": sorted(chains)}, {"chain_id": LINKS["chain_id"]}).join(
                self._numbers.addresses(behind).alias("a").to_frame(), how="cross"
            )
            # In one piece, for rows with lists are picked from several a row at a time.
            self._ordered = replaced(self._ordered, begins, rows, ORDER).rechunk()
        return self._ordered

    @property
    def funders(self) -> pl.DataFrame:
        """All first funders, as `monitor.wallets.funding.first_funders` gives them."""
        return self._with_degrees("funders", self._funders)

    @property
    def token_funders(self) -> pl.DataFrame:
        """All first funders in tokens, as `monitor.wallets.funding.token_funders` gives them."""
        return self._with_degrees("token_funders", self._token_funders)

    @property
    def hubs(self) -> pl.DataFrame:
        """All hubs, as `monitor.wallets.hubs.hubs` gives them."""
        return measured(self._hubs.frame(), self._degrees.of(self._hubs.wallets("address")))

    def of(self, wallets: pl.Series, *columns: str) -> pl.DataFrame:
        """Give the links that end at one of the wallets, or these columns, in any order."""
        ends = self._numbers.among(wallets)
        return self._links.near(a=ends, b=ends).frame(*columns)

    def funded(self, wallets: pl.Series) -> pl.DataFrame:
        """Give the first fundings (FUNDINGS) by one of the wallets, in any order."""
        return self._fundings.near(funder=self._numbers.among(wallets)).frame()

    def moved(self, wallets: pl.Series, side: str, *columns: str) -> pl.DataFrame:
        """Give the transfers whose sender or recipient is one of the wallets, or these columns, in any order."""
        return self._transfers.near(**{side: self._numbers.among(wallets)}).frame(*columns)

    def paid(self, wallets: pl.Series, side: str) -> pl.DataFrame:
        """Give the payments for leases of others that have one of the wallets as payer or renter (PAYMENTS)."""
        return self._payments.near(**{side: self._numbers.among(wallets)}).frame()

    def leased(self, wallets: pl.Series, *roles: str) -> pl.DataFrame:
        """Name the leases that have one of the wallets in one of these roles (KEY), in any order."""
        people = self._numbers.among(wallets)
        return self._leases.near(**dict.fromkeys(roles, people)).frame(*KEY)

    def difference(self, transfers: pl.DataFrame) -> Moved:
        """Tell which transfers went and came since the last update, where these are all there is."""
        return Moved(*self._transfers.difference(transfers.select(TRANSFERS.keys()), "block_number"))

    def become(
        self, transfers: pl.DataFrame, leases: pl.DataFrame, payments: pl.DataFrame, persons: pl.DataFrame,
        labels: pl.DataFrame, fees: pl.DataFrame = NO_FEES, moved: Moved | None = None,
        *, owned: pl.DataFrame = NO_OWNED,
    ) -> pl.Series:  # fmt: skip
        """Take these frames as all there is; as `update`. `moved` tells of transfers what would have to be found."""
        if moved is None:
            moved = self.difference(transfers)
        return self.update(
            News(
                Delta(*moved),
                self._leases.difference(leases.select(LEASED.keys())),
                self._payments.difference(payments.select(PAYMENTS.keys())),
                self._persons.difference(persons.select(PERSONS.keys()).unique()),
                self._labels.difference(labels.select(LABELS.keys())),
                self._fees.difference(fees.select(FEES.keys())),
                self._owned.difference(owned.select(OWNED.keys())),
            )
        )

    def update(self, news: News) -> pl.Series:
        """Take in what changed; returns the wallets whose links were looked at again, each once."""
        tables = (
            *(self._transfers, self._leases, self._payments, self._persons, self._labels, self._fees, self._owned),
        )
        changes = (table.change(delta) for table, delta in zip(tables, news, strict=True))
        moved, leased, paid, met, named, priced, ruled = changes
        if not (named.gone.is_empty() and named.fresh.is_empty()):
            labels = self._labels.frame()
            self._labelled, self._bridges = (labels.filter(pl.col("kind") == kind) for kind in (OWNER, BRIDGE))
        touched = moved.wallets("sender", "recipient")
        self.moved_wallets = self._numbers.addresses(touched)
        changed, stepped = self._degrees.take(moved, (SMALL, MEDIUM, LARGE))
        hubs = self._name_hubs(changed, named.wallets("address"))
        funded, tokens = self._fund(together(touched, met.wallets("address")))
        quiet = np.setdiff1d(changed, self._hubs.near(address=changed).wallets("address"))
        theirs = (each.near(funder=quiet).wallets("address") for each in (self._fundings, self._tokens))
        refunded = together(*theirs, *(each.wallets("address") for each in (funded, tokens)))
        self.funded_wallets = self._numbers.addresses(refunded)
        sunk = self._sink(moved, leased, together(stepped, hubs, funded.wallets("address", "funder")))
        told = together(leased.wallets("renter"), priced.wallets("address"))
        begun = together(
            stepped, hubs, told, self._have(told), funded.wallets("address", "funder"), sunk.wallets("renter", "sink"),
            leased.wallets("renter", "payer"), paid.wallets("payer", "renter"),
            self._returned(moved), self._cross(moved, named), ruled.wallets("safe", "owner"),
            self._owned.near(safe=touched, owner=touched).wallets("safe", "owner"),
            self._declared_anew(named, together(touched, leased.wallets("renter", "payer", "provider"))),
        )  # fmt: skip
        wallets = together(begun, self._fundings.near(address=begun).wallets("funder"))
        found = self._judge(wallets)
        stood = self._links.near(a=wallets, b=wallets)
        was, now = (each.unique() for each in (stood.frame(*_ENDS), found.select(_ENDS)))
        differ = pl.concat([was.join(now, on=_ENDS, how="anti"), now.join(was, on=_ENDS, how="anti")])
        self.linked_wallets = pl.concat([differ["a"], differ["b"]]).alias("address")
        self._behind = together(self._behind, stood.wallets("a"), self._numbers.among(now["a"]))
        self._links.swap(found, a=wallets, b=wallets)
        return self._numbers.addresses(wallets)

    def _name_hubs(self, changed: Ids, named: Ids) -> Ids:
        """Name hubs again among wallets of other degrees or labels; returns those that became one or no longer are."""
        many = self._degrees.within(changed, "degree", self._hub_degree)
        busy = together(many, self._degrees.between(changed, a_side(self._hub_degree)))
        wallets = together(np.setxor1d(busy, self._hubs.near(address=changed).wallets("address")), named)
        if not len(wallets):
            return NOBODY
        labels = self._labels.near(address=wallets).frame()
        ours = self._numbers.addresses(np.intersect1d(self._contracts, wallets))
        found = hubs_among(self._degrees.of(wallets), labels, ours.to_list(), self._hub_degree)
        renamed = self._hubs.replace(self._among(found, wallets), address=wallets)
        went, came = (self._numbers.among(frame.get_column("address")) for frame in (renamed.gone, renamed.fresh))
        return np.setxor1d(went, came)

    def _fund(self, wallets: Ids) -> tuple[Changed, Changed]:
        """Look again for first fundings, in any value and in tokens; returns how both changed."""
        near = self._persons.near(address=wallets)
        persons = near.wallets("address")
        moved = self._transfers.near(sender=persons, recipient=persons).frame()
        tokens, fundings = (first_fundings(moved, near.frame(), self._sources, kind) for kind in ("erc20", None))
        changed = self._fundings.replace(fundings, address=wallets)
        spent = self._tokens.replace(tokens, address=wallets)
        self._funders = _ordered(self._funders, changed)
        self._token_funders = _ordered(self._token_funders, spent)
        return changed, spent

    def _with_degrees(self, name: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the funders' out_degree to fundings in order: `FUNDERS`."""
        funders = rows.get_column(_NUMBER).to_numpy()
        out = [self._degrees.out(chain, funders[first:stop]) for chain, first, stop in runs(rows["chain_id"])]
        degrees = pl.Series("out_degree", np.concatenate([NOBODY.astype(np.int64), *out]))
        before, told = self._told.get(name, (None, rows))
        if before is not rows or not told["out_degree"].equals(degrees):
            told = rows.drop(_NUMBER).with_columns(degrees)
            self._told[name] = rows, told
        return told

    def _sink(self, moved: Changed, leased: Changed, wallets: Ids) -> Changed:
        """Look again at sinks: wallets that got something, whose senders became tenants, and those given."""
        paid = self._transfers.near(sender=leased.wallets("renter")).wallets("recipient")
        looked = together(wallets, paid, self._given(moved), leased.wallets("provider"))
        few = self._degrees.within(looked, "degree", 0, LARGE)
        quiet = self._degrees.of(few).filter(pl.col("degree") <= LARGE)
        sent = self._transfers.near(recipient=few)
        ends = together(few, sent.wallets("sender"))
        found = sinks(
            sent.frame(*_SENT),
            quiet,
            self._fundings.near(address=ends).frame("chain_id", "address", "funder"),
            self._leases.near(renter=ends, provider=few).frame("chain_id", "renter", "provider"),
            self._hubs.near(address=few).frame(),
        )
        return self._sunk.replace(found, sink=looked)

    def _given(self, moved: Changed) -> Ids:
        """List the wallets to which a renter sent something, or no longer did."""
        sender = moved.numbers["sender"]
        renters = self._leases.near(renter=together(sender)).wallets("renter")
        return together(moved.numbers["recipient"][np.isin(sender, renters)])

    def _cross(self, moved: Changed, named: Changed) -> Ids:
        """Look again at what wallets put into bridges and got out; any of it may make or break a match of others."""
        told = self._numbers.among(
            *(each.filter(pl.col("kind") == BRIDGE).get_column("address") for each in (named.gone, named.fresh))
        )
        bridges = self._numbers.among(self._bridges.get_column("address"))
        sides = moved.numbers["sender"], moved.numbers["recipient"]
        passed = np.isin(sides[0], bridges) | np.isin(sides[1], bridges)
        wallets = together(
            *(side[passed] for side in sides),
            self._transfers.near(sender=told, recipient=told).wallets("sender", "recipient"),
            self._crossings.near(wallet=moved.wallets("sender", "recipient")).wallets("wallet"),
        )
        if not len(wallets):
            return NOBODY
        found = crossings(self._transfers.near(sender=wallets, recipient=wallets).frame(), self._bridges)
        changed = self._crossings.replace(self._among(found, wallets, "wallet"), wallet=wallets)
        if changed.gone.is_empty() and changed.fresh.is_empty():
            return NOBODY
        matches = self._matches.difference(bridge_matches(self._crossings.frame()))
        return self._matches.change(matches).wallets("giver", "taker")

    def _have(self, wallets: Ids) -> Ids:
        """Look again at what the wallets lease and set for fees; returns all who have what became rarer or commoner."""
        if not len(wallets):
            return NOBODY
        leases, fees = self._leases.near(renter=wallets).frame(), self._fees.near(address=wallets).frame()
        changed = self._traits.replace(pl.concat([traits(leases), used(fees)]), address=wallets)
        values = self._counts.take(changed.gone, changed.fresh)
        return self._traits.near(value=self._numbers.among(values)).wallets("address")

    def _returned(self, moved: Changed) -> Ids:
        """List wallets that sent something to their first funder or payer, or no longer did."""
        senders = moved.wallets("sender")
        given = self._fundings.near(address=senders)
        paid = self._payments.near(renter=senders)
        owed = np.concatenate([
            _pairs(given.numbers("address"), given.numbers("funder")),
            _pairs(paid.numbers("renter"), paid.numbers("payer")),
        ])  # fmt: skip
        sent = moved.numbers["sender"]
        return together(sent[np.isin(_pairs(sent, moved.numbers["recipient"]), owed)])

    def _declared_anew(self, named: Changed, met: Ids) -> Ids:
        """List all wallets of labelled owners when one of them was told of or met, else none."""
        no_more = named.gone.filter(pl.col("kind") == OWNER)
        owned = self._numbers.among(self._labelled.get_column("address"), no_more.get_column("address"))
        return owned if np.isin(owned, together(named.wallets("address"), met)).any() else NOBODY

    def _judge(self, wallets: Ids) -> pl.DataFrame:
        """Find the links that end at one of the wallets."""
        beside = together(wallets, self._fundings.near(address=wallets).wallets("funder"))
        funded = self._fundings.near(funder=self._degrees.within(beside, "out_degree", 0, LARGE))
        quiet = funded.wallets("funder")
        kin = funded.wallets("address")
        payers = together(
            self._payments.near(payer=wallets, renter=wallets).wallets("payer"),
            self._payments.near(renter=kin).wallets("payer"),
        )
        paid = self._payments.near(payer=payers)
        sunk = self._sunk.near(renter=together(wallets, kin), sink=wallets)
        crossed = self._matches.near(giver=wallets, taker=wallets)
        owned = self._owned.near(safe=wallets, owner=wallets)
        safes = owned.wallets("safe", "owner")
        ends = together(
            wallets, kin, quiet, payers, paid.wallets("renter"), sunk.wallets("renter", "sink"),
            crossed.wallets("giver", "taker"), safes,
        )  # fmt: skip
        hubs = self._hubs.near(address=ends).frame()
        leases = self._leases.near(renter=ends, payer=ends).frame()
        theirs = self._fees.near(address=ends)
        weight = self._counts.rarity(self._traits.near(address=together(kin, theirs.wallets("address"))).frame())
        known = with_degrees(funded.frame(), self._degrees.of(quiet))
        family = siblings(without(known, hubs, "funder", "address"), leases, weight)
        fees = same_fees(theirs.frame(), weight, family, paid.frame())
        back = together(
            self._fundings.near(address=wallets, funder=np.intersect1d(wallets, quiet)).wallets("address"),
            self._payments.near(renter=wallets, payer=wallets).wallets("renter"),
        )
        ruled = self._transfers.near(sender=safes).frame(*_SENT, "nonce")
        found = judged(
            family,
            paid.frame(),
            sunk.frame(),
            crossed.frame(),
            self._transfers.near(sender=back).frame(*_SENT),
            leases,
            hubs,
            pl.concat([self._declare(wallets), fees, sole_owners(owned.frame(), ruled)]),
        )
        return _ending(found, self._numbers.addresses(wallets))

    def _declare(self, wallets: Ids) -> pl.DataFrame:
        owners = self._numbers.among(self._labelled.get_column("address"))
        whose = owners if np.isin(owners, wallets).any() else NOBODY
        seen = (
            self._leases.near(renter=whose, payer=whose, provider=whose).frame(),
            self._transfers.near(sender=whose, recipient=whose).frame(),
        )
        return declared(self._labelled if len(whose) else empty(LABELS), *seen)

    def _among(self, frame: pl.DataFrame, wallets: Ids, column: str = "address") -> pl.DataFrame:
        named = self._numbers.addresses(wallets).alias(column).to_frame()
        return frame.join(named, on=column, how="semi")


def _ordered(rows: pl.DataFrame, changed: Changed) -> pl.DataFrame:
    """Bring fundings in order up to date; a wallet has one."""
    gone, fresh, numbers = changed
    if gone.is_empty() and fresh.is_empty():
        return rows
    funders = pl.Series(_NUMBER, numbers["funder"][gone.height :])
    wallets = pl.concat([each.select(WALLET) for each in (gone, fresh)])
    return replaced(rows, wallets, fresh.with_columns(funders), WALLET)


def _pairs(one: Ids, other: Ids) -> NDArray[np.uint64]:
    return one.astype(np.uint64) << np.uint64(32) | other


def _ending(links: pl.DataFrame, wallets: pl.Series) -> pl.DataFrame:
    """Keep the links that end at one of the wallets."""
    told = wallets.implode()
    return links.filter(pl.col("a").is_in(told) | pl.col("b").is_in(told))
