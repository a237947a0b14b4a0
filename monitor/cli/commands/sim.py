"""`monitor sim`: worlds with known truth, and how well the monitor reads them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.context import format_option
from monitor.cli.listing import show
from monitor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.sim.score import Rate, Score
    from monitor.views.output import Format

_ROW = ("measure", "subject", "hits", "total", "share", "low", "high")
_KINDS = ("kind", "side", "share", "about")
_CARES = ("naive", "moderate", "careful", "mixed")
_MOST_SEEDS = 1_000


@click.group("sim")
def command() -> None:
    """Play worlds with known truth and score the leads."""


def _difficulty(function: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--difficulty",
        type=click.Choice(_CARES),
        default="mixed",
        show_default=True,
        help="How careful the adversaries are.",
    )(function)


def _actors(function: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--actors",
        type=click.IntRange(20, 20_000),
        default=400,
        show_default=True,
        help="How many people and organisations; 95 % of them honest.",
    )(function)


@command.command("list")
@format_option()
def list_kinds(fmt: Format) -> None:
    """List the kinds of people a world is made of."""
    from monitor.sim.archetypes import ADVERSARIES, HONEST

    whole = sum(HONEST.values())
    rows = [(kind, "honest", f"{share / whole:.3f}") for kind, share in HONEST.items()]
    rows += [(kind, "adversary", f"{1 / len(ADVERSARIES):.3f}") for kind in ADVERSARIES]
    show(
        [
            {"kind": kind.__name__, "side": side, "share": share, "about": (kind.__doc__ or "").strip().splitlines()[0]}
            for kind, side, share in rows
        ],
        fmt,
        columns=_KINDS,
    )


@command.command("play")
@click.option("--out", metavar="FOLDER", required=True, help="A new folder for ledger, configuration and truth.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Another seed, another world.")
@click.option("--node", is_flag=True, help="Play it on a local EVM node (anvil) and index it from there: slower.")
@_actors
@_difficulty
def play_world(out: str, seed: int, actors: int, difficulty: str, *, node: bool) -> int:
    """Write one world with known truth.

    A ledger that every other command reads, and the truth beside it. Without --node the logs are written by a twin of
    the contracts; both roads give the same events.
    """
    from monitor.sim.generate import generate
    from monitor.sim.trial import judge_world, keep_judgement, write_world

    folder = Path(out)
    if folder.exists() and any(folder.iterdir()):
        message = f"{folder} is not empty"
        raise InputError(message, hint="name a new folder with --out")
    generated = generate(seed=seed, actors=actors, difficulty=difficulty)  # type: ignore[arg-type]
    if node:
        from monitor.cli.simnode import play_on_node

        world = play_on_node(generated, folder)
    else:
        trial = write_world(generated, folder)
        keep_judgement(trial, judge_world(trial)[0])
        world = trial.world
    config = folder / "config.toml"
    click.echo(f"{world.transactions} transactions in {world.head} blocks, {len(world.truth)} actors", err=True)
    click.echo(f"Look:   monitor --config {config} dash", err=True)
    click.echo(f"Truth:  {folder / 'truth.json'}", err=True)
    return 0


@command.command("score")
@click.option(
    "--seeds",
    metavar="A-B",
    help="Which worlds [default: 101-110, kept for reporting; thresholds are tuned on 1-20 only].",
)
@_actors
@_difficulty
@format_option()
def score_worlds(seeds: str | None, actors: int, difficulty: str, fmt: Format) -> None:
    """Score leads and patterns over several worlds.

    Prints precision and recall with 95 % intervals. Names every false alarm's kind of person, and what no
    rule can see by design.
    """
    from tempfile import TemporaryDirectory

    from monitor.sim.generate import REPORTING, generate
    from monitor.sim.score import Tally
    from monitor.sim.trial import judge_world, write_world

    chosen = _range(seeds) if seeds else REPORTING
    tally = Tally()
    for number, seed in enumerate(chosen, 1):
        with TemporaryDirectory(prefix="monitor-sim-") as folder:
            trial = write_world(generate(seed=seed, actors=actors, difficulty=difficulty), Path(folder))  # type: ignore[arg-type]
            _, result = judge_world(trial)
        tally.add(result)
        said = f"world {seed} ({number} of {len(chosen)}): {result.precision.total} leads"
        click.echo(f"{said}, {result.precision.hits} of them on adversaries", err=True)
    total = tally.total()
    show(list(_rows(total)), fmt, columns=_ROW)
    for alarm in total.false_alarms:
        click.echo(f"false alarm: {alarm}", err=True)
    for kind, why in sorted(total.undetectable.items()):
        click.echo(f"no lead expected: {kind}: {why}", err=True)
    sys.stderr.flush()


def _rows(total: Score) -> Iterator[dict[str, object]]:
    yield _row("lead precision", "all leads", total.precision)
    for measure, table in (
        ("lead recall", total.recall),
        ("adversaries without a lead", total.missed),
        ("pattern recall", total.patterns_found),
        ("pattern precision", total.patterns_right),
        ("honest flagged", total.honest),
    ):
        for subject, rate in table.items():
            yield _row(measure, subject, rate)
    yield _row("leads beyond the expected", "adversaries by design unseen", total.unplanned)


def _row(measure: str, subject: str, rate: Rate) -> dict[str, object]:
    from monitor.sim.score import wilson

    low, high = wilson(rate)
    return {
        "measure": measure,
        "subject": subject,
        "hits": rate.hits,
        "total": rate.total,
        "share": "" if rate.value is None else f"{rate.value:.3f}",
        "low": f"{low:.3f}",
        "high": f"{high:.3f}",
    }


def _range(text: str) -> range:
    found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text)
    first = int(found[1]) if found else 0
    last = int(found[2] or found[1]) if found else -1
    if not found or not 0 <= last - first < _MOST_SEEDS:
        message = f"--seeds {text[:40]} is no range of seeds"
        raise InputError(message, hint=f"write one seed, or first and last: 101-110; at most {_MOST_SEEDS}")
    return range(first, last + 1)
