"""The page of a lease: people, resource, money and time, with the events that say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from rich.text import Text

from monitor.dash.details.page import Page, fact, heading, lead_link, made, related, wallet_link
from monitor.dash.world import World
from monitor.views import format as fmt
from monitor.views.tables import Row
from monitor.wallets.hours import h100e_hours

__all__ = ["lease_page"]


def lease_page(world: World, key: str) -> Page | None:
    """Show a lease by its key `market:chain_id:lease_id`."""
    market, chain, lease_id = key.split(":", 2)
    same = (pl.col("market") == market) & (pl.col("chain_id") == int(chain)) & (pl.col("lease_id") == lease_id)
    found = world.snapshot.leases.filter(same)
    if not found.height:
        return None
    lease = found.row(0, named=True)
    as_of = {chain.chain_id: chain.head_time for chain in world.snapshot.chains if chain.head_time is not None}
    lines = [*_terms(lease), *_hours(found, as_of), *_people(lease), *_money(lease)]
    return made(f"Lease {key}", lines, _rows(world, key, lease, world.snapshot.lease_events.filter(same)))


def _terms(lease: dict[str, Any]) -> list[Text]:
    region = f"{lease['region_raw'] or 'unknown'} ({lease['region_provenance'] or 'no source'})"
    lasted = (lease["closed_at"] or lease["planned_end"] or 0) - (lease["opened_at"] or 0)
    length = fmt.duration(lasted) if lease["opened_at"] and lasted > 0 else ""
    return [
        fact("status", f"{lease['status']} {lease['close_reason'] or ''}".strip(), "bold"),
        fact("GPUs", f"{lease['gpu_count'] or '?'} x {lease['gpu_model'] or 'not recognised'}"),
        fact("on chain", lease["gpu_raw"]),
        fact("precision", f"{lease['gpu_precision'] or 'none'}; from {lease['resource_provenance'] or 'nowhere'}"),
        fact("H100e", lease["h100e"]),
        fact("H100e by TPP", lease["h100e_tpp"]),
        fact("ECCN class", lease["eccn_class"]),
        fact("region", region),
        fact("machine", lease["machine_id"]),
        heading("Time"),
        fact("opened", fmt.time(lease["opened_at"])),
        fact("planned end", fmt.time(lease["planned_end"])),
        fact("paid until", fmt.time(lease["paid_until"])),
        fact("closed", fmt.time(lease["closed_at"])),
        fact("length", length),
    ]


def _hours(found: pl.DataFrame, as_of: Mapping[int, int]) -> list[Text]:
    """Say what the lease adds up to so far: until it was closed, paid or promised, at most until the head."""
    measured = h100e_hours(found, as_of)
    return [fact(name.replace("_", " "), measured[name][0]) for name in ("gpu_hours", "h100e_hours") if measured.height]


def _people(lease: dict[str, Any]) -> list[Text]:
    roles = ("renter", "payer", "beneficiary", "provider")
    return [heading("People"), *(fact(role, fmt.address(lease[role])) for role in roles)]


def _money(lease: dict[str, Any]) -> list[Text]:
    decimals = lease["token_decimals"]
    unit = "tokens" if decimals else "base units"
    money = {name: fmt.amount(lease[f"{name}_total"], decimals) for name in ("deposit", "settled", "refunded")}
    price = f"{fmt.number(lease['price_amount']) or 'unknown'} base units per {lease['price_per'] or 'unknown'}"
    return [
        heading("Money"),
        fact("price", price),
        fact("USD/GPU hour", _dollars(lease)),
        fact("token", fmt.address(lease["price_token"])),
        *(fact(name, f"{value} {unit}" if value else "") for name, value in money.items()),
    ]


def _dollars(lease: dict[str, Any]) -> str:
    value = fmt.number(lease["usd_per_gpu_hour"])
    return f"{value} ({lease['usd_basis'] or 'basis unknown'})" if value else ""


def _rows(world: World, key: str, lease: dict[str, Any], events: pl.DataFrame) -> list[Row]:
    chain = lease["chain_id"]
    rows = [lead_link(lead) for lead in world.snapshot.leads if key in lead.leases]
    for role in ("renter", "payer", "beneficiary", "provider"):
        rows += wallet_link(role, chain, lease[role])
    picked = events.sort("block_number", "log_index").select("block_number", "tx_hash", "log_index", "event", "verb")
    for block, tx, log, event, verb in picked.iter_rows():
        text = fmt.hex_text(tx) or ""
        rows.append(related("event", "tx", f"{chain}:{text}", f"{verb} {event}, block {block}, log {log}", text))
    return rows
