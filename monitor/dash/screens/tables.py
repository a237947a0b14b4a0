"""A screen of a few tables."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from monitor.dash.screens.world import WorldScreen
from monitor.dash.table import LiveTable
from monitor.dash.views import SCREENS, VIEWS
from monitor.dash.world import World
from monitor.views import clean

__all__ = ["TablesScreen"]


class TablesScreen(WorldScreen):
    """Shows the tables its name stands for in `SCREENS`; Tab goes from one to the next."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode

    def content(self) -> ComposeResult:
        """Make a title, a table and a sentence for emptiness, per table."""
        for name in SCREENS[self.mode]:
            with Vertical(classes="pane"):
                yield Static(clean.markup(VIEWS[name].title, style="bold"), classes="title")
                yield Static("Reading the ledger …", id=f"empty-{name}", classes="empty", markup=False)
                yield LiveTable(VIEWS[name], id=f"table-{name}")

    def present(self, world: World) -> None:
        """Fill the tables."""
        for name in SCREENS[self.mode]:
            lines = world.lines[name]
            table = self.query_one(f"#table-{name}", LiveTable)
            table.put(lines)
            table.display = bool(lines)
            empty = self.query_one(f"#empty-{name}", Static)
            empty.display = not lines
            empty.update(clean.markup(VIEWS[name].empty))
