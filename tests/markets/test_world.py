"""Everything the simulated world emits is understood, and its money adds up."""

from __future__ import annotations

import tomllib

import polars as pl
import pytest

from monitor.config import Config
from monitor.markets.decode import LOGS, decode_logs
from monitor.markets.load import bind
from monitor.sim.node import Node
from monitor.sim.world import config_toml
from tests.anvil_fixture import Played
from tests.markets.chain_of_logs import built_in

pytestmark = pytest.mark.node
IN = ("lease.open", "lease.deposit", "lease.extend")
OUT = ("lease.settle", "lease.withdraw")


def raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


async def test_nothing_is_put_aside_and_every_closed_lease_pays_out_what_was_paid_in(played_world: Played):
    async with Node(played_world.url) as node:
        found = (await node.batch([("eth_getLogs", ({"fromBlock": "0x0", "toBlock": "latest"},))]))[0]
    numbers = {"block_number": "blockNumber", "block_time": "blockTimestamp", "log_index": "logIndex"}
    rows = [
        {name: int(log[key], 16) for name, key in numbers.items()}
        | {"address": raw(log["address"]), "topics": [raw(topic) for topic in log["topics"]], "data": raw(log["data"])}
        | {"tx_hash": raw(log["transactionHash"]), "chain_id": played_world.world.chain_id}
        for log in found
    ]
    config = Config.model_validate(tomllib.loads(config_toml(played_world.world, played_world.url)))
    markets = built_in()
    decoded = decode_logs(pl.DataFrame(rows, schema=LOGS), markets, bind(markets, config))
    assert decoded.quarantine["reason"].to_list() == []
    opened = decoded.events.filter(pl.col("verb") == "lease.open")
    assert set(opened["market"]) == set(config.markets)
    assert opened.select("renter", "provider", "price_scale").null_count().row(0) == (0, 0, 0)
    # Spheron's escrow names no lease, and Marlin's close does not say what it returns
    money = decoded.events.filter(pl.col("market").is_in(["reference", "deeplink_dbc"]))
    totals = money.group_by("market", "lease_id").agg(
        pl.col("amount").filter(pl.col("verb").is_in(IN)).sum().alias("paid_in"),
        pl.col("amount").filter(pl.col("verb").is_in([*OUT, "lease.slash"])).sum().alias("paid_out"),
        pl.col("verb").is_in(["lease.close"]).any().alias("closed"),
        pl.col("verb").is_in(["lease.slash"]).any().alias("slashed"),
    )
    # a slash on DeepLink comes out of the provider's stake; a monthly rent by proxy is paid without a word
    honest = totals.filter(pl.col("closed") & ~pl.col("slashed") & (pl.col("paid_in") > 0))
    assert honest.height > 100
    assert honest.filter(pl.col("paid_in") != pl.col("paid_out")).is_empty()
