"""From transfers, leases and labels to clusters, kept between looks: what `links`, `pair_scores` and `merge` give.

A look hands over all there is now; only the wallets about which something changed are looked at again. A look without a
state, of a command that looks once, gets the same from the functions that keep nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import polars as pl

from monitor.facts.fold import KEY
from monitor.facts.folding import Turned
from monitor.facts.inorder import replaced, under
from monitor.facts.moving import Moved
from monitor.model.schema import TRANSFERS, empty
from monitor.wallets.clusters import STAYS, WALLET, spanned, stays
from monitor.wallets.entities import Entities
from monitor.wallets.evidence import pair_scores
from monitor.wallets.fees import NO_FEES
from monitor.wallets.funding import first_funders, token_funders
from monitor.wallets.held import Delta
from monitor.wallets.hubs import degrees, hubs
from monitor.wallets.labels import LABELS, OWNER
from monitor.wallets.linking import LEASED, PERSONS, Links, News
from monitor.wallets.links import PAYMENTS, links, payments
from monitor.wallets.owners import NO_OWNED

__all__ = ["Grouped", "Grouping", "Seen", "grouped"]


_SIDES = ("sender", "recipient")
_SPAN = [name for name in STAYS if name not in WALLET]


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
    turned: Turned | None = None
    """Leases and people of which something else may be said than at the last look, where that is known."""
    priced: Delta | None = None
    """Fees that went and came, where that is known."""
    owned: pl.DataFrame = NO_OWNED


class Grouped(NamedTuple):
    """FUNDERS (in any value, and in tokens), HUBS and LINKS, and each linked wallet's group."""

    funders: pl.DataFrame
    token_funders: pl.DataFrame
    hubs: pl.DataFrame
    links: pl.DataFrame
    groups: Mapping[bytes, bytes]
    stays: pl.DataFrame
    """When each wallet first and last sent or got anything (`monitor.wallets.clusters.stays`)."""


class Touched(NamedTuple):
    """Whom the last look at links and groups may have found otherwise than the one before."""

    looked: pl.Series
    """Wallets whose links were found again: one that changed ends at one of them, and funders and hubs are among them
    that did not fund, or were none, before."""
    moved: pl.Series
    """Wallets with a transfer that went or came."""
    regrouped: AbstractSet[bytes]
    """Wallets whose component was grouped again: nobody else's group changed."""
    linked: pl.Series
    """Wallets at the ends of links that came or went."""
    funded: pl.Series
    """Wallets whose first funders read otherwise, hubs among these left out."""
    kept: Links
    """By wallet, what stands now."""


