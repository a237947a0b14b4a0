"""Fetch what an evaluation wants of a chain beside its logs, and keep only what is of the chain the ledger has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from monitor.chain.reads import ChainReads, Wanted
from monitor.daemon.follow import Follower
from monitor.daemon.progress import Progress
from monitor.ledger.writer import Writer

__all__ = ["Filled", "fill"]

_HINT = (
    "what they would have told stays unknown; a contract's own refusal is final, for what a node lacks (old state, a "
    "method) add an archive node to the chain's `rpc`"
)


class Filled(NamedTuple):
    """Whether any answer was written, and whether any row was, or taken back, when the head was looked at again."""

    answered: bool
    changed: bool


async def fill(
    reads: ChainReads, follower: Follower, writer: Writer, progress: Progress, wanted: Sequence[Wanted]
) -> Filled:
    """Fetch reads, look at the head again, and write the answers.

    Answers come by block number. If the chain moved meanwhile, they may be of either branch: only those of final blocks
    are kept, and the next evaluation asks for the rest again.
    """
    before = follower.reorgs
    found = await reads.fetch(wanted)
    changed = await follower.step()
    if follower.reorgs != before:
        found = [read for read in found if read.block_number <= follower.source.finalized]
    await writer.put_reads(found)
    failed = [read.failure for read in found if read.failure]
    if failed:
        progress.say(
            f"{follower.source.name}: {len(failed)} of {len(found)} reads could not be had: {failed[0]}. hint: {_HINT}"
        )
    if len(wanted) > len(found) and reads.left == 0:
        progress.say(f"{follower.source.name}: today's budget of reads (max_reads) is used up; the rest stays unknown")
    return Filled(answered=bool(found), changed=changed)
