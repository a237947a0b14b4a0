"""`monitor hardware`: the accelerator catalogue, and what an on-chain GPU spelling means."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.context import format_option

if TYPE_CHECKING:
    from monitor.hardware import ParsedGpu
    from monitor.views.output import Format

CHUNK = 1024 * 1024
MAX_LINE = 1024 * 1024


@click.group("hardware")
def command() -> None:
    """List accelerators, read GPU names."""


@command.command("list")
@click.option(
    "--as-of",
    "--on",
    "day",
    metavar="DATE",
    help="Apply the rules in force on this day (YYYY-MM-DD) [default: the catalogue's].",
)
@format_option()
def list_all(day: str | None, fmt: Format) -> None:
    """List the catalogue of accelerators.

    With TPP, performance density, ECCN class and H100-equivalents.

    Rules by day: none before 2022-10-07, the interconnect test of 2022, performance density since 2023-11-17, the
    case-by-case numbers since 2026-01-15. `unknown` stands where a figure that decides is not published.
    """
    from monitor.hardware import CATALOGUE_COLUMNS, catalogue, catalogue_rows
    from monitor.views.output import write

    write(catalogue_rows(_day(day) or catalogue().as_of), fmt, sys.stdout, columns=CATALOGUE_COLUMNS)


@command.command("parse")
@click.argument("text", nargs=-1)
@click.option("--details", is_flag=True, help="Add the TPP range of the candidates and the notes of the parser.")
@format_option("csv")
def parse(text: tuple[str, ...], *, details: bool, fmt: Format) -> None:
    """Read GPU spellings.

    They are arguments, or `-` for one per line on standard input.

    Columns: input, gpu_model (a catalogue id, empty where none), precision (exact, variant, family, none), gpu_count,
    candidates (every catalogue id the text allows, joined by |); with --details also tpp_low, tpp_high and notes.
    """
    from monitor.hardware import DETAIL_COLUMNS, PARSE_COLUMNS, parse_gpu
    from monitor.views.output import write

    if not text and sys.stdin.isatty():
        message = "no GPU name was given"
        raise click.UsageError(message)
    spellings = _stdin_lines() if text in {("-",), ()} else iter(text)
    columns = (*PARSE_COLUMNS, *DETAIL_COLUMNS) if details else PARSE_COLUMNS
    rows = (_row(parse_gpu(spelling), details=details) for spelling in spellings)
    write(rows, fmt, sys.stdout, columns=columns)


def _row(parsed: ParsedGpu, *, details: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "input": parsed.input,
        "gpu_model": parsed.gpu_model,
        "precision": parsed.precision,
        "gpu_count": parsed.gpu_count,
        "candidates": "|".join(parsed.candidates),
    }
    if details:
        low, high = parsed.tpp_bounds() or (None, None)
        row |= {"tpp_low": low, "tpp_high": high, "notes": "; ".join(parsed.notes)}
    return row


def _stdin_lines() -> Iterator[str]:
    """Yield the lines of standard input as they come, however many; one line is bounded."""
    from monitor.errors import InputError

    rest = b""
    while chunk := sys.stdin.buffer.read(CHUNK):
        # Only LF ends a line: `splitlines` would also break at U+2028 and others, and rows would not match lines.
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE:
            message = f"a line of standard input is longer than {MAX_LINE} bytes"
            raise InputError(message, hint="give one GPU name per line")
        yield from (_text(line) for line in lines)
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").removesuffix("\r")


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is no date"
        raise click.UsageError(message) from error
