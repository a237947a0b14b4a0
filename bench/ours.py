"""One side of a benchmark: index a canned chain with the monitor's own source, follower and ledger, and decode it."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from paid import ADDRESS, CHAIN_ID, EVENT, FIRST

from monitor.abi import parse_event
from monitor.abi.columnar import decode_columns
from monitor.chain.source import ChainSource
from monitor.config.spec import ChainConfig
from monitor.daemon.follow import Follower
from monitor.daemon.progress import Progress
from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from monitor.sync.fragment import Want, contract_fragment

_TOGETHER = 50_000
"""About so many logs are read and decoded at once."""


async def index(url: str, ledger: Path, concurrency: int) -> int:
    """Index everything up to the head, and count what a reader finds."""
    options = {"id": CHAIN_ID, "rpc": [url], "concurrency": concurrency}
    chain = ChainConfig.model_validate(options)
    wants = [Want(contract_fragment(bytes.fromhex(ADDRESS[2:])), FIRST)]
    async with Writer(ledger) as writer, ChainSource("canned", chain) as source:
        follower = Follower(chain, source, writer, {}, lambda: wants, Progress({CHAIN_ID: "canned"}, None))
        while follower.behind:
            await follower.step()
    with Reader(ledger) as reader:
        return decoded(reader)


def decoded(reader: Reader) -> int:
    """Decode all logs, a stretch of blocks at a time, and count them."""
    decl, rows = parse_event(EVENT), 0
    head = reader.chains()[0].head or 0
    stretch = max(1, (head + 1 - FIRST) * _TOGETHER // reader.status().logs[CHAIN_ID])
    for first in range(FIRST, head + 1, stretch):
        above, upto = {CHAIN_ID: first - 1}, {CHAIN_ID: first + stretch - 1}
        logs = reader.scan(["topics", "data"], chain_id=CHAIN_ID, above=above, upto=upto)
        topics = [logs["topics"].bin.slice(32 * place, 32) for place in range(decl.topics())]
        found = decode_columns(decl, topics, logs["data"])
        assert not len(found.left)
        rows += len(found.rows)
    return rows


def main() -> None:
    """Index and print the number of logs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?")
    parser.add_argument("--concurrency", type=int, default=8, help="requests in flight, as many as cryo is given")
    parser.add_argument("--ledger", type=Path)
    options = parser.parse_args()
    if not options.url:
        print("one side of bench/backfill.py")
        return
    with tempfile.TemporaryDirectory() as folder:
        ledger = options.ledger or Path(folder) / "ledger.db"
        print(asyncio.run(index(options.url, ledger, options.concurrency)))


if __name__ == "__main__":
    main()
