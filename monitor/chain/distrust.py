"""Whether to believe an answer of eth_getLogs, and what is done to find out.

`off` believes what has the form of an answer. `bloom` holds it against the blooms of the headers at hand, looks at the
receipts where a block may hold what the answer lacks, and in history gathers more: the headers of the blocks the answer
says nothing of, or the same question in another cut. `quorum` asks a second endpoint. `receipts` recomputes the hash of
every header and the root of the receipts of every block whose bloom says maybe.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

from monitor.chain.answers import read_logs
from monitor.chain.blocks import fetch_headers
from monitor.chain.call import Answer, Call, decode, known_header, result
from monitor.chain.check import differences, same_logs, seams
from monitor.chain.fault import Fault, Lagging
from monitor.chain.proof import header_hash
from monitor.chain.receipts import block_logs
from monitor.chain.rpc import RpcClient
from monitor.chain.wire import Lying, filter_parameter
from monitor.config.spec import DistrustRange, Level
from monitor.errors import NodeRefused
from monitor.model.chain import Header
from monitor.model.span import Span
from monitor.sync.evidence import Trust, holds, is_crisp, lacking, way
from monitor.sync.fragment import LogFilter

__all__ = ["Distrust", "Untrue"]

_FULL = b"\xff" * 256
_DECIDED = 20
"""Blocks in which two answers differ that are looked at: enough to tell who is wrong."""
_SAMPLE = 4
"""Blooms looked at beside a second look, for as many first answers of an endpoint."""
_MUTE_SAMPLE = 64
"""The same, for as long as an endpoint has sent no log of history: a second look at nothing is nothing again."""
_BLIND_LOOKS = 2
"""Second looks at a stranger's answer where blooms tell nothing: who leaves logs out now and then seldom leaves out the
same three times."""
_CAUGHT_LOOKS = 2
"""As many times more of whoever was caught, blooms or not."""
_SHORT = 1_000
"""Logs up to which an answer without holes is asked for again as any other is: that costs little."""
_SELDOM = 32
"""One in so many longer ones is."""
_ROUND = 500
"""Limits of what is sent are multiples of this."""
_TURN = 2**16
_GOLDEN = 40_503
"""The golden section of `_TURN`: multiples of it fall far from each other (Knuth, TAOCP 3, 6.4)."""
_PROOF_BATCH = 50
"""Blocks whose headers are proved in one request."""

log = logging.getLogger("monitor.chain")


class Untrue(Exception):
    """The answer of the endpoint at `place` is not true, for this reason."""

    def __init__(self, place: int, reason: str) -> None:
        super().__init__(reason)
        self.place = place
        self.reason = reason


class Distrust:
    """One chain's memory of whom to believe; `level` is that of blocks in no range of `ranges`."""

    def __init__(self, rpc: RpcClient, level: Level = "bloom", ranges: Sequence[DistrustRange] = ()) -> None:
        self._rpc = rpc
        self._level = level
        self._ranges = ranges
        self._blooms: bool | None = None
        """Whether they can be used: not where they are empty beside logs; unknown until one is not empty."""
        self._trust: dict[int, Trust] = {}
        self._whole: set[LogFilter] = set()
        self._heard: set[int] = set()
        self._caught: set[int] = set()
        self._long: Counter[int] = Counter()
        """Long answers without holes so far."""

    def level(self, span: Span) -> Level:
        """Tell the strictest level that holds for any block of a span."""
        order: tuple[Level, ...] = ("off", "bloom", "quorum", "receipts")
        own = [item.level for item in self._ranges if item.first < span.stop and item.last >= span.start]
        return max(own, key=order.index) if own else self._level

    async def examine(
        self,
        wanted: LogFilter,
        span: Span,
        logs: pl.DataFrame,
        headers: Mapping[int, Header],
        place: int,
        *,
        final: bool,
        sure: bool = False,
    ) -> None:
        """Test the answer of the endpoint at `place`, with the `headers` at hand; raises Untrue.

        To be `sure` of blocks whose blooms were looked at before, it is asked for again, however long the endpoint told
        the truth. Raises NodeRefused where the level demands what no endpoint gives.
        """
        level = self.level(span)
        if level == "off":
            return
        if level == "receipts":
            await self._prove(wanted, span, logs, place)
            return
        try:
            await self._look(wanted, logs, [one for number, one in headers.items() if number in range(*span)], place)
            if level == "quorum":
                await self._again(wanted, span, logs, place, elsewhere=True)
            elif final or not self._blooms:
                # At the head blooms are looked at as they come, and that is all, where there are any.
                await self._test(wanted, span, logs, headers, place, final=final, sure=sure)
        except Untrue:
            self._catch(place)
            raise

    def _catch(self, *places: int) -> None:
        """Remember who said what is not true."""
        for place in places:
            self._caught.add(place)
            self._trust[place] = Trust()

    async def _test(
        self,
        wanted: LogFilter,
        span: Span,
        logs: pl.DataFrame,
        headers: Mapping[int, Header],
        place: int,
        *,
        final: bool,
        sure: bool,
    ) -> None:
        """Gather what evidence is worth its price: of strangers and without blooms always, else of some answers."""
        trust = self._trust.get(place, Trust())
        if logs.height and not sure:
            self._heard.add(place)
        told = {*logs["block_number"].unique().to_list(), *(number for number in headers if number in range(*span))}
        tight, hole = seams(logs)
        if wanted in self._whole:
            hole = None
        blooms = self._blooms is not False
        how, cheap = way(0 if sure else span.blocks - len(told), logs.height, blooms=blooms)
        if blooms and not (sure or cheap or hole is not None or trust.is_due):
            self._trust[place] = trust.skipped()
            return
        # Blooms tell of blocks that nothing was sent of, never of one log among others.
        due = sure or self._is_seen_twice(logs, place, tight=tight)
        again = due or how == "again" or hole is not None or not self._blooms
        blanks = [] if sure else [number for number in range(*span) if number not in told]
        if how == "again":
            # Who has no logs at all says the same again: blooms of a stranger's first answers show that.
            blanks = _spread(blanks, self._sample(place, trust))
        if blooms and blanks:
            found = await fetch_headers(self._rpc, blanks)
            await self._look(wanted, logs, list(found.values()), place)
        if not again and _is_cut_short(logs):
            await self._end(wanted, logs, place)
        for _ in range(self._looks(place, trust) if again else 0):
            await self._again(wanted, span, logs, place, elsewhere=False, known={} if final else headers)
        if hole is not None:
            # Who leaves out every so many logs may say the same in another cut; the receipts of a torn block decide.
            (one,) = await self._rpc.headers([hole])
            await self._decide(wanted, logs, one, place)
            self._whole.add(wanted)
        trust = self._trust.get(place, Trust())
        self._trust[place] = trust.tested() if again or not cheap else trust.skipped()

    def _is_seen_twice(self, logs: pl.DataFrame, place: int, *, tight: bool) -> bool:
        """Whether an answer that blooms can test is asked for again nevertheless: one log of several may be missing.

        Where a contract fills its blocks alone only what is cut off at the end of one would not show: of long answers
        without holes some are asked for again.
        """
        if place in self._caught:
            return True
        if not tight or logs.height <= _SHORT:
            return self._trust.get(place, Trust()).is_due
        self._long[place] += 1
        return self._long[place] % _SELDOM == 1

    async def _end(self, wanted: LogFilter, logs: pl.DataFrame, place: int) -> None:
        """Ask for the last block with logs alone."""
        last: int = logs["block_number"][-1]
        said = logs.filter(pl.col("block_number") == last)
        await self._again(wanted, Span(last, last + 1), said, place, elsewhere=False)

    def _sample(self, place: int, trust: Trust) -> int:
        """Say how many blooms are looked at beside a second look."""
        mute = place not in self._heard
        if mute and trust.is_new:
            return _MUTE_SAMPLE
        return _SAMPLE if mute or trust.proven < _SAMPLE else 0

    def _looks(self, place: int, trust: Trust) -> int:
        """Say how often the same is asked again."""
        caught = place in self._caught
        blind = self._blooms is False and (caught or trust.is_new)
        return (_CAUGHT_LOOKS if caught else 1) * (_BLIND_LOOKS if blind else 1)

    async def _look(self, wanted: LogFilter, logs: pl.DataFrame, headers: Collection[Header], place: int) -> None:
        """Hold an answer against blooms; where one says maybe and the answer says nothing, the receipts decide."""
        if self._blooms is None and any(any(one.bloom) for one in headers):
            self._blooms = True
        # A bloom of nothing but ones rules out nothing, and says maybe by accident to everything.
        headers = [one for one in headers if one.bloom != _FULL]
        if self._blooms is False or not headers:
            return
        numbers = [one.number for one in headers]
        present: dict[int, set[bytes]] = {}
        items: dict[int, set[bytes]] = {}
        near = logs.filter(pl.col("block_number").is_in(numbers))
        for number, address, topics in near.select("block_number", "address", "topics").iter_rows():
            present.setdefault(number, set()).add(address)
            words = {topics[first : first + 32] for first in range(0, len(topics), 32)}
            items.setdefault(number, set()).update(words | {address})
        for one in headers:
            own = items.get(one.number, set())
            if own and not any(one.bloom):
                self._blooms = False
                log.warning("%s: its blooms are empty; they are not used", self._rpc.name)
                return
            if not one.bloom:
                continue
            if not holds(one.bloom, own):
                raise Untrue(place, f"the bloom of block {one.number} rules out logs that were sent for it")
            if lacking(one.bloom, wanted, present.get(one.number, set())) and is_crisp(one.bloom, wanted):
                await self._decide(wanted, logs, one, place)

    async def _decide(self, wanted: LogFilter, logs: pl.DataFrame, one: Header, place: int) -> None:
        try:
            truth = await block_logs(self._rpc, wanted, one, avoid=frozenset({place}))
        except NodeRefused:
            truth = await self._one_block(wanted, one, place)
        self._compare(logs, truth, one.number, place)

    async def _one_block(self, wanted: LogFilter, one: Header, place: int) -> pl.DataFrame:
        """Ask for one block's logs by its hash: what is left where nobody gives receipts."""
        span = Span(one.number, one.number + 1)
        call = Call("eth_getLogs", (filter_parameter(wanted, span, one.hash),))
        found, _ = await self._rpc.ask_from(
            [call], lambda answers: read_logs(result(answers[0], ranged=True), wanted, span), block=one.number,
            avoid=frozenset({place}),
        )  # fmt: skip
        return found

    @staticmethod
    def _compare(logs: pl.DataFrame, truth: pl.DataFrame, number: int, place: int) -> None:
        said = logs.filter(pl.col("block_number") == number)
        if not same_logs(said, truth):
            raise Untrue(place, f"block {number} has {truth.height} wanted logs, it sent {said.height}")

    async def _again(
        self,
        wanted: LogFilter,
        span: Span,
        logs: pl.DataFrame,
        place: int,
        *,
        elsewhere: bool,
        known: Mapping[int, Header] | None = None,
    ) -> None:
        """Ask the same of another endpoint; where there is none, in another cut (no cache knows the answer).

        Blocks that can still change may be others by now than those that are `known`: raises Lagging.
        """
        second, others = await self._second_look(wanted, span, place, elsewhere=elsewhere)
        if same_logs(logs, second):
            return
        numbers = differences(logs, second)
        await self._check_branch(known or {}, numbers)
        # The first answer may stand although another contradicts it: wherever they differ, it has to be the true one.
        reasons = []
        for number in numbers[:_DECIDED]:
            said, again = (frame.filter(pl.col("block_number") == number) for frame in (logs, second))
            if await self._is_wrong(wanted, number, said, again, frozenset({place, *others})):
                raise Untrue(
                    place, f"block {number} has {again.height} wanted logs when asked again, not {said.height}"
                )
            reasons.append(f"block {number} has {said.height} wanted logs, it sent {again.height}")
        self._catch(*others)
        self._rpc.accuse(min(others), reasons[0])

    async def _second_look(
        self, wanted: LogFilter, span: Span, place: int, *, elsewhere: bool
    ) -> tuple[pl.DataFrame, frozenset[int]]:
        """Ask elsewhere, and in two parts where nobody else answers; also at which places those stand that answered."""
        if elsewhere or span.blocks == 1 or not self._rpc.is_alone(place):
            found, other = await self._second(wanted, span, place)
            if elsewhere and other == place:
                message = f'{self._rpc.name}: no second endpoint answers, and `distrust = "quorum"` asks for two'
                raise NodeRefused(message, hint="add another endpoint to the chain's `rpc`, or lower `distrust`")
            if other != place or span.blocks == 1:
                return found, frozenset({other})
        middle = span.start + span.blocks // 2
        one, first = await self._second(wanted, Span(span.start, middle), place)
        two, second = await self._second(wanted, Span(middle, span.stop), place)
        return pl.concat([one, two]), frozenset({first, second})

    async def _check_branch(self, known: Mapping[int, Header], numbers: Sequence[int]) -> None:
        for number, one in (await fetch_headers(self._rpc, [item for item in numbers if item in known])).items():
            if one.hash != known[number].hash:
                message = f"{self._rpc.name}: block {number} changed while its logs were looked at"
                raise Lagging(message, hint="look again; if it stays, the endpoints are of two branches")

    async def _second(self, wanted: LogFilter, span: Span, place: int) -> tuple[pl.DataFrame, int]:
        def accept(answers: Sequence[Answer]) -> pl.DataFrame:
            last = known_header(answers[0], span.last)
            found = read_logs(result(answers[1], ranged=True), wanted, span)
            if found.height and found["block_number"][-1] == last.number and found["block_hash"][-1] != last.hash:
                message = f"block {last.number} has another hash in its logs than in its header"
                raise Lying(message)
            return found

        calls = [
            Call("eth_getBlockByNumber", (hex(span.last), False)),
            Call("eth_getLogs", (filter_parameter(wanted, span),)),
        ]
        return await self._rpc.ask_from(calls, accept, block=span.last, avoid=frozenset({place}))

    async def _is_wrong(
        self, wanted: LogFilter, number: int, said: pl.DataFrame, again: pl.DataFrame, both: frozenset[int]
    ) -> bool:
        """Tell whether the first of two answers about a block is wrong: by its receipts, else if it has fewer logs."""
        try:
            (one,) = await self._rpc.headers([number])
            return not same_logs(said, await block_logs(self._rpc, wanted, one, avoid=both))
        except Lagging:
            raise
        except NodeRefused:
            # Nobody can tell: nodes leave logs out more often than they make some up.
            return said.height <= again.height

    async def _prove(self, wanted: LogFilter, span: Span, logs: pl.DataFrame, place: int) -> None:
        """Prove an answer: hashed headers that follow on each other, and the receipts of all blocks that may matter."""
        before: Header | None = None
        for start in range(span.start, span.stop, _PROOF_BATCH):
            numbers = range(start, min(span.stop, start + _PROOF_BATCH))
            for one in await self._proved(numbers):
                if before is not None and one.parent_hash != before.hash:
                    raise Untrue(place, f"block {one.number} is no child of block {before.number}")
                before = one
                said = logs.filter(pl.col("block_number") == one.number)
                if not one.bloom or said.height or lacking(one.bloom, wanted, ()):
                    truth = await block_logs(self._rpc, wanted, one, proved=True)
                    self._compare(logs, truth, one.number, place)

    async def _proved(self, numbers: Sequence[int]) -> list[Header]:
        def accept(answers: Sequence[Answer]) -> list[Header]:
            found = []
            for answer, number in zip(answers, numbers, strict=True):
                one = known_header(answer, number)
                said = header_hash(decode(answer, dict[str, Any]))
                if said is None:
                    message = f"the hash of block {number} cannot be recomputed: this chain's headers have other fields"
                    raise Fault(message, kind="refused")
                if said != one.hash:
                    message = f"the header of block {number} has another hash than it says"
                    raise Lying(message)
                found.append(one)
            return found

        calls = [Call("eth_getBlockByNumber", (hex(number), False)) for number in numbers]
        return await self._rpc.ask(calls, accept, block=numbers[-1])


def _spread(blocks: Sequence[int], count: int) -> list[int]:
    """Choose some blocks all over the span, in uneven steps: events may come in even ones."""
    if len(blocks) <= count:
        return list(blocks)
    return sorted({blocks[place * _GOLDEN % _TURN * len(blocks) // _TURN] for place in range(count)})


def _is_cut_short(logs: pl.DataFrame) -> bool:
    """Whether an answer may end at a limit within a block: at a round number of logs, in a block with few."""
    if logs.is_empty() or logs.height % _ROUND:
        return False
    block = logs["block_number"].to_numpy()
    last = int((block == block[-1]).sum())
    return last == len(block) or last < int((block == block[-1 - last]).sum())
