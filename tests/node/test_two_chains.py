"""Two chains in one daemon: both are indexed, and one that goes away does not stop the other."""

import asyncio
import json
import signal
import sys

import pytest

from monitor.sim.anvil import Anvil
from monitor.sim.world import config_toml, play

pytestmark = pytest.mark.node


async def monitor(*argv, check=True):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", *argv), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    assert not check or process.returncode == 0, err.decode()
    return out.decode(), err.decode()


async def heads(config):
    out, _ = await monitor("--config", str(config), "status", "--format", "json")
    return {row["chain_id"]: row["head"] for row in json.loads(out)["chains"]}


async def test_two_chains_in_one_ledger(tmp_path):
    config = tmp_path / "config.toml"
    async with Anvil(chain_id=31337) as one, Anvil(chain_id=31338) as two:
        worlds = [await play(one.url, seed=3, scale=0.2), await play(two.url, seed=4, scale=0.2)]
        config.write_text(
            f'[ledger]\npath = "{tmp_path / "ledger.db"}"\n'
            + config_toml(worlds[0], one.url, chain="one")
            + config_toml(worlds[1], two.url, chain="two"),
            encoding="utf-8",
        )
        await monitor("--config", str(config), "backfill", "--quiet")
        out, _ = await monitor("--config", str(config), "leases", "--format", "json")
        chains = {row["chain_id"] for row in json.loads(out)}
        assert chains == {31337, 31338}
        assert await heads(config) == {31337: worlds[0].head, 31338: worlds[1].head}


async def test_a_chain_that_goes_away_does_not_stop_the_other(tmp_path):
    config = tmp_path / "config.toml"
    async with Anvil(chain_id=31337) as one:
        async with Anvil(chain_id=31338) as two:
            worlds = [await play(one.url, seed=3, scale=0.2), await play(two.url, seed=4, scale=0.2)]
            config.write_text(
                f'[ledger]\npath = "{tmp_path / "ledger.db"}"\n'
                + config_toml(worlds[0], one.url, chain="one")
                + config_toml(worlds[1], two.url, chain="two"),
                encoding="utf-8",
            )
            daemon = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "monitor", "--config", str(config), "run"), stderr=asyncio.subprocess.DEVNULL
            )
            async with asyncio.timeout(60):
                while await heads_or_none(config) != {31337: worlds[0].head, 31338: worlds[1].head}:
                    await asyncio.sleep(0.5)
        await one.mine(5)
        async with asyncio.timeout(60):
            while (await heads(config))[31337] != worlds[0].head + 5:
                await asyncio.sleep(0.5)
        assert daemon.returncode is None
        daemon.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(daemon.wait(), 30) == 0


async def heads_or_none(config):
    out, _ = await monitor("--config", str(config), "status", "--format", "json", check=False)
    return {row["chain_id"]: row["head"] for row in json.loads(out)["chains"]} if out else None
