"""Write rows to a stream as a table, CSV, JSON or newline-delimited JSON: data only, in a stable order of fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, TextIO

import polars as pl
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.views import clean
from monitor.views import format as fmt

__all__ = ["Format", "csv_cell", "csv_lines", "joined", "write"]

Format = Literal["table", "csv", "json", "ndjson"]

_QUOTED = re.compile(r'[,"\r\n]')
_SCREEN_LIMIT = 120
_FILE_LIMIT = 10_000
_BOUNDLESS = 1_000_000
_COLUMN_GAP = 2


def joined(items: Sequence[str]) -> str:
    r"""Join texts with `|`; a `|` or backslash inside one is written `\|`, `\\`."""
    return "|".join(str(item).replace("\\", "\\\\").replace("|", "\\|") for item in items)


def csv_cell(value: Any) -> str:
    """Write one CSV field: numbers exactly, text cleaned, tuples joined with `|`, lists and dictionaries as JSON."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return fmt.number(value)
        case float():
            return repr(value)
        case str():
            text = clean.csv_text(value)
        case tuple():
            # Each item is bounded; the list is not, for a hash left out of the evidence is evidence lost.
            text = clean.csv_text(joined([clean.csv_text(str(item)) for item in value]), None)
        case list() | dict():
            text = clean.json_text(value)
        case _:
            text = clean.csv_text(str(value))
    # Python's csv module leaves a lone CR unquoted when lines end in LF, and readers then break there.
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def csv_lines(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    """Write RFC 4180 lines ending in LF, the header first."""
    yield ",".join(columns) + "\n"
    for row in rows:
        line = ",".join(csv_cell(row[name]) for name in columns)
        # A single empty field would read as a blank line, which is no row.
        yield (line or '""') + "\n"


def write(
    rows: pl.DataFrame | Iterable[Mapping[str, Any]],
    fmt_name: Format,
    stream: TextIO,
    *,
    columns: Sequence[str] | None = None,
) -> None:
    """Write rows to the stream; `columns` picks and orders fields (default: those of the frame or the first row).

    Rows are taken one at a time, except for a table and where `columns` is left out. A table wider than the terminal
    is written as one block per row; without a terminal nothing is cut.
    """
    if not isinstance(rows, pl.DataFrame) and (columns is None or fmt_name == "table"):
        rows = list(rows)
    plain = _plain(rows)
    names = list(columns) if columns is not None else _names(rows)
    match fmt_name:
        case "csv":
            stream.writelines(csv_lines(plain, names))
        case "json":
            _write_json(plain, names, stream)
        case "ndjson":
            stream.writelines(_json_object(row, names) + "\n" for row in plain)
        case "table":
            _write_table(list(plain), names, stream)


def _names(rows: pl.DataFrame | Iterable[Mapping[str, Any]]) -> list[str]:
    return rows.columns if isinstance(rows, pl.DataFrame) else list(next(iter(rows), ()))


def _plain(rows: pl.DataFrame | Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    if not isinstance(rows, pl.DataFrame):
        return rows
    return [{name: _plain_value(value) for name, value in row.items()} for row in rows.iter_rows(named=True)]


def _plain_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return fmt.address(value)
    if isinstance(value, list):
        return tuple(str(_plain_value(item)) for item in value)
    return value


def _json_value(value: Any) -> Any:
    match value:
        case Decimal():
            return fmt.number(value)
        case tuple() | list():
            return [_json_value(item) for item in value]
        case dict():
            return {str(key): _json_value(item) for key, item in value.items()}
        case None | str() | int():
            return value
        case _:
            return str(value)


def _json_object(row: Mapping[str, Any], names: Sequence[str]) -> str:
    return clean.json_text({name: _json_value(row[name]) for name in names})


def _write_json(rows: Iterable[Mapping[str, Any]], names: Sequence[str], stream: TextIO) -> None:
    opening = "[\n"
    for row in rows:
        stream.write(opening + _json_object(row, names))
        opening = ",\n"
    stream.write("[]\n" if opening == "[\n" else "\n]\n")


def _cell_text(value: Any, limit: int) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return fmt.number(value)
        case tuple():
            return clean.terminal(", ".join(str(item) for item in value), limit)
        case list() | dict():
            return clean.terminal(clean.json_text(value), limit)
        case _:
            return clean.terminal(str(value), limit)


def _write_table(rows: Sequence[Mapping[str, Any]], names: Sequence[str], stream: TextIO) -> None:
    interactive = stream.isatty()
    console = Console(
        file=stream, width=None if interactive else _BOUNDLESS, highlight=False, markup=False, emoji=False
    )
    limit = _SCREEN_LIMIT if interactive else _FILE_LIMIT
    cells = [[_cell_text(row[name], limit) for name in names] for row in rows]
    widths = [max([cell_len(name), *(cell_len(row[at]) for row in cells)]) for at, name in enumerate(names)]
    if interactive and sum(widths) + _COLUMN_GAP * len(widths) > console.width:
        _write_blocks(console, cells, names)
        return
    table = Table(box=None, pad_edge=False, padding=(0, _COLUMN_GAP, 0, 0), header_style="bold")
    for at, name in enumerate(names):
        numeric = any(isinstance(row[name], int | Decimal) for row in rows)
        table.add_column(Text(name), justify="right" if numeric else "left", no_wrap=True, min_width=widths[at])
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table, soft_wrap=not interactive)


def _write_blocks(console: Console, cells: Sequence[Sequence[str]], names: Sequence[str]) -> None:
    width = max((cell_len(name) for name in names), default=0)
    for at, row in enumerate(cells):
        if at:
            console.print()
        for name, cell in zip(names, row, strict=True):
            if cell:
                console.print(Text.assemble((name.ljust(width), "bold"), "  ", cell), soft_wrap=True)
