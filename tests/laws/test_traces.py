"""Law 9: every number on a surface traces to log positions, and what a lease's row names is all it stands on."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.config import Config
from monitor.export.write import export
from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from monitor.model.chain import Position, RawLog
from monitor.model.page import log_rows
from monitor.model.span import Span
from monitor.sim.anvil import CHAIN_ID
from monitor.sim.generate import generate
from monitor.sim.trial import write_world
from monitor.sim.twin import TwinWorld, play_twin
from monitor.views.bundle import load_bundle
from monitor.views.fromledger import snapshot

Table = list[dict[str, str]]
Place = tuple[int, str, int]
"""Block, transaction and log index."""


def exported(config: Config, ledger: Path, folder: Path) -> dict[str, Table]:
    with Reader(ledger) as reader:
        export(snapshot(reader, load_bundle(config), config), folder)
    return {
        path.stem: list(csv.DictReader(path.read_text(encoding="utf-8").splitlines())) for path in folder.glob("*.csv")
    }


def place(log: RawLog) -> Place:
    return log.block_number, f"0x{log.tx_hash.hex()}", log.log_index


def held(twin: TwinWorld, path: Path, keep: Callable[[RawLog], bool]) -> Path:
    """Write a ledger of the same chain that lacks the logs not to be kept."""

    async def write() -> None:
        async with Writer(path) as writer:
            await writer.put_chain(CHAIN_ID, "local")
            logs = log_rows(log for log in twin.logs if keep(log))
            await writer.extend(CHAIN_ID, twin.headers, logs, twin.transfers, {"all": Span(0, len(twin.headers))})

    asyncio.run(write())
    return path


@pytest.mark.parametrize("seed", [3, pytest.param(4, marks=pytest.mark.slow), pytest.param(5, marks=pytest.mark.slow)])
def test_every_row_traces_to_the_chain(seed, tmp_path):
    made = generate(seed=seed, actors=30)
    twin = play_twin(made.script)
    config = write_world(made, tmp_path / "world").config
    tables = exported(config, Path(config.ledger.path), tmp_path / "whole")
    blocks = {header.number: f"0x{header.hash.hex()}" for header in twin.headers}
    logs = {place(log): f"0x{log.address.hex()}" for log in twin.logs}
    moved = {(item.block_number, f"0x{item.tx_hash.hex()}", -1) for item in twin.transfers}
    transactions = {tx for _, tx, _ in {*logs, *moved}}

    for row in tables["leases"]:
        assert (int(row["open_block"]), row["open_tx"], int(row["open_log_index"])) in logs
    cited: dict[Place, set[tuple[str, str]]] = {}
    for row in tables["lease_events"]:
        at = int(row["block"]), row["tx"], int(row["log_index"])
        assert logs[at] == row["contract"].lower()
        assert blocks[at[0]] == row["block_hash"]
        cited.setdefault(at, set()).add((row["market"], row["lease_id"]))
    assert tables["links"]
    assert all(tx in transactions for row in tables["links"] for tx in row["evidence"].split("|"))
    positions = [item for row in tables["findings"] for item in json.loads(row["evidence"])]
    assert positions
    for named in map(Position.parse, positions):
        known = logs if named.log_index >= 0 else moved
        assert (named.block_number, f"0x{named.tx_hash.hex()}", named.log_index) in known

    for row in tables["leases"][:: max(1, len(tables["leases"]) // 4)]:
        lease = row["market"], row["lease_id"]

        def own(log: RawLog, lease: tuple[str, str] = lease) -> bool:
            return place(log) not in cited or lease in cited[place(log)]

        path = held(twin, tmp_path / f"only-{row['lease_id']}.db", own)
        assert exported(config, path, path.with_suffix(""))["leases"] == [row]
