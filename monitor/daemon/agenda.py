"""What is to be read before the next judgement: whom to watch, what to ask, and how far each chain has come with it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence

from monitor.chain.reads import Wanted
from monitor.daemon.judge import Look
from monitor.daemon.watch import Watched
from monitor.markets.load import Bound

__all__ = ["Agenda"]

Wallet = tuple[int, bytes]
Questions = dict[int, dict[Wanted, None]]


class Agenda:
    """Takes over what evaluations ask for, and tells when enough of it was read to judge; does no I/O.

    Whatever changes what is to be read makes a new version. A chain has settled a version when it read all of it up to
    the head, and answered it when it read all but the transfers of wallets that are new. Only chains that are `well`
    count. Where `all_matters`, as on the way to the head, leads wait for whatever there is.
    """

    def __init__(self, chains: Iterable[int], *, all_matters: bool = False) -> None:
        self.well = set(chains)
        self.met = False
        """Whether any chain was ever reached."""
        self.watched: Sequence[Watched] = ()
        self.children: Sequence[Bound] = ()
        self.version = 0
        self.caught_up = False
        """Whether a judgement had all it asked for; before that, none is written that has not."""
        self.unread: dict[Wallet, int] = {}
        """Wallets whose transfers are still to come, with the version they came in."""
        self._all_matters = all_matters
        self._settling = asyncio.Event()
        self._needed = 0
        """The version that brought the latest contracts and questions: nothing is judged before those are read."""
        self._settled: dict[int, int] = {}
        self._answered: dict[int, int] = {}
        self._wanted: Questions = {}
        self._asides: Questions = {}
        """Questions by chain, in order: those leads wait for, and the others."""

    def settle(self, chain_id: int, version: int) -> bool:
        """Note that a chain read all of a version; whether that is news."""
        before = self._settled.get(chain_id)
        self._settled[chain_id] = version
        self._settling.set()
        return before != version

    def answer(self, chain_id: int, version: int) -> bool:
        """Note that a chain read all of a version but new wallets' transfers; whether judging waited for that."""
        before = self._answered.get(chain_id, -1)
        self._answered[chain_id] = version
        return before < self._needed <= version

    def fails(self, chain_id: int) -> None:
        """Note that of a chain nothing is known any more: once well, it has to be read up to its head again."""
        self.well.discard(chain_id)
        self._settled.pop(chain_id, None)
        self._answered.pop(chain_id, None)

    def recovers(self, chain_id: int) -> None:
        """Note that a chain is well."""
        self.well.add(chain_id)

    def may_judge(self) -> bool:
        """Whether what leads cannot do without was read: up to the first time, all."""
        return self._reached(self._answered, self._needed) if self.caught_up else self.all_read()

    def all_read(self) -> bool:
        """Whether all was read that is to be read."""
        return self._reached(self._settled, self.version)

    async def until_all_read(self) -> None:
        """Wait until all was read that is to be read."""
        while not self.all_read():
            self._settling.clear()
            await self._settling.wait()

    def forget_read(self) -> None:
        """Take wallets whose chain has settled the version they came in off the list of unread ones."""
        self.unread = {
            wallet: version for wallet, version in self.unread.items() if self._settled.get(wallet[0], -1) < version
        }

    def questions(self, chain_id: int) -> tuple[list[Wanted], bool]:
        """Hand out a chain's questions, what leads need first; and whether leads wait for them."""
        wanted = self._wanted.pop(chain_id, None)
        return list(wanted or self._asides.pop(chain_id, None) or ()), bool(wanted)

    def forget_questions(self) -> None:
        """Drop all questions: whoever evaluates asks again."""
        self._wanted, self._asides = {}, {}

    def take_over(self, look: Look, askable: Collection[int]) -> tuple[bool, bool]:
        """Take over new wallets, contracts and questions; whether there were any, and whether leads wait for some.

        What they bring is judged in the next round. Only `askable` chains that are well are asked.
        """
        before = set(self.watched)
        fresh = {(item.chain_id, item.address) for item in look.watched if item not in before and item.awaited}
        asks = self._takes_questions(look, self.well.intersection(askable))
        if not asks and before == set(look.watched):
            return False, False
        self.watched = look.watched
        self.version += 1
        self.unread |= dict.fromkeys(fresh, self.version)
        if asks:
            self._needed = self.version
        return True, bool(asks or fresh or self._all_matters)

    def _takes_questions(self, look: Look, askable: Collection[int]) -> bool:
        known, self.children = self.children, look.children
        asked = _put(look.wanted, self._wanted, askable)
        # What leads need goes first.
        beside = not asked and _put(look.asides, self._asides, askable) and self._all_matters
        return self.children != known or asked or beside

    def _reached(self, marks: Mapping[int, int], version: int) -> bool:
        return all(marks.get(chain_id, -1) >= version for chain_id in self.well)


def _put(wanted: Sequence[Wanted], questions: Questions, askable: Collection[int]) -> bool:
    """Put questions to the chains that may be asked; whether there was a new one."""
    new = False
    for item in wanted:
        if item.chain_id in askable:
            mine = questions.setdefault(item.chain_id, {})
            new = new or item not in mine
            mine[item] = None
    return new
