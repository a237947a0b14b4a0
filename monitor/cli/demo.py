"""The demo: play a world on a local node, run the daemon on it, and hold what came out against what was played."""

from __future__ import annotations

import asyncio
import csv
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.table import Table

from monitor.alerts.receiver import Message, Receiver
from monitor.alerts.signature import new_secret
from monitor.config import load
from monitor.errors import InputError
from monitor.export import export, verify_manifest
from monitor.ledger.reader import Reader
from monitor.model.lead import Lead
from monitor.sim.anvil import Anvil
from monitor.sim.audit import compare, holdings
from monitor.sim.script import Truth
from monitor.sim.world import World, config_toml, play, write_truth
from monitor.views.bundle import load_bundle
from monitor.views.fromledger import snapshot

__all__ = ["run_demo"]

_DAEMON_SECONDS = 150
_MARK = "truth.json"


class _Verdict(NamedTuple):
    truth: Truth
    leads: tuple[Lead, ...]

    @property
    def word(self) -> str:
        match self.truth.lead_expected, bool(self.leads):
            case True, True:
                return "found"
            case True, False:
                return "MISSED"
            case False, True:
                return "found, though careful" if self.truth.label == "proxy" else "FLAGGED, though benign"
            case _:
                return "no lead, as expected" if self.truth.label == "proxy" else "quiet"


async def run_demo(folder: Path, seed: int) -> int:
    """Run the whole way in `folder`; 0 when everything that came out is what the chain holds, else 1."""
    _prepare(folder)
    began = time.monotonic()
    async with Anvil() as node:
        _say("1/5", f"a local EVM node at {node.url}; playing months of rentals on four markets …")
        world = await play(node.url, seed=seed)
        write_truth(world, folder / _MARK)
        _say("", f"{world.transactions} transactions in {world.head} blocks, {len(world.truth)} actors")
        secret = new_secret(os.urandom(32))
        (folder / "webhook.secret").write_text(secret + "\n", encoding="utf-8")
        (folder / "webhook.secret").chmod(0o600)
        async with Receiver(secret) as receiver:
            (folder / "config.toml").write_text(_config(folder, world, node.url, receiver.url), encoding="utf-8")
            _say("2/5", "running the daemon on it: index, judge, alert …")
            code = await _daemon(folder)
            messages = list(receiver.messages)
            refused = receiver.refused
        _say("3/5", "reading the chain again by another road (web3), and exporting …")
        chain = await asyncio.to_thread(holdings, node.url, world)
    leads = _export(folder)
    problems = [f"the daemon ended with code {code}"] if code else []
    with (folder / "export" / "leases.csv").open(encoding="utf-8", newline="") as file:
        problems += compare(chain, csv.DictReader(file))
    problems += verify_manifest(folder / "export").problems
    problems += _unheard(leads, messages, refused)
    _say("4/5", f"{len(messages)} signed webhook messages arrived and were verified")
    _say("5/5", "the leads beside the truth:")
    _show(world, leads)
    _close(folder, len(chain), problems, time.monotonic() - began)
    return 1 if problems else 0


def _prepare(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        message = f"{folder} is not empty and no earlier demo's folder"
        raise InputError(message, hint="name another with --out")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _config(folder: Path, world: World, rpc: str, webhook: str) -> str:
    return "\n".join(
        [
            "# Written by `monitor demo`. The node is gone; the ledger stays readable.",
            f'[ledger]\npath = "{(folder / "ledger.db").absolute()}"\n',
            config_toml(world, rpc),
            "[alerts.sinks.demo]",
            f'url = "{webhook}"',
            f'secrets = ["file:{(folder / "webhook.secret").absolute()}"]',
            "local = true",
            "",
        ]
    )


async def _daemon(folder: Path) -> int:
    """Run `monitor run --once` as its own process, its words going to `daemon.log`; never longer than bounded."""
    with (folder / "daemon.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor", "--config", str(folder / "config.toml"), "run", "--once"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            return await asyncio.wait_for(process.wait(), _DAEMON_SECONDS)
        except TimeoutError:
            return -1
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _export(folder: Path) -> tuple[Lead, ...]:
    config = load(str(folder / "config.toml")).config
    with Reader(Path(config.ledger.path)) as reader:
        found = snapshot(reader, load_bundle(config), config)
    export(found, folder / "export")
    return found.leads


def _unheard(leads: Sequence[Lead], messages: Sequence[Message], refused: int) -> list[str]:
    told = {str(message.payload["data"]["lead_id"]) for message in messages}
    problems = [f"lead {lead.lead_id} was never announced" for lead in leads if lead.lead_id not in told]
    if refused:
        problems.append(f"the receiver refused {refused} messages: their signature was wrong")
    return problems


def _show(world: World, leads: Sequence[Lead]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("actor", "market", "is", "plays", "lead", "matched", "severity", "verdict"):
        table.add_column(name, overflow="fold")
    for verdict in (_judge(truth, leads) for truth in world.truth):
        truth = verdict.truth
        bold = bool(verdict.leads) or verdict.word == "MISSED"
        table.add_row(
            *(truth.actor, truth.market, truth.label, " ".join(truth.typologies)),
            ", ".join(lead.lead_id for lead in verdict.leads),
            " ".join(sorted({name for lead in verdict.leads for name in lead.typologies})),
            ", ".join(lead.severity for lead in verdict.leads),
            verdict.word,
            style="bold" if bold else "",
        )
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    verdicts = [_judge(truth, leads) for truth in world.truth]
    expected = [verdict for verdict in verdicts if verdict.truth.lead_expected]
    found = sum(bool(verdict.leads) for verdict in expected)
    benign = [verdict for verdict in verdicts if verdict.truth.label == "benign"]
    flagged = sum(bool(verdict.leads) for verdict in benign)
    click.echo(f"\n{found} of {len(expected)} expected leads found; {flagged} of {len(benign)} benign actors flagged.")
    for verdict in verdicts:
        if verdict.truth.label == "proxy" and not verdict.truth.lead_expected:
            click.echo(f"Not a lead by design: {verdict.truth.actor}, {verdict.truth.why}.")


def _judge(truth: Truth, leads: Sequence[Lead]) -> _Verdict:
    mine = {wallet.lower() for wallet in truth.wallets}
    return _Verdict(
        truth, tuple(lead for lead in leads if mine & {wallet.partition(":")[2].lower() for wallet in lead.wallets})
    )


def _close(folder: Path, leases: int, problems: Sequence[str], seconds: float) -> None:
    for problem in problems[:20]:
        click.echo(f"monitor: error: {problem}", err=True)
    if not problems:
        click.echo(f"Every lease, party and settlement in the export is what the chain holds ({leases} leases).")
    click.echo(f"A lead is for human review; it does not state that a law was broken. {seconds:.0f} s.\n")
    command = f"monitor --config {folder / 'config.toml'}"
    click.echo(
        f"Look further:  {command} dash\n               {command} leads show LEAD\n               {folder}/export/"
    )


def _say(step: str, words: str) -> None:
    click.echo(f"{step:<4} {words}", err=True)
