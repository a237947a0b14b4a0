"""Events of any address, from a node to the ledger and back: all that are asked for, and nothing else."""

from __future__ import annotations

import random

from monitor.ledger.reader import Reader
from tests.fakenode import faults
from tests.fakenode.chain import Chain, Log, Tx
from tests.fakenode.node import Node
from tests.fakenode.truth import lay_out
from tests.markets.chain_of_logs import encoded
from tests.markets.test_lint import written
from tests.markets.test_only import ANY, EVENTS, PAID, TOKEN
from tests.node.drive import monitor


def log(dice: random.Random) -> Log:
    """Write a payment of a token that is asked for, or of another, by some contract, or something else."""
    token = dice.choice([TOKEN, b"\x44" * 20])
    text = PAID if dice.randrange(3) else "Else(address indexed token, address indexed payer, uint256 amount)"
    topics, data = encoded(text, [token, dice.randbytes(20), dice.randrange(100)])
    return Log(dice.randbytes(20), tuple(topics), data)


async def test_events_of_any_address_are_indexed_by_topics_and_held_against_the_node(tmp_path):
    dice, chain = random.Random(3), Chain(3)
    for _ in range(60):
        chain.mine(*[Tx((log(dice), log(dice)), dice.randbytes(20)) for _ in range(3)])
    chain.final = chain.safe = chain.head
    (first, *_), _ = encoded(PAID, [TOKEN, TOKEN, 0])
    wanted = [
        (block.number, int(item["logIndex"], 16))
        for block in chain.blocks
        for item in block.logs
        if item["topics"][:2] == [f"0x{first.hex()}", f"0x{TOKEN.rjust(32, bytes(1)).hex()}"]
    ]
    assert len(wanted) > 60
    markets = tmp_path / "markets"
    markets.mkdir()
    here = ANY.replace("chain = 1\n", "chain = 31337\n").replace("from_block = 5\n", "")
    written(markets, here + EVENTS)
    liar = Node(chain, faults.sometimes(0.5, faults.logs(faults.some_missing), seed=5))
    async with liar.running(), Node(chain).running() as honest:
        place = lay_out(tmp_path / "work", [liar.url, honest.url])
        place.config.write_text(f'market_path = ["{markets}"]\n' + place.config.read_text())
        done = await monitor(place, "backfill")
        assert done.code == 0, done.err
        with Reader(place.ledger) as reader:
            held = reader.logs_frame(topic0=[first]).select("block_number", "log_index").rows()
            (key,) = [key for key in reader.coverage(31337) if key.startswith("events:")]
            assert key.endswith(":any")
            assert reader.quarantine() == []
        assert held == wanted
        again = await monitor(place, "verify", "--chain", "fake", "--range", "0-59", "--endpoint", honest.url)
        assert (again.code, again.out) == (0, ""), again.err
