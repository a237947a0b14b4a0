"""Native value around wallets: which way a chain's endpoints allow, and a job's page by that way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping

from monitor.chain.assets import fetch_by_assets
from monitor.chain.blocks import BlockPage, fetch_transfers
from monitor.chain.fault import Lagging, Refusing
from monitor.chain.rpc import RpcClient
from monitor.chain.traces import fetch_by_filter, fetch_by_trace, takes_at_once
from monitor.config.spec import NativeWay
from monitor.errors import NodeRefused
from monitor.model.chain import Header
from monitor.model.span import Span
from monitor.sync.fragment import METHOD, FragmentKind, native_kinds
from monitor.sync.plan import TRACES_SPAN, Job

__all__ = ["WayLost", "fetch_native", "native_kind"]

_NOBODY = b"\xfe" * 20
_BEHIND = 8
"""Blocks below the head where a way is tried: whatever an endpoint has, it has there."""

_Fetch = Callable[[RpcClient, Span, Collection[bytes], Mapping[int, Header]], Awaitable[BlockPage]]


class WayLost(NodeRefused):
    """Every endpoint refuses for good what was to be read by this `kind`, although a trial went well."""

    def __init__(self, kind: FragmentKind, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


async def native_kind(
    rpc: RpcClient, way: NativeWay, *, indexed: bool = False, lost: Collection[FragmentKind] = ()
) -> FragmentKind | None:
    """Choose the kind of fragments that `way` means with these endpoints: what they offer is found out by asking.

    Where it must be `indexed`, blocks are not gone through one by one, nor is a trace_filter taken that does so itself.
    Kinds that are `lost` do not count. None when they have nothing of the kind. Raises ChainUnreachable when none
    answers.
    """
    block = None
    for kind in (one for one in native_kinds(way, indexed=indexed) if one not in lost):
        if kind == "native":
            return kind
        if block is None:
            block = max(0, await rpc.block_number() - _BEHIND)
        if await _works(rpc, kind, block, indexed=indexed):
            return kind
    return None


async def fetch_native(rpc: RpcClient, job: Job, known: Mapping[int, Header]) -> BlockPage:
    """Fetch what a job of native value asks for; raises WayLost, Lagging, NodeRefused and ChainUnreachable."""
    try:
        return await _FETCH[job.kind](rpc, job.span, {fragment.wallet for fragment in job.fragments}, known)
    except Refusing as error:
        raise WayLost(job.kind, error.message, hint=error.hint) from error


async def _works(rpc: RpcClient, kind: FragmentKind, block: int, *, indexed: bool) -> bool:
    try:
        if indexed and kind == "traces":
            return await takes_at_once(rpc, Span(max(0, block + 1 - TRACES_SPAN), block + 1), _NOBODY)
        await _FETCH[kind](rpc, Span(block, block + 1), {_NOBODY}, {})
    except Lagging:
        return rpc.offers(METHOD[kind])
    except NodeRefused:
        return False
    return True


_FETCH: dict[FragmentKind, _Fetch] = {
    "native": fetch_transfers,
    "traces": fetch_by_filter,
    "blocktraces": fetch_by_trace,
    "assets": fetch_by_assets,
}
