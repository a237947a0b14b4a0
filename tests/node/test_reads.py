"""From a node to leases through reads: a factory's child, a view at the block and before it, a transaction's sender."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_abi.abi import encode

from monitor.ledger.reader import Reader
from monitor.views.assemble import parted
from tests.markets.chain_of_logs import LOCAL, PROVIDER, RENTER
from tests.markets.theatre import Theatre
from tests.node.test_two_chains import monitor

pytestmark = pytest.mark.node
MADE, OPENED, ENDED = "Made(address child)", "Opened(uint256 id)", "Ended(uint256 id)"
ROW = "rowOf(uint256 id) returns ((address renter, address provider, uint256 fee) row)"
MARKET = f"""
[market]
id = "factory"
title = "Factory"
source = "a test"
verified = "2026-11-22"
paid_until = "job"
undeployed = ["maker"]

[[event]]
role = "maker"
decl = "{MADE}"
verb = "child.register"
key = "child"
child = "job"

[[event]]
role = "job"
decl = "{OPENED}"
verb = "lease.open"
key = ['"address"', "id"]
steps = [{{ do = "call", as = "row", function = "{ROW}", args = ["id"] }}]
set.renter = "row.renter"
set.provider = "row.provider"
set.payer = "tx_from"

[[event]]
role = "job"
decl = "{ENDED}"
verb = "lease.settle"
key = ['"address"', "id"]
steps = [{{ do = "call", as = "row", at = "before", function = "{ROW}", args = ["id"] }}]
set.amount = "row.fee"
"""
SENDER = b"\x77" * 20


def configured(folder: Path, play: Theatre, **chain: int) -> Path:
    (folder / "own" / "factory").mkdir(parents=True)
    (folder / "own" / "factory" / "market.toml").write_text(MARKET)
    path = folder / "config.toml"
    keys = "".join(f"{key} = {value}\n" for key, value in chain.items())
    path.write_text(
        f'market_path = ["{folder / "own"}"]\n[ledger]\npath = "{folder / "ledger.db"}"\n'
        f'[chains.local]\nid = {LOCAL}\nrpc = ["{play.node.url}"]\nfinality = "depth"\n{keys}'
        f'[markets.factory.deployments.local.contracts]\nmaker = "0x{play.at["maker"].hex()}"\n'
    )
    return path


async def told(play: Theatre) -> bytes:
    """Let a factory make a contract whose row is deleted in the very block that settles it; gives the child."""
    child = await play.extra()
    await play.tx(("maker", MADE, [child]))
    await play.teach(child, "rowOf(uint256)", [7], encode(["address", "address", "uint256"], [RENTER, PROVIDER, 900]))
    await play.tx((child, OPENED, [7]), sender=SENDER)
    await play.settle_and_forget(child, ENDED, [7], "rowOf(uint256)", [7])
    return child


async def leases(config: Path) -> list[dict[str, object]]:
    await monitor("--config", str(config), "backfill", "--quiet")
    out, _ = await monitor("--config", str(config), "leases", "--format", "json")
    rows: list[dict[str, object]] = json.loads(out)
    return rows


async def test_a_lease_that_only_calls_can_tell_is_told_whole(tmp_path):
    async with Theatre("factory", ["maker"]) as play:
        child = await told(play)
        config = configured(tmp_path, play)
        (lease,) = await leases(config)
        assert str(lease["lease_id"]).lower() == f"0x{child.hex()}-7"
        people = [str(lease[name]).lower() for name in ("renter", "provider", "payer")]
        assert people == ["0x" + raw.hex() for raw in (RENTER, PROVIDER, SENDER)]
        assert str(lease["settled_total"]) == "900"
        with Reader(tmp_path / "ledger.db") as reader:
            reads, about = parted(reader.reads_frame())
            assert reads["failure"].null_count() == reads.height == 2
            assert set(about.filter(about["kind"] == "code")["target"]) == {RENTER, PROVIDER, SENDER}


async def test_without_a_budget_nothing_is_asked_and_nothing_is_made_up(tmp_path):
    async with Theatre("factory", ["maker"]) as play:
        await told(play)
        (lease,) = await leases(configured(tmp_path, play, max_reads=0))
        assert not lease["renter"]
        assert not lease["provider"]
        with Reader(tmp_path / "ledger.db") as reader:
            assert reader.reads_frame().is_empty()


async def test_answers_go_with_their_block(tmp_path):
    async with Theatre("factory", ["maker"]) as play:
        await told(play)
        config = configured(tmp_path, play, finality_depth=60)
        before = await leases(config)
        head, _ = await play.node.head()
        await play.node.reorg(2, extra=2)
        after = await leases(config)
        assert before != after
        with Reader(tmp_path / "ledger.db") as reader:
            kept, about = parted(reader.reads_frame())
            assert kept.filter(kept["block_number"] > head - 2).is_empty()
            assert about.filter(about["block_number"].is_between(head - 1, head)).is_empty()
