"""From transfers, leases and labels to clusters, kept between looks: what `links`, `pair_scores` and `merge` give.

A look hands over all there is now; only the wallets about which something changed are looked at again. A look without a
state, of a command that looks once, gets the same from the functions that keep nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import polars as pl

from monitor.facts.inputs import picked
from monitor.facts.moving import Moved
from monitor.model.schema import TRANSFERS, empty
from monitor.wallets.clusters import Names, spanned, stays
from monitor.wallets.entities import Entities
from monitor.wallets.evidence import pair_scores
from monitor.wallets.fees import NO_FEES
from monitor.wallets.funding import first_funders
from monitor.wallets.hubs import hubs
from monitor.wallets.labels import OWNER
from monitor.wallets.linking import Links
from monitor.wallets.links import PAYMENTS, links, payments
from monitor.wallets.owners import NO_OWNED

__all__ = ["Grouped", "Grouping", "Seen", "grouped"]


_SIDES = ("sender", "recipient")


class Seen(NamedTuple):
    """What a look sees: frames as in `monitor.wallets.links.links`, and what `first_funders` and `hubs` ask for."""

    leases: pl.DataFrame
    lease_events: pl.DataFrame
    transfers: pl.DataFrame
    persons: pl.DataFrame
    labels: pl.DataFrame
    contracts: Collection[bytes]
    hub_degree: int
    fees: pl.DataFrame = NO_FEES
    moved: Moved | None = None
    """Transfers that went and came since the last look, where that is known."""
    folded: pl.DataFrame | None = None
    """Keys of the leases of which something else may be said than at the last look, where that is known."""
    owned: pl.DataFrame = NO_OWNED


class Grouped(NamedTuple):
    """FUNDERS, HUBS and LINKS, and each linked wallet's group."""

    funders: pl.DataFrame
    hubs: pl.DataFrame
    links: pl.DataFrame
    groups: Mapping[bytes, bytes]
    stays: pl.DataFrame
    """When each wallet first and last sent or got anything (`monitor.wallets.clusters.stays`)."""


class Grouping:
    """Links and groups between looks."""

    def __init__(self) -> None:
        self.entities = Entities()
        self.names = Names()
        self.looked: pl.Series = pl.Series("address", [], pl.Binary)
        """Wallets whose links the last look found again: a link that changed ends at one of them."""
        self.moved: pl.Series = self.looked
        """Wallets with a transfer that went or came at the last look."""
        self.regrouped: AbstractSet[bytes] = frozenset()
        """Wallets whose component the last look grouped again: nobody else's cluster changed."""
        self._stays = stays(empty(TRANSFERS))
        self._links: tuple[tuple[frozenset[bytes], int], Links] | None = None

    def near(self, wallets: pl.Series, side: str, /, *columns: str) -> pl.DataFrame:
        """Give the transfers of the last look whose sender or recipient is one of the wallets, in any order.

        Of all columns, or some.
        """
        return self._links[1].moved(wallets, side, *columns) if self._links else empty(TRANSFERS)

    def paid(self, payers: pl.Series) -> pl.DataFrame:
        """Give what some wallets paid for leases of others (`monitor.wallets.links.PAYMENTS`), as `near`."""
        return self._links[1].paid(payers) if self._links else empty(PAYMENTS)

    def difference(self, transfers: pl.DataFrame) -> Moved | None:
        """Tell which transfers went and came since the last look by comparing all of them; None before the first."""
        return self._links[1].difference(transfers) if self._links else None

    def become(self, seen: Seen) -> Grouped:
        """Take what is seen as all there is."""
        fixed = (frozenset(seen.contracts), seen.hub_degree)
        moved, folded = seen.moved, seen.folded
        if self._links is None or self._links[0] != fixed:
            moved = folded = None
            self._links = (fixed, Links(*fixed))
            self.entities = Entities()
            self._stays = stays(empty(TRANSFERS))
        kept = self._links[1]
        leases, events, among = seen.leases, seen.lease_events, None
        if folded is not None:
            # Whose id is that of none of them stands as it was, and few are.
            among = pl.col("lease_id").is_in(folded.get_column("lease_id").unique().implode())
            leases, events = picked(leases, among), picked(events, among)
        self.looked = kept.become(
            *(seen.transfers, leases, payments(leases, events), seen.persons, seen.labels, seen.fees, moved, among),
            owned=seen.owned,
        )
        self.moved = kept.moved_wallets
        scores = pair_scores(kept.of(self.looked), accepted=True)
        self.regrouped = self.entities.become(scores, _owners(seen.labels), self.looked)
        self._stays = self._stay(seen.transfers, moved)
        return Grouped(kept.funders, kept.hubs, kept.links, self.entities.groups, self._stays)

    def _stay(self, transfers: pl.DataFrame, moved: Moved | None) -> pl.DataFrame:
        """Add what came; look again at all transfers of wallets of which something went, or of all where most moved."""
        if moved is None or len(self.moved) > self._stays.height // 2:
            return stays(transfers)
        lost = pl.concat([moved.gone.get_column(side) for side in _SIDES]).drop_nulls().unique()
        near = pl.concat([self.near(lost, side) for side in _SIDES])
        again = stays(near).filter(pl.col("address").is_in(lost.implode()))
        touched = pl.col("address").is_in(self.moved.implode())
        theirs = self._stays.filter(touched & ~pl.col("address").is_in(lost.implode()))
        came = spanned([theirs, again, stays(moved.fresh)])
        return pl.concat([self._stays.filter(~touched), came])


def grouped(seen: Seen) -> Grouped:
    """Find funders, hubs, links and groups; as `Grouping.become` with nothing kept."""
    leases, lease_events, transfers, persons, labels, contracts, hub_degree, fees, *_ = seen
    funders = first_funders(transfers, persons, contracts)
    busy = hubs(transfers, labels, contracts, hub_degree)
    found = links(leases, lease_events, transfers, funders, busy, labels, fees, seen.owned)
    entities = Entities()
    entities.become(pair_scores(found, accepted=True), _owners(labels))
    return Grouped(funders, busy, found, entities.groups, stays(transfers))


def _owners(labels: pl.DataFrame) -> dict[bytes, str]:
    owned = labels.filter(pl.col("kind") == OWNER).sort("address", "label").unique("address", keep="first")
    return dict(owned.select("address", "label").iter_rows())
