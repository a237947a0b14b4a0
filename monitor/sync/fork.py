"""What a new head means for the headers already known: growth, a fork to undo, or a question for the node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from monitor.errors import DeepReorg
from monitor.model.chain import BlockRef, Change, Extended, Header, Reverted

__all__ = ["Need", "decide", "deep_reorg", "is_linked", "last_common"]


class Need(NamedTuple):
    """The branch does not attach yet: fetch the block with this number and hash and put it in front."""

    number: int
    hash: bytes


def is_linked(headers: Sequence[Header]) -> bool:
    """Whether each header is the child of the one before it."""
    return all(
        child.number == parent.number + 1 and child.parent_hash == parent.hash for parent, child in pairwise(headers)
    )


def decide(
    chain_id: int, known: Sequence[Header], branch: Sequence[Header], finalized: int
) -> tuple[Change, ...] | Need:
    """Attach `branch` (linked, ending at the node's head) to `known` (linked, from the finalised block to our head).

    Returns the changes to apply in order (none when the head is already known), or the parent that is needed to decide.
    Raises DeepReorg when the branch leaves `known` below `finalized`.
    """
    if not known:
        return (Extended(chain_id, tuple(branch)),)
    by_hash = {header.hash: place for place, header in enumerate(known)}
    fresh = [header for header in branch if header.number >= known[0].number and header.hash not in by_hash]
    if not fresh:
        # The node's head is one of ours: it lags, or it fell back; nothing says our newer blocks are wrong.
        return ()
    parent = by_hash.get(fresh[0].parent_hash)
    if parent is not None and known[parent].number == fresh[0].number - 1:
        return _attach(chain_id, known, parent, fresh, finalized)
    if fresh[0].number <= max(finalized, known[0].number):
        raise deep_reorg(chain_id, finalized)
    return Need(fresh[0].number - 1, fresh[0].parent_hash)


def _attach(
    chain_id: int, known: Sequence[Header], place: int, fresh: Sequence[Header], finalized: int
) -> tuple[Change, ...]:
    base = known[place]
    grown = Extended(chain_id, tuple(fresh))
    if place == len(known) - 1:
        return (grown,)
    if base.number < finalized:
        raise deep_reorg(chain_id, finalized)
    return (Reverted(chain_id, BlockRef(base.number, base.hash)), grown)


def last_common(chain_id: int, known: Sequence[Header], canonical: Mapping[int, Header], finalized: int) -> Header:
    """Find the newest known header that is also canonical (headers by number, as the node has them now).

    Raises DeepReorg when none is, or when it lies below `finalized`.
    """
    for header in reversed(known):
        found = canonical.get(header.number)
        if found is not None and found.hash == header.hash:
            if header.number < finalized:
                break
            return header
    raise deep_reorg(chain_id, finalized)


def deep_reorg(chain_id: int, finalized: int) -> DeepReorg:
    """Word the error for a fork below the finalised block."""
    message = f"chain {chain_id} changed at or below block {finalized}, which was final"
    repair = f"`monitor prune --chain {chain_id} --above BLOCK` with a block before the fork, then run again"
    return DeepReorg(message, hint=f"check that the endpoint serves the right network; if it does: {repair}")
