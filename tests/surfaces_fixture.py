"""A small world for tests of surfaces: two markets, two clusters, one lead, and strings nobody should trust."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import polars as pl

from monitor.ledger.rows import DispositionRow, UpgradeRow
from monitor.model.chain import Position
from monitor.model.lead import Finding, Lead
from monitor.model.schema import CAPACITY, CLUSTERS, EVENTS, LEASES, LINKS, WALLETS, empty
from monitor.views.format import address
from monitor.views.snapshot import (
    AlertRow,
    ChainStatus,
    LegalFile,
    QuarantineCount,
    RuleInfo,
    Snapshot,
)

HOSTILE = "[red]=HYPERLINK(\x1b[31m[@click=app.quit]x[/]\u202egpj.exe\u200b\nnext<script>"
T0 = 1_760_000_000
DAY = 86_400
CHAIN = 31_337

LEGAL = LegalFile(
    version="2026-11-22",
    verify_by="2027-02-22",
    statement="Remote access by itself: no licence requirement identified in the sources (bill pending).",
)


def wallet(number: int) -> bytes:
    return bytes([number]) * 20


def tx(number: int) -> bytes:
    return number.to_bytes(32, "big")


def wallet_text(number: int) -> str:
    return address(wallet(number)) or ""


def frame(schema: dict[str, pl.DataType], rows: list[dict[str, Any]]) -> pl.DataFrame:
    whole = [{name: row.get(name) for name in schema} for row in rows]
    return pl.DataFrame(whole, schema=schema)


def lease(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "market": "reference",
        "chain_id": CHAIN,
        "lease_id": str(number),
        "renter": wallet(10 + number % 3),
        "payer": wallet(20),
        "provider": wallet(30),
        "machine_id": f"m{number}",
        "gpu_raw": "NVIDIA H100 80GB HBM3",
        "gpu_model": "h100-sxm5-80gb",
        "gpu_precision": "exact",
        "gpu_count": 8,
        "h100e": Decimal("8.000"),
        "eccn_class": "3A090.a",
        "region_raw": "MY",
        "country": "MY",
        "region_provenance": "declared",
        "price_amount": Decimal(2_500_000),
        "price_per": "hour",
        "price_token": wallet(99),
        "token_decimals": 6,
        "usd_per_gpu_hour": Decimal("2.500000"),
        "deposit_total": Decimal(10**36),
        "settled_total": Decimal(0),
        "refunded_total": Decimal(0),
        "opened_at": T0 + number * DAY,
        "planned_end": T0 + (number + 30) * DAY,
        "status": "active",
        "resource_provenance": "event",
        "open_block": 100 + number,
        "open_tx": tx(number),
        "open_log_index": 1,
        **changes,
    }


def event(number: int, verb: str = "lease.open", **changes: Any) -> dict[str, Any]:
    return {
        "chain_id": CHAIN,
        "block_number": 100 + number,
        "block_time": T0 + number * DAY,
        "block_hash": tx(1000 + number),
        "tx_hash": tx(number),
        "tx_index": 0,
        "log_index": 1,
        "contract": wallet(77),
        "market": "reference",
        "role": "market",
        "event": "LeaseOpened",
        "verb": verb,
        "lease_id": str(number),
        "actor": wallet(20),
        "amount": Decimal(10**36),
        "token": wallet(99),
        **changes,
    }


def lead(**changes: Any) -> Lead:
    fields: dict[str, Any] = {
        "lead_id": "lead-00000000000000aa",
        "cluster_id": "cl-1",
        "score": 58,
        "severity": "high",
        "confidence": "uncalibrated",
        "families": ("funding", "lease"),
        "typologies": ("T03", "T04"),
        "leases": (f"reference:{CHAIN}:1", f"reference:{CHAIN}:2"),
        "h100e": "24.000",
        "opened_at": T0 + 3 * DAY,
        "legal_file": "2026-11-22",
        "first_block": f"{CHAIN}:101",
        "last_block": f"{CHAIN}:103",
        "findings": ("finding-1", "finding-2"),
        "wallets": (f"{CHAIN}:{wallet_text(11)}", f"{CHAIN}:{wallet_text(12)}", f"{CHAIN}:{wallet_text(20)}"),
    }
    return Lead(**{**fields, **changes})


def finding(number: int, **changes: Any) -> Finding:
    fields: dict[str, Any] = {
        "finding_id": f"finding-{number}",
        "rule": f"T0{number + 2}",
        "rule_version": 1,
        "typology": f"T0{number + 2}",
        "family": "funding" if number == 1 else "lease",
        "subject": wallet_text(11),
        "cluster_id": "cl-1",
        "points": 20 + number,
        "summary": "first money arrived 2 hours before the first lease",
        "threshold": "less than 72 hours",
        "values": {"hours": "2", "funder": wallet_text(20)},
        "evidence": (Position(CHAIN, 102, tx(2), 1), Position(CHAIN, 101, tx(1), -1)),
        "caveats": ("new customers fund a fresh wallet too",),
        "leases": (f"reference:{CHAIN}:1",),
        "at": T0 + 2 * DAY,
    }
    return Finding(**{**fields, **changes})


def wallets() -> pl.DataFrame:
    rows = [
        {
            "chain_id": CHAIN,
            "address": wallet(number),
            "cluster_id": "cl-1" if number != 30 else "cl-2",
            "roles": ["renter"] if number < 20 else ["payer"] if number == 20 else ["provider"],
            "labels": [HOSTILE] if number == 30 else [],
            "first_seen": T0,
            "last_seen": T0 + 9 * DAY,
            "leases": 2,
            "h100e_hours": Decimal("192.000"),
        }
        for number in (10, 11, 12, 20, 30)
    ]
    return frame(WALLETS, rows)


def links() -> pl.DataFrame:
    rows = [
        {
            "chain_id": CHAIN,
            "a": wallet(member),
            "b": wallet(20),
            "heuristic": "payer",
            "family": "payment",
            "weight": Decimal("6.5"),
            "evidence": [tx(1), tx(2)],
            "at": T0,
            "volition_a": False,
            "volition_b": True,
        }
        for member in (10, 11, 12)
    ]
    return frame(LINKS, rows)


def snapshot(leases: int = 6, **changes: Any) -> Snapshot:
    rows = [lease(number) for number in range(1, leases)]
    rows.append(
        lease(leases, market="spheron", gpu_raw=HOSTILE, gpu_model=None, lease_id="=1+1", status="closed", h100e=None)
    )
    clusters = [
        {"cluster_id": "cl-1", "size": 4, "renters": 3, "payers": 1, "providers": 0, "leads": 1},
        {"cluster_id": "cl-2", "size": 1, "renters": 0, "payers": 0, "providers": 1, "leads": 0},
    ]
    machine = {
        "market": "reference",
        "chain_id": CHAIN,
        "machine_id": "m1",
        "provider": wallet(30),
        "gpu_raw": "H100",
        "gpu_model": "h100-sxm5-80gb",
        "gpu_count": 8,
        "h100e": Decimal("8.000"),
        "region_raw": HOSTILE,
        "since": T0,
    }
    fields: dict[str, Any] = {
        "version": 1,
        "chains": (
            ChainStatus(
                chain_id=CHAIN,
                name="local",
                first_block=100,
                last_block=120,
                head_hash=tx(120),
                head_time=T0 + 10 * DAY,
                finalized=110,
                node_head=122,
                logs=42,
                explorer="https://explorer.example",
            ),
        ),
        "rules": (
            RuleInfo(rule="T04", version=2, name="many renters", family="lease", lawful=("a reseller",)),
            RuleInfo(rule="T03", version=1, name="fresh wallet", family="funding", lawful=("a new customer",)),
        ),
        "leases": frame(LEASES, rows),
        "lease_events": frame(EVENTS, [event(number) for number in range(1, leases + 1)]),
        "wallets": wallets(),
        "links": links(),
        "clusters": frame(CLUSTERS, [{**row, "h100e_hours": Decimal(10)} for row in clusters]),
        "capacity": frame(CAPACITY, [machine]),
        "findings": (finding(2), finding(1)),
        "leads": (lead(),),
        "alerts": (
            AlertRow(
                alert_id="alert-1",
                lead_id="lead-00000000000000aa",
                sink="ops",
                kind="lead.opened",
                state="retrying",
                attempts=2,
                first_at=T0,
                last_error=HOSTILE,
            ),
        ),
        "dispositions": (DispositionRow(lead_id="lead-00000000000000aa", disposition="acknowledged", at=T0),),
        "upgrades": (
            UpgradeRow(
                chain_id=CHAIN,
                contract=wallet(77),
                block_number=104,
                log_index=2,
                block_time=T0 + 4 * DAY,
                tx_hash=tx(4),
                market="spheron",
                role="lease",
                event="Upgraded",
                detail=HOSTILE,
                verified="2025-01-01",
                changed=True,
                unseen=True,
            ),
        ),
        "quarantine": (QuarantineCount(market="spheron", chain_id=CHAIN, reason=HOSTILE, rows=3),),
    }
    return msgspec.structs.replace(nothing(), **{**fields, **changes})


def nothing() -> Snapshot:
    return Snapshot(
        tool_version="0.1.0",
        config_digest="c0ffee",
        legal=LEGAL,
        leases=empty(LEASES),
        lease_events=empty(EVENTS),
        wallets=empty(WALLETS),
        links=empty(LINKS),
        clusters=empty(CLUSTERS),
        capacity=empty(CAPACITY),
    )
