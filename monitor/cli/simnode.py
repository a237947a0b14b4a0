"""Play a generated world on a local EVM node and index it from there, as the daemon would."""

from __future__ import annotations

import asyncio
from pathlib import Path

from monitor.config import load
from monitor.daemon.session import run
from monitor.daemon.setup import Mode
from monitor.sim.anvil import Anvil
from monitor.sim.generate import Generated
from monitor.sim.node import Node
from monitor.sim.player import build, perform
from monitor.sim.script import DAY
from monitor.sim.trial import describe_folder
from monitor.sim.world import World, describe

__all__ = ["play_on_node"]


def play_on_node(generated: Generated, folder: Path) -> World:
    """Play, write configuration and truth, and fill the ledger through the node; raises as the daemon does."""
    with asyncio.Runner() as runner:
        node = Anvil(genesis=generated.script.start - DAY, history=False)
        runner.run(node.__aenter__())
        try:
            world = runner.run(_play(generated, node.url))
            describe_folder(generated, world, folder, node.url)
            config = load(str(folder / "config.toml")).config
            # The daemon has an event loop of its own; the node is another process and does not mind.
            run(config, Mode(until_head=True, deliver=False))
        finally:
            runner.run(node.__aexit__(None, None, None))
    return world


async def _play(generated: Generated, url: str) -> World:
    script = generated.script
    async with Node(url) as node:
        nonces: dict[bytes, int] = {}
        blocks = await build(node, script.stage, nonces, rich=script.wallet("exchange"), before=script.start)
        await perform(node, script, nonces)
        head = int(await node.rpc("eth_blockNumber"), 16)
        chain_id = int(await node.rpc("eth_chainId"), 16)
    return describe(script, chain_id, blocks, head=head)
