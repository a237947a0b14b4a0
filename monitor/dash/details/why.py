"""The page of a pair of wallets: what joins them, hop by hop, as `monitor explain` tells it."""

from __future__ import annotations

from monitor.dash.details.page import Page, made, note, related, split_wallet, wallet_link
from monitor.dash.world import World
from monitor.views import format as fmt
from monitor.views.tables import Row
from monitor.views.why import why, why_lines

__all__ = ["why_id", "why_page"]


def why_id(chain_id: int, a: bytes, b: bytes) -> str:
    """Name a pair: `chain:0xa:0xb`; the chain is the one to look its wallets up on."""
    return f"{chain_id}:{fmt.address(a)}:{fmt.address(b)}"


def why_page(world: World, target_id: str) -> Page | None:
    """Show a pair by its `why_id`, or None when no evidence connects the two (any more)."""
    first, _, second = target_id.rpartition(":")
    chain, a = split_wallet(first)
    b = bytes.fromhex(second.removeprefix("0x"))
    pair = why(world.snapshot, a, b)
    if not pair.found.hops:
        return None
    rows: list[Row] = wallet_link("wallet", chain, a, "where the path starts")
    for hop in pair.found.hops:
        rows += wallet_link("wallet", chain, hop.b, f"{hop.bits} bits from {', '.join(hop.families)}")
        proofs = {(link.chain_id, tx): link.heuristic for link in reversed(hop.links) for tx in link.txs}
        for (where, tx), heuristic in sorted(proofs.items()):
            text = fmt.hex_text(tx) or ""
            rows.append(related("proof", "tx", f"{where}:{text}", heuristic, text))
    lines = [note(line) for line in why_lines(pair)]
    return made(f"Why {fmt.short(fmt.address(a))} and {fmt.short(fmt.address(b))}", lines, rows)
