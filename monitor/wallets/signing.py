"""What wallets may have signed and what they set there, kept between looks: only news is looked at.

That are wallets that did something since, and those of whose transactions the chain told something since. The oldest
transactions of a wallet are those among its oldest before and what came. Where something went, as in a reorg, all are
looked at anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from monitor.facts.folding import Turned
from monitor.facts.inorder import replaced, under
from monitor.facts.inputs import picked
from monitor.facts.moving import Moved
from monitor.model.schema import WANTED
from monitor.wallets.fees import FEES, acted, fees, oldest, sent, signed
from monitor.wallets.held import Delta

__all__ = ["Acts", "News", "Settings", "Signing"]

_WALLET = ["chain_id", "address"]
_ORDER = [*_WALLET, "block_number", "tx"]
_BLOCK = ["chain_id", "block_number"]


class Acts(NamedTuple):
    """What `monitor.wallets.fees.signed` looks at; `persons` PEOPLE."""

    leases: pl.DataFrame
    history: pl.DataFrame
    transfers: pl.DataFrame
    persons: pl.DataFrame
    most: int


class News(NamedTuple):
    """What changed since the last look; `near` gives the transfers, then, whose side is one of some wallets."""

    turned: Turned
    moved: Moved
    near: Callable[[pl.Series, str], pl.DataFrame]


class Settings(NamedTuple):
    """What wallets set (FEES), the reads (WANTED) that would tell more, and how the first changed, where known."""

    fees: pl.DataFrame
    wanted: pl.DataFrame
    changed: Delta | None


class _Before(NamedTuple):
    """The last look: of how many transactions a wallet, what was signed, what the chain said of it, what came out."""

    most: int
    signed: pl.DataFrame
    reads: pl.DataFrame
    settings: Settings


class Signing:
    """The oldest transactions of each wallet between looks, and what was set in them; for one thread."""

    def __init__(self) -> None:
        self._before: _Before | None = None

    def become(self, acts: Acts, reads: pl.DataFrame, news: News | None) -> Settings:
        """Take `acts` and `reads` (READS) as all there is, and give what `fees` gives of what `signed` gives.

        `news` says what changed since the last look, None where it is not known.
        """
        before, rows = self._before, None
        told = reads.filter(pl.col("kind") == "fee")
        if before is not None and news is not None and before.most == acts.most:
            rows = _signed_since(before.signed, acts, news)
        if before is None or rows is None:
            everything = signed(*acts)
            self._before = _Before(acts.most, everything, told, Settings(*fees(everything, told), None))
        else:
            self._before = _onward(before, rows, told)
        return self._before.settings


class _Signed(NamedTuple):
    """All that was signed (SIGNED), and the rows that stood and stand of wallets with news."""

    all: pl.DataFrame
    was: pl.DataFrame
    now: pl.DataFrame


def _signed_since(stood: pl.DataFrame, acts: Acts, news: News) -> _Signed | None:
    """Add what came to what was signed; None where something went."""
    turned, moved, near = news
    was, now = (acted(each.leases, each.history) for each in (turned.was, turned.now))
    known, persons = (each.people.select(_WALLET).unique() for each in (turned.was, turned.now))
    left, met = known.join(persons, on=_WALLET, how="anti"), persons.join(known, on=_WALLET, how="anti")
    gone = _sent(moved.gone, acts.persons).join(met, on=_WALLET, how="anti")
    if any(len(frame) for frame in (left, gone, was.join(now, on=was.columns, how="anti", nulls_equal=True))):
        return None
    theirs = near(met.get_column("address"), "sender").join(
        moved.gone, on=moved.gone.columns, how="anti", nulls_equal=True
    )
    done = now.join(was, on=was.columns, how="anti", nulls_equal=True)
    fresh = pl.concat([done, _sent(moved.fresh, acts.persons), sent(theirs, met)])
    wallets = fresh.select(_WALLET)
    mine = under(stood, wallets)
    again = oldest(pl.concat([mine, fresh]), acts.most)
    return _Signed(replaced(stood, wallets, again, _ORDER), mine, again)


def _sent(transfers: pl.DataFrame, persons: pl.DataFrame) -> pl.DataFrame:
    """List what persons sent; few of them did."""
    senders = transfers.select("chain_id", pl.col("sender").alias("address")).drop_nulls()
    return sent(transfers, under(persons, senders))


def _onward(before: _Before, rows: _Signed, reads: pl.DataFrame) -> _Before:
    """Look again at what was set where something was signed or told since."""
    told = reads.clear() if reads.equals(before.reads) else _differing(before.reads, reads)
    blocks = pl.concat([each.select(_BLOCK) for each in (told, rows.was, rows.now)]).unique()
    there = pl.col("block_number").is_in(blocks.get_column("block_number").unique().implode())
    those = picked(rows.all, there).join(blocks, on=_BLOCK, how="semi")
    answered = those.filter(pl.col("tx").is_in(told.get_column("payload").implode()))
    wallets = pl.concat([each.select(_WALLET) for each in (rows.was, rows.now, answered)]).unique()
    looked = pl.concat([under(rows.all, wallets), those]).unique()
    answers = picked(reads, pl.col("payload").is_in(looked.get_column("tx").unique().implode()))
    found, wanted = fees(looked, answers)
    was, now = under(before.settings.fees, wallets), found.join(wallets, on=_WALLET, how="semi")
    settings = Settings(
        replaced(before.settings.fees, wallets, now, list(FEES)),
        replaced(before.settings.wanted, blocks, wanted.join(blocks, on=_BLOCK, how="semi"), list(WANTED)),
        Delta(was.join(now, on=now.columns, how="anti"), now.join(was, on=now.columns, how="anti")),
    )
    return _Before(before.most, rows.all, reads, settings)


def _differing(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    pairs = ((one, other), (other, one))
    return pl.concat([mine.join(theirs, on=mine.columns, how="anti", nulls_equal=True) for mine, theirs in pairs])
