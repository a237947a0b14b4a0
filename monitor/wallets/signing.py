"""What wallets may have signed, kept between looks: only wallets that did something since are looked at again.

The oldest transactions of a wallet are those among its oldest before and what came since. Where something went, as in a
reorg, all are looked at anew.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from monitor.facts.fold import KEY
from monitor.facts.inputs import picked
from monitor.facts.moving import Moved
from monitor.wallets.fees import acted, oldest, sent, signed

__all__ = ["Acts", "Signing"]

_WALLET = ["chain_id", "address"]


class Acts(NamedTuple):
    """What `monitor.wallets.fees.signed` looks at."""

    leases: pl.DataFrame
    history: pl.DataFrame
    transfers: pl.DataFrame
    persons: pl.DataFrame
    most: int


class _Before(NamedTuple):
    """The last look; of transfers nothing."""

    acts: Acts
    signed: pl.DataFrame


class Signing:
    """The oldest transactions of each wallet between looks; for one thread."""

    def __init__(self) -> None:
        self._before: _Before | None = None

    def become(self, acts: Acts, touched: pl.DataFrame | None, moved: Moved | None) -> pl.DataFrame:
        """Take `acts` as all there is, and give what `signed` gives, in any order.

        `touched` = keys of the leases of which something may be said otherwise than at the last look, `moved` = the
        transfers that went and came since; None where it is not known.
        """
        acts = acts._replace(persons=acts.persons.select(_WALLET).unique())
        before, found = self._before, None
        if before is not None and touched is not None and moved is not None and before.acts.most == acts.most:
            found = _onward(before, acts, touched, moved)
        found = signed(*acts) if found is None else found
        self._before = _Before(acts._replace(transfers=acts.transfers.clear()), found)
        return found


def _onward(before: _Before, acts: Acts, touched: pl.DataFrame, moved: Moved) -> pl.DataFrame | None:
    """Add what came; None where something went."""
    was, now = (_told(each, touched) for each in (before.acts, acts))
    known, persons = before.acts.persons, acts.persons
    left = known.join(persons, on=_WALLET, how="anti")
    gone = [was.join(now, on=was.columns, how="anti", nulls_equal=True), sent(moved.gone, known)]
    if any(len(frame) for frame in (left, *gone)):
        return None
    met = persons.join(known, on=_WALLET, how="anti")
    theirs = picked(acts.transfers, pl.col("sender").is_in(met.get_column("address").implode()))
    fresh = pl.concat([
        now.join(was, on=was.columns, how="anti", nulls_equal=True), sent(moved.fresh, persons), sent(theirs, met),
    ])  # fmt: skip
    wallets = fresh.select(_WALLET).unique()
    mine, others = (before.signed.join(wallets, on=_WALLET, how=how) for how in ("semi", "anti"))
    return pl.concat([others, oldest(pl.concat([mine, fresh]), acts.most)])


def _told(acts: Acts, touched: pl.DataFrame) -> pl.DataFrame:
    ids = pl.col("lease_id").is_in(touched.get_column("lease_id").unique().implode())
    leases, history = (picked(each, ids).join(touched, on=KEY, how="semi") for each in (acts.leases, acts.history))
    return acted(leases, history)
