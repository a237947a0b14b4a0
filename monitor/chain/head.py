"""The head: what is new, what was undone and what is final since the last look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from monitor.chain.blocks import fetch_headers
from monitor.chain.call import Answer, Call, decode_optional, known_header
from monitor.chain.fault import Lagging
from monitor.chain.rpc import RpcClient
from monitor.chain.wire import ErrorBody, HeaderAnswer, header
from monitor.model.chain import BlockRef, Change, Extended, Finalized, Header, Reverted
from monitor.sync.fork import Need, decide, is_linked, last_common

__all__ = ["Finality", "HeadState", "advance", "after"]

NEAR = 64
"""Blocks the head may have moved for the branch to be followed by parent hash; beyond, headers come by number."""


class Finality(NamedTuple):
    """Which blocks can no longer change: those up to a tag, or those `depth` below the head (also without such tag)."""

    kind: Literal["finalized", "safe", "depth"]
    depth: int


class HeadState(NamedTuple):
    """The headers from the finalised block to our head, linked, ascending; `finalized` is -1 before the first look."""

    known: tuple[Header, ...] = ()
    finalized: int = -1


async def advance(
    rpc: RpcClient,
    state: HeadState,
    finality: Finality,
    chain_id: int,
    announced: Header | None = None,
    *,
    again: bool = False,
) -> tuple[tuple[Change, ...], HeadState]:
    """Look at the head once: the changes since `state`, in the order to apply them, and the state after them.

    A head that was `announced` (newHeads) is taken for the newest without asking; finality by tag then stays where it
    was. Raises DeepReorg when the chain changed below finality, and Lagging when it moved while it was read: look
    `again`. An endpoint whose head has no blocks below it even then is not believed.
    """
    if announced is None:
        (newest, final), place = await _look(rpc, finality)
        if state.known:
            rpc.hold_against(place, newest, state.known[-1])
    else:
        newest, place = announced, None
        final = newest.number - finality.depth if finality.kind == "depth" else state.finalized
    if state.known and newest.number < state.known[0].number:
        message = f"the head is block {newest.number}, but block {state.known[0].number} was final"
        raise Lagging(message, hint="the endpoint is far behind or serves another network of the same chain id")
    try:
        changes = await _changes(rpc, state, newest, final, chain_id)
    except Lagging:
        if again and place is not None:
            rpc.disbelieve(place, f"its head {newest.number} does not follow on the blocks that are known")
        raise
    moved = state
    for change in changes:
        moved = after(moved, change)
    upto = min(final, moved.known[-1].number) if moved.known else -1
    if upto > moved.finalized:
        done = Finalized(chain_id, upto)
        return (*changes, done), after(moved, done)
    return changes, moved


def after(state: HeadState, change: Change) -> HeadState:
    """Apply one change to the known headers."""
    match change:
        case Extended(_, headers):
            gap = bool(state.known) and headers[0].number != state.known[-1].number + 1
            return state._replace(known=headers if gap else (*state.known, *headers))
        case Reverted(_, to):
            return state._replace(known=tuple(item for item in state.known if item.number <= to.number))
        case Finalized(_, upto):
            return HeadState(tuple(item for item in state.known if item.number >= upto), upto)


async def _changes(rpc: RpcClient, state: HeadState, newest: Header, final: int, chain_id: int) -> tuple[Change, ...]:
    if not state.known:
        return (Extended(chain_id, tuple(await _run(rpc, min(final, newest.number), newest))),)
    if newest.number - state.known[-1].number > NEAR:
        return await _far(rpc, state, newest, final, chain_id)
    branch = [newest]
    if newest.number > state.known[-1].number + 1:
        branch = await _run(rpc, state.known[-1].number + 1, newest)
    while True:
        verdict = decide(chain_id, state.known, branch, state.finalized)
        if not isinstance(verdict, Need):
            return verdict
        branch.insert(0, await rpc.header_by_hash(verdict.hash, verdict.number))


async def _far(rpc: RpcClient, state: HeadState, newest: Header, final: int, chain_id: int) -> tuple[Change, ...]:
    """Catch up over a gap: first see which of our headers still stand, then read on from there or from finality."""
    canonical = {}
    for first in range(len(state.known), 0, -NEAR):
        part = state.known[max(0, first - NEAR) : first]
        canonical = await fetch_headers(rpc, [item.number for item in part])
        if any(canonical[item.number].hash == item.hash for item in part):
            break
    base = last_common(chain_id, state.known, canonical, state.finalized)
    fresh = await _run(rpc, max(base.number + 1, min(final, newest.number)), newest)
    if fresh[0].number == base.number + 1 and fresh[0].parent_hash != base.hash:
        raise _moved(fresh[0].number)
    grown = Extended(chain_id, tuple(fresh))
    if base.hash == state.known[-1].hash:
        return (grown,)
    return (Reverted(chain_id, BlockRef(base.number, base.hash)), grown)


async def _look(rpc: RpcClient, finality: Finality) -> tuple[tuple[Header, int], int]:
    """Ask for the newest header and, in the same request, for the newest that can no longer change; and who says so."""

    def accept(answers: Sequence[Answer]) -> tuple[Header, int]:
        newest = known_header(answers[0])
        final = max(0, newest.number - finality.depth)
        if len(answers) > 1 and not isinstance(answers[1], ErrorBody):
            tagged = decode_optional(answers[1], HeaderAnswer)
            final = final if tagged is None else header(tagged).number
        return newest, min(final, newest.number)

    calls = [Call("eth_getBlockByNumber", ("latest", False))]
    if finality.kind != "depth":
        calls.append(Call("eth_getBlockByNumber", (finality.kind, False)))
    return await rpc.ask_from(calls, accept)


async def _run(rpc: RpcClient, start: int, newest: Header) -> list[Header]:
    """Fetch the headers from `start` to `newest`, linked."""
    found = await fetch_headers(rpc, range(start, newest.number))
    headers = [*found.values(), newest]
    if not is_linked(headers):
        raise _moved(newest.number)
    return headers


def _moved(number: int) -> Lagging:
    message = f"the chain changed near block {number} while it was read"
    return Lagging(message, hint="look again; if it stays, an endpoint serves headers that do not fit together")
