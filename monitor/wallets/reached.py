"""Whom one chain's transfers lead to, kept between looks: a wallet is looked at again where news reaches it.

Stages are those of `monitor.wallets.watch.WATCH`. What a stage reads of a transfer follows from its ends, and who is
watched at a stage from the transfers that the stages below read. So a stage is tested again for new transfers and those
of wallets that are watched otherwise, and only wallets at the ends of transfers that are read otherwise are counted,
funded and asked whom they met again.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitor.model.schema import TRANSFERS, empty
from monitor.wallets.dealings import Dealings, Places
from monitor.wallets.funding import first_of_block, inbound_of
from monitor.wallets.held import Held
from monitor.wallets.numbers import NULL, Ids, Number, Numbers, ascending, firsts, paired, together
from monitor.wallets.watch import LAST_AWAITED, Limits, watch_funders, watch_met, watch_people
from monitor.wallets.watching import Blocks, Flags, Watching

__all__ = ["Reached"]

_NEVER = -1
_LATEST = np.iinfo(np.int64).max
_FUNDED: dict[str, pl.DataType] = {"address": pl.Binary(), "funder": pl.Binary(), "block_number": pl.Int64()}
_MET: dict[str, pl.DataType] = {"wallet": pl.Binary(), "other": pl.Binary(), "block_number": pl.Int64()}


class _Hop:
    """One hop; columns by wallet number.

    `asked` = whose counterparties are looked for, `met` = whom they met, `first` = when each was met first, `around` =
    the same of those within the budget, `whole` = of these those that are no hubs.
    """

    def __init__(self, numbers: Numbers) -> None:
        self.met = Held(_MET, numbers, "wallet", "other")
        self.asked = self.whole = np.zeros(0, np.bool_)
        self.first = self.around = np.zeros(0, np.int64)
        self.left_out = 0

    def widen(self, room: int) -> None:
        self.asked, self.whole = (_wide(each, room, 0) for each in (self.asked, self.whole))
        self.first, self.around = _wide(self.first, room, _LATEST), _wide(self.around, room, _NEVER)

    @property
    def taken(self) -> int:
        """Count those within the budget."""
        return int(np.count_nonzero(self.around != _NEVER))


class Reached:
    """One chain under a stream of transfers; `sources` are wallets that fund nobody."""

    def __init__(self, chain_id: int, limit: Limits, depth: int, numbers: Numbers, sources: Ids) -> None:
        self.rows = Dealings(numbers)
        self.watching = Watching(chain_id, numbers, 2 + 2 * depth)
        self.hops = [_Hop(numbers) for _ in range(depth)]
        self.over: list[Flags] = [np.zeros(0, np.bool_)] * (2 + 2 * depth)
        """By stage and wallet, who dealt with so many in what is read up to there that it is followed no further."""
        self._chain_id = chain_id
        self._limits = {chain_id: limit}
        self._numbers = numbers
        self._sources = pl.Series(sources)
        self._persons = np.zeros(0, np.int64)
        self._fundings = Held(_FUNDED, numbers, "address", "funder")
        self._final = _NEVER, _NEVER
        self._moved = empty(TRANSFERS)

    def take(self, moved: pl.DataFrame, upto: int, late: Places, final: int | None) -> bool:
        """Take the chain's transfers as `Dealings.take` does; above block `final` only the first stages read.

        False, and good for nothing any more, where something went that counted as final.
        """
        before, now = self._final[1], _LATEST if final is None else final
        self._final, self._moved = (before, now), moved
        return now >= before and self.rows.take(moved, upto, late)

    def rest(self) -> None:
        """Let go of the transfers until the next look."""
        self._moved = empty(TRANSFERS)

    def widen(self, room: int) -> None:
        """Make room for so many wallets."""
        self._persons = _wide(self._persons, room, _NEVER)
        self.over = [_wide(each, room, 0) for each in self.over]
        for hop in self.hops:
            hop.widen(room)

    def meet_people(self, changed: pl.DataFrame) -> None:
        """Take the people who changed (address, first_block; null for who is none any more), and who funded people."""
        wallets = self._numbers.of(changed.get_column("address"))
        self._persons[wallets] = changed.get_column("first_block").fill_null(_NEVER).to_numpy()
        wallets = together(wallets)
        named = self._named(wallets[self._persons[wallets] != _NEVER], self._persons, "first_block")
        self._watch(0, wallets, watch_people(named, self._limits))
        touched = together(wallets, *self.rows.turned(0))
        persons = touched[self._persons[touched] != _NEVER]
        funders = self._fundings.replace(self._first_fundings(persons), address=touched).wallets("funder")
        fundings = self._fundings.near(funder=funders).frame("funder", "block_number")
        self._watch(1, funders, watch_funders(self._here(fundings), self._limits))

    def _watch(self, stage: int, wallets: Ids, rows: pl.DataFrame) -> None:
        """Take `rows` (WATCH) as all there is of the wallets at a stage, and test what it reads."""
        self.watching.replace(stage, wallets, rows)
        held, since = self.rows, (_LATEST, _LATEST)
        if stage > LAST_AWAITED:
            since = self._final
        tested = held.test(wallets, above=since[0], upto=since[1])
        native, block = held.asset[tested] == NULL, held.block[tested]
        inside = np.zeros(len(tested), np.bool_)
        for side in (held.sender, held.recipient):
            inside |= self.watching.hold(stage, side[tested], native, block)
        held.mark(stage, tested, inside & (block <= since[1]))

    def count(self, stage: int, most: int) -> None:
        """Count again who dealt with `most` or more, where something else is read up to the stage than was."""
        over, before = self.over[stage], self.over[stage - 1]
        came, went = self.rows.turned(stage)
        wallets = together(came[~over[came]], went)
        # what is read only becomes more from stage to stage
        over[wallets] = before[wallets]
        again = wallets[~over[wallets]]
        ours = self._flags(again)
        rows = self.rows.read(self.rows.of(again), stage)
        rows = rows[self.rows.counted[rows]]
        ends = self.rows.sender[rows], self.rows.recipient[rows]
        # whoever has fewer transfers need not be counted
        ours &= sum(np.bincount(end, minlength=len(over)) for end in ends) >= most
        mine = [ours[end] for end in ends]
        pairs = np.concatenate([paired(ends[at][mine[at]], ends[1 - at][mine[at]]) for at in (0, 1)])
        dealt = np.bincount(firsts(ascending(pairs)), minlength=len(over))
        over[dealt >= most] = True

    def follow(self, number: int, busy: Flags, freed: Ids, most: int) -> None:
        """Take whom the wallets of the hop before met, within the budget, and read around that.

        `busy` are followed no further; `freed` were busy at the last look and are no longer.
        """
        hop, stage = self.hops[number - 1], 2 * number - 1
        self._ask(hop, stage, self._asked(number) & ~busy, freed, busy)
        known = self._persons != _NEVER
        taken = 0
        for earlier in self.hops[: number - 1]:
            known, taken = known | (earlier.around != _NEVER), taken + earlier.taken
        met = np.flatnonzero((hop.first != _LATEST) & ~busy & ~known).astype(np.uint32)
        within = self._first_of(met, hop.first[met], max(0, most - taken))
        around = np.full(len(hop.around), _NEVER)
        around[within] = hop.first[within]
        turned = np.flatnonzero(around != hop.around).astype(np.uint32)
        hop.around, hop.left_out = around, len(met) - len(within)
        named = self._named(turned[around[turned] != _NEVER], around, "block")
        self._watch(stage + 1, turned, watch_met(named, self._limits, number, whole=False))

    def read_whole(self, number: int, busy: Flags) -> None:
        """Read all token transfers of the wallets of a hop that are not `busy`."""
        hop = self.hops[number - 1]
        whole = (hop.around != _NEVER) & ~busy
        turned = np.flatnonzero(whole != hop.whole).astype(np.uint32)
        hop.whole = whole
        named = self._named(turned[whole[turned]], hop.around, "block")
        self._watch(2 * number + 1, turned, watch_met(named, self._limits, number, whole=True))

    def _asked(self, number: int) -> Flags:
        return self._persons != _NEVER if number == 1 else self.hops[number - 2].whole

    def _ask(self, hop: _Hop, stage: int, asked: Flags, freed: Ids, busy: Flags) -> None:
        """Ask again whom wallets met: of whom something else is read, who is asked only now, who met somebody freed."""
        beside = self.rows.ends(self.rows.of(freed))
        turned = np.flatnonzero(asked != hop.asked).astype(np.uint32)
        touched = together(turned, beside, *self.rows.turned(stage))
        touched = touched[asked[touched] | hop.asked[touched]]
        hop.asked = asked
        met = self._met(touched[asked[touched]], stage, busy)
        others = hop.met.replace(met, wallet=touched).wallets("other")
        near = hop.met.near(other=others)
        hop.first[others] = _LATEST
        np.minimum.at(hop.first, near.numbers("other"), near.frame("block_number").to_series().to_numpy())

    def _met(self, wallets: Ids, stage: int, busy: Flags) -> pl.DataFrame:
        """List whom wallets paid and who funded them (`_MET`), with the block of the first dealing; nobody `busy`.

        What a wallet only received says nothing it did not ask for: dust and untouched tokens (`inbound`) lead nowhere.
        """
        held, mine = self.rows, self._flags(wallets)
        rows = held.read(held.of(wallets), stage)
        paid, funded = rows[held.counted[rows]], self._inbound(rows)
        ours = np.concatenate([held.sender[paid], held.recipient[funded]])
        theirs = np.concatenate([held.recipient[paid], held.sender[funded]])
        block = np.concatenate([held.block[paid], held.block[funded]])
        told = mine[ours] & ~busy[theirs]
        frame = pl.DataFrame({"ours": ours[told], "theirs": theirs[told], "block_number": block[told]})
        first = frame.group_by("ours", "theirs").agg(pl.col("block_number").min())
        return first.select(
            *(self._numbers.addresses(first.get_column(end).to_numpy()).alias(name)
              for name, end in (("wallet", "ours"), ("other", "theirs"))),
            "block_number",
        )  # fmt: skip

    def _first_fundings(self, persons: Ids) -> pl.DataFrame:
        """Find the first funding of people (`_FUNDED`) among what is read of people."""
        held = self.rows
        rows = self._inbound(held.read(held.of(persons), 0))
        whose, block = held.recipient[rows], held.block[rows]
        told = self._flags(persons)[whose]
        first = np.full(len(self._persons), _LATEST)
        np.minimum.at(first, whose[told], block[told])
        found = self._moved[pl.Series(rows[told & (block == first[whose])])]
        return first_of_block(found).select(
            pl.col("recipient").alias("address"), pl.col("sender").alias("funder"), "block_number"
        )

    def _inbound(self, rows: Places) -> Places:
        """Keep the rows that fund their recipient, as `inbound` does."""
        held = self.rows
        frame = pl.DataFrame({
            "row": rows, "sender": held.sender[rows], "recipient": held.recipient[rows], "asset": held.asset[rows],
            "block_number": held.block[rows], "amount": self._moved.get_column("amount").gather(rows),
        })  # fmt: skip
        native = pl.col("asset") == NULL
        return inbound_of(frame, self._sources, ("asset",), native).get_column("row").to_numpy()

    def _first_of(self, wallets: Ids, block: Blocks, most: int) -> Ids:
        """Pick those with the lowest blocks; of two with the same the lower address."""
        if most >= len(wallets):
            return wallets
        last = np.partition(block, most)[most]
        tied = wallets[block == last]
        named = pl.DataFrame([self._numbers.addresses(tied), pl.Series("number", tied)]).sort("address")
        room = most - int(np.count_nonzero(block < last))
        return together(wallets[block < last], named.get_column("number").head(room).to_numpy())

    def _flags(self, wallets: Ids) -> Flags:
        flags = np.zeros(len(self._persons), np.bool_)
        flags[wallets] = True
        return flags

    def _named(self, wallets: Ids, blocks: Blocks, column: str) -> pl.DataFrame:
        """Make a frame of wallets with a block each."""
        return self._here(pl.DataFrame([self._numbers.addresses(wallets), pl.Series(column, blocks[wallets])]))

    def _here(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.lit(self._chain_id, dtype=pl.Int64()).alias("chain_id"))


def _wide(column: NDArray[Number], room: int, fill: int) -> NDArray[Number]:
    return np.pad(column, (0, room - len(column)), constant_values=fill)
