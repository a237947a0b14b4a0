"""A snapshot made ready for the screen: every table's lines, built outside the screen's thread."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import polars as pl

from monitor.dash.item import Item, Target, items
from monitor.dash.views import VIEWS
from monitor.views import format as fmt
from monitor.views.snapshot import Snapshot

__all__ = ["World", "explorer_url", "resolve", "world"]

_HEX = re.compile(r"0x[0-9a-fA-F]{40}|0x[0-9a-fA-F]{64}")
_ADDRESS_CHARS = 42


class World(NamedTuple):
    """A snapshot and the lines of every table by the table's name."""

    snapshot: Snapshot
    lines: Mapping[str, tuple[Item, ...]]


def world(snapshot: Snapshot) -> World:
    """Build all tables of a snapshot."""
    return World(snapshot, {name: items(view, view.rows(snapshot)) for name, view in VIEWS.items()})


def resolve(found: World, text: str) -> Target | None:
    """Find what an id means: a lead, finding, cluster, lease (with or without market), wallet or transaction."""
    wanted = text.strip()
    if not wanted:
        return None
    for finding in found.snapshot.findings:
        if finding.finding_id == wanted:
            return _lead_of(found, wanted) or Target("cluster", finding.cluster_id)
    if _HEX.fullmatch(wanted):
        return _wallet(found, wanted) if len(wanted) == _ADDRESS_CHARS else _transaction(found, wanted)
    for name in ("leads", "clusters", "leases", "wallets"):
        for line in found.lines[name]:
            if line.target is not None and wanted in {line.target.id, line.target.text}:
                return line.target
    ends = [line.target for line in found.lines["leases"] if line.target and line.target.id.endswith(f":{wanted}")]
    starts = [line.target for line in found.lines["leads"] if line.target and line.target.id.startswith(wanted)]
    near = ends + starts
    return near[0] if len(near) == 1 else None


def _lead_of(found: World, finding_id: str) -> Target | None:
    return next((Target("lead", lead.lead_id) for lead in found.snapshot.leads if finding_id in lead.findings), None)


def _wallet(found: World, wanted: str) -> Target | None:
    low = wanted.lower()
    return next(
        (line.target for line in found.lines["wallets"] if line.target and line.target.text.lower() == low), None
    )


def _transaction(found: World, wanted: str) -> Target | None:
    raw = bytes.fromhex(wanted[2:])
    rows = found.snapshot.lease_events.filter(pl.col("tx_hash") == raw).select("chain_id").head(1)
    return Target("tx", f"{rows.item()}:0x{raw.hex()}") if rows.height else None


def explorer_url(snapshot: Snapshot, target: Target) -> str | None:
    """Make the configured explorer's address of a wallet or transaction (a lease: of its opening); http(s) only."""
    if target.kind == "lease":
        market, chain, lease_id = target.id.split(":", 2)
        rows = snapshot.leases.filter(
            (pl.col("market") == market) & (pl.col("chain_id") == int(chain)) & (pl.col("lease_id") == lease_id)
        )
        opened = rows["open_tx"].drop_nulls()
        return explorer_url(snapshot, Target("tx", f"{chain}:{fmt.hex_text(opened[0])}")) if len(opened) else None
    kinds = {"wallet": "address", "tx": "tx"}
    if target.kind not in kinds or not _HEX.fullmatch(target.text):
        return None
    chain = target.id.partition(":")[0]
    base = next((item.explorer for item in snapshot.chains if str(item.chain_id) == chain), "")
    if not _is_web(base):
        return None
    return f"{base.rstrip('/')}/{kinds[target.kind]}/{target.text}"


def _is_web(base: str) -> bool:
    if not base.isascii() or not base.isprintable() or " " in base:
        return False
    try:
        parts = urlsplit(base)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
