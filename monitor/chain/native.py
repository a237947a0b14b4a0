"""Native value around wallets: which way a chain's endpoints allow, and a job's page by that way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping

from monitor.chain.assets import fetch_by_assets
from monitor.chain.blocks import BlockPage, fetch_transfers
from monitor.chain.fault import Lagging
from monitor.chain.rpc import RpcClient
from monitor.chain.traces import fetch_by_filter, fetch_by_trace
from monitor.config.spec import NativeWay
from monitor.errors import NodeRefused
from monitor.model.chain import Header
from monitor.model.span import Span
from monitor.sync.fragment import FragmentKind
from monitor.sync.plan import Job

__all__ = ["METHOD", "fetch_native", "native_kind"]

_NOBODY = b"\xfe" * 20
_BEHIND = 8
"""Blocks below the head where a way is tried: whatever an endpoint has, it has there."""

_Fetch = Callable[[RpcClient, Span, Collection[bytes], Mapping[int, Header]], Awaitable[BlockPage]]


async def native_kind(rpc: RpcClient, way: NativeWay) -> FragmentKind:
    """Choose the kind of fragments that `way` means with these endpoints: what they offer is found out by asking.

    Raises NodeRefused when they have not what the configuration demands, ChainUnreachable when none answers.
    """
    kinds = _KINDS[way]
    if not kinds:
        return "native"
    block = max(0, await rpc.block_number() - _BEHIND)
    for kind in kinds:
        if await _works(rpc, kind, Span(block, block + 1)):
            return kind
    if way == "auto":
        return "native"
    message = f"{rpc.name}: no endpoint has {' or '.join(METHOD[kind] for kind in kinds)}"
    raise NodeRefused(message, hint='add one that has, or set native = "auto" or "blocks"')


async def fetch_native(rpc: RpcClient, job: Job, known: Mapping[int, Header]) -> BlockPage:
    """Fetch what a job of native value asks for; raises Lagging, NodeRefused and ChainUnreachable."""
    return await _FETCH[job.kind](rpc, job.span, {fragment.wallet for fragment in job.fragments}, known)


async def _works(rpc: RpcClient, kind: FragmentKind, span: Span) -> bool:
    try:
        await _FETCH[kind](rpc, span, {_NOBODY}, {})
    except Lagging:
        return rpc.offers(METHOD[kind])
    except NodeRefused:
        return False
    return True


_KINDS: dict[NativeWay, tuple[FragmentKind, ...]] = {
    "auto": ("traces", "assets", "blocktraces"),
    "trace": ("traces", "blocktraces"),
    "alchemy": ("assets",),
    "blocks": (),
    "off": (),
}
"""What is tried for each way, the cheapest first."""
METHOD: dict[FragmentKind, str] = {
    "native": "eth_getBlockByNumber",
    "traces": "trace_filter",
    "blocktraces": "trace_block",
    "assets": "alchemy_getAssetTransfers",
}
"""The method each kind of fragment of native value rests on."""
_FETCH: dict[FragmentKind, _Fetch] = {
    "native": fetch_transfers,
    "traces": fetch_by_filter,
    "blocktraces": fetch_by_trace,
    "assets": fetch_by_assets,
}
