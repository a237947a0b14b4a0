"""One line of a table: what it shows, how it sorts, what it opens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from monitor.views import clean
from monitor.views import format as fmt
from monitor.views.tables import Row, Value, order_value

__all__ = ["Column", "Item", "Target", "View", "arrange", "items", "plain"]

CELL_LIMIT = 48
HAYSTACK_LIMIT = 4_000


class Target(NamedTuple):
    """What Enter opens: a kind (lead, lease, wallet, cluster, tx, market, why) and its id."""

    kind: str
    id: str

    @property
    def text(self) -> str:
        """Give what a person would copy: an address or hash without its chain, else the id."""
        return self.id.partition(":")[2] if self.kind in {"wallet", "tx"} else self.id


class Item(NamedTuple):
    """A table's line: cleaned cells with their styles, the values they sort by, the text a filter searches.

    The searched text is never shown and therefore not cleaned, only bounded.
    """

    key: str
    target: Target | None
    cells: tuple[tuple[str, str], ...]
    values: tuple[Value, ...]
    haystack: str


def plain(value: Value) -> str:
    """Write a value for a cell: nothing for None, lists with commas, numbers exactly."""
    if value is None:
        return ""
    if isinstance(value, tuple | list):
        return ", ".join(value)
    return value if isinstance(value, str) else fmt.number(value) if not isinstance(value, dict) else str(value)


def no_style(value: Value) -> str:  # noqa: ARG001 - the default of a column's style
    """Leave a cell in the table's own colours."""
    return ""


class Column(NamedTuple):
    """A column of a table: the row's field, its heading, how a value is written and coloured."""

    field: str
    label: str
    show: Callable[[Any], str] = plain
    style: Callable[[Value], str] = no_style
    limit: int = CELL_LIMIT


class View(NamedTuple):
    """A table of the dashboard: where its rows come from, how a row is named and what it opens."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Callable[[Any], list[Row]]
    """Rows of a snapshot in the order they are shown until the reader sorts."""
    key: Callable[[Row], str]
    target: Callable[[Row], Target | None]
    empty: str
    """What to say when there is nothing."""


def items(view: View, rows: Iterable[Row]) -> tuple[Item, ...]:
    """Make a view's lines from its rows; keys that occur twice are numbered, because a table needs them unique."""
    found: list[Item] = []
    seen: dict[str, int] = {}
    for row in rows:
        key = view.key(row)
        seen[key] = seen.get(key, 0) + 1
        values = tuple(row[column.field] for column in view.columns)
        cells = tuple(
            (clean.terminal(column.show(value), column.limit), column.style(value))
            for column, value in zip(view.columns, values, strict=True)
        )
        text = " ".join([*(cell for cell, _ in cells), *(plain(value) for value in row.values())])
        found.append(
            Item(
                key if seen[key] == 1 else f"{key}#{seen[key]}",
                view.target(row),
                cells,
                values,
                text[:HAYSTACK_LIMIT].casefold(),
            )
        )
    return tuple(found)


def arrange(lines: Sequence[Item], wanted: str, sort_at: int | None, *, reverse: bool) -> list[Item]:
    """Filter and sort lines.

    A line matches when it contains every word of `wanted`, whatever the case; a leading `!` keeps the others. `sort_at`
    is a column's place, None keeps the given order; equal values keep it too.
    """
    invert = wanted.startswith("!")
    words = wanted.removeprefix("!").casefold().split()
    kept = [line for line in lines if not words or all(word in line.haystack for word in words) != invert]
    if sort_at is not None:
        return sorted(kept, key=lambda line: order_value(line.values[sort_at]), reverse=reverse)
    return kept[::-1] if reverse else kept
