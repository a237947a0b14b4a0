"""The page of a transaction: the events it emitted that some market understands, and the findings that cite it."""

from __future__ import annotations

import polars as pl
from rich.text import Text

from monitor.dash.details.page import Page, fact, heading, made, note, related, wallet_link
from monitor.dash.world import World
from monitor.views import format as fmt
from monitor.views.tables import Row

__all__ = ["transaction_page"]

_WHERE = ("block_number", "block_time", "block_hash")
_SHOWN = 20


def transaction_page(world: World, target_id: str) -> Page | None:
    """Show a transaction by `chain_id:0xhash`; it may be known only as evidence, as a transfer is."""
    snapshot = world.snapshot
    chain_text, _, text = target_id.partition(":")
    chain, raw = int(chain_text), bytes.fromhex(text.removeprefix("0x"))
    events = snapshot.lease_events.filter((pl.col("chain_id") == chain) & (pl.col("tx_hash") == raw)).sort("log_index")
    lines = [fact("transaction", text, "bold"), fact("chain", chain)]
    rows: list[Row] = []
    if events.height:
        block, time, block_hash = events.select(_WHERE).row(0)
        lines += [fact("block", block), fact("time", fmt.time(time)), fact("block hash", fmt.hex_text(block_hash))]
        lines += _events(events)
        rows += _leads_on(events, chain)
    else:
        lines.append(note("No market event: a transfer or a funding transaction."))
    cited = [f for f in snapshot.findings if any(p.chain_id == chain and p.tx_hash == raw for p in f.evidence)]
    for finding in sorted(cited, key=lambda finding: finding.finding_id):
        lead = next((lead for lead in snapshot.leads if finding.finding_id in lead.findings), None)
        kind, target = ("lead", lead.lead_id) if lead else ("cluster", finding.cluster_id)
        rows.append(related("cited by", kind, target, f"{finding.rule}: {finding.summary}"))
    return made(f"Transaction {text}", lines, rows)


def _events(events: pl.DataFrame) -> list[Text]:
    picked = events.select("log_index", "event", "verb", "lease_id", "amount", "contract").head(_SHOWN)
    lines = [heading(f"{events.height} events")]
    for log, event, verb, lease_id, amount, contract in picked.iter_rows():
        money = f", {fmt.number(amount)} base units" if amount is not None else ""
        words = f"{event} ({verb}) {lease_id or ''}{money} from {fmt.short(fmt.address(contract))}"
        lines.append(fact(f"log {log}", words))
    return lines


def _leads_on(events: pl.DataFrame, chain: int) -> list[Row]:
    rows: list[Row] = []
    seen: set[str] = set()
    for market, verb, lease_id, actor in events.select("market", "verb", "lease_id", "actor").iter_rows():
        key = fmt.lease_key(market, chain, lease_id or "")
        if (verb or "").startswith("lease.") and key not in seen:
            seen.add(key)
            rows.append(related("lease", "lease", key, verb))
        rows += [row for row in wallet_link("actor", chain, actor, verb) if row not in rows]
    return rows
