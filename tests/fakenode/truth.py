"""What a ledger must hold of a written chain, and where `monitor` is pointed at it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from monitor.ledger.reader import Reader
from tests.fakenode.chain import Chain
from tests.node.drive import Place

__all__ = ["CONTRACTS", "assert_holds", "assert_sound", "covered", "held", "lay_out", "truth"]

CONTRACTS = {
    ("reference", "market"): b"\xc1" * 20,
    ("spheron", "order"): b"\xc2" * 20,
}
"""The contracts that the configuration binds: those of `chain.dense`."""

SCHEMA = {
    "chain_id": pl.Int64(), "block_number": pl.Int64(), "block_time": pl.Int64(), "block_hash": pl.Binary(),
    "tx_hash": pl.Binary(), "tx_index": pl.Int64(), "log_index": pl.Int64(), "address": pl.Binary(),
    "topics": pl.List(pl.Binary()), "data": pl.Binary(),
}  # fmt: skip


def truth(chain: Chain) -> pl.DataFrame:
    """Write the logs of the bound contracts as `Reader.logs_frame` must give them."""
    addresses = {f"0x{address.hex()}" for address in CONTRACTS.values()}
    rows = [
        (
            chain.chain_id, block.number, int(block.header["timestamp"], 16), _bytes(block.hash),
            _bytes(log["transactionHash"]), int(log["transactionIndex"], 16), int(log["logIndex"], 16),
            _bytes(log["address"]), [_bytes(topic) for topic in log["topics"]], _bytes(log["data"]),
        )
        for block in chain.blocks
        for log in block.logs
        if log["address"] in addresses
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def held(place: Place) -> pl.DataFrame:
    """Read the bound contracts' logs from the ledger."""
    with Reader(place.ledger) as reader:
        return reader.logs_frame(addresses=CONTRACTS.values())


def covered(place: Place, chain: Chain) -> dict[str, int]:
    """Count the covered blocks of each fragment; none where there is no ledger yet."""
    if not place.ledger.exists():
        return {}
    with Reader(place.ledger) as reader:
        return {key: spans.total for key, spans in reader.coverage(chain.chain_id).items()}


def assert_holds(place: Place, chain: Chain) -> None:
    """Hold the ledger's logs against the chain byte for byte, and its coverage against the whole of it."""
    found, expected = held(place), truth(chain)
    assert found.schema == expected.schema
    assert found.height == expected.height, f"{found.height} of {expected.height} logs"
    assert found.equals(expected)
    keys = {f"logs:{address.hex()}" for address in CONTRACTS.values()}
    blocks = {key: count for key, count in covered(place, chain).items() if key in keys}
    assert blocks == dict.fromkeys(keys, chain.head + 1)


def assert_sound(place: Place, chain: Chain) -> None:
    """Hold what little a ledger has against the chain: no log that is not there, none missing from what is covered."""
    if not place.ledger.exists():
        return
    with Reader(place.ledger) as reader:
        spans = reader.coverage(chain.chain_id)
    found, expected = held(place), truth(chain)
    assert found.join(expected, on=["block_number", "log_index"], how="anti").is_empty()
    for address in CONTRACTS.values():
        for span in spans.get(f"logs:{address.hex()}", ()):
            inside = (pl.col("address") == address) & pl.col("block_number").is_between(span.start, span.last)
            assert found.filter(inside).equals(expected.filter(inside)), (
                f"blocks {span.start} to {span.last} of {address.hex()}"
            )


def lay_out(folder: Path, urls: Sequence[str], *, chain: str = "", tail: str = "") -> Place:
    """Write a configuration for these endpoints; `chain` adds lines to its table `[chains.fake]`."""
    folder.mkdir(parents=True, exist_ok=True)
    rpc = ", ".join(f'"{url}"' for url in urls)
    lines = [f'[ledger]\npath = "{folder}/monitor.db"', f"[chains.fake]\nid = 31337\nrpc = [{rpc}]\n{chain}"]
    for (market, role), address in CONTRACTS.items():
        lines.append(f'[markets.{market}.deployments.fake.contracts]\n{role} = "0x{address.hex()}"')
    config = folder / "config.toml"
    config.write_text("\n\n".join([*lines, tail]) + "\n", encoding="utf-8")
    return Place(folder, config, folder / "monitor.db")


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