class Grouping:
    """Links and groups between looks."""

    def __init__(self) -> None:
        self.entities = Entities()
        self.touched: Touched | None = None
        """None where all was found anew."""
        self._stays = stays(empty(TRANSFERS))
        self._labels = empty(LABELS)
        self._owned = NO_OWNED
        self._links: tuple[tuple[frozenset[bytes], int], Links] | None = None

    def near(self, wallets: pl.Series, side: str, /, *columns: str) -> pl.DataFrame:
        """Give the transfers of the last look whose sender or recipient is one of the wallets, in any order.

        Of all columns, or some.
        """
        return self._links[1].moved(wallets, side, *columns) if self._links else empty(TRANSFERS)

    def paid(self, wallets: pl.Series, side: str) -> pl.DataFrame:
        """Give payments for leases of others by payer or renter (`monitor.wallets.links.PAYMENTS`), as `near`."""
        return self._links[1].paid(wallets, side) if self._links else empty(PAYMENTS)

    def leased(self, wallets: pl.Series, *roles: str) -> pl.DataFrame:
        """Name the leases (KEY) that have one of the wallets in one of these roles, as `near`."""
        return self._links[1].leased(wallets, *roles) if self._links else empty(LEASED).select(KEY)

    def difference(self, transfers: pl.DataFrame) -> Moved | None:
        """Tell which transfers went and came since the last look by comparing all of them; None before the first."""
        return self._links[1].difference(transfers) if self._links else None

    def become(self, seen: Seen) -> Grouped:
        """Take what is seen as all there is."""
        fixed = (frozenset(seen.contracts), seen.hub_degree)
        moved, news, anew = seen.moved, None, self._links is None or self._links[0] != fixed
        if self._links is None or self._links[0] != fixed:
            moved = None
            self._links = (fixed, Links(*fixed))
            self.entities = Entities()
            self._stays = stays(empty(TRANSFERS))
        elif seen.labels.equals(self._labels):
            news = _news(seen, self._owned)
        kept = self._links[1]
        if news is None:
            now = (seen.leases, payments(seen.leases, seen.lease_events), seen.persons, seen.labels, seen.fees)
            looked = kept.become(seen.transfers, *now, moved, owned=seen.owned)
        else:
            looked = kept.update(news)
        scores = pair_scores(kept.of(looked), accepted=True)
        regrouped = self.entities.become(scores, _owners(seen.labels), looked)
        touched = Touched(looked, kept.moved_wallets, regrouped, kept.linked_wallets, kept.funded_wallets, kept)
        self.touched, self._labels, self._owned = None if anew else touched, seen.labels, seen.owned
        self._stays = self._stay(seen.transfers, moved, touched.moved)
        return Grouped(
            kept.funders, kept.token_funders, kept.hubs, kept.links, self.entities.groups, self._stays
        )  # fmt: skip

    def _stay(self, transfers: pl.DataFrame, moved: Moved | None, wallets: pl.Series) -> pl.DataFrame:
        """Add what came; look again at all transfers of whoever's first or last went, or of all where most moved."""
        if moved is None or len(wallets) > self._stays.height // 2:
            return stays(transfers)
        fresh = stays(moved.fresh)
        if moved.gone.is_empty():
            ours = fresh.select(WALLET)
            return replaced(self._stays, ours, spanned([under(self._stays, ours), fresh]), WALLET)
        gone = stays(moved.gone)
        ours = pl.concat([each.select(WALLET) for each in (gone, fresh)]).unique()
        standing = under(self._stays, ours)
        ends = gone.join(standing, on=WALLET, suffix="_stood")
        lost = ends.filter(pl.any_horizontal(pl.col(name) == pl.col(f"{name}_stood") for name in _SPAN)).select(WALLET)
        near = pl.concat([self.near(lost.get_column("address"), side) for side in _SIDES])
        parts = [standing.join(lost, on=WALLET, how="anti"), stays(near).join(lost, on=WALLET, how="semi")]
        return replaced(self._stays, ours, spanned([*parts, fresh]), WALLET)


def _news(seen: Seen, owned: pl.DataFrame) -> News | None:
    """Say what changed under the same labels, where all of it is known."""
    moved, turned, priced = seen.moved, seen.turned, seen.priced
    if moved is None or turned is None or priced is None:
        return None
    both = (turned.was, turned.now)
    leases, paid, persons = (
        _delta(*pair)
        for pair in (
            [each.leases.select(LEASED.keys()) for each in both],
            [payments(each.leases, each.history) for each in both],
            [each.people.select(PERSONS.keys()).unique() for each in both],
        )
    )
    labels = seen.labels.clear()
    return News(Delta(*moved), leases, paid, persons, Delta(labels, labels), priced, _delta(owned, seen.owned))


def _delta(was: pl.DataFrame, now: pl.DataFrame) -> Delta:
    gone, fresh = (
        one.join(other, on=one.columns, how="anti", nulls_equal=True) for one, other in ((was, now), (now, was))
    )
    return Delta(gone, fresh)


def grouped(seen: Seen) -> Grouped:
    """Find funders, hubs, links and groups; as `Grouping.become` with nothing kept."""
    leases, lease_events, transfers, persons, labels, contracts, hub_degree, fees, *_ = seen
    counted = degrees(transfers)
    funders, tokens = (find(transfers, counted, persons, contracts) for find in (first_funders, token_funders))
    busy = hubs(counted, labels, contracts, hub_degree)
    found = links(leases, lease_events, transfers, counted, funders, busy, labels, fees=fees, owned=seen.owned)
    entities = Entities()
    entities.become(pair_scores(found, accepted=True), _owners(labels))
    return Grouped(funders, tokens, busy, found, entities.groups, stays(transfers))


def _owners(labels: pl.DataFrame) -> dict[bytes, str]:
    owned = labels.filter(pl.col("kind") == OWNER).sort("address", "label").unique("address", keep="first")
    return dict(owned.select("address", "label").iter_rows())
