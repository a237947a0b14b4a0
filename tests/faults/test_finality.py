"""A chain that changes below finality is stopped with a way to repair it; the others go on."""

from __future__ import annotations

from monitor.errors import LedgerError
from monitor.ledger.reader import Reader
from tests.fakenode.chain import Tx, dense
from tests.fakenode.node import Node
from tests.fakenode.truth import CONTRACTS
from tests.node.drive import Daemon, Place, monitor, monitor_now, until


def config(folder, urls):
    lines = [f'[ledger]\npath = "{folder}/monitor.db"']
    for number, url in enumerate(urls, 1):
        lines.append(f'[chains.c{number}]\nid = {number}\nrpc = ["{url}"]\npoll_seconds = 0.1')
        for (market, role), address in CONTRACTS.items():
            lines.append(f'[markets.{market}.deployments.c{number}.contracts]\n{role} = "0x{address.hex()}"')
    path = folder / "config.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Place(folder, path, folder / "monitor.db")


def heads(place):
    try:
        with Reader(place.ledger) as reader:
            return {chain.chain_id: chain.head for chain in reader.chains()}
    except LedgerError:
        return {}


async def test_a_fork_below_finality_stops_that_chain_alone(tmp_path):
    one, two = dense(seed=1, blocks=30, logs=4, chain_id=1), dense(seed=2, blocks=30, logs=4, chain_id=2)
    async with Node(one).running() as first, Node(two).running() as second:
        place = config(tmp_path, [first.url, second.url])
        async with Daemon(place) as daemon:
            await until(lambda: heads(place) == {1: 29, 2: 29}, what="both at their heads")
            first.chain = dense(seed=3, blocks=40, logs=4, chain_id=1)
            await until(lambda: "which was final" in daemon.err, what="the fork is told")
            two.mine(Tx())
            await until(lambda: heads(place).get(2) == 30, what="the other chain goes on")
            assert "monitor prune --chain 1 --above" in daemon.err
            assert daemon.err.count("which was final") == 1
            assert "stopped: " in monitor_now(place, "status").out
            assert await daemon.stop() == 130
        again = await monitor(place, "backfill")
        assert again.code == 1, again.err
        assert "monitor prune --chain 1" in again.err


async def test_the_only_chain_that_forks_below_finality_ends_the_run_and_status_says_why(tmp_path):
    chain = dense(seed=1, blocks=30, logs=4, chain_id=1)
    async with Node(chain).running() as node:
        place = config(tmp_path, [node.url])
        async with Daemon(place) as daemon:
            await until(lambda: heads(place) == {1: 29}, what="at the head")
            node.chain = dense(seed=3, blocks=40, logs=4, chain_id=1)
            await until(lambda: "monitor prune --chain 1 --above" in daemon.err, what="the fork is told")
            assert await daemon.ended(60) == 1
        assert "c1 (1): stopped: " in monitor_now(place, "status").out
