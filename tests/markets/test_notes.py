"""The adapters hold every address, start block and event that the notes on marketplaces give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monitor.abi import parse_event
from tests.markets.chain_of_logs import built_in

EVENTS = Path(__file__).parents[3] / "shared" / "markets" / "events"
pytestmark = pytest.mark.skipif(not EVENTS.is_dir(), reason="the notes on marketplaces are not beside this checkout")
NAMES = ("spheron", "deeplink_dbc", "marlin_oyster")


def contracts(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())["contracts"]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_published_address_is_watched_from_its_block(name):
    noted = {
        (item["chain_id"], item["address"].lower(), item["start_block"] or 0)
        for contract in contracts(name).values()
        for item in contract["deployments"]
    }
    ours = {(item.chain, item.address.lower(), item.from_block) for item in built_in()[name].deployments}
    assert ours == noted


@pytest.mark.parametrize("name", NAMES)
def test_every_event_of_a_deployed_contract_is_known_where_it_is_emitted(name):
    market = built_in()[name]
    known = {(role, decl.topic0, decl.topics()) for rule in market.rules for decl in rule.decls for role in rule.roles}
    roles = {(item.chain, item.address.lower()): item.role for item in market.deployments}
    missing = [
        event["declaration"]
        for contract, held in contracts(name).items()
        for item in held["deployments"]
        for event in held["events"]
        if contract != "historical_signatures"
        and (roles[item["chain_id"], item["address"].lower()], *_layout(event["declaration"])) not in known
    ]
    assert missing == []


def test_every_historical_layout_and_the_undeployed_one_are_known():
    market = built_in()["deeplink_dbc"]
    known = {(decl.topic0, decl.topics()) for rule in market.rules for decl in rule.decls}
    found = contracts("deeplink_dbc")
    for contract in ("historical_signatures", "RentDBC"):
        assert {_layout(event["declaration"]) for event in found[contract]["events"]} <= known
    bytes_layout = {
        _layout(event["declaration"]) for event in contracts("marlin_oyster")["MarketV1_source_head_bytes"]["events"]
    }
    marlin = {(decl.topic0, decl.topics()) for rule in built_in()["marlin_oyster"].rules for decl in rule.decls}
    assert bytes_layout <= marlin


def _layout(text: str) -> tuple[bytes, int]:
    decl = parse_event(text)
    return decl.topic0, decl.topics()
