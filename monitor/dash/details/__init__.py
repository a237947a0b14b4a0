"""The pages behind a row: pure functions from the world and an id to a title, text and the rows to go on from.

One module per kind of thing. May import `views` and the dashboard's `item`, `views` and `world`; touches no widget.
"""

from __future__ import annotations

from collections.abc import Callable

from monitor.dash.details.cluster import cluster_page
from monitor.dash.details.lead import lead_page
from monitor.dash.details.lease import lease_page
from monitor.dash.details.market import market_page
from monitor.dash.details.page import Page
from monitor.dash.details.transaction import transaction_page
from monitor.dash.details.wallet import wallet_page
from monitor.dash.details.why import why_page
from monitor.dash.item import Target
from monitor.dash.world import World

__all__ = ["Page", "page"]

_PAGES: dict[str, Callable[[World, str], Page | None]] = {
    "lead": lead_page,
    "lease": lease_page,
    "wallet": wallet_page,
    "cluster": cluster_page,
    "tx": transaction_page,
    "market": market_page,
    "why": why_page,
}


def page(world: World, target: Target) -> Page | None:
    """Make the page of a target, or None when the ledger does not hold it (any more)."""
    return _PAGES[target.kind](world, target.id)
