"""One thing: its text, and the rows that lead on from it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.widgets import Static

from monitor.dash.details import page
from monitor.dash.item import Target
from monitor.dash.screens.world import WorldScreen
from monitor.dash.table import LiveTable
from monitor.dash.views import RELATED
from monitor.dash.world import World
from monitor.views import clean

__all__ = ["DetailScreen"]


class DetailScreen(WorldScreen):
    """Shows the page of one target and follows it while the world changes."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (140, "-wide")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, about: Target) -> None:
        super().__init__()
        self.about = about

    def content(self) -> ComposeResult:
        """Make the title, the text and the table of related things."""
        yield Static("Reading the ledger …", id="page-title", markup=False)
        with Container(id="page"):
            with VerticalScroll(id="page-text"):
                yield Static("", id="page-body", markup=False)
            with Vertical(id="page-related"):
                yield Static(clean.markup(RELATED.empty), id="empty-related", classes="empty")
                yield LiveTable(RELATED, id="table-related")

    def on_mount(self) -> None:
        """Put the cursor among the rows (Textual runs the mount handlers of every class)."""
        self.query_one(LiveTable).focus()

    @property
    def target(self) -> Target | None:
        """What `c`, `o`, `a` and `d` act on: what the page is about."""
        return self.about

    def present(self, world: World) -> None:
        """Fill text and table; say so when a reorg or a prune took the thing away."""
        found = page(world, self.about)
        title = self.query_one("#page-title", Static)
        body = self.query_one("#page-body", Static)
        table = self.query_one(LiveTable)
        if found is None:
            title.update(clean.markup(f"{self.about.kind} {self.about.id}", 400, "bold"))
            body.update(clean.markup("Not in the ledger, or not any more: the chain may have been reorganised.", 400))
        else:
            title.update(found.title)
            body.update(found.body)
        table.put(found.items if found else ())
        self.query_one("#empty-related", Static).display = not table.total
