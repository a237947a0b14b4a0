"""The adapters hold every address, start block and event that the notes on marketplaces give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monitor.abi import parse_event
from monitor.markets.only import ANY
from monitor.markets.standards import EPOCHS
from tests.markets.chain_of_logs import built_in

EVENTS = Path(__file__).parents[3] / "shared" / "markets" / "events"
pytestmark = pytest.mark.skipif(not EVENTS.is_dir(), reason="the notes on marketplaces are not beside this checkout")
MARKETS = built_in()
NAMES = sorted(path.stem for path in EVENTS.glob("*.json") if path.stem in MARKETS)


def contracts(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())["contracts"]
    return found


def known(name: str) -> dict[tuple[bytes, int], set[str]]:
    """Say which roles read a layout."""
    found: dict[tuple[bytes, int], set[str]] = {}
    for rule in MARKETS[name].rules:
        for decl in rule.decls:
            found.setdefault((decl.topic0, decl.topics()), set()).update(rule.roles)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_published_address_is_watched_from_its_block(name):
    """Where the notes do not know the chain's id, the adapter may: then its address and block count."""
    noted = {
        (item["address"].lower(), item["start_block"] or 0, item["chain_id"])
        for contract in contracts(name).values()
        for item in contract["deployments"]
        if contract["events"]
    }
    chains = {
        item["address"].lower()
        for contract in contracts(name).values()
        for item in contract["deployments"]
        if item["chain_id"] is None
    }
    ours = {
        (item.address.lower(), item.from_block, None if item.address.lower() in chains else item.chain)
        for item in MARKETS[name].deployments
        if item.address != ANY
    }
    assert ours == noted


@pytest.mark.parametrize("name", NAMES)
def test_every_event_of_the_notes_is_known_where_it_is_emitted(name):
    roles = {item.address.lower(): item.role for item in MARKETS[name].deployments}
    layouts = known(name)
    missing = []
    for contract, held in contracts(name).items():
        if not held["events"]:
            continue
        # what stood where in the past is not noted
        emitters = {roles[item["address"].lower()] for item in held["deployments"] if "historical" not in contract}
        for event in held["events"]:
            if _layout(event["declaration"]) in {(decl.topic0, decl.topics()) for decl in EPOCHS}:
                continue
            readers = layouts.get(_layout(event["declaration"]), set())
            missing += [event["declaration"]] if not readers or not emitters <= readers else []
    assert missing == []


def _layout(text: str) -> tuple[bytes, int]:
    decl = parse_event(text)
    return decl.topic0, decl.topics()
