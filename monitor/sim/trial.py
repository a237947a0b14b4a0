"""Put a generated world into a folder as the daemon would have left it, and judge it the way the daemon does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

from eth_utils.address import to_checksum_address

from monitor.chain.reads import Read, fee_result
from monitor.config import Config, load
from monitor.errors import InputError
from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from monitor.model.page import log_rows
from monitor.model.span import Span
from monitor.sim.anvil import CHAIN_ID
from monitor.sim.generate import Generated
from monitor.sim.player import GAS
from monitor.sim.score import Claim, Score, score
from monitor.sim.twin import TwinWorld, play_twin
from monitor.sim.twin.record import Fee
from monitor.sim.world import FINALITY_DEPTH, World, config_toml, describe, write_truth
from monitor.sync.fragment import contract_fragment
from monitor.views.assemble import Assembled, assemble
from monitor.views.bundle import load_bundle

__all__ = ["Trial", "describe_folder", "judge_world", "keep_judgement", "write_world"]

_LABELS = "2026-01-06"


class Trial(NamedTuple):
    """A world on disk: its folder's `config.toml` points every command to its ledger."""

    folder: Path
    world: World
    config: Config


def write_world(generated: Generated, folder: Path, *, rpc_url: str = "http://127.0.0.1:8545") -> Trial:
    """Play a world on the twin and write ledger, configuration and truth; raises InputError when it cannot be written.

    The ledger holds what a daemon that reached the head would hold; `rpc_url` is where a node would answer.
    """
    twin = play_twin(generated.script)
    world = describe(generated.script, CHAIN_ID, twin.blocks, head=len(twin.headers))
    describe_folder(generated, world, folder, rpc_url)
    config = load(str(folder / "config.toml")).config
    asyncio.run(_fill(Path(config.ledger.path), twin))
    return Trial(folder, world, config)


def describe_folder(generated: Generated, world: World, folder: Path, rpc_url: str) -> None:
    """Write `config.toml` and `truth.json`; raises InputError when the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(_config(generated, world, folder, rpc_url), encoding="utf-8")
    except OSError as error:
        message = f"{folder} cannot be written: {error.strerror}"
        raise InputError(message, hint="choose another folder") from error
    write_truth(world, folder / "truth.json")


def judge_world(trial: Trial) -> tuple[Assembled, Score]:
    """Compute facts, clusters and leads of a world's ledger, and their score."""
    with Reader(Path(trial.config.ledger.path)) as reader:
        found = assemble(reader, load_bundle(trial.config), trial.config)
    members: dict[str, set[str]] = {}
    for cluster_id, address in found.world.facts.members.select("cluster_id", "address").iter_rows():
        members.setdefault(cluster_id, set()).add(to_checksum_address(address))
    leads = [
        Claim(
            lead.lead_id,
            lead.typologies,
            frozenset(wallet.partition(":")[2] for wallet in lead.wallets),
        )
        for lead in found.leads
    ]
    findings = [
        Claim(finding.finding_id, (finding.typology,), frozenset(members.get(finding.cluster_id, ())))
        for finding in found.findings
    ]
    return found, score(trial.world.truth, leads, findings)


def keep_judgement(trial: Trial, found: Assembled) -> None:
    """Write findings and leads into the world's ledger as a daemon leaves them: only such leads can be reviewed."""

    async def put() -> None:
        async with Writer(Path(trial.config.ledger.path)) as writer:
            await writer.put_judgement(found.findings, found.leads, (), found.quarantine, found.upgrades)

    asyncio.run(put())


async def _fill(path: Path, twin: TwinWorld) -> None:
    used = {log.block_number for log in twin.logs} | {item.block_number for item in twin.transfers}
    headers = [header for header in twin.headers if header.number in used]
    whole = Span(0, len(twin.headers) + 1)
    coverage = {contract_fragment(address).key: whole for address in twin.blocks}
    async with Writer(path) as writer:
        await writer.put_chain(CHAIN_ID, "local")
        await writer.extend(CHAIN_ID, headers, log_rows(twin.logs), twin.transfers, coverage)
        # what lies beyond the first funders is read of final blocks only: without any, no hop would be judged
        await writer.finalize(CHAIN_ID, max(0, len(twin.headers) - FINALITY_DEPTH))
        await writer.put_reads([_read(fee) for fee in twin.fees])


def _read(fee: Fee) -> Read:
    """Tell what a node would say of a transaction; a daemon asks for the oldest of each wallet only."""
    result = fee_result(fee.sender, fee.recipient, fee.tip, GAS, tipped=True)
    return Read(CHAIN_ID, fee.block_number, "fee", b"", fee.tx_hash, result, None)


def _config(generated: Generated, world: World, folder: Path, rpc_url: str) -> str:
    services = generated.services
    lines = ["# Written by `monitor sim`. No node stands behind it; the ledger is whole."]
    lines += ["[ledger]", f'path = "{(folder / "ledger.db").absolute()}"', "", config_toml(world, rpc_url)]
    for wallet, label, kind in (
        (services.exchanges[0], "main exchange", "exchange"),
        (services.bridge, "bridge", "bridge"),
        (services.mixer, "mixer", "mixer"),
        (services.relayer, "relayer", "relayer"),
    ):
        lines += ["[[labels]]", f'address = "{to_checksum_address(wallet)}"', f'label = "{label}"', f'kind = "{kind}"']
        lines += ['source = "the world\'s own truth"', f'date = "{_LABELS}"', ""]
    return "\n".join(lines)
