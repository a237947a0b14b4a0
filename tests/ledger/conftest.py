"""Small chains for the ledger's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monitor.model.chain import Header, Position, RawLog, RawTransfer
from monitor.model.lead import Finding, Lead


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "monitor.db"


def header(number: int, branch: int = 0) -> Header:
    return Header(
        number, bytes([number, branch]) * 16, bytes([number - 1 if number else 0, branch]) * 16, 1000 + number
    )


def headers(start: int, stop: int, branch: int = 0) -> list[Header]:
    return [header(number, branch) for number in range(start, stop)]


def log(
    number: int,
    index: int = 0,
    branch: int = 0,
    *,
    address: bytes = b"a" * 20,
    topics: tuple[bytes, ...] = (b"t" * 32,),
    data: bytes = b"data",
) -> RawLog:
    return RawLog(number, header(number, branch).hash, bytes([number]) * 32, index, index, address, topics, data)


def transfer(number: int, index: int = 0, value: int = 1) -> RawTransfer:
    return RawTransfer(number, header(number).hash, bytes([number, index]) * 16, index, b"s" * 20, b"r" * 20, value, 3)


def finding(name: str = "finding-1", **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "finding_id": name, "rule": "T04", "rule_version": 1, "typology": "T04", "family": "funding", "subject": "0x00",
        "cluster_id": "cluster-1", "points": 30, "summary": "s", "threshold": "t", "values": {"n": "3"},
        "evidence": (Position(1, 2, b"\x01" * 32, 3),), "caveats": (), "at": 1000, **changes,
    }  # fmt: skip
    return Finding(**values)


def lead(name: str = "lead-1", **changes: Any) -> Lead:
    values: dict[str, Any] = {
        "lead_id": name, "cluster_id": "cluster-1", "score": 60, "severity": "high", "confidence": "uncalibrated",
        "families": ("a", "b"), "typologies": ("T04",), "leases": (), "h100e": "1.000", "opened_at": 1000,
        "legal_file": "2026-11", "first_block": "1:2", "last_block": "1:3", "findings": ("finding-1",), "wallets": (),
        **changes,
    }  # fmt: skip
    return Lead(**values)
