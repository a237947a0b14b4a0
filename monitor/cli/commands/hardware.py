"""`monitor hardware`: the accelerator catalogue, and what an on-chain GPU spelling means."""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING

import click

from monitor.cli.context import format_option

if TYPE_CHECKING:
    from monitor.views.output import Format

MAX_STDIN = 16 * 1024 * 1024


@click.group("hardware")
def command() -> None:
    """List accelerators, read GPU names."""


@command.command("list")
@click.option("--on", "day", metavar="DATE", help="Classify as of this day (YYYY-MM-DD) [default: the catalogue's].")
@format_option()
def list_all(day: str | None, fmt: Format) -> None:
    """List the catalogue with TPP, performance density, ECCN class and H100-equivalents."""
    from monitor.hardware import catalogue, catalogue_rows
    from monitor.views.output import write

    write(catalogue_rows(_day(day) or catalogue().as_of), fmt, sys.stdout)


@command.command("parse")
@click.argument("text", nargs=-1)
@format_option("csv")
def parse(text: tuple[str, ...], fmt: Format) -> None:
    """Read GPU spellings: arguments, or `-` for one per line on standard input.

    Columns: input, gpu_model (a catalogue id, empty where none), precision (exact, family, unknown), gpu_count,
    candidates (every catalogue id the text allows, joined by |).
    """
    from monitor.hardware import parse_gpu
    from monitor.views.output import write

    if not text and sys.stdin.isatty():
        message = "no GPU name was given"
        raise click.UsageError(message)
    spellings = _stdin_lines() if text in {("-",), ()} else list(text)
    rows = []
    for spelling in spellings:
        parsed = parse_gpu(spelling)
        rows.append(
            {
                "input": spelling,
                "gpu_model": parsed.gpu_model,
                "precision": parsed.precision,
                "gpu_count": parsed.gpu_count,
                "candidates": "|".join(parsed.candidates),
            }
        )
    write(rows, fmt, sys.stdout, columns=("input", "gpu_model", "precision", "gpu_count", "candidates"))


def _stdin_lines() -> list[str]:
    from monitor.errors import InputError

    raw = sys.stdin.buffer.read(MAX_STDIN + 1)
    if len(raw) > MAX_STDIN:
        message = f"standard input is larger than {MAX_STDIN} bytes"
        raise InputError(message, hint="split the list")
    # Only LF ends a line: `splitlines` would also break at U+2028 and others, and rows would no longer match lines.
    lines = raw.decode("utf-8", "replace").split("\n")
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is no date"
        raise click.UsageError(message) from error
