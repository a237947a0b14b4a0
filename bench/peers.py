"""The other sides of a benchmark: cryo, tiders-core, and eth-abi with SQLite, each as its documents tell to use it."""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
from paid import ADDRESS, EVENT, FIRST, TOPIC0


def cryo_raw(url: str, blocks: int, folder: Path, span: int) -> int:
    """Store raw logs as Parquet, `span` blocks a call."""
    cryo: Any = import_module("cryo")
    cryo.freeze(
        "logs", rpc=url, contract=[ADDRESS], blocks=[f"{FIRST}:{FIRST + blocks}"], output_dir=str(folder),
        inner_request_size=span, chunk_size=span * 20, no_verbose=True, max_concurrent_requests=8,
    )  # fmt: skip
    return int(pl.scan_parquet(folder / "*.parquet").select(pl.len()).collect().item())


async def tiders(url: str, blocks: int, folder: Path, span: int) -> int:
    """Fetch, decode and store as Parquet."""
    arrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    core: Any = import_module("tiders_core")
    ingest: Any = import_module("tiders_core.ingest")
    names = ("block_number", "block_hash", "transaction_hash", "transaction_index", "log_index", "address", "data")
    fields = ingest.evm.LogFields(**dict.fromkeys((*names, "topic0", "topic1", "topic2", "topic3"), True))
    query = ingest.evm.Query(
        from_block=FIRST, to_block=FIRST + blocks - 1, fields=ingest.evm.Fields(log=fields),
        logs=[ingest.evm.LogRequest(address=[ADDRESS], topic0=[TOPIC0])],
    )  # fmt: skip
    config = ingest.ProviderConfig(kind=ingest.ProviderKind.RPC, url=url, stop_on_head=True, batch_size=span)
    stream = ingest.start_stream(config, ingest.Query(kind=ingest.QueryKind.EVM, params=query))
    rows, writer = 0, None
    while (batch := await stream.next()) is not None:
        decoded = core.evm_decode_events(EVENT, batch["logs"], hstack=True)
        writer = writer or parquet.ParquetWriter(folder / "logs.parquet", decoded.schema, compression="zstd")
        writer.write_table(arrow.Table.from_batches([decoded]))
        rows += decoded.num_rows
    if writer is not None:
        writer.close()
    return rows


async def plain(url: str, blocks: int, folder: Path, span: int) -> int:
    """Fetch with aiohttp, decode with eth-abi, store in SQLite: what one writes first."""
    import aiohttp
    import msgspec
    from eth_abi.abi import decode

    database = sqlite3.connect(folder / "logs.db")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE logs (block, log, tx, payer, payee, amount, until, token, PRIMARY KEY (block, log))")
    types = ["uint256", "uint64", "address"]

    def row(log: dict[str, Any]) -> tuple[Any, ...]:
        amount, until, token = decode(types, bytes.fromhex(log["data"][2:]))
        (payer,) = decode(["address"], bytes.fromhex(log["topics"][1][2:]))
        (payee,) = decode(["address"], bytes.fromhex(log["topics"][2][2:]))
        place = int(log["blockNumber"], 16), int(log["logIndex"], 16), log["transactionHash"]
        return (*place, payer, payee, str(amount), until, token)

    async with aiohttp.ClientSession() as session:

        async def page(start: int) -> None:
            where = {"fromBlock": hex(start), "toBlock": hex(min(start + span, FIRST + blocks) - 1), "address": ADDRESS}
            body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [where]}
            async with session.post(url, data=msgspec.json.encode(body)) as response:
                logs = msgspec.json.decode(await response.read())["result"]
            database.executemany("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(row, logs))
            database.commit()

        waiting = [*range(FIRST, FIRST + blocks, span)]

        async def worker() -> None:
            while waiting:
                await page(waiting.pop())

        await asyncio.gather(*(worker() for _ in range(4)))
    return int(database.execute("SELECT count(*) FROM logs").fetchone()[0])


def main() -> None:
    """Run one side and print the number of logs it stored."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=["cryo", "tiders", "plain"], nargs="?")
    parser.add_argument("url", nargs="?")
    parser.add_argument("--blocks", type=int, default=0)
    parser.add_argument("--span", type=int, default=100)
    options = parser.parse_args()
    if not options.url:
        print("sides of bench/backfill.py")
        return
    with tempfile.TemporaryDirectory() as name:
        side = {"cryo": cryo_raw, "tiders": tiders, "plain": plain}[options.side]
        found = side(options.url, options.blocks, Path(name), options.span)
        print(asyncio.run(found) if asyncio.iscoroutine(found) else found)


if __name__ == "__main__":
    main()
