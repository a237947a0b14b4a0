"""A detail page: its title, its text, and the rows that lead on."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import polars as pl
from rich.text import Text

from monitor.dash.item import Item, items
from monitor.dash.views import RELATED
from monitor.model.lead import Lead
from monitor.views import clean
from monitor.views import format as fmt
from monitor.views.snapshot import Snapshot
from monitor.views.tables import Row

__all__ = [
    "MAX_RELATED",
    "Page",
    "fact",
    "heading",
    "lead_link",
    "lease_links",
    "made",
    "members",
    "note",
    "related",
    "split_wallet",
    "wallet_link",
]

MAX_RELATED = 500
_LABEL = 13
_LIMIT = 400


class Page(NamedTuple):
    """What a detail screen shows."""

    title: Text
    body: Text
    items: tuple[Item, ...]


def heading(text: str) -> Text:
    """Write a section's title."""
    return clean.markup(f"\u2500\u2500 {text}", _LIMIT, "bold cyan")


def fact(label: str, value: object, style: str = "") -> Text:
    """Write one labelled value; None and empty values show as a dash."""
    text = fmt.number(value) if isinstance(value, int | Decimal) else str(value or "\u2013")
    return Text.assemble((label.ljust(_LABEL) + " ", "dim"), clean.markup(text, _LIMIT, style))


def note(text: str, style: str = "") -> Text:
    """Write a sentence."""
    return Text(clean.terminal(text, 4 * _LIMIT), style=style)


def related(kind: str, opens: str, target_id: str, how: str, name: str = "") -> Row:
    """Make a row that leads on: what it is, what Enter opens, and how it hangs together with the page."""
    return {"kind": kind, "opens": opens, "id": target_id, "name": name or target_id, "note": how}


def lead_link(lead: Lead) -> Row:
    """Make the row that leads to a lead."""
    return related("lead", "lead", lead.lead_id, f"score {lead.score}, {lead.severity}, {lead.state}")


def wallet_link(kind: str, chain_id: int, raw: bytes | None, how: str = "") -> list[Row]:
    """Make the row that leads to a wallet; none for a wallet nobody named."""
    if raw is None:
        return []
    text = fmt.address(raw) or ""
    return [related(kind, "wallet", f"{chain_id}:{text}", how, text)]


def made(title: str, lines: Iterable[Text], rows: list[Row]) -> Page:
    """Put a page together; of very many related rows the first are kept and the text says so."""
    body = list(lines)
    if len(rows) > MAX_RELATED:
        body.append(note(f"Showing {MAX_RELATED} of {len(rows)} related rows; the tables and exports hold all.", "dim"))
    joined = Text("\n").join(body)
    joined.no_wrap = False
    return Page(clean.markup(title, _LIMIT, "bold"), joined, items(RELATED, rows[:MAX_RELATED]))


def split_wallet(target_id: str) -> tuple[int, bytes]:
    """Read a wallet's id `chain:0xaddress`."""
    chain, _, text = target_id.partition(":")
    return int(chain), bytes.fromhex(text.removeprefix("0x"))


def members(snapshot: Snapshot, cluster_id: str) -> pl.DataFrame:
    """Pick the wallets of a cluster, by chain and address."""
    return snapshot.wallets.filter(pl.col("cluster_id") == cluster_id).sort("chain_id", "address")


def lease_links(leases: pl.DataFrame, kind: str) -> list[Row]:
    """Make rows that lead to leases, newest first."""
    picked = leases.sort("opened_at", "lease_id", descending=True, nulls_last=True).select(
        "market", "chain_id", "lease_id", "status", "gpu_count", "gpu_model", "gpu_raw", "opened_at"
    )
    rows: list[Row] = []
    for market, chain, lease_id, status, count, model, raw, opened in picked.iter_rows():
        machine = f"{count or '?'} x {model or raw or 'unknown GPU'}"
        how = f"{status}, {machine}, {fmt.time(opened) or 'never opened'}"
        key = fmt.lease_key(market, chain, lease_id)
        rows.append(related(kind, "lease", key, how))
    return rows
