"""A table that follows a changing world: only cells that changed are touched, and the cursor stays on its row."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.message import Message
from textual.widgets import DataTable

from monitor.dash.item import Item, Target, View, arrange
from monitor.dash.keys import bindings

__all__ = ["LIMIT", "LiveTable"]

LIMIT = 1_000
"""Rows shown at once; more would make every change slow, and nobody reads on: the filter narrows."""
_REFILL_ABOVE = 100


class LiveTable(DataTable[Text]):
    """Shows the items of one view, filtered and sorted; `put` gives it new ones."""

    BINDINGS = bindings("table")

    class Opened(Message):
        """Enter or a click on a row that leads somewhere."""

        def __init__(self, target: Target | None) -> None:
            super().__init__()
            self.target = target

    def __init__(self, view: View, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, cursor_type="row", zebra_stripes=True, cell_padding=1)
        self.view = view
        self.wanted = ""
        self.sort_at: int | None = None
        self.descending = False
        self.total = 0
        self.matching = 0
        self._items: Sequence[Item] = ()
        self._shown: dict[str, Item] = {}

    def on_mount(self) -> None:
        """Add the columns."""
        for column in self.view.columns:
            self.add_column(Text(column.label), key=column.field)

    @property
    def current(self) -> Item | None:
        """The item under the cursor."""
        if not self.row_count or not self.is_valid_row_index(self.cursor_row):
            return None
        key = self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value
        return self._shown.get(key or "")

    def put(self, items: Sequence[Item]) -> None:
        """Show these items in place of the last ones."""
        self._items = items
        self.line_up()

    def search(self, wanted: str) -> None:
        """Filter rows by words; a leading `!` keeps the others."""
        self.wanted = wanted
        self.line_up()

    def sort_next(self) -> None:
        """Sort by the next column, after the last one by the order of the view again."""
        self.sort_by(0 if self.sort_at is None else self.sort_at + 1)

    def sort_by(self, at: int) -> None:
        """Sort by a column; beyond the last one, by the order of the view."""
        self.sort_at = at if at < len(self.view.columns) else None
        self.line_up()

    def flip(self) -> None:
        """Reverse the order."""
        self.descending = not self.descending
        self.line_up()

    def line_up(self) -> None:
        """Bring the rows on screen in line with items, filter and order."""
        wanted = arrange(self._items, self.wanted, self.sort_at, reverse=self.descending)
        self.total, self.matching = len(self._items), len(wanted)
        target = {item.key: item for item in wanted[:LIMIT]}
        before = self.current
        gone = [key for key in self._shown if key not in target]
        new = [key for key in target if key not in self._shown]
        if len(gone) + len(new) > _REFILL_ABOVE:
            self._refill(target)
        else:
            self._amend(target, gone, new)
        self._shown = target
        if before is not None and before.key in target:
            row = self.get_row_index(before.key)
            if row != self.cursor_row:
                self.move_cursor(row=row)

    def _refill(self, target: dict[str, Item]) -> None:
        self.clear()
        for key, item in target.items():
            self.add_row(*(Text(text, style) for text, style in item.cells), key=key)

    def _amend(self, target: dict[str, Item], gone: list[str], new: list[str]) -> None:
        for key in gone:
            self.remove_row(key)
        for key, old in self._shown.items():
            item = target.get(key)
            if item is None or item.cells == old.cells:
                continue
            for column, cell, last in zip(self.view.columns, item.cells, old.cells, strict=True):
                if cell != last:
                    self.update_cell(key, column.field, Text(*cell), update_width=True)
        for key in new:
            self.add_row(*(Text(text, style) for text, style in target[key].cells), key=key)
        if [row.key.value for row in self.ordered_rows] != list(target):
            self._reorder(target)

    def _reorder(self, target: dict[str, Item]) -> None:
        # DataTable.sort sees cells, not keys; each cell is an object of its own, so its identity names its row.
        first = self.view.columns[0].field
        places = {id(self.get_cell(key, first)): at for at, key in enumerate(target)}
        self.sort(first, key=lambda cell: places[id(cell)])

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Say which target was chosen."""
        event.stop()
        item = self._shown.get(event.row_key.value or "")
        if item is not None:
            self.post_message(self.Opened(item.target))

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """Sort by the heading that was clicked; a second click reverses."""
        event.stop()
        if self.sort_at == event.column_index:
            self.flip()
        else:
            self.sort_by(event.column_index)

    def action_top(self) -> None:
        """Go to the first row."""
        self.move_cursor(row=0)

    def action_bottom(self) -> None:
        """Go to the last row."""
        self.move_cursor(row=max(self.row_count - 1, 0))
